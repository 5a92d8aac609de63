//! The frames of OpenID Connect Front-Channel Logout 1.0.

use url::Url;
use uuid::Uuid;

use crate::oauth::ClientMetadata;
use crate::provider::{Provider, ProviderError};

/// The URLs to load in frames when this session ended: one for each of its clients that registered one.
pub async fn frames(provider: &Provider, sid: Uuid) -> Result<Vec<String>, ProviderError> {
    let clients = provider.store().read().await?.clients_of_session(sid).await?;
    Ok(clients.iter().filter_map(|client| frame(&client.metadata, provider.issuer(), sid)).collect())
}

/// The registered URI, with `iss` and `sid` where the client requires them, and nothing else (§3).
fn frame(metadata: &ClientMetadata, issuer: &str, sid: Uuid) -> Option<String> {
    let mut url = Url::parse(metadata.frontchannel_logout_uri.as_deref()?).ok()?;
    if metadata.frontchannel_logout_session_required {
        url.query_pairs_mut().append_pair("iss", issuer).append_pair("sid", &sid.to_string());
    }
    Some(url.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn iss_and_sid_go_along_exactly_where_required_and_keep_the_query() {
        let mut metadata = ClientMetadata::new("App");
        let of = |metadata: &ClientMetadata| frame(metadata, "https://op.test", Uuid::nil());
        assert_eq!(of(&metadata), None);
        metadata.frontchannel_logout_uri = Some("https://app.example/out?a=b%20c".to_owned());
        assert_eq!(of(&metadata).as_deref(), Some("https://app.example/out?a=b%20c"));
        metadata.frontchannel_logout_session_required = true;
        let expected =
            "https://app.example/out?a=b%20c&iss=https%3A%2F%2Fop.test&sid=00000000-0000-0000-0000-000000000000";
        assert_eq!(of(&metadata).as_deref(), Some(expected));
    }
}
