//! Signatures of clients: assertions and request objects, verified with the keys that the client registered or publishes.

use crate::jose::{Algorithm, JoseError, Verified, client_keys};
use crate::model::client::Client;

use super::Provider;

/// Verifies what `client` signed: with one of `allowed`, and with a key of its own. Checks no claim.
///
/// May wait for the client's `jwks_uri`: call it while no transaction is open.
pub async fn verify(
    provider: &Provider,
    client: &Client,
    token: &str,
    allowed: &[Algorithm],
) -> Result<Verified, JoseError> {
    if let Some(jwks) = &client.metadata.jwks {
        return client_keys::verify(jwks, token, allowed);
    }
    let uri = client.metadata.jwks_uri.as_deref().ok_or(JoseError::UnknownKey)?;
    // Looked at before anything is fetched for it.
    client_keys::check_form(token, allowed)?;
    let (published, outbound) = (provider.published_keys(), provider.outbound());
    let keys = published.present(outbound, uri).await.ok_or(JoseError::UnknownKey)?;
    match client_keys::verify(&keys, token, allowed) {
        // Without `kid` a key that is too new to be known looks like a wrong signature.
        Err(refusal @ (JoseError::UnknownKey | JoseError::BadSignature)) => {
            let newer = published.newer(outbound, uri, &keys).await.ok_or(refusal)?;
            client_keys::verify(&newer, token, allowed)
        }
        decided => decided,
    }
}
