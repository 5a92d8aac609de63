//! Simulated upstream providers: Pro Santé Connect, Google, Facebook, GitHub, each on a listener of its own.
//!
//! Owns their endpoints, pages, made-up people and the failures that they show on demand. Their pages say that they are a
//! simulation. They share no parser and no check with the product, so that a mistake there is not repeated here, and keep
//! what they know in memory, bounded.
//! Run by `guichet demo`, `guichet simulate` and the tests alone: nothing that serves people in production calls this room.
//! What each does is in `docs/simulation.md`.

mod asked;
mod certificate;
mod clients;
mod control;
mod desk;
mod facebook;
mod failure;
mod github;
mod google;
mod keys;
mod pages;
mod pro_sante_connect;
mod reply;
mod server;
mod shelf;
mod social;
mod trouble;

pub use clients::Client;
pub use failure::{Failure, Fault, Stage};
pub use server::{Control, Kind, Settings, Simulation, SimulationError};
