//! E: whom an upstream's person means here, and who may change that.

use serde_json::{Value, json};

use crate::support::app::TestApp;
use crate::support::browser::{Browser, Page};
use crate::support::upstream::{Op, left};

const START: &str = "/sign-in/op";

fn person(sub: &str, email: &str, verified: Value) -> Value {
    let mut person = json!({"sub": sub, "given_name": "Ann", "family_name": "Upstream", "email": email});
    person["email_verified"] = verified;
    person
}

async fn trusted(op: &Op) -> TestApp {
    op.app("op", &[("TRUST_EMAIL", "true")]).await
}

async fn accounts(app: &TestApp) -> u64 {
    app.store().read().await.unwrap().count_users().await.unwrap()
}

#[tokio::test]
async fn e73_changing_the_address_or_name_upstream_never_moves_an_account() {
    let op = Op::start().await;
    let app = trusted(&op).await;
    let ann = app.user("ann").await;
    op.sign_in(&app, &mut app.browser(), START, &person("u1", "one@op.test", json!(true))).await;
    assert_eq!(accounts(&app).await, 2);
    // The same subject now has the address of somebody here: still the account of the subject.
    let mut browser = app.browser();
    let page = op.sign_in(&app, &mut browser, START, &person("u1", &ann.email, json!(true))).await;
    assert_eq!(page.kind(), Some("account"));
    assert!(page.answer.body.contains("Ann Upstream"), "{page:?}");
    assert_eq!(accounts(&app).await, 2);
    // Another subject with the first one's address is another person, who has to prove that account.
    let page = op.sign_in(&app, &mut app.browser(), START, &person("u2", "one@op.test", json!(true))).await;
    assert_eq!(page.kind(), Some("sign-in"), "{page:?}");
}

#[tokio::test]
async fn e75_a_known_address_asks_for_the_proof_of_that_account() {
    let op = Op::start().await;
    let app = trusted(&op).await;
    let (ann, bob) = (app.user("ann").await, app.user("bob").await);
    let claimed = person("u1", &ann.email.to_uppercase(), json!(true));

    // Whoever proves another account gets that account, and nothing is linked.
    let mut browser = app.browser();
    let page = op.sign_in(&app, &mut browser, START, &claimed).await;
    assert_eq!(page.kind(), Some("sign-in"));
    assert!(browser.cookie("session").is_none(), "no session before the proof");
    let page = browser.sign_in(&page, &bob.email, &bob.password).await;
    assert_eq!(page.kind(), Some("account"), "{page:?}");
    let links = async |user| app.store().read().await.unwrap().identities_of(user).await.unwrap().len();
    assert_eq!((links(ann.user.id).await, links(bob.user.id).await), (0, 0));

    // The owner's proof links, and the next sign-in goes straight through.
    let mut browser = app.browser();
    let page = op.sign_in(&app, &mut browser, START, &claimed).await;
    let wrong = browser.sign_in(&page, &ann.email, "not the password at all").await;
    assert_eq!((wrong.kind(), links(ann.user.id).await), (Some("sign-in"), 0));
    let page = browser.sign_in(&wrong, &ann.email, &ann.password).await;
    assert_eq!((page.kind(), links(ann.user.id).await), (Some("account"), 1));
    let page = op.sign_in(&app, &mut app.browser(), START, &claimed).await;
    assert!(page.answer.body.contains("ann Example"), "{page:?}");
    assert_eq!(accounts(&app).await, 2);
}

#[tokio::test]
async fn e75_an_address_that_nobody_verified_counts_for_nothing() {
    let op = Op::start().await;
    let app = trusted(&op).await;
    let ann = app.user("ann").await;
    for (at, verified) in [Value::Null, json!(false), json!("true"), json!(1)].into_iter().enumerate() {
        let mut someone = person(&format!("u{at}"), &ann.email, verified);
        someone.as_object_mut().unwrap().retain(|_, value| !value.is_null());
        let page = op.sign_in(&app, &mut app.browser(), START, &someone).await;
        assert_eq!(page.kind(), Some("account"), "an account of their own: {page:?}");
        assert!(!page.answer.body.contains("ann Example"));
    }
    assert_eq!(accounts(&app).await, 5);
    // A provider that is not trusted for addresses says nothing by `true` either.
    let other = Op::start().await;
    let app = other.app("op", &[]).await;
    let ann = app.user("ann").await;
    let page = other.sign_in(&app, &mut app.browser(), START, &person("u", &ann.email, json!(true))).await;
    assert_eq!((page.kind(), accounts(&app).await), (Some("account"), 2));
}

