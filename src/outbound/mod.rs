//! Calls that this process makes to servers that somebody else names: keys of clients, request objects, logout
//! notices, upstream providers.
//!
//! Owns `reqwest` and the only HTTP client. Every call has a time limit and a size limit, follows no redirect, uses no
//! proxy of the environment, and reaches neither a private nor a loopback address unless the operator allowed the host
//! (server-side request forgery, OWASP). The addresses that a name resolves to are checked where the connection is made,
//! so that a name that changes between check and use gains nothing. Knows nothing of what it fetches.

mod client;
mod guard;

pub use client::{Call, Identity, Outbound, OutboundError, Reply, Settings};
