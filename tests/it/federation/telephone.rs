//! Sign-ins on the person's telephone (CIBA) at the simulated Pro Santé Connect.

use guichet::simulation::{Failure, Fault, Kind, Stage};
use serde_json::json;

use crate::support::app::TestApp;
use crate::support::browser::{Browser, Page};
use crate::support::flow::{AuthRequest, Tokens, claims, param};
use crate::support::simulated::{CLIENT, Papers, Simulated};

/// The simulated doctor, as their card has it and as the provider says it.
const RPPS: &str = "99700123450";
const NATIONAL: &str = "899700123450";
const START: &str = "/sign-in/pro_sante_connect/ciba";

async fn start() -> (Simulated, TestApp) {
    let there = Simulated::start(Kind::ProSanteConnect).await;
    let app = there.app_with(&[("CIBA", "true")]).await;
    (there, app)
}

/// What an error page says it is.
fn error_of(page: &Page) -> Option<&str> {
    page.answer.body.split("data-error=\"").nth(1)?.split('"').next()
}

fn step_of(page: &Page) -> Option<&str> {
    page.answer.body.split("data-step=\"").nth(1)?.split('"').next()
}

fn number_of(page: &Page) -> String {
    let shown = page.answer.body.split("id=\"binding\"").nth(1).unwrap_or_else(|| panic!("{page:?}"));
    shown.split('>').nth(1).unwrap().split('<').next().unwrap().to_owned()
}

/// From the form to the waiting page.
async fn ask(browser: &mut Browser, number: &str) -> Page {
    let form = browser.get(START).await;
    assert_eq!((form.kind(), step_of(&form)), (Some("ciba"), Some("number")), "{form:?}");
    browser.submit(&form, &[("national_id", number)]).await
}

/// The requests on the simulated telephone: name and number shown.
async fn ringing(there: &Simulated) -> Vec<(String, String)> {
    let page = String::from_utf8(there.fetch(&format!("{}/simulation/phone", there.control.url())).await.body.to_vec());
    let page = page.unwrap();
    page.split("data-request=\"")
        .skip(1)
        .map(|row| {
            let number = row.split("class=\"number\">").nth(1).unwrap().split('<').next().unwrap();
            (row.split('"').next().unwrap().to_owned(), number.to_owned())
        })
        .collect()
}

async fn decide(there: &Simulated, decision: &str) {
    for (request, _) in ringing(there).await {
        there.post("/simulation/phone", &[("request", &request), ("decision", decision)]).await;
    }
}

/// A moment in which the page may look again.
fn wait(there: &Simulated, app: &TestApp, seconds: u64) {
    app.advance(seconds);
    there.clock.advance(std::time::Duration::from_secs(seconds));
}

fn polls(there: &Simulated) -> u64 {
    there.control.calls().get("token").copied().unwrap_or_default()
}

#[tokio::test]
async fn a_typed_number_two_digits_and_a_page_that_waits_without_a_script() {
    let (there, app) = start().await;
    let mut browser = app.browser();
    for text in [RPPS, "997 0012 3450", NATIONAL] {
        let mut browser = app.browser();
        let page = ask(&mut browser, text).await;
        assert_eq!(step_of(&page), Some("wait"), "{text}: {page:?}");
        browser.submit(&page, &[("decision", "cancel")]).await;
        decide(&there, "refuse").await;
    }
    let page = ask(&mut browser, RPPS).await;
    let number = number_of(&page);
    assert!(number.len() == 2 && number.bytes().all(|b| b.is_ascii_digit()), "{number}");
    assert_eq!(ringing(&there).await.iter().map(|(_, shown)| shown.as_str()).collect::<Vec<_>>(), [number.as_str()]);
    let again = format!("<meta http-equiv=\"refresh\" content=\"2;url={}\">", page.url);
    assert!(page.answer.body.contains(&again), "{page:?}");
    for _ in 0..3 {
        wait(&there, &app, 2);
        let page = browser.get(&page.url).await;
        assert_eq!((step_of(&page), number_of(&page)), (Some("wait"), number.clone()));
    }
    decide(&there, "approve").await;
    wait(&there, &app, 2);
    let end = browser.get(&page.url).await;
    assert_eq!(end.kind(), Some("account"), "{end:?}");
    assert!(end.url.contains("done=welcome"), "{}", end.url);
    let user = app.store().read().await.unwrap().user_by_rpps(RPPS).await.unwrap().unwrap();
    assert_eq!(user.last_login_at, Some(app.now()));
    // Back again, by the redirect: the same person.
    let end = there.sign_in(&mut app.browser(), &there.start_path(), "medecin", None).await;
    assert_eq!(end.kind(), Some("account"));
    assert_eq!(app.store().read().await.unwrap().count_users().await.unwrap(), 1);
}

