//! Races over one store: two replicas, 32 rivals, many rounds.
//!
//! 50 rounds each, or as many as `GUICHET_TEST_ROUNDS` says. Each round is one race; every engine that is there is raced.

use std::collections::BTreeSet;

use guichet::account::people;
use guichet::model::user::UserStatus;
use tokio::task::JoinSet;

use crate::support::app::{Answer, TestApp, assert_oauth_error};
use crate::support::browser::Browser;
use crate::support::fixtures::{TestClient, TestUser};
use crate::support::flow::{AuthRequest, Tokens, VERIFIER};

/// Requests of one race.
const RIVALS: usize = 32;

fn rounds() -> usize {
    std::env::var("GUICHET_TEST_ROUNDS").ok().map_or(50, |text| text.parse().expect("GUICHET_TEST_ROUNDS is a number"))
}

/// Two replicas, a person who is signed in, and a client that asks for no consent.
struct Arena {
    replicas: [TestApp; 2],
    client: TestClient,
    user: TestUser,
    browser: Browser,
}

impl Arena {
    async fn all(environment: &[(&str, &str)]) -> Vec<Self> {
        let mut all = Vec::new();
        for app in TestApp::on_all_engines(environment).await {
            let client = app.client().public().first_party().create().await;
            let user = app.user("rival").await;
            let mut browser = app.browser();
            browser.sign_in_for_account(&user).await;
            let other = app.replica().await;
            all.push(Self { replicas: [app, other], client, user, browser });
        }
        all
    }

    fn engine(&self) -> &'static str {
        self.replicas[0].engine
    }

    async fn code(&mut self) -> String {
        let request = AuthRequest::of(&self.client);
        self.replicas[0].code(&mut self.browser, &self.user, &request).await
    }

    async fn tokens(&mut self) -> Tokens {
        let code = self.code().await;
        Tokens::of(self.replicas[1].redeem(&self.client, &code).await)
    }

    /// The same fields to `/token` from all rivals at once, half to each replica.
    async fn race(&self, fields: &[(&str, &str)], rivals: usize) -> Vec<Answer> {
        let mut set = self.begin_race(fields, rivals);
        let mut answers = Vec::new();
        while let Some(answer) = set.join_next().await {
            answers.push(answer.expect("no rival panics"));
        }
        answers
    }

    fn begin_race(&self, fields: &[(&str, &str)], rivals: usize) -> JoinSet<Answer> {
        let mut own: Vec<(String, String)> = vec![("client_id".to_owned(), self.client.id().to_owned())];
        own.extend(fields.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        let mut set = JoinSet::new();
        for rival in 0..rivals {
            let mut browser = self.replicas[rival % 2].browser();
            let own = own.clone();
            set.spawn(async move {
                let fields: Vec<_> = own.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
                browser.post_once("/token", &fields).await
            });
        }
        set
    }

    async fn assert_dead(&self, tokens: &Tokens, when: &str) {
        for (at, app) in self.replicas.iter().enumerate() {
            let engine = self.engine();
            assert!(!app.is_alive(&tokens.access).await, "{engine}, replica {at}: access token alive after {when}");
            assert_oauth_error(&app.refresh(&self.client, &tokens.refresh).await, 400, "invalid_grant");
        }
    }
}

fn redemption<'a>(client: &'a TestClient, code: &'a str) -> [(&'static str, &'a str); 4] {
    [
        ("grant_type", "authorization_code"),
        ("code", code),
        ("redirect_uri", client.redirect_uri()),
        ("code_verifier", VERIFIER),
    ]
}

