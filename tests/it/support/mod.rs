//! What several subjects need.

pub mod stores;
