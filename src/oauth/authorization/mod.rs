//! The authorization request: how it is read, and the ordered list of checks that it passes.

pub mod order;
pub mod request;
mod unread_object;

pub use order::{ClientRules, Refusal, check};
pub use request::AuthorizationRequest;
