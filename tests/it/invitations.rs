//! Invitations into a tenant: the mail, the page, who may accept, and that it happens once.

use std::time::Duration;

use guichet::account::invitations::{self, Invited, LINK_LIFETIME, Made};
use guichet::account::tenants;
use guichet::model::role::Role;
use guichet::model::tenant::{Tenant, TenantStatus};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::federation::professionals::{NATIONAL, RPPS, professional};
use crate::support::app::{ISSUER, TestApp};
use crate::support::browser::{Browser, Page};
use crate::support::fixtures::TestUser;
use crate::support::upstream::{Op, left};

const PASSWORD: &str = "eleven quiet geese over Brest";

fn invited(tenant: &Tenant, email: &str) -> Invited {
    Invited {
        tenant: tenant.clone(),
        email: email.to_owned(),
        rpps: None,
        strict_rpps: true,
        roles: vec![Role::Nurse, Role::Admin, Role::Nurse],
        lifetime: LINK_LIFETIME,
        locale: None,
    }
}

/// Invites where no mail leaves; gives the path of the link.
async fn invite(app: &TestApp, invited: Invited) -> (Made, String) {
    let made = invitations::create(&app.app.accounts, invited).await.unwrap();
    let link = made.link.as_ref().expect("no mail leaves").expose().strip_prefix(ISSUER).unwrap().to_owned();
    (made, link)
}

async fn roles_of(app: &TestApp, user: &TestUser) -> Vec<Role> {
    let members = app.store().read().await.unwrap().memberships_of(user.user.id).await.unwrap();
    members.into_iter().flat_map(|member| member.roles).collect()
}

async fn state(app: &TestApp, made: &Made) -> &'static str {
    let found = app.store().read().await.unwrap().invitation_by_uuid(made.invitation.uuid).await.unwrap();
    found.unwrap().state(app.now()).as_str()
}

#[track_caller]
fn assert_error(page: &Page, kind: &str) {
    assert!(page.answer.body.contains(&format!("data-error=\"{kind}\"")), "{kind} is not in {page:?}");
}

/// Presses a button of the page of an invitation.
async fn press(browser: &mut Browser, link: &str, decision: &str, fields: &[(&str, &str)]) -> Page {
    let page = browser.get(link).await;
    assert_eq!(page.kind(), Some("invitation"), "{page:?}");
    browser.submit(&page, &[fields, &[("decision", decision)]].concat()).await
}

#[tokio::test]
async fn a_mail_in_the_right_language_holds_the_link_once_and_storage_never() {
    for (locale, words) in [("fr", "vous invite"), ("en", "invites you")] {
        let folder = TempDir::new().unwrap();
        let path = folder.path().to_str().unwrap().to_owned();
        let mail = [("GUICHET_MAIL__FOLDER", path.as_str()), ("GUICHET_MAIL__FROM", "no-reply@op.test")];
        for app in TestApp::on_all_engines(&mail).await {
            let tenant = app.tenant("Clinique Alpha").await;
            let wanted = Invited { locale: Some(locale.to_owned()), ..invited(&tenant, "new@example.test") };
            let made = invitations::create(&app.app.accounts, wanted).await.unwrap();
            assert!(made.link.is_none(), "a mailed link is shown to nobody");
            app.app.mail.as_ref().unwrap().round().await;
            let file = std::fs::read_dir(folder.path()).unwrap().next().expect("a mail").unwrap().path();
            let text = std::fs::read_to_string(&file).unwrap().replace("=\r\n", "");
            std::fs::remove_file(file).unwrap();
            assert!(text.contains("To: new@example.test") && text.contains(words), "{text}");
            let (_, rest) = text.split_once("/invitations/").unwrap();
            let token: String = rest.chars().take_while(|c| c.is_ascii_alphanumeric() || "-_".contains(*c)).collect();
            let page = app.browser().get(&format!("/invitations/{token}")).await;
            assert_eq!(page.kind(), Some("invitation"), "{page:?}");
            assert!(page.answer.body.contains("Clinique Alpha"));
            let rows = crate::support::stores::dump(&app.options, &crate::support::stores::TABLES).await;
            assert!(!rows.contains(&token), "{}: the token is in storage", app.engine);
            // Only this mailbox got it: whoever joins by it has proven the address.
            let own =
                [("first_name", "C"), ("last_name", "D"), ("new_password", PASSWORD), ("repeat_password", PASSWORD)];
            let joined = press(&mut app.browser(), &format!("/invitations/{token}"), "join", &own).await;
            assert_eq!(joined.kind(), Some("account"), "{joined:?}");
            let user = app.store().read().await.unwrap().user_by_email("new@example.test").await.unwrap().unwrap();
            assert!(user.email_verified, "{}", app.engine);
        }
    }
}

