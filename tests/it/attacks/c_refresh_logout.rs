//! Part C: refresh, revocation, introspection, logout.

use guichet::account::people;
use guichet::account::tenants;
use guichet::base::Secret;
use guichet::model::client::ClientStatus;
use guichet::model::role::Role;
use guichet::model::tenant::TenantStatus;
use guichet::model::user::UserStatus;
use guichet::oauth::client_metadata::AuthMethod;
use guichet::provider::registration;
use serde_json::json;

use crate::support::app::{TestApp, assert_oauth_error, assert_page_error, form};
use crate::support::browser::Browser;
use crate::support::fixtures::{TestClient, TestUser};
use crate::support::flow::{AuthRequest, Tokens, param};

const DAY: u64 = 86_400;

async fn signed_in(app: &TestApp, name: &str) -> (TestUser, Browser) {
    let user = app.user(name).await;
    let mut browser = app.browser();
    browser.sign_in_for_account(&user).await;
    (user, browser)
}

#[tokio::test]
async fn c37_an_old_refresh_token_after_the_grace_ends_the_family() {
    let app = TestApp::start().await;
    for client in [app.client().public().create().await, app.client().create().await] {
        let user = app.user(&format!("mia-{}", client.id())).await;
        let first = app.tokens(&client, &user).await;
        let second = Tokens::of(app.refresh(&client, &first.refresh).await);
        assert_ne!(first.refresh, second.refresh);
        app.advance(10);
        assert_oauth_error(&app.refresh(&client, &first.refresh).await, 400, "invalid_grant");
        assert_oauth_error(&app.refresh(&client, &second.refresh).await, 400, "invalid_grant");
        assert!(!app.is_alive(&first.access).await && !app.is_alive(&second.access).await);
    }
    // Two generations back is no lost answer, however soon.
    let client = app.client().public().create().await;
    let user = app.user("mo").await;
    let first = app.tokens(&client, &user).await;
    let second = Tokens::of(app.refresh(&client, &first.refresh).await);
    let third = Tokens::of(app.refresh(&client, &second.refresh).await);
    assert_oauth_error(&app.refresh(&client, &first.refresh).await, 400, "invalid_grant");
    assert_oauth_error(&app.refresh(&client, &third.refresh).await, 400, "invalid_grant");
}

#[tokio::test]
async fn c38_a_lost_answer_is_given_again_without_a_second_branch() {
    let app = TestApp::start().await;
    let (client, user) = (app.client().public().create().await, app.user("ned").await);
    let first = app.tokens(&client, &user).await;
    let second = Tokens::of(app.refresh(&client, &first.refresh).await);
    app.advance(9);
    let again = Tokens::of(app.refresh(&client, &first.refresh).await);
    assert_eq!(second.refresh, again.refresh);
    app.advance(60);
    let third = Tokens::of(app.refresh(&client, &again.refresh).await);
    assert!(app.is_alive(&third.access).await);
}

#[tokio::test]
async fn c40_what_was_rotated_stays_so_after_a_restart() {
    for app in TestApp::on_all_engines(&[]).await {
        let (client, user) = (app.client().public().create().await, app.user("ora").await);
        let first = app.tokens(&client, &user).await;
        let second = Tokens::of(app.refresh(&client, &first.refresh).await);
        let code = app.code(&mut app.browser(), &user, &AuthRequest::of(&client)).await;
        let spent = app.code(&mut app.browser(), &user, &AuthRequest::of(&client)).await;
        let ended = Tokens::of(app.redeem(&client, &spent).await);
        app.advance(20);
        app.store().close().await;
        let app = app.replica().await;
        assert_oauth_error(&app.refresh(&client, &first.refresh).await, 400, "invalid_grant");
        assert_oauth_error(&app.refresh(&client, &second.refresh).await, 400, "invalid_grant");
        assert_oauth_error(&app.redeem(&client, &spent).await, 400, "invalid_grant");
        assert!(!app.is_alive(&ended.access).await, "{}: its code was used again", app.engine);
        assert_eq!(app.redeem(&client, &code).await.status, 200, "{}: an honest code survives", app.engine);
    }
}

