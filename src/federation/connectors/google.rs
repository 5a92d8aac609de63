//! Google: two spellings of the issuer, the Workspace domain, and when it is an authority for an address.

use serde_json::Value;

use super::flavour::{Flavour, Said, basic};
use crate::federation::error::FederationError;
use crate::federation::settings::Settings;
use crate::model::identity::{Claimed, UpstreamEmail};

/// The flavour.
#[derive(Debug)]
pub struct Google;

impl Flavour for Google {
    /// Older tokens leave `https://` out.
    fn is_issuer(&self, settings: &Settings, iss: &str) -> bool {
        iss == settings.issuer || settings.issuer.strip_prefix("https://") == Some(iss)
    }

    /// Google knows no `login`.
    fn fresh(&self) -> &'static [(&'static str, &'static str)] {
        &[("prompt", "select_account")]
    }

    fn claimed(&self, settings: &Settings, said: &Said<'_>) -> Result<Claimed, FederationError> {
        let claimed = basic(settings, said)?;
        let domain = said.token.get("hd").and_then(Value::as_str);
        // The parameter `hd` is a hint to the person's page; only the claim says where the account belongs.
        if let Some(wanted) = &settings.hosted_domain
            && domain != Some(wanted.as_str())
        {
            return Err(FederationError::refused("hd is not the configured domain"));
        }
        let is_verified = said.token.get("email_verified") == Some(&Value::Bool(true));
        let email = claimed.email.clone().map(|email| {
            let is_gmail = email.address.to_lowercase().ends_with("@gmail.com");
            // Any other address may have changed hands since Google saw it.
            UpstreamEmail { verified: is_verified && (is_gmail || domain.is_some()), ..email }
        });
        Ok(Claimed { email, ..claimed })
    }
}
