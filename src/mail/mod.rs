//! Mails to people: what they tell of, the outbox that keeps them until they are delivered, and the ways out.
//!
//! Owns `lettre`. A use case writes a [`Letter`] into the [`Outbox`], in the transaction of what the letter tells of; a
//! job delivers it ([`Delivery`]), so that no request waits for a mail server and no answer's time tells whether a mail
//! was written. What letters look like is decided by the pages' templates, which the composition root hands in. Knows
//! nothing of accounts or requests. Called by `account`, `jobs` and `app`.

mod delivery;
mod letter;
mod outbox;
mod transport;

pub use delivery::{Delivery, RETRIES, Tally};
pub use letter::{Content, Letter, Letters, Mail};
pub use outbox::Outbox;
pub use transport::{MailError, Mailer, Message};
