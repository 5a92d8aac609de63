//! Items 92 to 94 and 96: where a link leads, what ends it, what it takes, and what it does not do.

use axum::http::StatusCode;
use guichet::account::people;
use guichet::audit::{Action, Outcome};
use guichet::base::Secret;
use guichet::model::user::UserStatus;
use guichet::store::AuditFilter;

use super::{NEW, OTHER, Office, ask, choose, holds, is_done};
use crate::support::app::{ISSUER, TestApp, get, post};
use crate::support::fixtures::PASSWORD;
use crate::support::flow::AuthRequest;
use crate::support::stores::raw;

#[tokio::test]
async fn f92_links_use_the_configured_origin_under_hostile_host() {
    let office = Office::open().await;
    let user = office.app.user("alice").await;
    let hostile = [
        ("host", "evil.test"),
        ("x-forwarded-host", "evil.test"),
        ("x-forwarded-proto", "http"),
        ("x-forwarded-port", "666"),
        ("x-forwarded-prefix", "/evil.test"),
        ("x-original-host", "evil.test"),
        ("forwarded", "host=evil.test;proto=http"),
    ];
    for header in hostile {
        let mut browser = office.app.browser();
        browser.headers.push((header.0.to_owned(), header.1.to_owned()));
        let before = office.mails().await.len();
        ask(&mut browser, &user.email).await;
        let mails = office.mails().await;
        assert_eq!(mails.len(), before + 1, "{header:?}");
        let mail = mails.last().unwrap();
        assert!(mail.link().starts_with(&format!("{ISSUER}/password-reset/gpr_")), "{header:?}: {mail:?}");
        assert!(!mail.0.contains("evil") && !mail.0.contains("http://") && !mail.0.contains("666/"), "{mail:?}");
    }
}

#[tokio::test]
async fn f93_a_token_is_random_and_holds_for_fifteen_minutes() {
    let office = Office::open().await;
    let user = office.app.user("alice").await;
    let first = office.link(&user.email).await;
    office.app.advance(1);
    let second = office.link(&user.email).await;
    assert_ne!(first, second);
    let token = office.mails().await.last().unwrap().token();
    let random = token.strip_prefix("gpr_").expect("the prefix that scanners know");
    assert_eq!(guichet::base::digest::from_base64url(random).map(|bytes| bytes.len()), Some(32), "256 bits");
    office.app.advance(15 * 60 - 1);
    assert!(holds(&office.app, &second).await);
    office.app.advance(1);
    assert!(!holds(&office.app, &second).await);
    let late = office.app.browser().post_once(&second, &[("new_password", NEW), ("repeat_password", NEW)]).await;
    assert_ne!(late.status, StatusCode::OK);
    assert!(office.signs_in(&user, PASSWORD).await, "nothing changed");
}

#[tokio::test]
async fn f93_a_link_works_once_and_for_its_own_person_alone() {
    let office = Office::open().await;
    let (alice, bob) = (office.app.user("alice").await, office.app.user("bob").await);
    let link = office.link(&alice.email).await;
    let mut browser = office.app.browser();
    let page = browser.get(&link).await;
    // Whatever else the form says, the link alone tells whose password it is.
    let fields = [
        ("new_password", NEW),
        ("repeat_password", NEW),
        ("email", bob.email.as_str()),
        ("user", &bob.user.uuid.to_string()),
        ("token", "gpr_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"),
    ];
    assert!(is_done(&browser.submit_once(&page, &fields).await));
    assert!(office.signs_in(&alice, NEW).await && !office.signs_in(&alice, PASSWORD).await);
    assert!(office.signs_in(&bob, PASSWORD).await && !office.signs_in(&bob, NEW).await);
    let again = browser.submit_once(&page, &[("new_password", OTHER), ("repeat_password", OTHER)]).await;
    assert_eq!(again.status, StatusCode::BAD_REQUEST);
    assert!(!holds(&office.app, &link).await && office.signs_in(&alice, NEW).await);
}

