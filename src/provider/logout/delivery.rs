//! Delivers logout notices: claim one, make its token, post it, record what came of it.
//!
//! A notice is delivered at least once: when the process dies between the answer and the record, it goes out again, with a
//! token of its own. One slow receiver delays no other. After the last pause a notice is given up.

use std::time::Duration;

use serde_json::Value;
use tokio::task::JoinSet;

use super::token::logout_token;
use crate::base::retry::pause_after;
use crate::model::client::ClientStatus;
use crate::model::logout::{ClaimedNotice, NoticeAttempt, NoticeState};
use crate::outbound::{Call, Reply};
use crate::provider::{Provider, ProviderError};

/// How long after each failed attempt the next one is made; after the last of these a notice is given up.
pub const PAUSES: [Duration; 6] = [
    Duration::from_secs(10),
    Duration::from_secs(60),
    Duration::from_secs(300),
    Duration::from_secs(1_800),
    Duration::from_secs(7_200),
    Duration::from_secs(21_600),
];

/// How long a client may take to answer.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long a claim holds: longer than an attempt can take.
const CLAIM: Duration = Duration::from_secs(60);
/// Most attempts under way at one time.
const AT_ONCE: usize = 16;
/// Largest answer that is read, in bytes; only its error code is of interest.
const LARGEST: usize = 16 * 1_024;
/// Longest error code of a client that is recorded, in characters.
const LONGEST_CODE: usize = 64;

/// What one round did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tally {
    /// Notices that the clients took.
    pub delivered: u32,
    /// Notices that clients refused.
    pub refused: u32,
    /// Notices put off.
    pub put_off: u32,
    /// Notices given up.
    pub given_up: u32,
}

impl Tally {
    fn count(&mut self, state: NoticeState) {
        match state {
            NoticeState::Delivered => self.delivered += 1,
            NoticeState::Refused => self.refused += 1,
            NoticeState::Waiting => self.put_off += 1,
            NoticeState::GivenUp => self.given_up += 1,
        }
    }
}

/// Delivers logout notices.
#[derive(Debug, Clone)]
pub struct NoticeDelivery {
    /// Who signs and sends.
    pub provider: Provider,
}

/// What became of one attempt before the clock was asked when the next is due.
enum Fate {
    Delivered(u16),
    Refused(u16, String),
    Failed(Option<u16>, String),
    /// There is nobody to tell any more.
    Moot(&'static str),
}

impl NoticeDelivery {
    /// Delivers all notices that are due.
    pub async fn round(&self) -> Result<Tally, ProviderError> {
        let mut tally = Tally::default();
        let mut under_way = JoinSet::new();
        loop {
            while under_way.len() < AT_ONCE {
                let Some(notice) = self.claim().await? else { break };
                let own = self.clone();
                under_way.spawn(async move { own.deliver(&notice).await });
            }
            match under_way.join_next().await {
                None => return Ok(tally),
                Some(Ok(state)) => tally.count(state?),
                Some(Err(error)) => tracing::error!(%error, "a delivery of a logout notice broke off"),
            }
        }
    }

    async fn claim(&self) -> Result<Option<ClaimedNotice>, ProviderError> {
        let (store, now) = (self.provider.store(), self.provider.now());
        if !store.read().await?.has_due_logout_notice(now).await? {
            return Ok(None);
        }
        let again = now.plus(CLAIM);
        store
            .write("claim_logout_notice", move |tx| {
                Box::pin(async move { Ok(tx.claim_logout_notice(now, again).await?) })
            })
            .await
    }

    async fn deliver(&self, notice: &ClaimedNotice) -> Result<NoticeState, ProviderError> {
        let fate = self.attempt(notice).await?;
        let attempt = self.judge(notice, fate);
        let state = attempt.state;
        let own = notice.clone();
        self.provider
            .store()
            .write("settle_logout_notice", move |tx| {
                Box::pin(async move { Ok(tx.settle_logout_notice(&own, &attempt).await?) })
            })
            .await
            .map(|()| state)
    }

