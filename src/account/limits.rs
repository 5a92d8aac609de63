//! How often a sign-in may be tried and a reset asked for: by address and, apart, by account, before any password is hashed.

use std::net::IpAddr;
use std::time::Duration;

use super::{AccountError, Accounts};
use crate::base::address::limit_key;
use crate::base::digest::{base64url, hmac_sha256};
use crate::store::Limit;

/// At most `count` tries in any `window`, for each address and each account.
#[derive(Debug, Clone, Copy)]
pub struct SignInLimit {
    /// Tries.
    pub count: u32,
    /// Length of the window.
    pub window: Duration,
}

/// At most this many links for one account in [`LINKS_IN`], whatever the limit of tries: nobody's mailbox is flooded.
const LINKS: u32 = 10;
/// See [`LINKS`].
const LINKS_IN: Duration = Duration::from_secs(3_600);

/// Counts a try to sign in, or to name one's password. `Some` gives how long to wait when there were too many.
pub(super) async fn hit(
    accounts: &Accounts,
    address: Option<IpAddr>,
    canonical_email: &str,
) -> Result<Option<Duration>, AccountError> {
    let Some(limit) = accounts.0.sign_in_limit else { return Ok(None) };
    count(accounts, keys(accounts, "login", address, canonical_email), limit).await
}

/// Counts a question for a reset, apart from sign-ins: neither door closes the other. Answers as [`hit`].
pub(super) async fn hit_reset(
    accounts: &Accounts,
    address: Option<IpAddr>,
    canonical_email: &str,
) -> Result<Option<Duration>, AccountError> {
    let Some(limit) = accounts.0.sign_in_limit else { return Ok(None) };
    let tries = count(accounts, keys(accounts, "reset", address, canonical_email), limit).await?;
    if tries.is_some() {
        return Ok(tries);
    }
    let links = SignInLimit { count: LINKS, window: LINKS_IN };
    count(accounts, keys(accounts, "reset-links", None, canonical_email), links).await
}

/// The account is counted by the canonical name alone, known or not, so that aliases share one counter and an unknown
/// account behaves like a known one.
fn keys(accounts: &Accounts, door: &str, address: Option<IpAddr>, canonical_email: &str) -> Vec<String> {
    let account = base64url(&hmac_sha256(accounts.0.limit_key.expose(), canonical_email.as_bytes()));
    let address = address.map(|address| format!("{door}:address:{}", limit_key(address)));
    address.into_iter().chain([format!("{door}:account:{account}")]).collect()
}

async fn count(accounts: &Accounts, keys: Vec<String>, limit: SignInLimit) -> Result<Option<Duration>, AccountError> {
    let limit = Limit { count: limit.count, window: limit.window };
    let mut wait = Duration::ZERO;
    for key in keys {
        let hit = accounts.store().ephemeral().hit(&key, limit, accounts.now()).await?;
        if !hit.allowed {
            wait = wait.max(hit.retry_after).max(Duration::from_secs(1));
        }
    }
    Ok((!wait.is_zero()).then_some(wait))
}
