//! Signatures of clients: assertions and request objects, verified with the keys that the client registered.

use crate::jose::{Algorithm, JoseError, Verified, client_keys};
use crate::model::client::Client;

use super::Provider;

/// Verifies what `client` signed: with one of `allowed`, and with a key of its own. Checks no claim.
#[expect(clippy::unused_async, reason = "keys that a client publishes are fetched")]
pub async fn verify(
    _provider: &Provider,
    client: &Client,
    token: &str,
    allowed: &[Algorithm],
) -> Result<Verified, JoseError> {
    let jwks = client.metadata.jwks.as_ref().ok_or(JoseError::UnknownKey)?;
    client_keys::verify(jwks, token, allowed)
}
