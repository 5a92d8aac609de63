//! Part F: passwords and accounts, as far as a person or an operator can reach them.

use guichet::account::passwords::{HashParams, phc};
use guichet::account::people::{self, NewPerson, PeopleError};
use guichet::base::Secret;
use guichet::model::user::UserStatus;
use serde_json::{Value, json};

use crate::support::app::{Answer, TestApp};
use crate::support::browser::{Browser, Page};
use crate::support::fixtures::{PASSWORD, TestUser};
use crate::support::stores::dump;

/// Changes a password on the person's own page and gives the answer.
async fn change(browser: &mut Browser, current: &str, new: &str) -> Answer {
    let page = browser.get("/account/password").await;
    assert_eq!(page.kind(), Some("password"), "{page:?}");
    let fields = [("current_password", current), ("new_password", new), ("repeat_password", new)];
    browser.submit_once(&page, &fields).await
}

/// Whether this name and password sign in.
async fn signs_in(app: &TestApp, email: &str, password: &str) -> bool {
    let mut browser = app.browser();
    let page = browser.get("/sign-in").await;
    browser.sign_in(&page, email, password).await.kind() == Some("account")
}

/// The page after a sign-in that fails.
async fn failure(app: &TestApp, email: &str, password: &str) -> Page {
    let mut browser = app.browser();
    let page = browser.get("/sign-in").await;
    browser.sign_in(&page, email, password).await
}

async fn stored(app: &TestApp, user: &TestUser) -> String {
    let found = app.store().read().await.unwrap().user_by_id(user.user.id).await.unwrap().unwrap();
    found.password_hash.unwrap()
}

#[tokio::test]
async fn f87_length() {
    let app = TestApp::start().await;
    let user = app.user("alice").await;
    let mut browser = app.browser();
    browser.sign_in_for_account(&user).await;
    let long = "quiet lantern over wet slate roofs ".repeat(40);
    for refused in ["qzlomtrvbxwkph", &long[..1_025], ""] {
        let answer = change(&mut browser, PASSWORD, refused).await;
        assert_eq!(answer.status, 422, "{} bytes: {answer:?}", refused.len());
    }
    assert_eq!(change(&mut browser, &long[..1_025], "qzlomtrvbxwkphj").await.status.as_u16() / 100, 4);
    let mut current = PASSWORD;
    for taken in ["qzlomtrvbxwkphj", &long[..64], &long[..128], &long[..1_024]] {
        let answer = change(&mut browser, current, taken).await;
        assert_eq!((answer.status.as_u16(), answer.location()), (303, Some("/account?done=password-changed")));
        assert!(signs_in(&app, &user.email, taken).await, "{} bytes", taken.len());
        current = taken;
    }
    let page = failure(&app, &user.email, &"x".repeat(1_025)).await;
    assert_eq!(page.answer.status, 400, "{page:?}");
}

#[tokio::test]
async fn f88_any_text_is_a_password_and_all_of_it_counts() {
    let app = TestApp::start().await;
    let user = app.user("alice").await;
    let mut browser = app.browser();
    browser.sign_in_for_account(&user).await;
    let composed = "la forêt dorée où dort l'été 🌲";
    let decomposed = "la fore\u{302}t dore\u{301}e ou\u{300} dort l'e\u{301}te\u{301} 🌲";
    assert_eq!(change(&mut browser, PASSWORD, composed).await.status, 303);
    assert!(signs_in(&app, &user.email, composed).await && signs_in(&app, &user.email, decomposed).await);
    assert!(!signs_in(&app, &user.email, "la foret doree ou dort l'ete 🌲").await, "accents count");
    let base = "quiet lantern over wet slate roofs while seven herons cross the delta ".repeat(3);
    let long = &base[..160];
    assert_eq!(change(&mut browser, composed, long).await.status, 303);
    for at in [72, 128, 159] {
        let mut other = long.as_bytes().to_vec();
        other[at] = b'#';
        assert!(!signs_in(&app, &user.email, &String::from_utf8(other).unwrap()).await, "byte {}", at + 1);
    }
    assert!(!signs_in(&app, &user.email, &long[..159]).await);
    assert!(!signs_in(&app, &user.email, &long.to_uppercase()).await);
    assert!(signs_in(&app, &user.email, long).await);
}

