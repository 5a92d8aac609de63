//! People, tenants and clients of tests.

use std::sync::OnceLock;

use guichet::account::passwords::{HashParams, phc};
use guichet::account::people::{self, NewPerson};
use guichet::account::tenants;
use guichet::base::entropy::SystemEntropy;
use guichet::base::{Secret, Timestamp};
use guichet::model::client::{AccessTokenFormat, Client, ClientPolicy, PkcePolicy};
use guichet::model::role::Role;
use guichet::model::tenant::{Tenant, TenantKind};
use guichet::model::user::User;
use guichet::oauth::Scope;
use guichet::oauth::client_metadata::{AuthMethod, ClientMetadata, GrantType};
use guichet::oauth::response::ResponseType;
use guichet::provider::registration;
use josekit::jwk::Jwk;
use serde_json::{Value, json};

use super::app::{ISSUER, TestApp, basic};

/// Everybody's password.
pub const PASSWORD: &str = "seven green lamps by the harbour";

/// A person.
#[derive(Debug, Clone)]
pub struct TestUser {
    /// The account.
    pub user: User,
    /// Address.
    pub email: String,
    /// Password.
    pub password: String,
}

/// A client with what it proves itself by.
#[derive(Debug, Clone)]
pub struct TestClient {
    /// As registered.
    pub client: Client,
    /// Its secret, where it has one.
    pub secret: Option<String>,
    /// Its private key, for `private_key_jwt`.
    pub key: Option<Jwk>,
}

impl TestClient {
    /// Its `client_id`.
    pub fn id(&self) -> &str {
        &self.client.client_id
    }

    /// Its first redirect URI; empty where it has none.
    pub fn redirect_uri(&self) -> &str {
        self.client.metadata.redirect_uris.first().map(String::as_str).unwrap_or_default()
    }

    /// Header lines and form fields by which it proves itself at an endpoint.
    pub fn credentials(&self, _path: &str, now: Timestamp) -> (Fields, Fields) {
        let secret = || self.secret.clone().expect("a secret");
        let id = || ("client_id", self.id().to_owned());
        match self.client.metadata.token_endpoint_auth_method {
            AuthMethod::None => (Vec::new(), vec![id()]),
            AuthMethod::ClientSecretBasic => (vec![("authorization", basic(self.id(), &secret()))], Vec::new()),
            AuthMethod::ClientSecretPost => (Vec::new(), vec![id(), ("client_secret", secret())]),
            AuthMethod::PrivateKeyJwt | AuthMethod::ClientSecretJwt => {
                let assertion = self.assertion(&self.assertion_claims(now));
                (
                    Vec::new(),
                    vec![("client_assertion_type", ASSERTION_TYPE.to_owned()), ("client_assertion", assertion)],
                )
            }
        }
    }

    /// Claims of a client assertion that is in order, with a `jti` of its own.
    pub fn assertion_claims(&self, now: Timestamp) -> Value {
        let now = now.seconds();
        let jti = guichet::base::digest::base64url(&guichet::base::entropy::bytes::<16>(&SystemEntropy));
        json!({"iss": self.id(), "sub": self.id(), "aud": ISSUER, "iat": now, "exp": now + 60, "jti": jti})
    }

    /// These claims as a client assertion, signed with the client's own key or under its secret.
    pub fn assertion(&self, claims: &Value) -> String {
        if self.client.metadata.token_endpoint_auth_method == AuthMethod::ClientSecretJwt {
            return mac_assertion(self.secret.as_deref().expect("a secret"), claims);
        }
        let key = self.key.as_ref().expect("a key");
        let signer = josekit::jws::ES256.signer_from_jwk(key).expect("a signer");
        let mut header = josekit::jws::JwsHeader::new();
        header.set_key_id(key.key_id().unwrap_or_default());
        josekit::jws::serialize_compact(claims.to_string().as_bytes(), &header, &signer).expect("a JWS")
    }
}

/// These claims as a client assertion under a secret.
pub fn mac_assertion(secret: &str, claims: &Value) -> String {
    let signer = josekit::jws::HS256.signer_from_bytes(secret).expect("a signer");
    josekit::jws::serialize_compact(claims.to_string().as_bytes(), &josekit::jws::JwsHeader::new(), &signer)
        .expect("a JWS")
}

/// Names and values, of header lines or of a form.
pub type Fields = Vec<(&'static str, String)>;

/// `client_assertion_type` of RFC 7523.
pub const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// A client in the making.
pub struct ClientBuilder<'a> {
    app: &'a TestApp,
    /// What it registers.
    pub metadata: ClientMetadata,
    /// What Guichet decides about it.
    pub policy: ClientPolicy,
    key: Option<Jwk>,
}

