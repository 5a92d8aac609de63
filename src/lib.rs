//! Guichet: an identity and single sign-on broker for healthcare software.
//!
//! # Rooms
//!
//! | room | owns |
//! | --- | --- |
//! | [`base`] | clock, entropy, typed ids, secrets, opaque tokens, digests, sealing |
//! | [`oauth`] | vocabulary and pure rules of OAuth 2 and OpenID Connect; no I/O, no clock |
//! | [`model`] | users, tenants, clients, sessions, grants, journeys: states and transitions; no I/O, no clock |
//! | [`audit`] | what happened, to whom, by whom |
//! | [`jose`] | keyring, signing, verification, JWKS |
//! | [`store`] | durable data (SQLite, PostgreSQL) and short-lived state (SQL, Redis) |
//! | [`outbound`] | calls to other servers, bounded and guarded |
//! | [`mail`] | letters to people, the outbox, delivery by SMTP or into a folder |
//! | [`account`] | passwords, sign-in, recovery, the person's own sessions and consents |
//! | [`federation`] | sign-in at upstream providers: Pro Santé Connect, Google, Facebook, GitHub, any OpenID provider |
//! | [`provider`] | the use cases of the OpenID provider |
//! | [`jobs`] | cleanup, key rotation, mails, watching for changes of other processes |
//! | [`http`] | router, extractors, middleware, endpoints, hosted pages, dialects, server |
//! | [`simulation`] | simulated upstream providers, for demos and tests alone |
//! | [`app`] | the composition root |
//! | [`cli`] | the command line |
//! | [`config`], [`i18n`], [`telemetry`] | leaf rooms |
//!
//! # Direction
//!
//! `cli → app → http, jobs → federation → {provider, account} → mail → {model, jose, audit, store} → oauth, outbound → base`.
//! A room may use what stands to its right and its own neighbours where the table of `tests/it/architecture.rs`
//! says so; that test keeps this page true, as well as the one owner of each outside library.

pub mod account;
pub mod app;
pub mod audit;
pub mod base;
pub mod cli;
pub mod config;
pub mod federation;
pub mod http;
pub mod i18n;
pub mod jobs;
pub mod jose;
pub mod mail;
pub mod model;
pub mod oauth;
pub mod outbound;
pub mod provider;
pub mod simulation;
pub mod store;
pub mod telemetry;
