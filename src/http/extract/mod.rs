//! How requests are read: parameters, cookies, the browser, the caller's address.

pub mod bearer;
pub mod browser;
pub mod cookies;
pub mod params;
pub mod segment;

pub use browser::Browser;
pub use params::{FormParams, QueryParams};
pub use segment::{Segment, Segments};