#[tokio::test]
async fn from_an_application_to_its_tokens_beside_the_other_button() {
    let (there, app) = start().await;
    let client = app.client().first_party().create().await;
    let mut browser = app.browser();
    let page = browser.get(&AuthRequest::of(&client).url()).await;
    let here = format!("/interaction/{}/ciba/pro_sante_connect", page.journey());
    assert!(page.answer.body.contains(&format!("href=\"{here}\"")), "{}", page.answer.body);
    let form = browser.get(&here).await;
    let waiting = browser.submit(&form, &[("national_id", RPPS)]).await;
    assert_eq!(step_of(&waiting), Some("wait"), "{waiting:?}");
    decide(&there, "approve").await;
    wait(&there, &app, 2);
    let end = browser.get(&here).await;
    let code = param(&end.answer, "code").unwrap_or_else(|| panic!("{end:?}"));
    let id = claims(&Tokens::of(app.redeem(&client, &code).await).id);
    assert_eq!((id["acr"].as_str(), &id["amr"]), (Some("eidas1"), &json!(["swk", "pin", "mfa"])));
    // Signed in: the page has nothing more to ask.
    let account = browser.get("/account").await;
    assert_eq!(account.kind(), Some("account"));
}

#[tokio::test]
async fn it_is_there_only_where_it_is_switched_on() {
    let there = Simulated::start(Kind::ProSanteConnect).await;
    let app = there.app().await;
    let mut browser = app.browser();
    assert_eq!(browser.get(START).await.answer.status, 404);
    let page = browser.get("/sign-in").await;
    assert!(!page.answer.body.contains("/ciba/"), "{}", page.answer.body);
    let here = format!("/interaction/{}/ciba/pro_sante_connect", page.journey());
    assert_eq!(browser.get(&here).await.answer.status, 404);
}

#[tokio::test]
async fn a_number_that_is_none_or_nobodys_says_so_on_the_form() {
    let (there, app) = start().await;
    for (number, text) in [
        ("", "Ce numéro ne convient pas."),
        ("99700123451", "Ce numéro ne convient pas."),
        ("é", "Ce numéro ne convient pas."),
        (&"9".repeat(500), "Ce numéro ne convient pas."),
        ("10107518424", "Aucune application e-CPS ne répond à ce numéro."),
    ] {
        let page = ask(&mut app.browser(), number).await;
        assert_eq!((step_of(&page), page.answer.status.as_u16()), (Some("number"), 422), "{number}: {page:?}");
        assert!(page.answer.body.contains(text), "{number}: {page:?}");
    }
    assert_eq!(there.control.calls().get("ciba").copied(), Some(1), "only what can be a number is asked for");
    // The mistake is not paid for: the next number goes through.
    let mut browser = app.browser();
    let page = ask(&mut browser, "1").await;
    let page = browser.submit(&page, &[("national_id", RPPS)]).await;
    assert_eq!(step_of(&page), Some("wait"), "{page:?}");
}

#[tokio::test]
async fn refused_expired_cancelled_and_down_are_pages_that_lead_back() {
    let (there, app) = start().await;
    // Refused on the telephone.
    let mut browser = app.browser();
    let page = ask(&mut browser, RPPS).await;
    decide(&there, "refuse").await;
    wait(&there, &app, 2);
    let end = browser.get(&page.url).await;
    assert_eq!((error_of(&end), browser.cookie("session")), (Some("upstream_cancelled"), None), "{end:?}");
    assert!(end.answer.body.contains("/interaction/"), "the way back");
    assert_eq!(step_of(&browser.get(&page.url).await), Some("number"), "it can be begun again");
    // Nobody answers.
    let mut browser = app.browser();
    let page = ask(&mut browser, RPPS).await;
    wait(&there, &app, 121);
    let end = browser.get(&page.url).await;
    assert_eq!((error_of(&end), browser.cookie("session")), (Some("upstream_too_late"), None), "{end:?}");
    // Given up here; what the telephone says afterwards means nothing.
    let mut browser = app.browser();
    let page = ask(&mut browser, RPPS).await;
    let back = browser.submit(&page, &[("decision", "cancel")]).await;
    assert_eq!(back.kind(), Some("sign-in"), "{back:?}");
    decide(&there, "approve").await;
    wait(&there, &app, 2);
    let end = browser.get(&page.url).await;
    assert_eq!((step_of(&end), browser.cookie("session")), (Some("number"), None), "{end:?}");
    // Down: a poll may fail twice, not three times.
    wait(&there, &app, 600);
    let mut browser = app.browser();
    let page = ask(&mut browser, RPPS).await;
    there.control.fail(Failure::at(Stage::Token, Fault::Status500), None);
    for _ in 0..2 {
        wait(&there, &app, 10);
        assert_eq!(step_of(&browser.get(&page.url).await), Some("wait"));
    }
    wait(&there, &app, 10);
    let end = browser.get(&page.url).await;
    assert_eq!((error_of(&end), end.answer.status.as_u16()), (Some("upstream_down"), 502), "{end:?}");
    there.control.recover();
}

