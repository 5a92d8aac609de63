//! Whole sign-ins through the simulated providers, over loopback sockets, with everything that can go wrong there.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use guichet::simulation::{Failure, Fault, Kind, Stage};
use serde_json::json;
use tokio::sync::Semaphore;

use crate::support::app::TestApp;
use crate::support::browser::Page;
use crate::support::flow::{AuthRequest, Tokens, claims, param};
use crate::support::simulated::{CLIENT, Papers, Simulated};
use crate::support::upstream::{OWN_TIME, left};

const ALL: [(Kind, &str, &str); 4] = [
    (Kind::ProSanteConnect, "medecin", "eidas1"),
    (Kind::Google, "gmail", "urn:guichet:acr:upstream"),
    (Kind::Facebook, "complete", "urn:guichet:acr:upstream"),
    (Kind::GitHub, "complete", "urn:guichet:acr:upstream"),
];

/// What an error page says it is.
fn error_of(page: &Page) -> Option<&str> {
    page.answer.body.split("data-error=\"").nth(1)?.split('"').next()
}

async fn people(app: &TestApp) -> i64 {
    i64::try_from(app.store().read().await.unwrap().count_users().await.unwrap()).unwrap()
}

#[tokio::test]
async fn from_an_application_through_each_provider_to_its_tokens_and_back_again() {
    for (kind, person, acr) in ALL {
        let there = Simulated::start(kind).await;
        let app = there.app().await;
        let client = app.client().first_party().create().await;
        let request = AuthRequest::of(&client).set("idp_hint", there.name);
        let mut subjects = BTreeSet::new();
        for _ in 0..2 {
            let end = there.sign_in(&mut app.browser(), &request.url(), person, None).await;
            let code = param(&end.answer, "code").unwrap_or_else(|| panic!("{kind:?}: {end:?}"));
            let id = claims(&Tokens::of(app.redeem(&client, &code).await).id);
            assert_eq!(id["acr"], acr, "{kind:?}");
            subjects.insert(id["sub"].as_str().unwrap().to_owned());
        }
        assert_eq!(subjects.len(), 1, "{kind:?}: new, then known");
        assert_eq!(people(&app).await, 1, "{kind:?}");
    }
}

#[tokio::test]
async fn every_made_up_professional_signs_in() {
    let there = Simulated::start(Kind::ProSanteConnect).await;
    let app = there.app().await;
    let all = [
        "medecin",
        "pharmacien",
        "infirmiere",
        "deux-etablissements",
        "sans-activite",
        "activites-absentes",
        "sans-exercice",
        "minimal",
        "deux-exercices",
        "identite-edit",
        "adeli",
        "ancien-sub",
        "etudiant",
        "secretaire",
    ];
    for person in all {
        let page = there.sign_in(&mut app.browser(), &there.start_path(), person, None).await;
        assert_eq!(page.kind(), Some("account"), "{person}: {page:?}");
    }
    assert_eq!(people(&app).await, 14);
}

