//! Sign-in journeys in short-lived storage: begun, loaded by the browser they belong to, advanced, taken once.

use std::time::Duration;

use super::{Provider, ProviderError};
use crate::base::digest::Digest;
use crate::base::token::TokenKind;
use crate::model::journey::{Journey, Purpose};
use crate::store::Kind;

/// How long a person may take over the pages.
pub(super) const LIFETIME: Duration = Duration::from_secs(3_600);

/// A journey as it was read, with what is needed to change it without losing another tab's change.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// Its state.
    pub journey: Journey,
    key: String,
    read: Vec<u8>,
}

/// Begins a journey for the browser and gives its handle.
pub async fn begin(provider: &Provider, purpose: Purpose, browser: &Digest) -> Result<String, ProviderError> {
    let now = provider.now();
    let handle = TokenKind::Journey.generate(provider.entropy());
    let value = serde_json::to_vec(&Journey::begin(purpose, browser, now)).unwrap_or_default();
    provider.store().ephemeral().put(Kind::Journey, &handle.digest().to_base64url(), &value, LIFETIME, now).await?;
    Ok(handle.expose().to_owned())
}

/// Loads the journey of a handle; `None` when it is unknown, over, or another browser's.
pub async fn load(
    provider: &Provider,
    handle: &str,
    browser: Option<&Digest>,
) -> Result<Option<Loaded>, ProviderError> {
    let (Some(digest), Some(browser)) = (TokenKind::Journey.digest_of(handle), browser) else { return Ok(None) };
    let key = digest.to_base64url();
    let Some(read) = provider.store().ephemeral().get(Kind::Journey, &key, provider.now()).await? else {
        return Ok(None);
    };
    let journey: Option<Journey> = serde_json::from_slice(&read).ok();
    Ok(journey.filter(|journey| journey.is_of(browser)).map(|journey| Loaded { journey, key, read }))
}

/// Records a step. `false` when another request of the same journey was faster: load it again.
pub async fn advance(
    provider: &Provider,
    loaded: &mut Loaded,
    step: impl FnOnce(&mut Journey),
) -> Result<bool, ProviderError> {
    let mut journey = loaded.journey.clone();
    step(&mut journey);
    let value = serde_json::to_vec(&journey).unwrap_or_default();
    let now = provider.now();
    let done = provider.store().ephemeral().replace_if(Kind::Journey, &loaded.key, &loaded.read, &value, now).await?;
    if done {
        loaded.journey = journey;
        loaded.read = value;
    }
    Ok(done)
}

/// Ends a journey: of any number of requests that want to answer it, one may.
pub async fn take(provider: &Provider, loaded: &Loaded) -> Result<bool, ProviderError> {
    Ok(provider.store().ephemeral().take(Kind::Journey, &loaded.key, provider.now()).await?.is_some())
}
