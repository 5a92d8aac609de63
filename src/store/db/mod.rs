//! The queries, as methods of [`Conn`](super::Conn), a file for each kind of thing.
//!
//! Rows become the types of `model` here and nowhere else; a row that cannot is `StoreError::Inconsistent`.
//! A change that caches of other processes must learn of bumps its epoch in the same transaction.

pub(super) mod audit;
mod cleanup;
mod clients;
mod consents;
pub(super) mod epochs;
mod grants;
pub(super) mod identities;
mod invitations;
mod keys;
mod logouts;
mod mail;
mod memberships;
mod password_resets;
mod registration;
mod revoked_tokens;
mod sessions;
mod tenants;
pub(super) mod upstream_clients;
mod users;