#[tokio::test]
async fn a_person_chooses_on_the_pages_and_waits_for_the_telephone() {
    let there = Simulated::start(Kind::ProSanteConnect).await;
    let app = there.app().await;
    let mut browser = app.browser();
    let url = left(&browser.get(&there.start_path()).await.answer);
    let choice = String::from_utf8(there.fetch(&url).await.body.to_vec()).unwrap();
    let handle = choice.split("name=\"sign_in\" value=\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
    let chosen = [("sign_in", handle.as_str()), ("person", "pharmacien"), ("method", "phone")];
    let wait = there.post("/auth/choice", &chosen).await;
    let wait = wait.headers["location"].to_str().unwrap().to_owned();
    let waiting = there.fetch(&wait).await;
    assert!(String::from_utf8_lossy(&waiting.body).contains("En attente du téléphone"));
    there.post("/simulation/phone", &[("request", &handle), ("decision", "approve")]).await;
    let leaving = String::from_utf8(there.fetch(&wait).await.body.to_vec()).unwrap();
    assert!(leaving.contains("Retour à l’application"), "{leaving}");
    let back = there.fetch(&wait.replace("/auth/wait", "/auth/return")).await;
    let page = browser.get(&crate::support::simulated::own_path(&back)).await;
    assert_eq!(page.kind(), Some("account"), "{page:?}");
}

/// What each failure of a sign-in ends with. What is missing here signs in.
const REFUSED: &[(&str, &str)] = &[
    ("callback:access_denied", "upstream_cancelled"),
    ("callback:login_required", "upstream_refused"),
    ("callback:server_error", "upstream_down"),
    ("callback:temporarily_unavailable", "upstream_down"),
    ("callback:missing_state", "journey_expired"),
    ("callback:wrong_state", "journey_expired"),
    ("callback:wrong_iss", "upstream_refused"),
    ("callback:missing_code", "upstream_refused"),
    ("callback:unknown_code", "upstream_refused"),
    ("token:500", "upstream_down"),
    ("token:html", "upstream_down"),
    ("token:huge", "upstream_down"),
    ("token:truncated", "upstream_down"),
    ("token:redirect_loop", "upstream_down"),
    ("token:redirect_private", "upstream_down"),
    ("userinfo:500", "upstream_down"),
    ("userinfo:html", "upstream_down"),
    ("userinfo:huge", "upstream_down"),
    ("userinfo:truncated", "upstream_down"),
    ("userinfo:redirect_loop", "upstream_down"),
    ("userinfo:redirect_private", "upstream_down"),
];

const OPENID_REFUSED: &[&str] = &[
    "callback:missing_iss",
    "id_token:wrong_iss",
    "id_token:wrong_aud",
    "id_token:many_aud",
    "id_token:wrong_nonce",
    "id_token:missing_nonce",
    "id_token:expired",
    "id_token:missing_exp",
    "id_token:future",
    "id_token:alg_none",
    "id_token:alg_hs256",
    "id_token:unknown_key",
    "id_token:bad_signature",
    "id_token:missing",
    "id_token:missing_sub",
    "id_token:null_sub",
    "id_token:empty_sub",
    "id_token:number_sub",
    "id_token:long_sub",
];

const PROFESSIONALS_REFUSED: &[&str] = &[
    "id_token:other_sub",
    "id_token:missing_acr",
    "id_token:unknown_acr",
    "id_token:legacy_iss",
    "userinfo:other_sub",
    "userinfo:missing_sub",
    "userinfo:null_sub",
    "userinfo:empty_sub",
    "userinfo:number_sub",
    "userinfo:long_sub",
    "userinfo:no_national_id",
    "userinfo:bad_national_id",
];

/// Each failure in its turn, in browsers of their own; afterwards the right sign-in goes as if nothing had been.
async fn refuses(kind: Kind, person: &str, failures: impl Iterator<Item = (&'static str, Option<&'static str>)>) {
    let there = Simulated::start(kind).await;
    let app = there.app().await;
    let mut problems = Vec::new();
    for (failure, expected) in failures {
        let mut browser = app.browser();
        let began = Instant::now();
        let page = there.sign_in(&mut browser, &there.start_path(), person, Some(failure)).await;
        let found = error_of(&page);
        if found.is_none() || browser.cookie("session").is_some() {
            problems.push(format!("{failure}: no refusal but {:?}", page.kind()));
        } else if expected.is_some_and(|expected| found != Some(expected)) {
            problems.push(format!("{failure}: {found:?} instead of {expected:?}"));
        }
        if began.elapsed() > Duration::from_secs(5) {
            problems.push(format!("{failure}: took {:?}", began.elapsed()));
        }
    }
    assert!(problems.is_empty(), "{kind:?}:\n{}", problems.join("\n"));
    assert_eq!(people(&app).await, 0, "{kind:?}");
    let page = there.sign_in(&mut app.browser(), &there.start_path(), person, None).await;
    assert_eq!(page.kind(), Some("account"), "{kind:?}: {page:?}");
}

fn refused(userinfo: bool) -> impl Iterator<Item = (&'static str, Option<&'static str>)> {
    let known = move |failure: &&(&str, &str)| userinfo || !failure.0.starts_with("userinfo:");
    REFUSED.iter().filter(known).map(|(failure, page)| (*failure, Some(*page)))
}

fn as_refusals(names: &'static [&'static str]) -> impl Iterator<Item = (&'static str, Option<&'static str>)> {
    names.iter().map(|name| (*name, None))
}

