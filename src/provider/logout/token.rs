//! Logout tokens (OpenID Connect Back-Channel Logout 1.0 §2.4).

use std::time::Duration;

use serde_json::json;
use uuid::Uuid;

use crate::base::digest::base64url;
use crate::base::entropy;
use crate::jose::{Algorithm, JoseError, Typ};
use crate::model::client::Client;
use crate::model::user::User;
use crate::provider::{Provider, subject};

/// How long a logout token holds. It is made for one attempt, so it never waits.
const LIFETIME: Duration = Duration::from_secs(120);

/// The member of `events` that makes a token a logout token.
const EVENT: &str = "http://schemas.openid.net/event/backchannel-logout";

/// A logout token for `client`. It never has a `nonce`, so that it cannot pass for an ID token.
pub(super) fn logout_token(provider: &Provider, client: &Client, user: &User, sid: Uuid) -> Result<String, JoseError> {
    let now = provider.now();
    let algorithm = Algorithm::parse(&client.metadata.id_token_signed_response_alg).unwrap_or(Algorithm::Rs256);
    let claims = json!({
        "iss": provider.issuer(),
        "sub": subject::sub(provider, Some(client), user),
        "aud": client.client_id,
        "iat": now.seconds(),
        "exp": now.plus(LIFETIME).seconds(),
        "jti": base64url(&entropy::bytes::<16>(provider.entropy())),
        "sid": sid.to_string(),
        "events": {EVENT: {}},
    });
    provider.keys().current().sign(algorithm, Typ::LogoutToken, &claims)
}