#[tokio::test]
async fn somebody_new_sets_a_password_and_is_a_member() {
    for app in TestApp::on_all_engines(&[]).await {
        let tenant = app.tenant("Clinique Alpha").await;
        let (made, link) = invite(&app, invited(&tenant, "New@Example.test")).await;
        let mut browser = app.browser();
        let own = [("first_name", "Camille"), ("last_name", "Durand"), ("new_password", PASSWORD)];
        let with = |repeat| [own.as_slice(), &[("repeat_password", repeat)]].concat();
        // What is wrong is said, and the link still holds.
        let page = press(&mut browser, &link, "join", &with("other")).await;
        assert_eq!((page.answer.status.as_u16(), page.kind()), (422, Some("invitation")));
        let page =
            press(&mut browser, &link, "join", &[("first_name", " "), own[1], own[2], ("repeat_password", PASSWORD)])
                .await;
        assert_eq!(page.answer.status, 422);
        let short = [own[0], own[1], ("new_password", "short"), ("repeat_password", "short")];
        let page = press(&mut browser, &link, "join", &short).await;
        assert_eq!(page.answer.status, 422);
        assert!(browser.cookie("session").is_none());
        let page = press(&mut browser, &link, "join", &with(PASSWORD)).await;
        assert!(page.url.contains("done=joined") && page.kind() == Some("account"), "{}: {page:?}", app.engine);
        assert_eq!(state(&app, &made).await, "accepted");
        let mut conn = app.store().read().await.unwrap();
        let user = conn.user_by_email("new@example.test").await.unwrap().unwrap();
        assert!(!user.email_verified, "a link that somebody handed over proves no mailbox");
        let members = conn.memberships_of(user.id).await.unwrap();
        assert_eq!(
            (members[0].tenant.id, members[0].roles.as_slice()),
            (tenant.id, [Role::Admin, Role::Nurse].as_slice())
        );
        drop(conn);
        assert_error(&app.browser().get(&link).await, "invitation_over");
        let mut other = app.browser();
        let page = other.get("/sign-in").await;
        assert_eq!(other.sign_in(&page, "new@example.test", PASSWORD).await.kind(), Some("account"));
    }
}

#[tokio::test]
async fn whoever_has_an_account_signs_in_to_it_and_never_by_the_link_alone() {
    let app = TestApp::start().await;
    let tenant = app.tenant("Clinique Alpha").await;
    let ann = app.user("ann").await;
    let (made, link) = invite(&app, invited(&tenant, "ANN@example.test")).await;
    let mut browser = app.browser();
    let page = browser.get(&link).await;
    assert!(!page.answer.body.contains("new_password"), "an account that exists gets no password by a link");
    // Asked for all the same: the way is the sign-in.
    let fields = [("first_name", "A"), ("last_name", "B"), ("new_password", PASSWORD), ("repeat_password", PASSWORD)];
    let page = press(&mut browser, &link, "join", &fields).await;
    assert_eq!(page.kind(), Some("sign-in"));
    assert!(browser.cookie("session").is_none());
    let page = browser.sign_in(&page, &ann.email, &ann.password).await;
    assert!(page.url.contains("done=joined"), "{page:?}");
    assert_eq!((state(&app, &made).await, roles_of(&app, &ann).await), ("accepted", vec![Role::Admin, Role::Nurse]));
    // Signed in already: one button.
    let (_, link) =
        invite(&app, Invited { roles: vec![Role::Doctor], ..invited(&app.tenant("Beta").await, &ann.email) }).await;
    assert!(browser.get(&link).await.answer.body.contains("ann Example"));
    let page = press(&mut browser, &link, "accept", &[]).await;
    assert!(page.url.contains("done=joined"), "{page:?}");
}

#[tokio::test]
async fn somebody_else_is_refused_and_the_link_still_holds() {
    let app = TestApp::start().await;
    let tenant = app.tenant("Clinique Alpha").await;
    let (ann, bob) = (app.user("ann").await, app.user("bob").await);
    let (made, link) = invite(&app, invited(&tenant, &ann.email)).await;
    let mut browser = app.browser();
    browser.sign_in_for_account(&bob).await;
    assert_error(&press(&mut browser, &link, "accept", &[]).await, "invitation_other_person");
    // "Another account": whoever is signed in here does not count, and must not be taken for the other.
    let page = press(&mut browser, &link, "sign-in", &[]).await;
    assert_eq!(page.kind(), Some("sign-in"), "{page:?}");
    assert_error(&browser.sign_in(&page, &bob.email, &bob.password).await, "invitation_other_person");
    assert_eq!((state(&app, &made).await, roles_of(&app, &bob).await), ("pending", vec![]));
    let page = press(&mut browser, &link, "sign-in", &[]).await;
    let page = browser.sign_in(&page, &ann.email, &ann.password).await;
    assert!(page.url.contains("done=joined"), "{page:?}");
}