#[tokio::test]
async fn e70_e72_e81_e83_a_pro_sante_connect_that_lies_or_fails_is_refused() {
    let all = refused(true).chain(as_refusals(OPENID_REFUSED)).chain(as_refusals(PROFESSIONALS_REFUSED));
    refuses(Kind::ProSanteConnect, "medecin", all).await;
}

#[tokio::test]
async fn e70_e83_a_google_that_lies_or_fails_is_refused() {
    let all =
        refused(false).chain(as_refusals(OPENID_REFUSED).filter(|(failure, _)| *failure != "callback:missing_iss"));
    refuses(Kind::Google, "gmail", all).await;
}

#[tokio::test]
async fn e71_e80_e83_a_facebook_that_lies_or_fails_is_refused() {
    let ids =
        ["userinfo:missing_sub", "userinfo:null_sub", "userinfo:empty_sub", "userinfo:long_sub", "token:other_app"];
    let all = refused(true).filter(|(failure, _)| !failure.ends_with("wrong_iss"));
    refuses(Kind::Facebook, "complete", all.chain(ids.into_iter().map(|name| (name, None)))).await;
}

#[tokio::test]
async fn e71_e83_a_github_that_lies_or_fails_is_refused() {
    let ids = [
        "userinfo:missing_sub",
        "userinfo:null_sub",
        "userinfo:empty_sub",
        "userinfo:number_sub",
        "userinfo:long_sub",
        "token:error_200",
        "token:invalid_client",
    ];
    refuses(Kind::GitHub, "complete", refused(true).chain(ids.into_iter().map(|name| (name, None)))).await;
}

#[tokio::test]
async fn e83_a_provider_that_hangs_gives_a_page_within_five_seconds_and_slows_nobody() {
    let there = Simulated::start(Kind::ProSanteConnect).await;
    let app = there.app_with(&[("TIMEOUT", OWN_TIME)]).await;
    for failure in ["token:hang", "userinfo:hang", "token:slow"] {
        let began = Instant::now();
        let (mut slow, mut quick) = (app.browser(), app.browser());
        let start = there.start_path();
        let (stuck, fine) = tokio::join!(there.sign_in(&mut slow, &start, "medecin", Some(failure)), async {
            let page = there.sign_in(&mut quick, &start, "infirmiere", None).await;
            (page, began.elapsed())
        },);
        assert_eq!(error_of(&stuck), Some("upstream_down"), "{failure}: {stuck:?}");
        assert!(began.elapsed() < Duration::from_secs(6), "{failure}: {:?}", began.elapsed());
        assert_eq!(fine.0.kind(), Some("account"));
        assert!(fine.1 < Duration::from_secs(3), "{failure}: the other took {:?}", fine.1);
    }
}

#[tokio::test]
async fn e83_e84_a_discovery_or_key_set_that_fails_is_a_page_and_is_read_again_afterwards() {
    for fault in [Fault::WrongIssuer, Fault::Status500, Fault::Html, Fault::Huge, Fault::Truncated, Fault::RedirectLoop]
    {
        let there = Simulated::start(Kind::ProSanteConnect).await;
        let app = there.app().await;
        there.control.fail(Failure::at(Stage::Discovery, fault), None);
        let page = app.browser().get(&there.start_path()).await;
        assert!(error_of(&page).is_some_and(|kind| kind.starts_with("upstream_")), "{fault:?}: {page:?}");
        there.control.recover();
        app.advance(120);
        there.clock.advance(Duration::from_secs(120));
        let page = there.sign_in(&mut app.browser(), &there.start_path(), "medecin", None).await;
        assert_eq!(page.kind(), Some("account"), "{fault:?}: {page:?}");
    }
}

