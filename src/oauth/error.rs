//! Error codes of the RFCs, in one table, and the error value that carries one to the client and a detail to the log.

use std::borrow::Cow;
use std::fmt;

/// Every `error` value that this provider sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ErrorCode {
    /// RFC 6749 §4.1.2.1, §5.2.
    InvalidRequest,
    /// RFC 6749 §5.2: client authentication failed. 401.
    InvalidClient,
    /// RFC 6749 §5.2: code, refresh token or other grant is unknown, spent, expired or another client's.
    InvalidGrant,
    /// RFC 6749 §4.1.2.1, §5.2: this client may not use this grant or response type.
    UnauthorizedClient,
    /// RFC 6749 §5.2.
    UnsupportedGrantType,
    /// RFC 6749 §4.1.2.1, §5.2.
    InvalidScope,
    /// RFC 6749 §4.1.2.1: the person or the provider refused.
    AccessDenied,
    /// RFC 6749 §4.1.2.1.
    UnsupportedResponseType,
    /// RFC 6749 §4.1.2.1. 500.
    ServerError,
    /// RFC 6749 §4.1.2.1. 503.
    TemporarilyUnavailable,
    /// OpenID Connect Core §3.1.2.6.
    LoginRequired,
    /// OpenID Connect Core §3.1.2.6.
    ConsentRequired,
    /// OpenID Connect Core §3.1.2.6.
    AccountSelectionRequired,
    /// OpenID Connect Core §3.1.2.6.
    InteractionRequired,
    /// OpenID Connect Core §3.1.2.6.
    RequestNotSupported,
    /// OpenID Connect Core §3.1.2.6.
    RequestUriNotSupported,
    /// OpenID Connect Core §3.1.2.6.
    RegistrationNotSupported,
    /// OpenID Connect Core §3.1.2.6, RFC 9101 §7: the reference is unknown, expired or gives nothing usable.
    InvalidRequestUri,
    /// OpenID Connect Core §3.1.2.6, RFC 9101 §7: the object is malformed, badly signed or contradictory.
    InvalidRequestObject,
    /// OpenID Connect Unmet Authentication Requirements §2.
    UnmetAuthenticationRequirements,
    /// RFC 8707 §2.
    InvalidTarget,
    /// RFC 6750 §3.1. 401.
    InvalidToken,
    /// RFC 6750 §3.1. 403.
    InsufficientScope,
    /// RFC 7009 §2.2.1.
    UnsupportedTokenType,
    /// RFC 7591 §3.2.2.
    InvalidRedirectUri,
    /// RFC 7591 §3.2.2.
    InvalidClientMetadata,
}

impl ErrorCode {
    /// All codes, in the order of the enum.
    pub const ALL: [Self; 26] = [
        Self::InvalidRequest,
        Self::InvalidClient,
        Self::InvalidGrant,
        Self::UnauthorizedClient,
        Self::UnsupportedGrantType,
        Self::InvalidScope,
        Self::AccessDenied,
        Self::UnsupportedResponseType,
        Self::ServerError,
        Self::TemporarilyUnavailable,
        Self::LoginRequired,
        Self::ConsentRequired,
        Self::AccountSelectionRequired,
        Self::InteractionRequired,
        Self::RequestNotSupported,
        Self::RequestUriNotSupported,
        Self::RegistrationNotSupported,
        Self::InvalidRequestUri,
        Self::InvalidRequestObject,
        Self::UnmetAuthenticationRequirements,
        Self::InvalidTarget,
        Self::InvalidToken,
        Self::InsufficientScope,
        Self::UnsupportedTokenType,
        Self::InvalidRedirectUri,
        Self::InvalidClientMetadata,
    ];

