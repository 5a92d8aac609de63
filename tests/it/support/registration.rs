//! Clients that register themselves.

use axum::body::Body;
use axum::http::Request;
use guichet::model::client::Client;
use guichet::oauth::Scope;
use guichet::provider::registration::create_initial_access;
use serde_json::Value;

use super::app::{Answer, TestApp};
use super::fixtures::TestClient;

impl TestApp {
    /// An application that lets everybody register, as often as they like.
    pub async fn open_to_all() -> Self {
        Self::with(&[("GUICHET_REGISTRATION__POLICY", "open"), ("GUICHET_RATE_LIMITS__REGISTER", "off")]).await
    }

    /// `POST /register` without a token.
    pub async fn register(&self, document: &Value) -> Answer {
        self.registration("POST", "/register", None, Some(document)).await
    }

    /// Any request about a registration.
    pub async fn registration(
        &self,
        method: &str,
        path: &str,
        token: Option<&str>,
        document: Option<&Value>,
    ) -> Answer {
        let mut request = Request::builder().method(method).uri(path);
        if let Some(token) = token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        let body = match document {
            Some(document) => {
                request = request.header("content-type", "application/json");
                Body::from(document.to_string())
            }
            None => Body::empty(),
        };
        self.send(request.body(body).expect("a request")).await
    }

    /// An initial access token, by which the clients may register this scope too.
    pub async fn initial_access(&self, uses: Option<u32>, scope: &str) -> String {
        let scope = Scope::parse(scope).expect("a scope");
        let life = Some(std::time::Duration::from_secs(3_600));
        let made = create_initial_access(&self.app.provider, uses, scope, life).await.expect("a token");
        made.1.expose().to_owned()
    }

    /// The client of an answer of the registration endpoint, with its secret.
    pub async fn registered(&self, answer: &Answer) -> TestClient {
        let id = answer.text("client_id");
        let mut conn = self.store().read().await.expect("storage answers");
        let client: Client =
            conn.client_by_client_id(&id).await.expect("storage answers").expect("the client is there");
        TestClient { client, secret: answer.json()["client_secret"].as_str().map(str::to_owned), key: None }
    }
}