#[tokio::test]
async fn a_professional_is_who_the_number_says() {
    let op = Op::start().await;
    let app = op.app("pro_sante_connect", &[]).await;
    let tenant = app.tenant("Clinique Alpha").await;
    let wanted = Invited { rpps: Some(RPPS.to_owned()), ..invited(&tenant, "camille@example.test") };
    let (made, link) = invite(&app, wanted).await;
    // No password proves a number, not even with the right address.
    let mut browser = app.browser();
    assert!(!browser.get(&link).await.answer.body.contains("new_password"));
    let someone = app.user("camille").await;
    let page = press(&mut browser, &link, "sign-in", &[]).await;
    assert_error(&browser.sign_in(&page, &someone.email, &someone.password).await, "invitation_other_person");
    // Another professional.
    let by = async |browser: &mut Browser, sub: &str, national: &str| {
        let page = press(browser, &link, "sign-in", &[]).await;
        let button = format!("/interaction/{}/upstream?name=pro_sante_connect", page.journey());
        op.sign_in(&app, browser, &button, &professional(sub, national, &[])).await
    };
    assert_error(&by(&mut app.browser(), "s2", "810107518424").await, "invitation_other_person");
    assert_eq!(state(&app, &made).await, "pending");
    // The one who is meant, here for the first time.
    let page = by(&mut app.browser(), "s1", NATIONAL).await;
    assert!(page.url.contains("done=joined"), "{page:?}");
    let mut conn = app.store().read().await.unwrap();
    let user = conn.user_by_rpps(RPPS).await.unwrap().unwrap();
    assert_eq!(conn.memberships_of(user.id).await.unwrap().len(), 1);
}

#[tokio::test]
async fn an_upstream_that_makes_no_accounts_lets_the_invited_in_and_nobody_else() {
    let op = Op::start().await;
    let app = op.app("op", &[("ACCOUNTS", "linked"), ("TRUST_EMAIL", "true")]).await;
    let tenant = app.tenant("Clinique Alpha").await;
    let (made, link) = invite(&app, invited(&tenant, "new@example.test")).await;
    let person = |sub: &str, email: &str, verified: bool| -> Value {
        json!({"sub": sub, "given_name": "N", "family_name": "W", "email": email, "email_verified": verified})
    };
    let come = async |person: &Value| {
        let mut browser = app.browser();
        let page = press(&mut browser, &link, "sign-in", &[]).await;
        let button = format!("/interaction/{}/upstream?name=op", page.journey());
        let url = left(&browser.get(&button).await.answer);
        browser.get(&op.approve(&app, &url, person)).await
    };
    for (sub, email, verified) in [("u1", "other@example.test", true), ("u2", "new@example.test", false)] {
        assert_error(&come(&person(sub, email, verified)).await, "upstream_not_linked");
    }
    assert_eq!(
        (app.store().read().await.unwrap().count_users().await.unwrap(), state(&app, &made).await),
        (0, "pending")
    );
    // Without the link nobody is let in, with it the invited person is, and later without it.
    let direct = op.sign_in(&app, &mut app.browser(), "/sign-in/op", &person("u3", "new@example.test", true)).await;
    assert_error(&direct, "upstream_not_linked");
    let page = come(&person("u3", "NEW@example.test", true)).await;
    assert!(page.url.contains("done=joined"), "{page:?}");
    let again = op.sign_in(&app, &mut app.browser(), "/sign-in/op", &person("u3", "moved@example.test", true)).await;
    assert_eq!(again.kind(), Some("account"));
}

#[tokio::test]
async fn a_link_that_is_over_gives_nothing() {
    let app = TestApp::start().await;
    let tenant = app.tenant("Clinique Alpha").await;
    let ann = app.user("ann").await;
    let accounts = &app.app.accounts;
    // Revoked, also under somebody who has begun.
    let (made, link) = invite(&app, invited(&tenant, &ann.email)).await;
    let mut browser = app.browser();
    let page = press(&mut browser, &link, "sign-in", &[]).await;
    assert!(invitations::revoke(accounts, &made.invitation).await.unwrap());
    assert!(!invitations::revoke(accounts, &made.invitation).await.unwrap(), "once");
    assert_error(&browser.sign_in(&page, &ann.email, &ann.password).await, "invitation_over");
    assert_error(&browser.get(&link).await, "invitation_over");
    // A newer one for the same address, in whatever case.
    let (old, link) = invite(&app, invited(&tenant, &ann.email)).await;
    let (new, newer) = invite(&app, invited(&tenant, &ann.email.to_uppercase())).await;
    assert_error(&browser.get(&link).await, "invitation_over");
    assert_eq!((state(&app, &old).await, state(&app, &new).await), ("revoked", "pending"));
    // A closed tenant, and time.
    tenants::set_status(accounts, &tenant, TenantStatus::Disabled).await.unwrap();
    assert_error(&browser.get(&newer).await, "invitation_over");
    tenants::set_status(accounts, &tenant, TenantStatus::Active).await.unwrap();
    assert_eq!(browser.get(&newer).await.kind(), Some("invitation"));
    app.advance(LINK_LIFETIME.as_secs());
    assert_error(&browser.get(&newer).await, "invitation_over");
    assert_eq!((state(&app, &new).await, roles_of(&app, &ann).await), ("expired", vec![]));
    for wrong in ["gin_x", "x", &format!("gin_{}", "A".repeat(43)), &format!("gpr_{}", "A".repeat(43))] {
        assert_error(&browser.get(&format!("/invitations/{wrong}")).await, "invitation_over");
    }
}

