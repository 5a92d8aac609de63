//! A server takes the mails (RFC 5321), protected by TLS as configured. `starttls` is required, never skipped (RFC 3207):
//! a server that does not offer it gets neither the password nor the mail.

use std::time::Duration;

use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Certificate, Tls, TlsParameters};
use lettre::{AsyncSmtpTransport, AsyncTransport as _, Tokio1Executor};

use super::MailError;
use crate::config::{self, SmtpSecurity};

/// Longest wait for each answer of the server.
const ANSWER: Duration = Duration::from_secs(20);
/// Longest time of a whole delivery; a claim on a mail holds longer.
const WHOLE: Duration = Duration::from_secs(60);

/// A server that takes mails.
#[derive(Debug, Clone)]
pub(super) struct Smtp {
    server: config::Smtp,
    /// Roots to trust beside the system's.
    roots: Vec<Certificate>,
}

impl Smtp {
    pub(super) const fn new(server: config::Smtp) -> Self {
        Self { server, roots: Vec::new() }
    }

    #[cfg(test)]
    pub(super) fn trusting(mut self, root: Certificate) -> Self {
        self.roots.push(root);
        self
    }

    /// Hands a mail over on a connection of its own.
    pub(super) async fn send(&self, message: lettre::Message) -> Result<(), MailError> {
        let this = self.clone();
        // The system's roots are read anew each time, from files: a renewed store needs no restart.
        let transport = tokio::task::spawn_blocking(move || this.transport()).await;
        let transport = transport.map_err(|error| MailError::Server(error.to_string()))??;
        let sent = tokio::time::timeout(WHOLE, transport.send(message)).await;
        sent.map_err(|_| MailError::Server("no answer in time".to_owned()))?.map_err(|error| told(&error))?;
        Ok(())
    }

    fn transport(&self) -> Result<AsyncSmtpTransport<Tokio1Executor>, MailError> {
        let tls = match self.server.security {
            SmtpSecurity::None => Tls::None,
            SmtpSecurity::StartTls => Tls::Required(self.tls()?),
            SmtpSecurity::Tls => Tls::Wrapper(self.tls()?),
        };
        let mut builder = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(&self.server.host)
            .port(self.server.port)
            .timeout(Some(ANSWER))
            .tls(tls);
        if let Some((name, password)) = &self.server.credentials {
            builder = builder.credentials(Credentials::new(name.clone(), password.expose().clone()));
        }
        Ok(builder.build())
    }

    fn tls(&self) -> Result<TlsParameters, MailError> {
        let mut builder = TlsParameters::builder(self.server.host.clone());
        for root in &self.roots {
            builder = builder.add_root_certificate(root.clone());
        }
        builder.build_rustls().map_err(|error| told(&error))
    }
}

/// What may be logged of a failure: the server's code, or what broke. Never the server's text, which repeats addresses.
fn told(error: &lettre::transport::smtp::Error) -> MailError {
    MailError::Server(match error.status() {
        Some(code) => format!("it answered {code}"),
        None if error.is_timeout() => "no answer in time".to_owned(),
        None if error.is_response() => "its answer cannot be read".to_owned(),
        None => error.to_string(),
    })
}
