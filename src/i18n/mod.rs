//! The languages that people read: which one to use, the texts, dates and durations.
//!
//! Owns `locales/{fr,en}.toml` and the rule that picks a language. Knows nothing of HTTP, pages or accounts; the pages
//! and the mails call it. A key that is missing from a language, or that nothing uses, fails a test.

mod catalogue;
mod locale;
mod moment;
mod negotiation;
#[cfg(test)]
mod tests;

#[cfg(test)]
pub(crate) use catalogue::keys;
pub use catalogue::{t, t_with};
pub use locale::Locale;
pub use moment::{date, duration, moment};
pub use negotiation::negotiate;