#[tokio::test]
async fn c41_a_refresh_token_is_for_its_client_and_its_scope() {
    let app = TestApp::start().await;
    let (owner, user) = (app.client().public().create().await, app.user("pia").await);
    let tokens = app.tokens(&owner, &user).await;
    for thief in [
        app.client().public().create().await,
        app.client().create().await,
        app.client().auth(AuthMethod::ClientSecretPost).create().await,
    ] {
        assert_oauth_error(&app.refresh(&thief, &tokens.refresh).await, 400, "invalid_grant");
        assert_eq!(app.revoke(&thief, &tokens.refresh).await.status, 200);
    }
    let wider =
        [("grant_type", "refresh_token"), ("refresh_token", tokens.refresh.as_str()), ("scope", "openid profile")];
    assert_oauth_error(&app.token(&owner, &wider).await, 400, "invalid_scope");
    assert_eq!(app.refresh(&owner, &tokens.refresh).await.status, 200, "nobody else could end it");
}

/// What happens to a person between a token and its refresh.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Event {
    PasswordByOperator,
    PasswordByPerson,
    UserDisabled,
    TenantDisabled,
    MembershipEnded,
    ConsentWithdrawn,
    ClientDisabled,
    SignedOut,
}

impl Event {
    const ALL: [Self; 8] = [
        Self::PasswordByOperator,
        Self::PasswordByPerson,
        Self::UserDisabled,
        Self::TenantDisabled,
        Self::MembershipEnded,
        Self::ConsentWithdrawn,
        Self::ClientDisabled,
        Self::SignedOut,
    ];
}

#[tokio::test]
async fn c42_nothing_outlives_what_it_rests_on() {
    const NEW: &str = "eleven quiet boats at the far pier";
    for event in Event::ALL {
        let app = TestApp::start().await;
        let (user, mut browser) = signed_in(&app, "quin").await;
        let tenant = app.tenant("Clinique").await;
        app.join(&user, &tenant, Role::Doctor).await;
        let client = app.client().create().await;
        let tokens = app.tokens_for(&mut browser, &client, &user, &AuthRequest::of(&client)).await;
        let code = app.code(&mut browser, &user, &AuthRequest::of(&client)).await;
        let accounts = &app.app.accounts;
        match event {
            Event::PasswordByOperator => {
                people::set_password(accounts, &user.user, Secret::new(NEW.to_owned())).await.unwrap();
            }
            Event::PasswordByPerson => {
                let page = browser.get("/account/password").await;
                let fields =
                    [("current_password", user.password.as_str()), ("new_password", NEW), ("repeat_password", NEW)];
                assert_eq!(browser.submit(&page, &fields).await.kind(), Some("account"));
            }
            Event::UserDisabled => people::set_status(accounts, &user.user, UserStatus::Disabled).await.unwrap(),
            Event::TenantDisabled => tenants::set_status(accounts, &tenant, TenantStatus::Disabled).await.unwrap(),
            Event::MembershipEnded => {
                drop(people::revoke_role(accounts, &user.user, &tenant, Some(Role::Doctor)).await.unwrap());
            }
            Event::ConsentWithdrawn => {
                let page = browser.get("/account").await;
                let withdraw = page.forms().into_iter().find(|form| form.action.ends_with("/withdraw")).unwrap();
                let fields: Vec<_> =
                    withdraw.fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
                assert_eq!(browser.post(&withdraw.action, &fields).await.kind(), Some("account"));
            }
            Event::ClientDisabled => {
                registration::set_status(&app.app.provider, &client.client, ClientStatus::Disabled).await.unwrap();
                registration::set_status(&app.app.provider, &client.client, ClientStatus::Active).await.unwrap();
            }
            Event::SignedOut => {
                let url = format!("/end-session?{}", form(&[("id_token_hint", &tokens.id)]));
                assert_eq!(browser.get(&url).await.kind(), Some("signed-out"));
            }
        }
        assert!(!app.is_alive(&tokens.access).await, "{event:?}: the access token lives");
        let refreshed = app.refresh(&client, &tokens.refresh).await;
        assert_eq!(refreshed.status, 400, "{event:?}: {refreshed:?}");
        assert_oauth_error(&refreshed, 400, "invalid_grant");
        // A code that was on its way rests on the same, but for a password changed in this very session.
        let redeemed = app.redeem(&client, &code).await;
        let stays = matches!(event, Event::PasswordByPerson | Event::ClientDisabled);
        assert!(stays || redeemed.status == 400, "{event:?}: the code that was on its way is answered");
    }
}

