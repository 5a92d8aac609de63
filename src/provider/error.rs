//! What a use case can fail with: a refusal for the client, or trouble of our own.

use crate::jose::JoseError;
use crate::oauth::{ErrorCode, OAuthError};
use crate::store::StoreError;

/// Why a use case gives no answer.
#[derive(Debug, thiserror::Error)]
pub enum ProviderError {
    /// The request is refused; the client learns the code.
    #[error("refused: {0:?}")]
    Refused(OAuthError),
    /// Storage failed; the client may try again.
    #[error("storage: {0}")]
    Store(#[from] StoreError),
    /// A key failed to sign.
    #[error("signing: {0}")]
    Jose(#[from] JoseError),
}

impl ProviderError {
    /// What the client is told: trouble of ours is `temporarily_unavailable` or `server_error`, never a cause.
    pub fn into_oauth(self) -> OAuthError {
        match self {
            Self::Refused(error) => error,
            Self::Store(error) if error.is_unavailable() => {
                OAuthError::new(ErrorCode::TemporarilyUnavailable).detail(error.to_string())
            }
            Self::Store(error) => OAuthError::new(ErrorCode::ServerError).detail(error.to_string()),
            Self::Jose(error) => OAuthError::new(ErrorCode::ServerError).detail(error.to_string()),
        }
    }
}

impl From<OAuthError> for ProviderError {
    fn from(error: OAuthError) -> Self {
        Self::Refused(error)
    }
}

impl From<ErrorCode> for ProviderError {
    fn from(code: ErrorCode) -> Self {
        Self::Refused(code.into())
    }
}
