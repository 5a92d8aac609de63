//! The protocol endpoints, a file each: extract, authenticate, call one use case of `provider`, respond.

pub mod authorize;
pub mod check_session;
pub mod discovery;
pub mod end_session;
pub mod introspect;
pub mod par;
pub mod register;
pub mod revoke;
pub mod token;
pub mod userinfo;
