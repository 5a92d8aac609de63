//! The things that Guichet knows and how they change: people, tenants, roles, clients, sessions, journeys, grants.
//!
//! Owns states and transitions as plain data and pure functions. Does no I/O and reads no clock: time is an argument.
//! Used by the use cases (`provider`, `account`), by `store` (which fills these types) and by `http`.

pub mod client;
pub mod code;
pub mod consent;
pub mod grant;
pub mod identity;
pub mod invitation;
pub mod journey;
pub mod key;
pub mod logout;
pub mod mail;
pub mod registration;
pub mod role;
mod role_reference;
pub mod session;
pub mod tenant;
pub mod user;