#[tokio::test]
async fn c43_refreshing_ends_for_good() {
    let environment = [("GUICHET_TOKENS__REFRESH_TOKEN_LIFETIME", "30d")];
    let app = TestApp::with(&environment).await;
    let (client, user) = (app.client().public().create().await, app.user("rae").await);
    let offline = AuthRequest::of(&client).set("scope", "openid offline_access");
    let mut tokens = app.tokens_for(&mut app.browser(), &client, &user, &offline).await;
    for _ in 0..29 {
        app.advance(DAY);
        tokens = Tokens::of(app.refresh(&client, &tokens.refresh).await);
    }
    app.advance(DAY - 1);
    tokens = Tokens::of(app.refresh(&client, &tokens.refresh).await);
    app.advance(1);
    assert_oauth_error(&app.refresh(&client, &tokens.refresh).await, 400, "invalid_grant");

    // Without offline access it ends with the absolute life of the session.
    let mut tokens = app.tokens(&client, &user).await;
    let mut hours = 0;
    while hours < 30 * 24 {
        app.advance(3_600);
        hours += 1;
        let answer = app.refresh(&client, &tokens.refresh).await;
        if answer.status != 200 {
            assert_oauth_error(&answer, 400, "invalid_grant");
            break;
        }
        tokens = Tokens::of(answer);
    }
    assert_eq!(hours, app.app.config.sessions.absolute.as_secs() / 3_600);
}

#[tokio::test]
async fn c44_what_was_revoked_is_refused_in_every_process() {
    for app in TestApp::on_all_engines(&[]).await {
        let replica = app.replica().await;
        let server = app.resource_server().await;
        for client in [app.client().create().await, app.client().opaque().create().await] {
            let user = app.user(&format!("sol-{}", client.id())).await;
            // An access token alone.
            let tokens = app.tokens(&client, &user).await;
            assert!(replica.is_alive(&tokens.access).await);
            assert_eq!(app.revoke(&client, &tokens.access).await.status, 200);
            for app in [&app, &replica] {
                assert!(!app.is_alive(&tokens.access).await, "{}", app.engine);
                assert_eq!(app.introspect(&server, &tokens.access).await, json!({"active": false}));
            }
            let next = Tokens::of(replica.refresh(&client, &tokens.refresh).await);
            // A refresh token, and with it everything of its grant.
            assert_eq!(app.revoke(&client, &next.refresh).await.status, 200);
            for app in [&app, &replica] {
                assert!(!app.is_alive(&next.access).await, "{}", app.engine);
                assert_eq!(app.introspect(&server, &next.access).await, json!({"active": false}));
                assert_oauth_error(&app.refresh(&client, &next.refresh).await, 400, "invalid_grant");
            }
        }
        // An old refresh token revokes as well; an unknown one is no error.
        let (client, user) = (app.client().public().create().await, app.user("tam").await);
        let first = app.tokens(&client, &user).await;
        let second = Tokens::of(app.refresh(&client, &first.refresh).await);
        assert_eq!(app.revoke(&client, &first.refresh).await.status, 200);
        assert!(!app.is_alive(&second.access).await);
        assert_eq!(app.revoke(&client, "nothing").await.status, 200);
        assert_oauth_error(&app.post("/revoke", &[], &[("token", &second.access)]).await, 401, "invalid_client");
    }
}

#[tokio::test]
async fn c45_introspection_tells_nobody_else() {
    let app = TestApp::start().await;
    let (owner, user) = (app.client().create().await, app.user("uma").await);
    let (stranger, public) = (app.client().create().await, app.client().public().create().await);
    let server = app.resource_server().await;
    let tokens = app.tokens(&owner, &user).await;
    for token in [&tokens.access, &tokens.refresh] {
        assert_oauth_error(&app.post("/introspect", &[], &[("token", token)]).await, 401, "invalid_client");
        let named = [("token", token.as_str()), ("client_id", owner.id())];
        assert_oauth_error(&app.post("/introspect", &[], &named).await, 401, "invalid_client");
        let by_public = app.post_as(&public, "/introspect", &[("token", token)]).await;
        assert_oauth_error(&by_public, 401, "invalid_client");
        assert_eq!(app.introspect(&stranger, token).await, json!({"active": false}));
        assert_eq!(app.introspect(&owner, token).await["active"], true);
        assert_eq!(app.introspect(&server, token).await["active"], true);
    }
    // One token is not accepted as the right to ask about it.
    let bearer = format!("Bearer {}", tokens.access);
    let answer = app.post("/introspect", &[("authorization", &bearer)], &[("token", &tokens.access)]).await;
    assert_oauth_error(&answer, 401, "invalid_client");
    app.advance(1_800);
    assert_eq!(app.introspect(&server, &tokens.access).await, json!({"active": false}), "expired");
}