#[tokio::test]
async fn e68_a_state_that_is_missing_replayed_or_of_another_browser_gives_no_session() {
    let there = Simulated::start(Kind::ProSanteConnect).await;
    let app = there.app().await;
    let mut browser = app.browser();
    let url = left(&browser.get(&there.start_path()).await.answer);
    let back = there.answer(&url, "medecin", None).await;
    // Another browser, with and without a cookie of ours.
    let mut other = app.browser();
    for _ in 0..2 {
        let page = other.get(&back).await;
        assert!(error_of(&page).is_some() && other.cookie("session").is_none(), "{page:?}");
        other.get("/sign-in").await;
    }
    // The right one, once.
    assert_eq!(browser.get(&back).await.kind(), Some("account"));
    let mut again = app.browser();
    again.cookies = browser.cookies.iter().filter(|(name, _)| !name.ends_with("session")).cloned().collect();
    let page = again.get(&back).await;
    assert!(error_of(&page).is_some() && again.cookie("session").is_none(), "{page:?}");
}

#[tokio::test]
async fn e69_an_answer_of_one_provider_is_none_of_another() {
    let (psc, google) = (Simulated::start(Kind::ProSanteConnect).await, Simulated::start(Kind::Google).await);
    let environment = [psc.environment(&[]), google.environment(&[])].concat();
    let pairs: Vec<(&str, &str)> = environment.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let app = TestApp::with(&pairs).await;
    let mut browser = app.browser();
    let url = left(&browser.get(&psc.start_path()).await.answer);
    let back = psc.answer(&url, "medecin", None).await;
    let crossed = back.replace("/pro_sante_connect/", "/google/");
    let page = browser.get(&crossed).await;
    assert!(error_of(&page).is_some() && browser.cookie("session").is_none(), "{page:?}");
    assert_eq!(google.control.calls().get("token"), None, "the code went to nobody");
    // It was not used up by that.
    assert_eq!(browser.get(&back).await.kind(), Some("account"));
}

#[tokio::test]
async fn e73_e74_an_account_is_the_number_at_github_and_neither_login_nor_address() {
    let there = Simulated::start(Kind::GitHub).await;
    let app = there.app().await;
    for (person, expected) in [("complete", 1), ("renamed", 1), ("login-taken-over", 2), ("complete", 2)] {
        let page = there.sign_in(&mut app.browser(), &there.start_path(), person, None).await;
        assert_eq!(page.kind(), Some("account"), "{person}: {page:?}");
        assert_eq!(people(&app).await, expected, "{person}");
    }
}

#[tokio::test]
async fn e75_an_address_that_is_known_here_is_no_silent_link() {
    for (kind, person) in [(Kind::Google, "workspace"), (Kind::GitHub, "complete"), (Kind::Facebook, "complete")] {
        let there = Simulated::start(kind).await;
        let app = there.app().await;
        let address = match kind {
            Kind::Google => "bruno@clinique.example",
            Kind::GitHub => "iris@exemple.example",
            _ => "fanny@exemple.example",
        };
        let new = guichet::account::people::NewPerson { email: address.to_owned(), ..Default::default() };
        guichet::account::people::create(&app.app.accounts, new).await.unwrap();
        let mut browser = app.browser();
        let page = there.sign_in(&mut browser, &there.start_path(), person, None).await;
        // Either the page asks for proof of that account, or somebody new came in.
        let expected = if page.kind() == Some("account") { 2 } else { 1 };
        assert_eq!(people(&app).await, expected, "{kind:?}: {page:?}");
    }
}

#[tokio::test]
async fn e80_a_google_of_another_domain_is_refused() {
    let there = Simulated::start(Kind::Google).await;
    let app = there.app_with(&[("HOSTED_DOMAIN", "clinique.example")]).await;
    for (person, allowed) in [("gmail", false), ("third-party", false), ("local-email", false), ("workspace", true)] {
        let page = there.sign_in(&mut app.browser(), &there.start_path(), person, None).await;
        assert_eq!(page.kind() == Some("account"), allowed, "{person}: {page:?}");
    }
}