/// What an attacker prepared on an account with the victim's number or address, and whether it still works.
#[tokio::test]
async fn e76_what_was_prepared_on_an_account_is_dead_once_its_owner_comes() {
    use guichet::account::people::{self, NewPerson};
    use guichet::base::Secret;
    let op = Op::start().await;
    let app = op.app("pro_sante_connect", &[]).await;
    let password = "a long password of the attacker";
    let new = NewPerson {
        email: "victim@example.test".to_owned(),
        rpps: Some("99700218896".to_owned()),
        password: Some(Secret::new(password.to_owned())),
        strict_rpps: true,
        ..NewPerson::default()
    };
    people::create(&app.app.accounts, new).await.unwrap();
    let mut attacker = app.browser();
    let page = attacker.get("/sign-in").await;
    let page = attacker.sign_in(&page, "victim@example.test", password).await;
    assert_eq!(page.kind(), Some("account"));
    // The victim comes with their card.
    let victim = json!({"sub": "s", "SubjectNameID": "899700218896", "given_name": "V", "family_name": "Victim"});
    let page = op.sign_in(&app, &mut app.browser(), "/sign-in/pro_sante_connect", &victim).await;
    assert_eq!(page.kind(), Some("account"), "{page:?}");
    // The session, and the password.
    assert_ne!(attacker.get("/account").await.kind(), Some("account"));
    let page = attacker.get("/sign-in").await;
    assert_eq!(attacker.sign_in(&page, "victim@example.test", password).await.kind(), Some("sign-in"));
}

#[tokio::test]
async fn e76_an_address_that_was_never_proven_goes_to_its_owner() {
    use guichet::account::people::{self, NewPerson};
    use guichet::base::Secret;
    let op = Op::start().await;
    let app = trusted(&op).await;
    let mut new = NewPerson { email: "victim@op.test".to_owned(), ..NewPerson::default() };
    new.claims.insert("email_verified".to_owned(), json!(false));
    new.password = Some(Secret::new("a long password of the attacker".to_owned()));
    let trojan = people::create(&app.app.accounts, new).await.unwrap();
    let page = op.sign_in(&app, &mut app.browser(), START, &person("v", "victim@op.test", json!(true))).await;
    assert_eq!(page.kind(), Some("account"), "{page:?}");
    let mut conn = app.store().read().await.unwrap();
    let owner = conn.user_by_email("victim@op.test").await.unwrap().unwrap();
    assert_ne!(owner.id, trojan.id);
    assert_eq!(conn.user_by_id(trojan.id).await.unwrap().unwrap().address(), None);
}

fn offer(page: &Page) -> Option<String> {
    let (before, _) = page.answer.body.split_once("data-link=\"op\"")?;
    let (_, href) = before.rsplit_once("href=\"")?;
    Some(crate::support::browser::unescape(href.split('"').next()?))
}

async fn signed_in(app: &TestApp, name: &str) -> (Browser, Page) {
    let user = app.user(name).await;
    let mut browser = app.browser();
    let page = browser.sign_in_for_account(&user).await;
    (browser, page)
}

#[tokio::test]
async fn e78_linking_needs_a_fresh_sign_in_and_a_link_of_ours() {
    let op = Op::start().await;
    let app = op.app("op", &[]).await;
    let (mut ann, page) = signed_in(&app, "ann").await;
    let (mut bob, other) = signed_in(&app, "bob").await;
    let (own, foreign) = (offer(&page).expect("an offer"), offer(&other).expect("an offer"));
    // No proof, a made-up one, another person's.
    for wrong in ["/account/links/op", "/account/links/op?proof=x", foreign.as_str()] {
        let answer = ann.get_once(wrong).await;
        assert_eq!(answer.location(), Some("/account"), "{wrong}: {answer:?}");
    }
    // Too long ago: sign in again first, then it goes on.
    app.advance(301);
    let again = ann.get(&own).await;
    assert_eq!(again.kind(), Some("sign-in"), "{again:?}");
    let page = ann.sign_in(&again, "ann@example.test", crate::support::fixtures::PASSWORD).await;
    assert_eq!(page.kind(), Some("account"), "{page:?}");
    let url = left(&ann.get(&offer(&page).expect("an offer")).await.answer);
    let back = op.approve(&app, &url, &json!({"sub": "u"}));
    // In another's browser the way back does nothing.
    assert_eq!(bob.get(&back).await.kind(), Some("error"));
    let page = ann.get(&back).await;
    assert!(page.url.contains("done=linked"), "{page:?}");
    assert!(page.answer.body.contains("data-upstream=\"op\""));
    // It leads into the account now; nobody else can have it.
    let page = op.sign_in(&app, &mut app.browser(), START, &json!({"sub": "u"})).await;
    assert!(page.answer.body.contains("ann Example"), "{page:?}");
    let (mut carol, page) = signed_in(&app, "carol").await;
    let url = left(&carol.get(&offer(&page).unwrap()).await.answer);
    let page = carol.get(&op.approve(&app, &url, &json!({"sub": "u"}))).await;
    assert!(page.answer.body.contains("data-error=\"linked_elsewhere\""), "{page:?}");
}

