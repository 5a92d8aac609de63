//! How answers are written: JSON with its errors, authorization responses, pages.

pub mod authorization;
pub mod json;
pub mod page;