    async fn attempt(&self, notice: &ClaimedNotice) -> Result<Fate, ProviderError> {
        let mut conn = self.provider.store().read().await?;
        let client = conn.client_by_key(notice.client).await?.filter(|client| client.status == ClientStatus::Active);
        let user = conn.user_by_id(notice.user).await?;
        drop(conn);
        let (Some(client), Some(user)) = (client, user) else {
            return Ok(Fate::Moot("the client is disabled or gone"));
        };
        let Some(uri) = client.metadata.backchannel_logout_uri.as_deref() else {
            return Ok(Fate::Moot("the client has no backchannel_logout_uri any more"));
        };
        let token = match logout_token(&self.provider, &client, &user, notice.sid) {
            Ok(token) => token,
            Err(error) => return Ok(Fate::Failed(None, error.to_string())),
        };
        let call = Call::post_form(uri, [("logout_token", token.as_str())]).patience(PATIENCE).largest(LARGEST);
        Ok(match self.provider.outbound().send(call).await {
            Ok(reply) => answered(&reply),
            Err(error) => Fate::Failed(None, error.to_string()),
        })
    }

    /// What to record, and to log: neither names the token.
    fn judge(&self, notice: &ClaimedNotice, fate: Fate) -> NoticeAttempt {
        let at = self.provider.now();
        let settled = |state, status, error| NoticeAttempt { state, at, due_at: None, status, error };
        let (sid, client, attempt) = (notice.sid, notice.client, notice.attempt);
        match fate {
            Fate::Delivered(status) => {
                tracing::info!(%sid, %client, attempt, "logout notice delivered");
                settled(NoticeState::Delivered, Some(status), None)
            }
            Fate::Refused(status, error) => {
                tracing::warn!(%sid, %client, attempt, error, "logout notice refused");
                settled(NoticeState::Refused, Some(status), Some(error))
            }
            Fate::Moot(why) => {
                tracing::info!(%sid, %client, attempt, why, "logout notice given up");
                settled(NoticeState::GivenUp, None, Some(why.to_owned()))
            }
            Fate::Failed(status, error) => {
                let Some(pause) = pause_after(&PAUSES, attempt) else {
                    tracing::error!(%sid, %client, attempt, error, "logout notice not taken; given up");
                    return settled(NoticeState::GivenUp, status, Some(error));
                };
                tracing::warn!(%sid, %client, attempt, error, wait_s = pause.as_secs(), "logout notice not taken");
                let due_at = Some(at.plus(pause));
                NoticeAttempt { state: NoticeState::Waiting, at, due_at, status, error: Some(error) }
            }
        }
    }
}

/// 200, and the 204 of frameworks that have no body to send, are success; 400 says that the client will not (§2.8).
fn answered(reply: &Reply) -> Fate {
    match reply.status.as_u16() {
        status @ (200 | 204) => Fate::Delivered(status),
        status @ 400 => Fate::Refused(
            status,
            error_code(&reply.body).map_or("refused".to_owned(), |code| format!("refused: {code}")),
        ),
        status => Fate::Failed(Some(status), format!("the client answered {status}")),
    }
}

/// The `error` of an answer, if it has the form of one (RFC 6749 §5.2).
fn error_code(body: &[u8]) -> Option<String> {
    let answer: Value = serde_json::from_slice(body).ok()?;
    let code = answer.get("error")?.as_str()?;
    let is_code = !code.is_empty() && code.len() <= LONGEST_CODE && code.bytes().all(|byte| byte.is_ascii_graphic());
    is_code.then(|| code.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_code_of_the_client_is_kept() {
        assert_eq!(error_code(br#"{"error":"invalid_request","error_description":"x"}"#).unwrap(), "invalid_request");
        for bad in
            [&b"no"[..], br#"{"error":"a b"}"#, br#"{"error":""}"#, b"{\"error\":\"a\\u001b[1m\"}", br#"{"error":1}"#]
        {
            assert_eq!(error_code(bad), None);
        }
        let long = format!(r#"{{"error":"{}"}}"#, "x".repeat(LONGEST_CODE + 1));
        assert_eq!(error_code(long.as_bytes()), None);
    }
}
