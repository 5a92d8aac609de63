//! The vocabulary of OAuth 2 and OpenID Connect and its pure rules.
//!
//! Owns how requests are read and what makes one acceptable: error codes, scopes, PKCE, redirect URIs, prompts, the
//! ordered checks of an authorization request, client metadata. Does no I/O and reads no clock: time is an argument.
//! Called by every room above; calls `base` alone.

pub mod acr;
pub mod authorization;
pub mod claims;
pub mod claims_request;
pub mod client_auth;
pub mod client_metadata;
pub mod error;
pub mod params;
pub mod pkce;
pub mod prompt;
pub mod redirect_uri;
pub mod registration;
pub mod registration_request;
pub mod resource;
pub mod response;
pub mod scope;
pub mod session_state;

pub use claims_request::{ClaimsRequest, NamedClaims, Release};
pub use client_metadata::{AuthMethod, ClientMetadata, GrantType};
pub use error::{ErrorCode, OAuthError};
pub use params::Params;
pub use scope::Scope;
