//! The authorization request: how it is read, and the ordered list of checks that it passes.

pub mod display;
pub mod object;
pub mod order;
pub mod request;
mod unread_object;

pub use display::Display;
pub use order::{Arrival, ClientRules, Refusal, check, refuse_object};
pub use request::AuthorizationRequest;
pub use unread_object::is_unsigned;