    /// Wire name, HTTP status where the answer is not a redirect, and the description sent when nothing more precise is known.
    const fn row(self) -> (&'static str, u16, &'static str) {
        match self {
            Self::InvalidRequest => ("invalid_request", 400, "The request is malformed"),
            Self::InvalidClient => ("invalid_client", 401, "Client authentication failed"),
            Self::InvalidGrant => {
                ("invalid_grant", 400, "The grant is unknown, spent, expired or was issued to another client")
            }
            Self::UnauthorizedClient => ("unauthorized_client", 400, "The client is not allowed to do this"),
            Self::UnsupportedGrantType => ("unsupported_grant_type", 400, "This grant_type is not supported"),
            Self::InvalidScope => ("invalid_scope", 400, "The scope is unknown or not allowed to this client"),
            Self::AccessDenied => ("access_denied", 403, "Access was refused"),
            Self::UnsupportedResponseType => ("unsupported_response_type", 400, "This response_type is not supported"),
            Self::ServerError => ("server_error", 500, "The server met an error; try again"),
            Self::TemporarilyUnavailable => ("temporarily_unavailable", 503, "The server is busy; try again shortly"),
            Self::LoginRequired => ("login_required", 400, "The person has to sign in"),
            Self::ConsentRequired => ("consent_required", 400, "The person has to consent"),
            Self::AccountSelectionRequired => ("account_selection_required", 400, "The person has to choose a tenant"),
            Self::InteractionRequired => ("interaction_required", 400, "The person has to act"),
            Self::RequestNotSupported => {
                ("request_not_supported", 400, "Request objects without a signature are not supported")
            }
            Self::RequestUriNotSupported => {
                ("request_uri_not_supported", 400, "Request objects without a signature are not supported")
            }
            Self::RegistrationNotSupported => {
                ("registration_not_supported", 400, "The registration parameter is not supported")
            }
            Self::InvalidRequestUri => ("invalid_request_uri", 400, "The request_uri is unknown, expired or unusable"),
            Self::InvalidRequestObject => {
                ("invalid_request_object", 400, "The request object is malformed, badly signed or contradictory")
            }
            Self::UnmetAuthenticationRequirements => {
                ("unmet_authentication_requirements", 400, "The requested authentication context cannot be reached")
            }
            Self::InvalidTarget => ("invalid_target", 400, "The resource is malformed or not allowed to this client"),
            Self::InvalidToken => ("invalid_token", 401, "The access token is missing, expired, revoked or malformed"),
            Self::InsufficientScope => ("insufficient_scope", 403, "The access token does not carry the needed scope"),
            Self::UnsupportedTokenType => ("unsupported_token_type", 400, "This kind of token cannot be revoked"),
            Self::InvalidRedirectUri => ("invalid_redirect_uri", 400, "A redirect URI cannot be registered"),
            Self::InvalidClientMetadata => ("invalid_client_metadata", 400, "The client metadata is not acceptable"),
        }
    }

    /// The `error` value on the wire.
    pub const fn as_str(self) -> &'static str {
        self.row().0
    }

    /// HTTP status of a JSON answer with this code.
    pub const fn status(self) -> u16 {
        self.row().1
    }

    /// Description used when the refusal gives none of its own.
    pub const fn default_description(self) -> &'static str {
        self.row().2
    }
}

/// A refusal: code and description for the client, detail for the log.
///
/// `description` is chosen by us: printable ASCII without `"` and `\` (RFC 6749 §5.2), never input, never another's id.
#[derive(Clone)]
pub struct OAuthError {
    /// What is sent as `error`.
    pub code: ErrorCode,
    description: Option<&'static str>,
    detail: Option<Cow<'static, str>>,
}

impl OAuthError {
    /// A refusal with the code's default description.
    pub const fn new(code: ErrorCode) -> Self {
        Self { code, description: None, detail: None }
    }

    /// A refusal that tells the client's developer what to mend.
    pub const fn because(code: ErrorCode, description: &'static str) -> Self {
        Self { code, description: Some(description), detail: None }
    }

    /// Adds what the log should say and the client must not see.
    #[must_use]
    pub fn detail(mut self, detail: impl Into<Cow<'static, str>>) -> Self {
        self.detail = Some(detail.into());
        self
    }

    /// The text for `error_description`.
    pub fn description(&self) -> &'static str {
        self.description.unwrap_or_else(|| self.code.default_description())
    }

    /// The text for the log alone.
    pub fn log_detail(&self) -> &str {
        self.detail.as_deref().unwrap_or("")
    }
}

impl fmt::Debug for OAuthError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} ({})", self.code.as_str(), self.description(), self.log_detail())
    }
}

impl From<ErrorCode> for OAuthError {
    fn from(code: ErrorCode) -> Self {
        Self::new(code)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wire_names_are_distinct_and_descriptions_printable() {
        let names: std::collections::BTreeSet<_> = ErrorCode::ALL.iter().map(|c| c.as_str()).collect();
        assert_eq!(names.len(), ErrorCode::ALL.len());
        for code in ErrorCode::ALL {
            assert!(code.default_description().bytes().all(|b| (0x20..0x7f).contains(&b) && b != b'"' && b != b'\\'));
            assert!((400..=503).contains(&code.status()));
        }
    }

    #[test]
    fn only_client_and_token_failures_are_401() {
        let unauthorized: Vec<_> = ErrorCode::ALL.iter().filter(|c| c.status() == 401).map(|c| c.as_str()).collect();
        assert_eq!(unauthorized, ["invalid_client", "invalid_token"]);
    }
}