impl ClientBuilder<'_> {
    /// Without authentication.
    #[must_use]
    pub fn public(self) -> Self {
        self.auth(AuthMethod::None)
    }

    /// With this authentication.
    #[must_use]
    pub fn auth(mut self, method: AuthMethod) -> Self {
        self.metadata.token_endpoint_auth_method = method;
        if method == AuthMethod::PrivateKeyJwt {
            let mut key = Jwk::generate_ec_key(josekit::jwk::alg::ec::EcCurve::P256).expect("a key");
            key.set_key_id("client-key");
            let mut public = key.to_public_key().expect("a public key"); // drops the id
            public.set_key_id("client-key");
            public.set_algorithm("ES256");
            public.set_key_use("sig");
            self.metadata.jwks = Some(json!({"keys": [public]}));
            self.key = Some(key);
        }
        self
    }

    /// No consent page.
    #[must_use]
    pub fn first_party(mut self) -> Self {
        self.policy.first_party = true;
        self
    }

    /// May introspect every token.
    #[must_use]
    pub fn resource_server(mut self) -> Self {
        self.policy.resource_server = true;
        self
    }

    /// Any change of what the operator decides.
    #[must_use]
    pub fn policy(mut self, change: impl FnOnce(&mut ClientPolicy)) -> Self {
        change(&mut self.policy);
        self
    }

    /// Opaque access tokens.
    #[must_use]
    pub fn opaque(mut self) -> Self {
        self.policy.access_token = AccessTokenFormat::Opaque;
        self
    }

    /// Signed access tokens of this algorithm.
    #[must_use]
    pub fn access_token_alg(mut self, alg: &str) -> Self {
        self.policy.access_token_alg = Some(alg.to_owned());
        self
    }

    /// PKCE may be left out.
    #[must_use]
    pub fn optional_pkce(mut self) -> Self {
        self.policy.pkce = PkcePolicy::Optional;
        self
    }

    /// These redirect URIs.
    #[must_use]
    pub fn redirect_uris(mut self, uris: &[&str]) -> Self {
        self.metadata.redirect_uris = uris.iter().map(|uri| (*uri).to_owned()).collect();
        self
    }

    /// These grants.
    #[must_use]
    pub fn grants(mut self, grants: &[GrantType]) -> Self {
        self.metadata.grant_types = grants.to_vec();
        self
    }

    /// This widest scope.
    #[must_use]
    pub fn scope(mut self, scope: &str) -> Self {
        self.metadata.scope = Scope::parse(scope).expect("a scope");
        self
    }

    /// Any change of the registration.
    #[must_use]
    pub fn change(mut self, change: impl FnOnce(&mut ClientMetadata)) -> Self {
        change(&mut self.metadata);
        self
    }

    /// Registers it.
    pub async fn create(self) -> TestClient {
        let registered = registration::register(&self.app.app.provider, self.metadata, self.policy).await;
        let registered = registered.unwrap_or_else(|error| panic!("{error}"));
        TestClient {
            client: registered.client,
            secret: registered.secret.map(|secret| secret.expose().to_owned()),
            key: self.key,
        }
    }
}

impl TestApp {
    /// A client to be: confidential (Basic), code and refresh, every standard scope, third party.
    pub fn client(&self) -> ClientBuilder<'_> {
        let metadata = ClientMetadata {
            redirect_uris: vec!["https://app.example/cb".to_owned()],
            post_logout_redirect_uris: vec!["https://app.example/bye".to_owned()],
            grant_types: vec![GrantType::AuthorizationCode, GrantType::RefreshToken],
            response_types: vec![ResponseType::Code],
            id_token_signed_response_alg: "ES256".to_owned(),
            ..ClientMetadata::new("Agenda")
        };
        ClientBuilder { app: self, metadata, policy: ClientPolicy::default(), key: None }
    }

    /// A resource server, to introspect with.
    pub async fn resource_server(&self) -> TestClient {
        let own = self.client().resource_server().grants(&[GrantType::ClientCredentials]);
        own.change(|metadata| {
            metadata.redirect_uris.clear();
            metadata.post_logout_redirect_uris.clear();
            metadata.response_types.clear();
        })
        .create()
        .await
    }

    /// A person `name@example.test` with [`PASSWORD`] and no tenant.
    pub async fn user(&self, name: &str) -> TestUser {
        let email = format!("{name}@example.test");
        let person = NewPerson {
            email: email.clone(),
            first_name: name.to_owned(),
            last_name: "Example".to_owned(),
            ..NewPerson::default()
        };
        let user = people::create(&self.app.accounts, person).await.expect("a person");
        let (id, now) = (user.id, self.now());
        self.store()
            .write("set_password", move |tx| Box::pin(async move { tx.set_password(id, password_hash(), now).await }))
            .await
            .expect("a password");
        TestUser { user, email, password: PASSWORD.to_owned() }
    }

    /// A tenant.
    pub async fn tenant(&self, name: &str) -> Tenant {
        tenants::create(&self.app.accounts, name, TenantKind::Clinic, Some("75".to_owned())).await.expect("a tenant")
    }

    /// Gives a person a role in a tenant.
    pub async fn join(&self, user: &TestUser, tenant: &Tenant, role: Role) {
        people::grant_role(&self.app.accounts, &user.user, tenant, role).await.expect("a role");
    }
}

/// [`PASSWORD`], hashed once in the process with the parameters of production.
fn password_hash() -> &'static str {
    static HASH: OnceLock<String> = OnceLock::new();
    HASH.get_or_init(|| {
        let params = HashParams { memory_kib: 19_456, iterations: 2 };
        let mut memory = vec![argon2::Block::default(); params.blocks()];
        phc::hash(params, &Secret::new(PASSWORD.to_owned()), &[9; 16], &mut memory).expect("a hash")
    })
}