#[tokio::test]
async fn f89_what_others_would_guess() {
    let app = TestApp::start().await;
    let user = app.user("alexandrine").await;
    let mut browser = app.browser();
    browser.sign_in_for_account(&user).await;
    for guessable in [
        "123456789012345",
        "000000000000000",
        "passwordpassword",
        "azertyuiopqsdfghjklm",
        "qwertyuiopasdfgh",
        "motdepassemotdepasse",
        "guichet wet slate lantern 7",
        "alexandrine wet slate roofs",
        "alexandrine@example.test",
        "ALEXANDRINE-wet-slate-roofs",
        "aaaaaaaaaaaaaaaaaaaaaaaa",
    ] {
        let answer = change(&mut browser, PASSWORD, guessable).await;
        assert_eq!(answer.status, 422, "{guessable}");
        let person = NewPerson {
            email: "alexandrine.two@example.test".to_owned(),
            first_name: "Alexandrine".to_owned(),
            password: Some(Secret::new(guessable.to_owned())),
            ..NewPerson::default()
        };
        let made = people::create(&app.app.accounts, person).await;
        assert!(matches!(made, Err(PeopleError::Password(_))), "{guessable}");
    }
    assert!(signs_in(&app, &user.email, PASSWORD).await, "the password is the old one");
}

#[tokio::test]
async fn f90_a_change_needs_the_present_password_and_ends_other_sessions() {
    let app = TestApp::start().await;
    let client = app.client().create().await;
    let user = app.user("alice").await;
    let (mut here, mut there) = (app.browser(), app.browser());
    here.sign_in_for_account(&user).await;
    there.sign_in_for_account(&user).await;
    let tokens = app.tokens(&client, &user).await;
    for wrong in ["", "wrong", &PASSWORD[1..], &PASSWORD.to_uppercase()] {
        let answer = change(&mut here, wrong, "nine quiet bridges at dusk").await;
        assert_eq!(answer.status, 422, "{wrong}");
    }
    assert_eq!(there.get_once("/account").await.status, 200, "a refused change ends nothing");
    assert_eq!(change(&mut here, PASSWORD, "nine quiet bridges at dusk").await.status, 303);
    assert_eq!(here.get_once("/account").await.status, 200);
    assert_eq!(there.get_once("/account").await.status, 303, "the other session is over");
    assert!(!app.is_alive(&tokens.access).await);
    assert!(!signs_in(&app, &user.email, PASSWORD).await);
    let page = here.get("/account/password").await;
    let fields =
        [("current_password", "nine quiet bridges at dusk"), ("new_password", PASSWORD), ("repeat_password", "other")];
    assert_eq!(here.submit_once(&page, &fields).await.status, 422, "the two new ones differ");
}

#[tokio::test]
async fn f90_tries_are_counted_with_those_at_the_sign_in() {
    let app = TestApp::with(&[("GUICHET_RATE_LIMITS__LOGIN", "5/1m")]).await;
    let user = app.user("alice").await;
    let mut browser = app.browser();
    browser.sign_in_for_account(&user).await;
    for _ in 0..4 {
        assert_eq!(change(&mut browser, "wrong", "nine quiet bridges at dusk").await.status, 422);
    }
    let answer = change(&mut browser, PASSWORD, "nine quiet bridges at dusk").await;
    assert_eq!(answer.status, 429, "the sixth try in a minute, though right");
    let seconds: u64 = answer.header("retry-after").expect("Retry-After").parse().unwrap();
    assert!((1..=60).contains(&seconds));
    let page = failure(&app, &user.email, PASSWORD).await;
    assert_eq!(page.answer.status, 429, "{page:?}");
    app.advance(seconds);
    assert_eq!(change(&mut browser, PASSWORD, "nine quiet bridges at dusk").await.status, 303);
}

