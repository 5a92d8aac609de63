//! Why a round trip to an upstream gives nobody. Details are for the log and name no token, code or person.

use crate::account::AccountError;
use crate::jose::JoseError;
use crate::jose::claims::ClaimRefusal;
use crate::outbound::OutboundError;
use crate::store::StoreError;

/// Why a use case of this room gives no answer.
#[derive(Debug, thiserror::Error)]
pub enum FederationError {
    /// The upstream does not answer, or not as itself.
    #[error("the upstream is down: {0}")]
    Down(String),
    /// Nobody takes a connection there.
    #[error("the upstream is gone: {0}")]
    Gone(String),
    /// The upstream answered, and what it said is not believed.
    #[error("refused: {0}")]
    Refused(String),
    /// The upstream does not know our client, or not by this proof.
    #[error("refused: the upstream does not know our client (invalid_client)")]
    ClientUnknown,
    /// The person said no there.
    #[error("the person cancelled")]
    Cancelled,
    /// Nobody answered there in time.
    #[error("nobody answered in time")]
    TooLate,
    /// No round trip that this browser began: no, wrong, used or another browser's `state`.
    #[error("no round trip of this browser")]
    NoTrip,
    /// Storage failed.
    #[error("storage: {0}")]
    Store(#[from] StoreError),
    /// A rival was faster; the same again finds what it did.
    #[error("a rival was faster")]
    Rival,
}

impl FederationError {
    /// The refusal that a token endpoint's code means (RFC 6749 §5.2).
    pub(super) fn of_code(what: &str, code: &str) -> Self {
        match code {
            "invalid_client" => Self::ClientUnknown,
            code => Self::Refused(format!("{what}: {code}")),
        }
    }

    /// A refusal.
    pub(super) fn refused(why: impl Into<String>) -> Self {
        Self::Refused(why.into())
    }
}

impl From<OutboundError> for FederationError {
    fn from(error: OutboundError) -> Self {
        match error {
            OutboundError::Unreachable(_) => Self::Gone(error.to_string()),
            _ => Self::Down(error.to_string()),
        }
    }
}

impl From<JoseError> for FederationError {
    fn from(error: JoseError) -> Self {
        Self::Refused(error.to_string())
    }
}

impl From<ClaimRefusal> for FederationError {
    fn from(error: ClaimRefusal) -> Self {
        Self::Refused(error.to_string())
    }
}

impl From<AccountError> for FederationError {
    fn from(error: AccountError) -> Self {
        match error {
            AccountError::Store(error) => Self::Store(error),
            AccountError::Busy => Self::Down(error.to_string()),
        }
    }
}
