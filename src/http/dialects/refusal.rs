//! Why a request of a dialect is not answered: one list, which each dialect puts in its own shape.

use std::time::Duration;

use axum::http::StatusCode;

use crate::federation::FederationError;
use crate::http::trouble::Trouble;
use crate::i18n::{self, Locale};
use crate::oauth::ErrorCode;
use crate::provider::ProviderError;

/// How long a caller may wait before it tries again what is out of reach.
const LATER: Duration = Duration::from_secs(5);

/// Why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Refusal {
    /// There is no such path, or no such upstream.
    NotFound,
    /// The path exists, not for this method.
    Method,
    /// A parameter of the query is missing.
    Missing(&'static str),
    /// The request cannot be read.
    Malformed,
    /// No sign-in that this browser began: an unknown, used, old or another browser's `state`.
    Expired,
    /// The person said no at the upstream.
    Cancelled,
    /// What the upstream said is not believed.
    Untrusted,
    /// The upstream does not answer.
    Down,
    /// An account has the address that the upstream verified.
    Conflict,
    /// Nobody here is linked with the upstream's person.
    NotLinked,
    /// The account, or the application, may not be used.
    Disabled,
    /// The person is no member of the tenant that the application named.
    ForeignTenant,
    /// We cannot answer at this moment.
    Busy,
    /// A fault of ours.
    Internal,
}

impl Refusal {
    /// Status, and the key of the message.
    const fn row(&self) -> (StatusCode, &'static str) {
        match self {
            Self::NotFound => (StatusCode::NOT_FOUND, "dialect.not_found"),
            Self::Method => (StatusCode::METHOD_NOT_ALLOWED, "dialect.method"),
            Self::Missing(_) => (StatusCode::UNPROCESSABLE_ENTITY, "dialect.missing"),
            Self::Malformed => (StatusCode::BAD_REQUEST, "dialect.malformed"),
            Self::Expired => (StatusCode::BAD_REQUEST, "dialect.expired"),
            Self::Cancelled => (StatusCode::UNAUTHORIZED, "dialect.cancelled"),
            Self::Untrusted => (StatusCode::UNAUTHORIZED, "dialect.untrusted"),
            Self::Down => (StatusCode::BAD_GATEWAY, "dialect.down"),
            Self::Conflict => (StatusCode::CONFLICT, "dialect.conflict"),
            Self::NotLinked => (StatusCode::FORBIDDEN, "dialect.not_linked"),
            Self::Disabled => (StatusCode::FORBIDDEN, "dialect.disabled"),
            Self::ForeignTenant => (StatusCode::FORBIDDEN, "dialect.foreign_tenant"),
            Self::Busy => (StatusCode::SERVICE_UNAVAILABLE, "dialect.busy"),
            Self::Internal => (StatusCode::INTERNAL_SERVER_ERROR, "dialect.internal"),
        }
    }

    /// The status.
    pub(super) const fn status(&self) -> StatusCode {
        self.row().0
    }

    /// The message for people.
    pub(super) fn message(&self, locale: Locale) -> String {
        let field = if let Self::Missing(field) = self { field } else { "" };
        i18n::t_with(locale, self.row().1, &[("field", field)])
    }

    /// When to try again, where that is of use.
    pub(super) const fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Down | Self::Busy => Some(LATER),
            _ => None,
        }
    }
}

impl From<FederationError> for Refusal {
    fn from(error: FederationError) -> Self {
        match error {
            FederationError::Down(why) | FederationError::Gone(why) => {
                tracing::warn!(why, "the upstream is down");
                Self::Down
            }
            FederationError::Refused(why) => {
                tracing::warn!(why, "sign-in at the upstream refused");
                Self::Untrusted
            }
            FederationError::ClientUnknown => {
                tracing::error!("the upstream does not know our client: look at its registration");
                Self::Untrusted
            }
            FederationError::Cancelled => Self::Cancelled,
            FederationError::NoTrip | FederationError::TooLate => Self::Expired,
            FederationError::Rival => Self::Busy,
            FederationError::Store(error) => Trouble::from(error).into(),
        }
    }
}

impl From<ProviderError> for Refusal {
    fn from(error: ProviderError) -> Self {
        match error {
            ProviderError::Refused(error) if error.code == ErrorCode::AccessDenied => Self::ForeignTenant,
            ProviderError::Refused(error) if error.code.status() < 500 => {
                tracing::info!(reason = error.description(), detail = error.log_detail(), "dialect request refused");
                Self::Disabled
            }
            other => Trouble::from(other).into(),
        }
    }
}

impl From<Trouble> for Refusal {
    fn from(trouble: Trouble) -> Self {
        match trouble {
            Trouble::Refused(_) => Self::Malformed,
            Trouble::Unavailable(cause) => {
                tracing::warn!(cause, "dialect request unavailable");
                Self::Busy
            }
            Trouble::Internal(cause) => {
                tracing::error!(cause, "dialect request failed");
                Self::Internal
            }
        }
    }
}