#[tokio::test]
async fn f93_a_link_dies_at_a_new_request_a_password_change_and_a_disabled_account() {
    let office = Office::open().await;
    let user = office.app.user("alice").await;
    let accounts = &office.app.app.accounts;

    let old = office.link(&user.email).await;
    office.app.advance(1);
    let new = office.link(&user.email).await;
    assert!(!holds(&office.app, &old).await, "a new request ends it");
    assert!(holds(&office.app, &new).await);

    let mut browser = office.app.browser();
    browser.sign_in_for_account(&user).await;
    let page = browser.get("/account/password").await;
    let fields = [("current_password", PASSWORD), ("new_password", NEW), ("repeat_password", NEW)];
    assert_eq!(browser.submit_once(&page, &fields).await.status, StatusCode::SEE_OTHER);
    assert!(!holds(&office.app, &new).await, "the person's own change ends it");

    office.app.advance(1);
    let link = office.link(&user.email).await;
    people::set_password(accounts, &user.user, Secret::new(OTHER.to_owned())).await.unwrap();
    assert!(!holds(&office.app, &link).await, "an operator's change ends it");

    office.app.advance(1);
    office.mails().await;
    let link = office.link(&user.email).await;
    people::set_status(accounts, &user.user, UserStatus::Disabled).await.unwrap();
    assert!(!holds(&office.app, &link).await, "disabling ends it");
    people::set_status(accounts, &user.user, UserStatus::Active).await.unwrap();
    assert!(!holds(&office.app, &link).await, "enabling does not bring it back");
    assert!(office.signs_in(&user, OTHER).await);
}

#[tokio::test]
async fn f93_a_link_dies_when_the_address_changes() {
    let office = Office::open().await;
    let user = office.app.user("alice").await;
    let link = office.link(&user.email).await;
    let mut browser = office.app.browser();
    let page = browser.get(&link).await;
    let moved = "UPDATE users SET email = 'moved@example.test', email_canonical = 'moved@example.test'";
    raw(&office.app.options, moved).await.unwrap();
    assert!(!holds(&office.app, &link).await);
    let answer = browser.submit_once(&page, &[("new_password", NEW), ("repeat_password", NEW)]).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn f93_of_32_rivals_on_one_link_one_wins() {
    for (app, folder) in super::answers::offices_on_all_engines().await {
        let office = Office { app, folder };
        let user = office.app.user("alice").await;
        let link = office.link(&user.email).await;
        let mut pages = Vec::new();
        for _ in 0..32 {
            let mut browser = office.app.browser();
            let page = browser.get(&link).await;
            pages.push((browser, page));
        }
        let rivals = pages.into_iter().enumerate().map(|(n, (mut browser, page))| {
            tokio::spawn(async move {
                let password = format!("{NEW} {n}");
                let fields = [("new_password", password.as_str()), ("repeat_password", password.as_str())];
                (is_done(&browser.submit_once(&page, &fields).await), password)
            })
        });
        let mut winners = Vec::new();
        for rival in rivals.collect::<Vec<_>>() {
            winners.extend(Some(rival.await.unwrap()).filter(|(won, _)| *won).map(|(_, password)| password));
        }
        assert_eq!(winners.len(), 1, "{}", office.app.engine);
        assert!(office.signs_in(&user, &winners[0]).await, "{}", office.app.engine);
        let notices = office.mails().await.iter().filter(|mail| mail.is_notice()).count();
        assert_eq!(notices, 1, "{}: the person is told once", office.app.engine);
    }
}

#[tokio::test]
async fn f94_looking_never_uses_a_link_up() {
    let office = Office::open().await;
    let user = office.app.user("alice").await;
    let link = office.link(&user.email).await;
    let path = link.strip_prefix(ISSUER).unwrap().to_owned();
    for method in ["GET", "HEAD", "OPTIONS", "PUT", "DELETE"] {
        for query in ["", "?lang=en", "?new_password=x&repeat_password=x"] {
            let mut request = get(&format!("{path}{query}"));
            *request.method_mut() = method.parse().unwrap();
            request.headers_mut().insert("sec-purpose", "prefetch".parse().unwrap());
            office.app.send(request).await;
        }
    }
    let seen = office.app.get(&path).await;
    assert_eq!(seen.header("cache-control"), Some("no-store"));
    assert_eq!(seen.header("referrer-policy"), Some("no-referrer"));
    let wrong = choose(&office.app, &link, "short").await;
    assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY, "a refused password leaves the link");
    assert!(is_done(&choose(&office.app, &link, NEW).await));
}

