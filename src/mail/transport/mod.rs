//! The ways out: a folder, or a server.

mod folder;
mod smtp;
#[cfg(test)]
mod tests;

use std::time::{Duration, SystemTime};

use lettre::message::header::{HeaderName, HeaderValue};
use lettre::message::{Mailbox, MultiPart};
use uuid::Uuid;

use super::Mail;
use crate::base::Timestamp;
use crate::config;

use folder::Folder;
use smtp::Smtp;

/// Why a mail was not taken. Holds neither the address nor the text.
#[derive(Debug, thiserror::Error)]
pub enum MailError {
    /// An address or header cannot be written in a mail.
    #[error("the mail cannot be written: {0}")]
    Message(&'static str),
    /// The folder does not take it.
    #[error("the folder does not take it: {0}")]
    Folder(#[from] std::io::Error),
    /// The server cannot be reached, or refused: its code, where it gave one.
    #[error("the server does not take it: {0}")]
    Server(String),
}

/// A mail with all that its headers say.
#[derive(Debug)]
pub struct Message {
    /// Its id, for the `Message-ID`.
    pub id: Uuid,
    /// Its date.
    pub at: Timestamp,
    /// The person's address.
    pub to: String,
    /// Subject and text.
    pub mail: Mail,
}

/// Hands mails over.
#[derive(Debug, Clone)]
pub struct Mailer {
    from: String,
    way: Way,
}

#[derive(Debug, Clone)]
enum Way {
    Folder(Folder),
    Smtp(Box<Smtp>),
}

impl Mailer {
    /// The configured way out; `None` where mails do not leave.
    pub fn new(config: &config::Mail) -> Option<Self> {
        match config {
            config::Mail::Off => None,
            config::Mail::Folder { folder, from } => {
                Some(Self { from: from.clone(), way: Way::Folder(Folder::new(folder.clone())) })
            }
            config::Mail::Smtp { server, from } => {
                Some(Self { from: from.clone(), way: Way::Smtp(Box::new(Smtp::new(server.clone()))) })
            }
        }
    }

    /// Hands a mail over; when it returns, the folder or the server has it.
    pub async fn send(&self, message: &Message) -> Result<(), MailError> {
        let written = self.written(message)?;
        match &self.way {
            Way::Folder(folder) => folder.put(message, written.formatted()).await,
            Way::Smtp(smtp) => smtp.send(written).await,
        }
    }

    /// The mail by RFC 5322, with both texts. `Auto-Submitted` (RFC 3834) keeps answering machines quiet.
    fn written(&self, message: &Message) -> Result<lettre::Message, MailError> {
        let address = |text: &str, what| {
            text.parse().map(|address| Mailbox::new(None, address)).map_err(|_| MailError::Message(what))
        };
        let domain = self.from.rsplit_once('@').map_or("localhost", |(_, domain)| domain);
        let since = Duration::from_micros(u64::try_from(message.at.micros()).unwrap_or(0));
        lettre::Message::builder()
            .from(address(&self.from, "the sender's address")?)
            .to(address(&message.to, "the person's address")?)
            .subject(&message.mail.subject)
            .date(SystemTime::UNIX_EPOCH + since)
            .message_id(Some(format!("<{}@{domain}>", message.id)))
            .raw_header(HeaderValue::new(HeaderName::new_from_ascii_str("Auto-Submitted"), "auto-generated".to_owned()))
            .multipart(MultiPart::alternative_plain_html(message.mail.text.clone(), message.mail.html.clone()))
            .map_err(|_| MailError::Message("its headers"))
    }
}