#[tokio::test]
async fn the_old_issuer_of_google_is_its_own() {
    let papers = Papers::issue(CLIENT);
    let there = Simulated::with_tls(Kind::Google, &papers).await;
    let authority = papers.file("server.pem").to_string_lossy().into_owned();
    let app = there.app_with(&[("CA_FILE", authority.as_str())]).await;
    for failure in [None, Some("id_token:legacy_iss")] {
        let page = there.sign_in(&mut app.browser(), &there.start_path(), "gmail", failure).await;
        assert_eq!(page.kind(), Some("account"), "{failure:?}: {page:?}");
    }
    assert_eq!(people(&app).await, 1);
}

#[tokio::test]
async fn e81_a_changed_national_id_is_refused_and_a_higher_level_taken() {
    let there = Simulated::start(Kind::ProSanteConnect).await;
    let app = there.app().await;
    let first = there.sign_in(&mut app.browser(), &there.start_path(), "medecin", None).await;
    assert_eq!(first.kind(), Some("account"), "{first:?}");
    let mut browser = app.browser();
    let changed = there.sign_in(&mut browser, &there.start_path(), "medecin", Some("userinfo:other_national_id")).await;
    assert!(error_of(&changed).is_some() && browser.cookie("session").is_none(), "{changed:?}");
    for acr in ["eidas2", "eidas3"] {
        let mut browser = app.browser();
        let url = left(&browser.get(&there.start_path()).await.answer);
        let back = there.answer(&format!("{url}&simulate_acr={acr}"), "medecin", None).await;
        assert_eq!(browser.get(&back).await.kind(), Some("account"), "{acr}");
    }
}

#[tokio::test]
async fn signed_userinfo_and_the_secret_in_the_form_work_as_well() {
    let there = Simulated::with(Kind::ProSanteConnect, |client| client.userinfo_signed = true).await;
    for method in ["client_secret_post", "client_secret_basic"] {
        let app = there.app_with(&[("CLIENT_AUTH_METHOD", method)]).await;
        let page = there.sign_in(&mut app.browser(), &there.start_path(), "medecin", None).await;
        assert_eq!(page.kind(), Some("account"), "{method}: {page:?}");
    }
}

#[tokio::test]
async fn mutual_tls_on_every_call_and_not_with_another_name() {
    for (name, works) in [(CLIENT, true), ("another-client", false)] {
        let papers = Papers::issue(name);
        let there = Simulated::with_mutual_tls(Kind::ProSanteConnect, &papers).await;
        let path = |file: &str| papers.file(file).to_string_lossy().into_owned();
        let app = there
            .app_with(&[
                ("CLIENT_AUTH_METHOD", "tls_client_auth"),
                ("CLIENT_CERTIFICATE_FILE", &path("client.pem")),
                ("CLIENT_KEY_FILE", &path("client-key.pem")),
                ("CA_FILE", &path("server.pem")),
            ])
            .await;
        let page = there.sign_in(&mut app.browser(), &there.start_path(), "medecin", None).await;
        assert_eq!(page.kind() == Some("account"), works, "{name}: {page:?}");
    }
}