#[tokio::test]
async fn one_failed_poll_is_got_over() {
    let (there, app) = start().await;
    let mut browser = app.browser();
    let page = ask(&mut browser, RPPS).await;
    there.control.fail(Failure::at(Stage::Token, Fault::Html), Some(1));
    wait(&there, &app, 2);
    assert_eq!(step_of(&browser.get(&page.url).await), Some("wait"));
    decide(&there, "approve").await;
    wait(&there, &app, 10);
    assert_eq!(browser.get(&page.url).await.kind(), Some("account"));
}

#[tokio::test]
async fn the_answer_is_checked_as_that_of_the_redirect_is() {
    let (there, app) = start().await;
    for failure in [
        "id_token:wrong_iss",
        "id_token:wrong_aud",
        "id_token:many_aud",
        "id_token:expired",
        "id_token:alg_none",
        "id_token:alg_hs256",
        "id_token:unknown_key",
        "id_token:bad_signature",
        "id_token:missing",
        "id_token:missing_sub",
        "id_token:missing_acr",
        "id_token:unknown_acr",
        "userinfo:other_sub",
        "userinfo:bad_national_id",
        "userinfo:other_national_id",
        "token:invalid_grant",
        "token:invalid_client",
    ] {
        wait(&there, &app, 601);
        let mut browser = app.browser();
        let page = ask(&mut browser, RPPS).await;
        decide(&there, "approve").await;
        there.control.fail(Failure::parse(failure).unwrap(), None);
        wait(&there, &app, 2);
        let end = browser.get(&page.url).await;
        assert_eq!((error_of(&end), browser.cookie("session")), (Some("upstream_refused"), None), "{failure}: {end:?}");
        there.control.recover();
    }
    assert_eq!(app.store().read().await.unwrap().count_users().await.unwrap(), 0);
}

#[tokio::test]
async fn it_belongs_to_the_browser_that_began_it() {
    let (there, app) = start().await;
    let mut browser = app.browser();
    let page = ask(&mut browser, RPPS).await;
    decide(&there, "approve").await;
    wait(&there, &app, 2);
    let before = polls(&there);
    let mut other = app.browser();
    for _ in 0..2 {
        let found = other.get(&page.url).await;
        assert!(error_of(&found).is_some() && other.cookie("session").is_none(), "{found:?}");
        other.get("/sign-in").await;
    }
    // Another form than this page's gives nothing up.
    let answer = browser.post_once(&page.url, &[("decision", "cancel"), ("csrf", "x")]).await;
    assert_eq!(answer.status, 403);
    // Whoever only looks asks nobody.
    let mut looking = browser.clone();
    looking.headers.push(("sec-purpose".to_owned(), "prefetch".to_owned()));
    assert_eq!(looking.get_once(&page.url).await.status, 204);
    assert_eq!(polls(&there), before, "no poll for any of these");
    assert_eq!(browser.get(&page.url).await.kind(), Some("account"));
    // It is used up: the same address in a fresh copy of the browser without the session gives nobody.
    let mut again = app.browser();
    again.cookies = browser.cookies.iter().filter(|(name, _)| !name.ends_with("session")).cloned().collect();
    let found = again.get(&page.url).await;
    assert!(again.cookie("session").is_none(), "{found:?}");
}