#[tokio::test]
async fn c46_signing_out_redirects_to_a_registered_address_with_proof_alone() {
    let app = TestApp::start().await;
    let client = app.client().create().await;
    let other = app.client().change(|m| m.post_logout_redirect_uris = vec!["https://other.example/".to_owned()]);
    let other = other.create().await;
    let (user, mut browser) = signed_in(&app, "vic").await;
    let tokens = app.tokens_for(&mut browser, &client, &user, &AuthRequest::of(&client)).await;
    let registered = "https://app.example/bye";
    let id = tokens.id.as_str();

    // Not registered by this client: a page of ours, and nobody is signed out.
    for uri in [
        "https://evil.tld/",
        "https://app.example/bye?x=1",
        "https://app.example/bye/",
        "https://app.example/by",
        "https://other.example/",
        "javascript:alert(1)",
    ] {
        for pairs in [
            vec![("id_token_hint", id), ("post_logout_redirect_uri", uri)],
            vec![("client_id", client.id()), ("post_logout_redirect_uri", uri)],
        ] {
            let answer = browser.get_once(&format!("/end-session?{}", form(&pairs))).await;
            assert_page_error(&answer, 400, "invalid_request");
        }
    }
    let mixed =
        [("id_token_hint", id), ("client_id", other.id()), ("post_logout_redirect_uri", "https://other.example/")];
    assert_page_error(&browser.get_once(&format!("/end-session?{}", form(&mixed))).await, 400, "invalid_request");

    // No hint, a changed one, another kind of token: asks, and does not redirect after the answer either.
    let mut changed = id.to_owned();
    let last = if changed.pop() == Some('A') { 'E' } else { 'A' };
    changed.push(last);
    let unsigned = format!("{}.", id.rsplit_once('.').unwrap().0);
    for hint in [None, Some(changed.as_str()), Some(unsigned.as_str()), Some(tokens.access.as_str()), Some("x")] {
        let mut asking = app.browser();
        asking.sign_in_for_account(&user).await;
        let mut pairs = vec![("client_id", client.id()), ("post_logout_redirect_uri", registered)];
        pairs.extend(hint.map(|hint| ("id_token_hint", hint)));
        let page = asking.get(&format!("/end-session?{}", form(&pairs))).await;
        assert_eq!(page.kind(), Some("logout"), "{hint:?}");
        let end = asking.submit(&page, &[("decision", "sign-out")]).await;
        assert_eq!((end.kind(), end.answer.location()), (Some("signed-out"), None), "{hint:?}");
        assert_eq!(asking.get("/account").await.kind(), Some("sign-in"));
    }

    // With its own ID token, of any age, it ends and goes on; `state` comes back.
    app.advance(1_000);
    assert_eq!(browser.get("/account").await.kind(), Some("account"), "nothing of the above signed this browser out");
    let pairs = [("id_token_hint", id), ("post_logout_redirect_uri", registered), ("state", "a&b=\"c\"")];
    let end = browser.get(&format!("/end-session?{}", form(&pairs))).await;
    assert!(end.answer.location().unwrap().starts_with("https://app.example/bye?state="), "{end:?}");
    assert_eq!(param(&end.answer, "state").as_deref(), Some("a&b=\"c\""));
    assert_eq!(browser.cookie("session"), None);
    assert_oauth_error(&app.refresh(&client, &tokens.refresh).await, 400, "invalid_grant");
}

#[tokio::test]
async fn c47_a_visit_without_proof_asks_before_it_signs_out() {
    let app = TestApp::start().await;
    let (_, mut browser) = signed_in(&app, "wim").await;
    let stranger = app.user("xia").await;
    let client = app.client().create().await;
    let foreign = app.tokens(&client, &stranger).await;
    let urls = [
        "/end-session".to_owned(),
        format!("/end-session?client_id={}", client.id()),
        // A hint about somebody else proves nothing about this browser.
        format!("/end-session?{}", form(&[("id_token_hint", &foreign.id)])),
    ];
    for url in &urls {
        browser.headers = vec![("sec-fetch-site".to_owned(), "cross-site".to_owned())];
        let page = browser.get(url).await;
        assert_eq!(page.kind(), Some("logout"), "{url}");
        // A form of another site, or without this browser's token, is not its answer.
        browser.headers.push(("origin".to_owned(), "https://evil.tld".to_owned()));
        assert_eq!(browser.submit_once(&page, &[("decision", "sign-out")]).await.status, 403);
        browser.headers.clear();
        let forged = [("csrf", "x"), ("decision", "sign-out")];
        assert_eq!(browser.post_once(&page.form().action, &forged).await.status, 403);
        let cancelled = browser.submit(&page, &[("decision", "cancel")]).await;
        assert_eq!(cancelled.kind(), Some("account"), "{url}");
    }
    let page = browser.get(&urls[0]).await;
    assert_eq!(browser.submit(&page, &[("decision", "sign-out")]).await.kind(), Some("signed-out"));
    assert_eq!(browser.get("/account").await.kind(), Some("sign-in"));
}