#[tokio::test]
async fn f94_nothing_is_set_without_the_mailed_secret() {
    let office = Office::open().await;
    let user = office.app.user("alice").await;
    let link = office.link(&user.email).await;
    let token = office.mails().await.last().unwrap().token();
    let mut browser = office.app.browser();
    let page = browser.get(&link).await;
    let csrf = page.form().fields.iter().find(|(name, _)| name == "csrf").unwrap().1.clone();
    let fields = [("csrf", csrf.as_str()), ("new_password", NEW), ("repeat_password", NEW)];

    // Another token, none, or one of another kind.
    let flipped = if token.ends_with('A') { "E" } else { "A" };
    let shorter: String = token.chars().take(token.len() - 1).collect();
    let edited = format!("{shorter}{flipped}");
    let as_code = token.replace("gpr_", "gac_");
    for wrong in [&edited, &as_code, &token.to_uppercase(), &shorter, &format!("{token}A"), "gpr_", "%00", "null"] {
        let answer = browser.post_once(&format!("/password-reset/{wrong}"), &fields).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{wrong}");
    }
    // The step before, skipped.
    let skipped = browser.post_once("/password-reset", &fields).await;
    assert_eq!(skipped.status, StatusCode::UNPROCESSABLE_ENTITY);
    // The right token from a form that is not this browser's.
    let path = format!("/password-reset/{token}");
    let foreign = office.app.browser().post_once(&path, &fields).await;
    assert_eq!(foreign.status, StatusCode::FORBIDDEN);
    let cookies = browser.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("; ");
    let headers = [("cookie", cookies.as_str()), ("origin", "https://evil.test")];
    assert_eq!(office.app.send(post(&path, &headers, &fields)).await.status, StatusCode::FORBIDDEN);
    let without = browser.post_once(&path, &fields[1..]).await;
    assert_eq!(without.status, StatusCode::FORBIDDEN);
    // Fields that are missing, or differ.
    for fields in [&fields[..1], &fields[..2], &[fields[0], ("new_password", NEW), ("repeat_password", OTHER)]] {
        assert_eq!(browser.post_once(&path, fields).await.status, StatusCode::UNPROCESSABLE_ENTITY, "{fields:?}");
    }
    assert!(office.signs_in(&user, PASSWORD).await, "nothing of it changed anything");
    assert!(is_done(&browser.post_once(&path, &fields).await), "and the link still holds");
}

#[tokio::test]
async fn f96_a_reset_signs_nobody_in_and_ends_what_was_open() {
    let office = Office::open().await;
    let (user, client) = (office.app.user("alice").await, office.app.client().create().await);
    let mut before = office.app.browser();
    let request = AuthRequest::of(&client).set("scope", "openid offline_access");
    let tokens = office.app.tokens_for(&mut before, &client, &user, &request).await;
    let link = office.link(&user.email).await;
    let mut browser = office.app.browser();
    let page = browser.get(&link).await;
    let done = browser.submit_once(&page, &[("new_password", NEW), ("repeat_password", NEW)]).await;
    assert!(is_done(&done));
    assert_eq!(browser.cookie("session"), None, "no session comes of it");
    assert_eq!(browser.get("/account").await.kind(), Some("sign-in"));
    assert_eq!(before.get("/account").await.kind(), Some("sign-in"), "the open session is over");
    assert!(!office.app.is_alive(&tokens.access).await);
    if !tokens.refresh.is_empty() {
        assert_eq!(office.app.refresh(&client, &tokens.refresh).await.status, StatusCode::BAD_REQUEST);
    }
    assert!(office.signs_in(&user, NEW).await);
    let records = records(&office.app, Action::PasswordChanged).await;
    assert_eq!(records, [(Outcome::Success, Some(user.user.uuid.to_string()))]);
}

/// Outcome and subject of the records of an action, latest first.
pub(super) async fn records(app: &TestApp, action: Action) -> Vec<(Outcome, Option<String>)> {
    let filter = AuditFilter { action: Some(action), ..AuditFilter::default() };
    let events = app.store().read().await.unwrap().list_audit(&filter, 50, None).await.unwrap();
    events.into_iter().map(|(_, event)| (event.outcome, event.entity_id)).collect()
}