#[tokio::test]
async fn mutual_tls_is_demanded_at_every_back_channel_endpoint() {
    const REALM: &str = "/auth/realms/esante-wallet/protocol/openid-connect";
    let papers = Papers::issue(CLIENT);
    let there = Simulated::with_mutual_tls(Kind::ProSanteConnect, &papers).await;
    let secret = crate::support::simulated::SECRET;
    for (path, fields) in [
        ("/token", &[("grant_type", "authorization_code"), ("code", "x")][..]),
        ("/token", &[("grant_type", "refresh_token"), ("refresh_token", "x")][..]),
        ("/token/introspect", &[("token", "x")][..]),
        ("/revoke", &[("token", "x")][..]),
        ("/ext/ciba/auth", &[("scope", "openid scope_all"), ("acr_values", "eidas1")][..]),
    ] {
        for own in [&[("client_id", CLIENT)][..], &[("client_id", CLIENT), ("client_secret", secret)][..]] {
            let reply = there.post(&format!("{REALM}{path}"), &[fields, own].concat()).await;
            assert_eq!(reply.status.as_u16(), 401, "{path} {own:?}: {reply:?}");
        }
    }
    // The access token is bound to the certificate: userinfo is part of a sign-in that works with it, and of none without.
    let path = |file: &str| papers.file(file).to_string_lossy().into_owned();
    let app = there
        .app_with(&[
            ("CLIENT_AUTH_METHOD", "tls_client_auth"),
            ("CLIENT_CERTIFICATE_FILE", &path("client.pem")),
            ("CLIENT_KEY_FILE", &path("client-key.pem")),
            ("CA_FILE", &path("server.pem")),
        ])
        .await;
    let page = there.sign_in(&mut app.browser(), &there.start_path(), "medecin", None).await;
    assert_eq!(page.kind(), Some("account"), "{page:?}");
    assert_eq!(there.control.calls()["userinfo"], 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn e82_a_thousand_people_at_once_through_one_connector_are_never_crossed() {
    const PEOPLE: usize = 1_000;
    let there = Simulated::start(Kind::ProSanteConnect).await;
    let app = there.app().await;
    let url = there.start_path();
    let mut tasks = tokio::task::JoinSet::new();
    // All begin before any comes back. The calls are few at a time: one slow machine is both sides of all of them.
    let turns = Arc::new(Semaphore::new(24));
    for number in 0..PEOPLE {
        let (there, mut browser, url, turns) = (there.clone(), app.browser(), url.clone(), Arc::clone(&turns));
        tasks.spawn(async move {
            let _turn = turns.acquire().await.unwrap();
            let out = left(&browser.get(&url).await.answer);
            let back = there.answer(&out, &format!("numero-{number}"), None).await;
            (number, browser, back)
        });
    }
    let begun = tasks.join_all().await;
    let mut tasks = tokio::task::JoinSet::new();
    for (number, mut browser, back) in begun {
        let turns = Arc::clone(&turns);
        tasks.spawn(async move {
            let _turn = turns.acquire().await.unwrap();
            (number, browser.get(&back).await)
        });
    }
    let mut problems = Vec::new();
    for (number, page) in tasks.join_all().await {
        let name = format!("EXEMPLENUM{number:06}");
        if page.kind() != Some("account") || !page.answer.body.contains(&name) {
            problems.push(format!("{number}: {:?} {:?}", page.kind(), error_of(&page)));
        }
    }
    assert!(problems.is_empty(), "{} of {PEOPLE}:\n{}", problems.len(), problems[..problems.len().min(10)].join("\n"));
    assert_eq!(people(&app).await, 1_000);
    let calls = there.control.calls();
    assert!(calls["jwks"] <= 3, "keys are fetched once for all: {calls:?}");
}

#[tokio::test]
async fn e85_nothing_of_the_upstreams_tokens_is_on_a_page_or_in_an_answer() {
    let there = Simulated::start(Kind::ProSanteConnect).await;
    let app = there.app().await;
    let client = app.client().first_party().create().await;
    let request = AuthRequest::of(&client).set("idp_hint", there.name);
    let mut browser = app.browser();
    let end = there.sign_in(&mut browser, &request.url(), "medecin", None).await;
    let tokens = Tokens::of(app.redeem(&client, &param(&end.answer, "code").unwrap()).await);
    let known = app.get_with_token("/userinfo", &tokens.access).await.body;
    let account = browser.get("/account").await.answer.body;
    for text in [known, account, format!("{:?}", claims(&tokens.id))] {
        assert!(!text.contains(&there.control.issuer()) && !text.contains("session_state"), "{text}");
    }
    assert_eq!(claims(&tokens.id)["amr"], json!(["sc", "pin", "mfa"]));
}

#[tokio::test]
async fn e86_no_step_of_a_sign_in_can_be_left_out() {
    let there = Simulated::start(Kind::ProSanteConnect).await;
    let app = there.app().await;
    let mut browser = app.browser();
    let callback = format!("/federation/{}/callback", there.name);
    for query in ["", "?", "?code=x", "?state=x&code=y", "?error=access_denied", "?state=&code="] {
        let page = browser.get(&format!("{callback}{query}")).await;
        assert!(page.answer.status.is_client_error() && browser.cookie("session").is_none(), "{query}: {page:?}");
    }
    let answer = browser.post_once(&callback, &[]).await;
    assert!(answer.status.is_client_error(), "{answer:?}");
    assert_eq!(there.control.calls().get("token"), None);
}
