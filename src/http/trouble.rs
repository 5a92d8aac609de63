//! Trouble of our own on the way to a page: what is logged, and whether the person may try again.

use crate::account::AccountError;
use crate::federation::FederationError;
use crate::oauth::OAuthError;
use crate::provider::ProviderError;
use crate::store::StoreError;

/// Why a page cannot be shown as asked.
#[derive(Debug, thiserror::Error)]
pub enum Trouble {
    /// The request is refused.
    #[error("{0:?}")]
    Refused(OAuthError),
    /// Busy or out of reach for a moment: 503.
    #[error("unavailable: {0}")]
    Unavailable(String),
    /// Anything else: 500.
    #[error("internal: {0}")]
    Internal(String),
}

impl From<StoreError> for Trouble {
    fn from(error: StoreError) -> Self {
        if error.is_unavailable() { Self::Unavailable(error.to_string()) } else { Self::Internal(error.to_string()) }
    }
}

impl From<ProviderError> for Trouble {
    fn from(error: ProviderError) -> Self {
        match error {
            ProviderError::Refused(error) => Self::Refused(error),
            ProviderError::Store(error) => error.into(),
            ProviderError::Jose(error) => Self::Internal(error.to_string()),
        }
    }
}

impl From<FederationError> for Trouble {
    fn from(error: FederationError) -> Self {
        match error {
            FederationError::Store(error) => error.into(),
            FederationError::Rival => Self::Unavailable(error.to_string()),
            other => Self::Internal(other.to_string()),
        }
    }
}

impl From<AccountError> for Trouble {
    fn from(error: AccountError) -> Self {
        match error {
            AccountError::Store(error) => error.into(),
            AccountError::Busy => Self::Unavailable("the password pool is busy".to_owned()),
        }
    }
}