#[tokio::test]
async fn c49_an_ended_session_is_dead_in_every_process_at_once() {
    for app in TestApp::on_all_engines(&[]).await {
        let replica = app.replica().await;
        let (user, browser) = signed_in(&app, "yan").await;
        let elsewhere = |browser: &Browser| {
            let mut other = replica.browser();
            other.cookies.clone_from(&browser.cookies);
            other
        };
        assert_eq!(elsewhere(&browser).get("/account").await.kind(), Some("account"));
        // The person ends it from another device.
        let mut second = app.browser();
        let page = second.sign_in_for_account(&user).await;
        let end = page.forms().into_iter().find(|form| form.action.contains("/sessions/")).unwrap();
        let fields: Vec<_> = end.fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        second.post(&end.action, &fields).await;
        assert_eq!(elsewhere(&browser).get("/account").await.kind(), Some("sign-in"), "{}", app.engine);
        assert_eq!(elsewhere(&second).get("/account").await.kind(), Some("account"));
        // An operator disables the account.
        people::set_status(&app.app.accounts, &user.user, UserStatus::Disabled).await.unwrap();
        assert_eq!(elsewhere(&second).get("/account").await.kind(), Some("sign-in"));
        people::set_status(&app.app.accounts, &user.user, UserStatus::Active).await.unwrap();
        assert_eq!(elsewhere(&second).get("/account").await.kind(), Some("sign-in"), "it does not come back");
        // Idle, and absolute life.
        let mut third = app.browser();
        third.sign_in_for_account(&user).await;
        app.advance(app.app.config.sessions.idle.as_secs());
        assert_eq!(elsewhere(&third).get("/account").await.kind(), Some("sign-in"));
        let mut fourth = app.browser();
        fourth.sign_in_for_account(&user).await;
        let step = app.app.config.sessions.idle.as_secs() / 2;
        let mut lived = 0;
        while lived + step < app.app.config.sessions.absolute.as_secs() {
            app.advance(step);
            lived += step;
            assert_eq!(elsewhere(&fourth).get("/account").await.kind(), Some("account"), "after {lived} s");
        }
        app.advance(step);
        assert_eq!(elsewhere(&fourth).get("/account").await.kind(), Some("sign-in"), "{}", app.engine);
    }
}

#[tokio::test]
async fn c49_a_session_changes_its_name_when_a_person_signs_in() {
    let app = TestApp::start().await;
    let (user, mut browser) = signed_in(&app, "zoe").await;
    let first = browser.cookie("session").unwrap().to_owned();
    let client = app.client().first_party().create().await;
    let page = browser.get(&AuthRequest::of(&client).set("prompt", "login").url()).await;
    browser.complete(page, &user).await;
    assert_ne!(browser.cookie("session").unwrap(), first);
    let mut old = app.browser();
    old.cookies = vec![("__Host-guichet-session".to_owned(), first)];
    assert_eq!(old.get("/account").await.kind(), Some("sign-in"), "the earlier name is dead");
    // A name that somebody planted is not taken over.
    let mut planted = app.browser();
    planted.cookies = vec![("__Host-guichet-session".to_owned(), format!("gse_{}", "A".repeat(43)))];
    planted.sign_in_for_account(&user).await;
    assert_ne!(planted.cookie("session").unwrap(), format!("gse_{}", "A".repeat(43)));
}

#[tokio::test]
async fn c50_a_disabled_account_keeps_nothing() {
    let app = TestApp::start().await;
    let replica = app.replica().await;
    let (user, mut browser) = signed_in(&app, "abe").await;
    let clients: [TestClient; 3] = [
        app.client().first_party().create().await,
        app.client().first_party().public().create().await,
        app.client().first_party().opaque().create().await,
    ];
    let mut all = Vec::new();
    for client in &clients {
        for scope in ["openid", "openid offline_access"] {
            let request = AuthRequest::of(client).set("scope", scope);
            all.push((client, app.tokens_for(&mut browser, client, &user, &request).await));
        }
    }
    people::set_status(&app.app.accounts, &user.user, UserStatus::Disabled).await.unwrap();
    for (client, tokens) in &all {
        for app in [&app, &replica] {
            assert!(!app.is_alive(&tokens.access).await);
            assert_oauth_error(&app.refresh(client, &tokens.refresh).await, 400, "invalid_grant");
        }
    }
    let mut fresh = app.browser();
    let page = fresh.get("/sign-in").await;
    assert_eq!(fresh.sign_in(&page, &user.email, &user.password).await.kind(), Some("sign-in"));
}