/// Those who got tokens; everybody else must have got `invalid_grant`.
fn winners(answers: Vec<Answer>) -> Vec<Tokens> {
    let (won, lost): (Vec<_>, Vec<_>) = answers.into_iter().partition(|answer| answer.status == 200);
    for answer in &lost {
        assert_oauth_error(answer, 400, "invalid_grant");
    }
    won.into_iter().map(Tokens::of).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn b19_of_32_rivals_with_one_code_one_wins_and_its_tokens_end() {
    for mut arena in Arena::all(&[]).await {
        for round in 0..rounds() {
            let code = arena.code().await;
            let won = winners(arena.race(&redemption(&arena.client, &code), RIVALS).await);
            assert_eq!(won.len(), 1, "{} round {round}", arena.engine());
            arena.assert_dead(&won[0], "its code was used again").await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn c39_of_32_refreshes_of_one_token_one_successor_lives() {
    for mut arena in Arena::all(&[]).await {
        let mut token = arena.tokens().await.refresh;
        for round in 0..rounds() {
            let fields = [("grant_type", "refresh_token"), ("refresh_token", token.as_str())];
            let won = winners(arena.race(&fields, RIVALS).await);
            // Within the grace a loser is a client whose answer was lost: it gets the same successor.
            let successors: BTreeSet<_> = won.iter().map(|tokens| tokens.refresh.clone()).collect();
            assert_eq!((won.len(), successors.len()), (RIVALS, 1), "{} round {round}", arena.engine());
            let successor = successors.into_iter().next().unwrap();
            assert_ne!(successor, token);
            token = successor;
        }
        arena.replicas[0].advance(11);
        let last = Tokens::of(arena.replicas[1].refresh(&arena.client, &token).await);
        assert!(arena.replicas[0].is_alive(&last.access).await, "{}", arena.engine());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn c39_without_a_grace_one_of_32_wins_and_the_family_ends() {
    for mut arena in Arena::all(&[("GUICHET_TOKENS__REFRESH_GRACE", "0s")]).await {
        for round in 0..rounds() {
            let first = arena.tokens().await;
            let fields = [("grant_type", "refresh_token"), ("refresh_token", first.refresh.as_str())];
            let won = winners(arena.race(&fields, RIVALS).await);
            assert_eq!(won.len(), 1, "{} round {round}", arena.engine());
            arena.assert_dead(&won[0], "its refresh token was used again").await;
            arena.assert_dead(&first, "its refresh token was used again").await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn c44_a_revocation_that_races_refreshes_leaves_nothing_alive() {
    for mut arena in Arena::all(&[]).await {
        for round in 0..rounds() {
            let first = arena.tokens().await;
            let fields = [("grant_type", "refresh_token"), ("refresh_token", first.refresh.as_str())];
            let mut racing = arena.begin_race(&fields, RIVALS / 2);
            let revoked = arena.replicas[round % 2].revoke(&arena.client, &first.refresh).await;
            assert_eq!(revoked.status, 200, "{revoked:?}");
            let mut answers = Vec::new();
            while let Some(answer) = racing.join_next().await {
                answers.push(answer.expect("no rival panics"));
            }
            for tokens in winners(answers) {
                arena.assert_dead(&tokens, "a revocation").await;
            }
            arena.assert_dead(&first, "a revocation").await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn c50_an_account_disabled_while_its_code_is_redeemed_keeps_nothing() {
    for mut arena in Arena::all(&[]).await {
        for round in 0..rounds() {
            let code = arena.code().await;
            let [app, other] = &arena.replicas;
            let (accounts, account) = (&app.app.accounts, &arena.user.user);
            let fields = redemption(&arena.client, &code);
            let mut racing = arena.begin_race(&fields, 1 + round % 3);
            for _ in 0..round % 7 {
                tokio::task::yield_now().await;
            }
            people::set_status(accounts, account, UserStatus::Disabled).await.expect("disabled");
            let mut answers = Vec::new();
            while let Some(answer) = racing.join_next().await {
                answers.push(answer.expect("no rival panics"));
            }
            people::set_status(&other.app.accounts, account, UserStatus::Active).await.expect("enabled");
            for tokens in winners(answers) {
                arena.assert_dead(&tokens, "its account was disabled").await;
            }
            let (mut browser, user) = (arena.replicas[0].browser(), arena.user.clone());
            browser.sign_in_for_account(&user).await;
            arena.browser = browser;
        }
    }
}
