//! What operators see: log lines and numbers. A leaf room: it knows no other, and every room may use it.
//!
//! No token, code, password, e-mail address, name or health datum may reach a log or a label.

pub mod logs;
pub mod metrics;

pub use logs::{Format, flush, init};
pub use metrics::{Metrics, Route};