#[tokio::test]
async fn e78_unlinking_leaves_a_way_in_and_ends_other_sessions() {
    let op = Op::start().await;
    let app = op.app("op", &[]).await;
    let mut browser = app.browser();
    let page = op.sign_in(&app, &mut browser, START, &json!({"sub": "only"})).await;
    let unlink = |page: &Page| {
        let forms = page.forms();
        forms.into_iter().find(|form| form.action.contains("/unlink")).expect("a button")
    };
    let form = unlink(&page);
    let csrf = form.fields.iter().find(|(name, _)| name == "csrf").unwrap().1.clone();
    let page = browser.post(&form.action, &[("csrf", &csrf)]).await;
    assert!(page.answer.body.contains("data-error=\"last_way\""), "{page:?}");
    assert_eq!(browser.post(&form.action, &[("csrf", "x")]).await.answer.status, 403);

    let (mut ann, page) = signed_in(&app, "ann").await;
    let url = left(&ann.get(&offer(&page).unwrap()).await.answer);
    let page = ann.get(&op.approve(&app, &url, &json!({"sub": "ann"}))).await;
    let mut elsewhere = app.browser();
    op.sign_in(&app, &mut elsewhere, START, &json!({"sub": "ann"})).await;
    let form = unlink(&page);
    let csrf = form.fields.iter().find(|(name, _)| name == "csrf").unwrap().1.clone();
    let page = ann.post(&form.action, &[("csrf", &csrf)]).await;
    assert!(page.url.contains("done=unlinked"), "{page:?}");
    assert_ne!(elsewhere.get("/account").await.kind(), Some("account"), "a session that stood on it");
    // Whoever comes with it now is somebody new.
    let page = op.sign_in(&app, &mut app.browser(), START, &json!({"sub": "ann"})).await;
    assert!(!page.answer.body.contains("ann Example"), "{page:?}");
}

#[tokio::test]
async fn e77_the_proof_of_a_link_is_of_one_account_one_person_and_one_browser_and_used_once() {
    let op = Op::start().await;
    let app = trusted(&op).await;
    let (ann, bob) = (app.user("ann").await, app.user("bob").await);
    let links = async |user| app.store().read().await.unwrap().identities_of(user).await.unwrap();
    let claimed = person("u1", &ann.email, json!(true));
    let mut browser = app.browser();
    let waiting = op.sign_in(&app, &mut browser, START, &claimed).await;
    assert_eq!(waiting.kind(), Some("sign-in"));
    // Of another browser it is no journey, and the owner's password there links nothing.
    let mut other = app.browser();
    other.get("/sign-in").await;
    assert_eq!(other.get(&waiting.url).await.kind(), Some("error"));
    other.sign_in_for_account(&ann).await;
    assert!(links(ann.user.id).await.is_empty());
    // Another account's proof ends it: what waited is not linked with that one, nor afterwards with the owner's.
    let page = browser.sign_in(&waiting, &bob.email, &bob.password).await;
    assert_eq!(page.kind(), Some("account"));
    assert_eq!(browser.get(&waiting.url).await.kind(), Some("error"), "the journey is over");
    browser.submit(&waiting, &[("email", &ann.email), ("password", &ann.password)]).await;
    assert!(links(ann.user.id).await.is_empty() && links(bob.user.id).await.is_empty());
    // The owner's proof links the person who waited, and no other one.
    let mut browser = app.browser();
    let first = op.sign_in(&app, &mut browser, START, &claimed).await;
    op.sign_in(&app, &mut browser, START, &person("u2", &ann.email, json!(true))).await;
    browser.sign_in(&first, &ann.email, &ann.password).await;
    let linked: Vec<String> = links(ann.user.id).await.into_iter().map(|link| link.key.subject).collect();
    assert_eq!(linked, ["u1"]);
    // Used up by the link, and still so once that is removed.
    let identity = links(ann.user.id).await[0].id;
    let sid = uuid::Uuid::nil();
    guichet::federation::people::unlink(&app.app.federation, ann.user.id, sid, identity).await.unwrap();
    assert_eq!(browser.get(&first.url).await.kind(), Some("error"));
    browser.submit(&first, &[("email", &ann.email), ("password", &ann.password)]).await;
    assert!(links(ann.user.id).await.is_empty(), "an old proof makes no new link");
}
