//! What OpenID Connect promises a relying application, through the whole application.

mod claims;
