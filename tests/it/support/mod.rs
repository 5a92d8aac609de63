//! What several subjects need.

pub mod app;
pub mod browser;
pub mod fixtures;
pub mod flow;
pub mod registration;
pub mod simulated;
pub mod stores;
pub mod upstream;