#[tokio::test]
async fn polls_keep_to_the_interval_one_at_a_time_and_over_a_restart() {
    let there = Simulated::start(Kind::ProSanteConnect).await;
    let environment = there.environment(&[("CIBA", "true")]);
    let pairs: Vec<(&str, &str)> = environment.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    for app in TestApp::on_all_engines(&pairs).await {
        let engine = app.engine;
        let mut browser = app.browser();
        let page = ask(&mut browser, RPPS).await;
        let before = polls(&there);
        // The page is loaded much too often, at first before the interval is over.
        for _ in 0..5 {
            browser.get(&page.url).await;
        }
        assert_eq!(polls(&there), before, "{engine}");
        wait(&there, &app, 1);
        let many = (0..8).map(|_| {
            let (mut browser, url) = (browser.clone(), page.url.clone());
            async move { browser.get(&url).await }
        });
        for found in futures_util::future::join_all(many).await {
            assert_eq!(step_of(&found), Some("wait"), "{engine}: {found:?}");
        }
        assert_eq!(polls(&there), before + 1, "{engine}: of eight at once, one asks");
        // `slow_down` makes it slower: six seconds from here on.
        let (request, _) = ringing(&there).await.remove(0);
        app.advance(1);
        assert_eq!(step_of(&browser.get(&page.url).await), Some("wait"), "{engine}");
        assert_eq!(polls(&there), before + 2, "{engine}");
        wait(&there, &app, 5);
        let slower = browser.get(&page.url).await;
        assert_eq!(polls(&there), before + 2, "{engine}");
        assert!(slower.answer.body.contains("content=\"6;url="), "{engine}: {slower:?}");
        // Another process goes on with it; of many that find the approval, one signs in, and all end in the same place.
        there.post("/simulation/phone", &[("request", &request), ("decision", "approve")]).await;
        wait(&there, &app, 2);
        let replica = app.replica().await;
        let mut elsewhere = replica.browser();
        elsewhere.cookies.clone_from(&browser.cookies);
        let end = elsewhere.get(&page.url).await;
        assert_eq!(end.kind(), Some("account"), "{engine}: {end:?}");
        assert_eq!(app.store().read().await.unwrap().count_users().await.unwrap(), 1, "{engine}");
    }
}

#[tokio::test]
async fn nobodys_telephone_rings_without_end() {
    let (there, app) = start().await;
    // One request at a time for a person, from wherever.
    let mut first = app.browser();
    let page = ask(&mut first, RPPS).await;
    assert_eq!(step_of(&page), Some("wait"));
    let busy = ask(&mut app.browser(), RPPS).await;
    assert_eq!(busy.answer.status, 409, "{busy:?}");
    assert!(busy.answer.body.contains("Une demande attend déjà"), "{busy:?}");
    // The same browser may begin again: its first request is given up.
    let form = format!("{}?lang=en", page.url);
    first.submit(&page, &[("decision", "cancel")]).await;
    let form = first.get(&form).await;
    assert!(form.answer.body.contains("RPPS number"), "{form:?}");
    let page = first.submit(&form, &[("national_id", RPPS)]).await;
    assert_eq!(step_of(&page), Some("wait"));
    first.submit(&page, &[("decision", "cancel")]).await;
    // Two were asked for, one was refused as a rival: two more, then it is enough.
    for _ in 0..2 {
        let mut browser = app.browser();
        let page = ask(&mut browser, RPPS).await;
        assert_eq!(step_of(&page), Some("wait"), "{page:?}");
        browser.submit(&page, &[("decision", "cancel")]).await;
    }
    let asked = there.control.calls()["ciba"];
    let enough = ask(&mut app.browser(), RPPS).await;
    assert_eq!(enough.answer.status, 429, "{enough:?}");
    assert!(enough.answer.header("retry-after").is_some());
    assert_eq!(there.control.calls()["ciba"], asked);
    // Another person is not kept waiting, and this one not for ever.
    assert_eq!(step_of(&ask(&mut app.browser(), "99700123468").await), Some("wait"));
    wait(&there, &app, 601);
    assert_eq!(step_of(&ask(&mut app.browser(), RPPS).await), Some("wait"));
}

#[tokio::test]
async fn by_our_certificate_on_every_call() {
    let papers = Papers::issue(CLIENT);
    let there = Simulated::with_mutual_tls(Kind::ProSanteConnect, &papers).await;
    let path = |file: &str| papers.file(file).to_string_lossy().into_owned();
    let app = there
        .app_with(&[
            ("CIBA", "true"),
            ("CLIENT_AUTH_METHOD", "tls_client_auth"),
            ("CLIENT_CERTIFICATE_FILE", &path("client.pem")),
            ("CLIENT_KEY_FILE", &path("client-key.pem")),
            ("CA_FILE", &path("server.pem")),
        ])
        .await;
    let mut browser = app.browser();
    let page = ask(&mut browser, RPPS).await;
    decide(&there, "approve").await;
    wait(&there, &app, 2);
    assert_eq!(browser.get(&page.url).await.kind(), Some("account"));
    // With the secret alone it takes us at neither endpoint.
    let app = there.app_with(&[("CIBA", "true"), ("CA_FILE", &path("server.pem"))]).await;
    let page = ask(&mut app.browser(), "99700123468").await;
    assert_eq!(error_of(&page), Some("upstream_refused"), "{page:?}");
}