#[tokio::test]
async fn of_many_who_accept_at_once_one_does() {
    for app in TestApp::on_all_engines(&[]).await {
        let replica = app.replica().await;
        let tenant = app.tenant("Clinique Alpha").await;
        let (_, link) = invite(&app, invited(&tenant, "new@example.test")).await;
        let fields = [
            ("first_name", "Camille"),
            ("last_name", "Durand"),
            ("new_password", PASSWORD),
            ("repeat_password", PASSWORD),
            ("decision", "join"),
        ];
        let mut ready = Vec::new();
        for at in 0..6 {
            let mut browser = if at % 2 == 0 { app.browser() } else { replica.browser() };
            let page = browser.get(&link).await;
            ready.push((browser, page));
        }
        let all = ready.iter_mut().map(|(browser, page)| browser.submit_once(page, &fields));
        let answers = futures_util::future::join_all(all).await;
        let done = answers.iter().filter(|answer| answer.location().is_some_and(|to| to.contains("joined"))).count();
        assert_eq!(done, 1, "{}: {answers:?}", app.engine);
        assert_eq!(app.store().read().await.unwrap().count_users().await.unwrap(), 1, "{}", app.engine);
    }
}

#[tokio::test]
async fn an_operator_is_told_what_is_wrong() {
    let app = TestApp::start().await;
    let tenant = app.tenant("Clinique Alpha").await;
    let before = crate::support::stores::dump(&app.options, &["invitations"]).await;
    let good = || invited(&tenant, "new@example.test");
    for wrong in [
        Invited { email: "nobody".to_owned(), ..good() },
        Invited { rpps: Some("123".to_owned()), ..good() },
        Invited { rpps: Some("12345678901".to_owned()), ..good() },
        Invited { roles: Vec::new(), ..good() },
        Invited { tenant: Tenant { status: TenantStatus::Disabled, ..tenant.clone() }, ..good() },
    ] {
        assert!(invitations::create(&app.app.accounts, wrong).await.is_err());
    }
    assert_eq!(crate::support::stores::dump(&app.options, &["invitations"]).await, before);
}

#[tokio::test]
async fn what_happened_is_recorded() {
    let app = TestApp::start().await;
    let tenant = app.tenant("Clinique Alpha").await;
    let (ann, bob) = (app.user("ann").await, app.user("bob").await);
    let (made, link) = invite(&app, invited(&tenant, &ann.email)).await;
    for user in [&bob, &ann] {
        let mut browser = app.browser();
        browser.sign_in_for_account(user).await;
        press(&mut browser, &link, "accept", &[]).await;
    }
    let entries = crate::support::stores::dump(&app.options, &["audit_events"]).await;
    for word in
        ["invitation.created", "invitation.accepted", "failure", "role.granted", &made.invitation.uuid.to_string()]
    {
        assert!(entries.contains(word), "{word} is not in {entries}");
    }
    assert!(!entries.contains(link.rsplit('/').next().unwrap()));
}

#[tokio::test]
async fn an_invitation_goes_ninety_days_after_its_link() {
    for app in TestApp::on_all_engines(&[]).await {
        let tenant = app.tenant("Clinique Alpha").await;
        let (made, _) = invite(&app, invited(&tenant, "new@example.test")).await;
        let clean = async |seconds: u64| {
            let at = made.invitation.expires_at.plus(Duration::from_secs(seconds));
            let lifetime = Duration::from_secs(3_600);
            let deleted = app
                .store()
                .write("clean", move |tx| Box::pin(async move { tx.delete_expired(at, lifetime, 10).await }))
                .await;
            deleted.unwrap()
        };
        assert_eq!(clean(90 * 86_400).await, 0, "{}", app.engine);
        assert_eq!(clean(90 * 86_400 + 1).await, 1, "{}", app.engine);
    }
}