#[tokio::test]
async fn f91_how_passwords_are_kept() {
    let app = TestApp::start().await;
    let (alice, bob) = (app.user("alice").await, app.user("bob").await);
    for user in [&alice, &bob] {
        let mut browser = app.browser();
        browser.sign_in_for_account(user).await;
        assert_eq!(change(&mut browser, PASSWORD, "nine quiet bridges at dusk").await.status, 303);
    }
    let (first, second) = (stored(&app, &alice).await, stored(&app, &bob).await);
    assert!(first.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{first}");
    assert_ne!(first, second, "salted");
    let weak = HashParams { memory_kib: 8_192, iterations: 1 };
    let mut memory = vec![argon2::Block::default(); weak.blocks()];
    let hash = phc::hash(weak, &Secret::new(PASSWORD.to_owned()), &[1; 16], &mut memory).unwrap();
    let (id, now) = (alice.user.id, app.now());
    app.store()
        .write("weaken", move |tx| Box::pin(async move { tx.set_password(id, &hash, now).await }))
        .await
        .unwrap();
    assert!(!signs_in(&app, &alice.email, "wrong").await);
    assert!(stored(&app, &alice).await.contains("m=8192"), "a wrong password upgrades nothing");
    assert!(signs_in(&app, &alice.email, PASSWORD).await);
    assert!(stored(&app, &alice).await.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"));
    assert!(signs_in(&app, &alice.email, PASSWORD).await, "and the new hash is of the same password");
}

#[tokio::test]
async fn f95_a_failed_sign_in_says_the_same_for_everybody() {
    let app = TestApp::start().await;
    let (wrong, disabled) = (app.user("wrong").await, app.user("disabled").await);
    people::set_status(&app.app.accounts, &disabled.user, UserStatus::Disabled).await.unwrap();
    let passwordless =
        NewPerson { email: "passwordless@example.test".to_owned(), first_name: "P".to_owned(), ..NewPerson::default() };
    people::create(&app.app.accounts, passwordless).await.unwrap();
    let mut seen = Vec::new();
    for (email, password) in [
        (wrong.email.as_str(), "not the password"),
        (disabled.email.as_str(), PASSWORD),
        (disabled.email.as_str(), "not the password"),
        ("passwordless@example.test", ""),
        ("passwordless@example.test", "anything at all"),
        ("nobody@example.test", PASSWORD),
        ("not an address", PASSWORD),
    ] {
        let page = failure(&app, email, password).await;
        let mut body = page.answer.body.replace(page.journey(), "J");
        for (_, value) in page.form().fields {
            body = body.replace(&value, "F");
        }
        body = body.replace(email, "E");
        let mut headers: Vec<String> = page.answer.headers.keys().map(ToString::to_string).collect();
        headers.sort();
        seen.push((email, page.answer.status, headers, body));
    }
    for (email, status, headers, body) in &seen {
        assert_eq!((status, headers), (&seen[0].1, &seen[0].2), "{email}");
        assert_eq!(body, &seen[0].3, "{email}");
    }
}

#[tokio::test]
async fn f98_a_form_sets_only_what_it_is_for() {
    let app = TestApp::start().await;
    let user = app.user("alice").await;
    let mut browser = app.browser();
    browser.sign_in_for_account(&user).await;
    let before = app.store().read().await.unwrap().user_by_id(user.user.id).await.unwrap().unwrap();
    let tables = ["memberships", "tenants", "clients", "consents"];
    let others = dump(&app.options, &tables).await;
    let page = browser.get("/account/password").await;
    let new = "nine quiet bridges at dusk";
    let fields = [
        ("current_password", PASSWORD),
        ("new_password", new),
        ("repeat_password", new),
        ("email", "other@example.test"),
        ("email_verified", "true"),
        ("role", "admin"),
        ("roles", "admin"),
        ("tenant_id", "1"),
        ("sub", "00000000-0000-7000-8000-000000000000"),
        ("rpps", "10003456789"),
        ("platform_admin", "true"),
        ("created_at", "0"),
        ("status", "active"),
        ("first_name", "Mallory"),
    ];
    assert_eq!(browser.submit_once(&page, &fields).await.status, 303);
    let after = app.store().read().await.unwrap().user_by_id(user.user.id).await.unwrap().unwrap();
    assert_ne!(after.password_hash, before.password_hash);
    let same = guichet::model::user::User {
        password_hash: before.password_hash.clone(),
        updated_at: before.updated_at,
        last_login_at: before.last_login_at,
        ..after
    };
    assert_eq!(format!("{same:?}"), format!("{before:?}"));
    assert_eq!(dump(&app.options, &tables).await, others);
}

#[tokio::test]
async fn f98_claims_that_only_we_decide_are_refused_at_creation() {
    let app = TestApp::start().await;
    for claim in ["sub", "tenant_id", "tenant", "roles", "iss", "aud", "acr", "platform_admin", "created_at"] {
        let claims = serde_json::Map::from_iter([(claim.to_owned(), json!("x"))]);
        let person = NewPerson { email: "mallory@example.test".to_owned(), claims, ..NewPerson::default() };
        let made = people::create(&app.app.accounts, person).await;
        assert!(matches!(&made, Err(PeopleError::Claim(named)) if named == claim), "{claim}: {made:?}");
    }
    let many = serde_json::Map::from_iter([("email_verified".to_owned(), Value::from("true"))]);
    let person = NewPerson { email: "mallory@example.test".to_owned(), claims: many, ..NewPerson::default() };
    assert!(people::create(&app.app.accounts, person).await.is_err(), "a text is no truth value");
}

#[tokio::test]
async fn f99_one_rule_for_addresses() {
    let app = TestApp::start().await;
    let user = app.user("alice").await;
    for same in ["ALICE@example.test", "alice@EXAMPLE.TEST", " alice@example.test "] {
        assert!(signs_in(&app, same, PASSWORD).await, "{same}");
        let person = NewPerson { email: same.trim().to_owned(), ..NewPerson::default() };
        assert!(matches!(people::create(&app.app.accounts, person).await, Err(PeopleError::EmailTaken)), "{same}");
    }
    for other in ["alice+tag@example.test", "al\u{456}ce@example.test", "alice@example.test.evil", "alice@example"] {
        assert!(!signs_in(&app, other, PASSWORD).await, "{other}");
    }
    assert_eq!(user.email, "alice@example.test");
}

#[tokio::test]
async fn f99_spellings_share_one_limit() {
    let app = TestApp::with(&[("GUICHET_RATE_LIMITS__LOGIN", "5/1m")]).await;
    let user = app.user("alice").await;
    for spelling in
        ["alice@example.test", "ALICE@example.test", "Alice@Example.Test", " alice@example.test", "aLICE@example.test"]
    {
        assert_eq!(failure(&app, spelling, "wrong").await.answer.status, 200, "{spelling}");
    }
    assert_eq!(failure(&app, "alicE@example.test", PASSWORD).await.answer.status, 429);
    assert_eq!(user.password, PASSWORD);
}

#[tokio::test]
async fn f100_many_at_once_make_one_account() {
    let app = TestApp::start().await;
    let mut racing = tokio::task::JoinSet::new();
    for at in 0..1_000 {
        let accounts = app.app.accounts.clone();
        racing.spawn(async move {
            let email = if at % 2 == 0 { "alice@example.test" } else { "ALICE@example.test" };
            people::create(&accounts, NewPerson { email: email.to_owned(), ..NewPerson::default() }).await
        });
    }
    let mut made = 0;
    while let Some(done) = racing.join_next().await {
        match done.unwrap() {
            Ok(_) => made += 1,
            Err(PeopleError::EmailTaken) => {}
            Err(other) => panic!("{other}"),
        }
    }
    assert_eq!(made, 1);
    assert_eq!(app.store().read().await.unwrap().count_users().await.unwrap(), 1);
}

#[tokio::test]
async fn f101_no_default_account_and_no_password_grows_old() {
    let app = TestApp::start().await;
    assert_eq!(app.store().read().await.unwrap().count_users().await.unwrap(), 0);
    assert_eq!(dump(&app.options, &["clients", "tenants", "memberships"]).await, "");
    for (name, password) in
        [("admin", "admin"), ("root", "root"), ("guichet", "guichet"), ("admin@localhost", "password")]
    {
        assert!(!signs_in(&app, name, password).await);
    }
    let user = app.user("alice").await;
    app.advance(3 * 365 * 86_400);
    let mut browser = app.browser();
    let page = browser.get("/sign-in").await;
    assert_eq!(browser.sign_in(&page, &user.email, PASSWORD).await.kind(), Some("account"), "nothing is forced on her");
}
