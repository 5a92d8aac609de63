//! The authorization code flow: its request, and from a browser to tokens in one call.

use serde_json::Value;

use super::app::{Answer, TestApp, form};
use super::browser::{Browser, Page};
use super::fixtures::{TestClient, TestUser};

/// The verifier of RFC 7636 appendix B, whose challenge every [`AuthRequest`] carries.
pub const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
/// Its S256 challenge.
pub const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

/// An authorization request that is in order until a test changes it.
#[derive(Debug, Clone)]
pub struct AuthRequest(pub Vec<(String, String)>);

impl AuthRequest {
    /// Code, PKCE, `openid`, `state`, `nonce`.
    pub fn of(client: &TestClient) -> Self {
        let pairs = [
            ("client_id", client.id()),
            ("redirect_uri", client.redirect_uri()),
            ("response_type", "code"),
            ("scope", "openid"),
            ("state", "the-state"),
            ("nonce", "the-nonce"),
            ("code_challenge", CHALLENGE),
            ("code_challenge_method", "S256"),
        ];
        Self(pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).into())
    }

    /// Sets a parameter, in place of the one of that name.
    #[must_use]
    pub fn set(self, name: &str, value: &str) -> Self {
        self.without(name).add(name, value)
    }

    /// Adds a parameter, whether or not there is one of that name.
    #[must_use]
    pub fn add(mut self, name: &str, value: &str) -> Self {
        self.0.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Leaves a parameter out.
    #[must_use]
    pub fn without(mut self, name: &str) -> Self {
        self.0.retain(|(known, _)| known != name);
        self
    }

    /// The parameters as pairs.
    pub fn pairs(&self) -> Vec<(&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect()
    }

    /// The request as a path with its query.
    pub fn url(&self) -> String {
        format!("/authorize?{}", form(&self.pairs()))
    }
}

/// What a redirect to the client says: parameters of its query (or fragment).
pub fn response_of(answer: &Answer) -> Vec<(String, String)> {
    let location = answer.location().unwrap_or_else(|| panic!("no redirect: {answer:?}"));
    let url = url::Url::parse(location).unwrap_or_else(|error| panic!("{location}: {error}"));
    let text = url.fragment().or(url.query()).unwrap_or_default();
    form_urlencoded::parse(text.as_bytes()).into_owned().collect()
}

/// One parameter of a redirect to the client.
pub fn param(answer: &Answer, name: &str) -> Option<String> {
    let mut found = response_of(answer).into_iter().filter(|(known, _)| known == name);
    let first = found.next().map(|(_, value)| value);
    assert!(found.next().is_none(), "{name} twice in {answer:?}");
    first
}

/// A refusal that goes to the client: 303 to its registered URI with `error`, `state` and `iss`, without a code.
#[track_caller]
pub fn assert_redirect_error(answer: &Answer, client: &TestClient, code: &str) {
    let location = answer.location().unwrap_or_else(|| panic!("no redirect: {answer:?}"));
    assert_eq!(answer.status, 303, "{answer:?}");
    assert!(location.starts_with(&format!("{}?", client.redirect_uri())), "{location}");
    assert_eq!(param(answer, "error").as_deref(), Some(code), "{location}");
    assert_eq!(param(answer, "iss").as_deref(), Some(super::app::ISSUER), "{location}");
    assert_eq!(param(answer, "code"), None, "{location}");
}

/// The tokens of one grant.
#[derive(Debug, Clone)]
pub struct Tokens {
    /// Access token.
    pub access: String,
    /// Refresh token; empty where there is none.
    pub refresh: String,
    /// ID token; empty where there is none.
    pub id: String,
    /// The whole answer.
    pub answer: Answer,
}

impl Tokens {
    /// Reads an answer of the token endpoint, which must be one of success.
    #[track_caller]
    pub fn of(answer: Answer) -> Self {
        assert_eq!(answer.status, 200, "{answer:?}");
        let json = answer.json();
        let text = |name: &str| json[name].as_str().unwrap_or_default().to_owned();
        Self { access: text("access_token"), refresh: text("refresh_token"), id: text("id_token"), answer }
    }
}

impl TestApp {
    /// Walks `browser` through the pages as `user` and gives the code.
    pub async fn code(&self, browser: &mut Browser, user: &TestUser, request: &AuthRequest) -> String {
        let page = browser.get(&request.url()).await;
        let end = browser.complete(page, user).await;
        param(&end.answer, "code").unwrap_or_else(|| panic!("no code: {end:?}"))
    }

    /// From a new browser to tokens.
    pub async fn tokens(&self, client: &TestClient, user: &TestUser) -> Tokens {
        self.tokens_for(&mut self.browser(), client, user, &AuthRequest::of(client)).await
    }

    /// From this browser and this request to tokens.
    pub async fn tokens_for(
        &self,
        browser: &mut Browser,
        client: &TestClient,
        user: &TestUser,
        request: &AuthRequest,
    ) -> Tokens {
        let code = self.code(browser, user, request).await;
        Tokens::of(self.redeem(client, &code).await)
    }

    /// The page that a request begins with, in a new browser.
    pub async fn authorize(&self, request: &AuthRequest) -> Page {
        self.browser().get(&request.url()).await
    }
}

/// Claims of a token of ours, without a look at its signature.
pub fn claims(token: &str) -> Value {
    part(token, 1)
}

/// Header of a token of ours.
pub fn header(token: &str) -> Value {
    part(token, 0)
}

fn part(token: &str, at: usize) -> Value {
    let part = token.split('.').nth(at).unwrap_or_else(|| panic!("no JWT: {token}"));
    let bytes = guichet::base::digest::from_base64url(part).expect("base64url");
    serde_json::from_slice(&bytes).expect("JSON")
}
