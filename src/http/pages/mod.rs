//! The pages that people see: journeys, sign-out, the account. `views` holds what they look like.

pub mod account;
pub mod ciba;
pub mod guard;
pub mod home;
pub mod interaction;
pub mod invitations;
pub mod links;
pub mod recovery;
pub mod scene;
pub mod show;
pub mod upstreams;
pub mod views;
