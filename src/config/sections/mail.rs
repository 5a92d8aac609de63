//! `[mail]`: how mails leave, if they do.

use std::path::PathBuf;

use serde::Deserialize;

use crate::base::Secret;
use crate::config::check::{Check, Choice, words};
use crate::config::key::{Fallback, Kind, Section, key};

pub(in crate::config) const SECTION: Section = Section {
    name: "mail",
    about: "How mails leave: by SMTP, or into a folder for development. Without either no mail is sent.",
    keys: &[
        key(
            "mail.folder",
            Kind::Path,
            Fallback::Absent,
            "Folder that takes each mail as a file. Excludes `mail.smtp.host`.",
        ),
        key("mail.from", Kind::Text, Fallback::Absent, "Address of the sender. Required where mails are sent."),
    ],
};

pub(in crate::config) const SMTP_SECTION: Section = Section {
    name: "mail.smtp",
    about: "The server that takes outgoing mail.",
    keys: &[
        key("mail.smtp.host", Kind::Text, Fallback::Absent, "Name of the server; its certificate must carry it."),
        key(
            "mail.smtp.port",
            Kind::Integer,
            Fallback::Derived("587 for `starttls`, 465 for `tls`, 25 for `none`"),
            "Port of the server.",
        ),
        key("mail.smtp.username", Kind::Text, Fallback::Absent, "User name, where the server asks for one."),
        key("mail.smtp.password", Kind::Secret, Fallback::Absent, "Password of that user."),
        key("mail.smtp.password_file", Kind::Path, Fallback::Absent, "File that holds `mail.smtp.password`."),
        key(
            "mail.smtp.security",
            Kind::Choice(words::<SmtpSecurity>),
            Fallback::Value("starttls"),
            "`starttls` (required, never skipped), `tls` from the first byte, or `none`, which never goes with a password unless the server is on this machine.",
        ),
    ],
};

/// `[mail]`, as written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct Raw {
    folder: Option<String>,
    from: Option<String>,
    smtp: RawSmtp,
}

/// `[mail.smtp]`, as written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawSmtp {
    host: Option<String>,
    port: Option<i64>,
    username: Option<String>,
    password: Option<Secret<String>>,
    password_file: Option<String>,
    security: String,
}

/// How mails leave.
#[derive(Debug, Clone, Default)]
pub enum Mail {
    /// Not at all.
    #[default]
    Off,
    /// Each as a file in a folder.
    Folder {
        /// The folder.
        folder: PathBuf,
        /// Address of the sender.
        from: String,
    },
    /// By a server.
    Smtp {
        /// The server.
        server: Smtp,
        /// Address of the sender.
        from: String,
    },
}

/// A server that takes outgoing mail.
#[derive(Debug, Clone)]
pub struct Smtp {
    /// Name or address.
    pub host: String,
    /// Port.
    pub port: u16,
    /// User name and password.
    pub credentials: Option<(String, Secret<String>)>,
    /// How the connection is protected.
    pub security: SmtpSecurity,
}

/// How the connection to the server is protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SmtpSecurity {
    /// TLS after the greeting, required.
    #[default]
    StartTls,
    /// TLS from the first byte.
    Tls,
    /// Not at all.
    None,
}

impl Choice for SmtpSecurity {
    const ALL: &'static [(&'static str, Self)] =
        &[("starttls", Self::StartTls), ("tls", Self::Tls), ("none", Self::None)];
}

impl SmtpSecurity {
    const fn port(self) -> u16 {
        match self {
            Self::StartTls => 587,
            Self::Tls => 465,
            Self::None => 25,
        }
    }
}

pub(in crate::config) fn read(raw: Raw, check: &mut Check) -> Mail {
    let server = smtp(raw.smtp, check);
    if raw.folder.is_some() && server.is_some() {
        check.refuse("mail.folder", "is set, and mail.smtp.host too", "keep one of the two");
    }
    let sends = raw.folder.is_some() || server.is_some();
    let from = sender(raw.from, sends, check);
    match (raw.folder, server) {
        (_, Some(server)) => Mail::Smtp { server, from },
        (Some(folder), None) => Mail::Folder { folder: PathBuf::from(folder), from },
        (None, None) => {
            check.warn(
                "mail",
                "neither folder nor smtp is set: no mail is sent, so nobody can reset a forgotten password",
                "set mail.smtp.host and mail.from",
            );
            Mail::Off
        }
    }
}

/// A plain address: no display name, nothing that could begin another header.
fn sender(from: Option<String>, sends: bool, check: &mut Check) -> String {
    let Some(from) = from else {
        if sends {
            check.refuse(
                "mail.from",
                "is missing",
                "set it to the address of the sender, such as \"no-reply@example.org\"",
            );
        }
        return String::new();
    };
    if !is_plain_address(&from) {
        check.refuse("mail.from", format!("{from:?} is not a plain address"), "write it as \"no-reply@example.org\"");
    }
    from
}

/// Whether `text` looks like `local@domain`, without blanks, quotes, brackets or control characters.
pub(in crate::config) fn is_plain_address(text: &str) -> bool {
    let plain = |c: char| !c.is_whitespace() && !c.is_control() && !"<>()[],;:\"\\@".contains(c);
    text.split_once('@').is_some_and(|(local, domain)| {
        !local.is_empty() && !domain.is_empty() && local.chars().all(plain) && domain.chars().all(plain)
    })
}

fn smtp(raw: RawSmtp, check: &mut Check) -> Option<Smtp> {
    let security: SmtpSecurity = check.choice("mail.smtp.security", &raw.security);
    let wanted = raw.port.is_some() || raw.username.is_some() || raw.password.is_some() || raw.password_file.is_some();
    let password = check.secret("mail.smtp.password", raw.password, raw.password_file.as_deref());
    let port = raw.port.map(|port| check.integer("mail.smtp.port", port, 1..=65_535));
    let Some(host) = raw.host else {
        if wanted {
            check.refuse("mail.smtp.host", "is missing", "name the server, or leave out [mail.smtp]");
        }
        return None;
    };
    let Ok(known) = url::Host::parse(&host) else {
        check.refuse("mail.smtp.host", "is not a host name", "write the name alone; the port has a key of its own");
        return None;
    };
    let credentials = match (raw.username, password) {
        (Some(username), Some(password)) => Some((username, password)),
        (None, None) => None,
        // A password that could not be read was reported already.
        (Some(_), None) if raw.password_file.is_some() => None,
        (Some(_), None) => {
            check.refuse("mail.smtp.password", "is missing", "set it, or leave out mail.smtp.username");
            None
        }
        (None, Some(_)) => {
            check.refuse("mail.smtp.username", "is missing", "set it, or leave out mail.smtp.password");
            None
        }
    };
    if security == SmtpSecurity::None && !is_this_machine(&known) {
        unprotected(credentials.is_some(), check);
    }
    let port = port.and_then(|port| u16::try_from(port).ok()).unwrap_or_else(|| security.port());
    Some(Smtp { host, port, credentials, security })
}

/// Links for new passwords pass here, so an unprotected way over the network is never silent.
fn unprotected(with_password: bool, check: &mut Check) {
    const KEY: &str = "mail.smtp.security";
    const HINT: &str = "set it to \"starttls\" or \"tls\"";
    if with_password {
        check.refuse(KEY, "is \"none\", which would send the password in clear", HINT);
    } else {
        check.warn(KEY, "is \"none\": mails with links for new passwords cross the network in clear", HINT);
    }
}

fn is_this_machine(host: &url::Host) -> bool {
    match host {
        url::Host::Domain(name) => name == "localhost",
        url::Host::Ipv4(address) => address.is_loopback(),
        url::Host::Ipv6(address) => address.is_loopback(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::tests::{problems, valid};

    const MAIL: &str = "issuer = 'https://sso.example.org'\n[mail]\n";
    const SMTP: &str = "issuer = 'https://sso.example.org'\n[mail]\nfrom = 'no-reply@example.org'\n[mail.smtp]\n";

    fn keys_of(text: &str) -> Vec<String> {
        problems(text).into_iter().map(|problem| problem.key).collect()
    }

    #[test]
    fn off_with_a_warning() {
        let loaded = valid(MAIL);
        assert!(matches!(loaded.config.mail, Mail::Off));
        assert!(loaded.warnings.iter().any(|warning| warning.key == "mail"));
    }

    #[test]
    fn a_folder_or_a_server_with_a_sender() {
        let mail = valid(&format!("{MAIL}folder = 'mails'\nfrom = 'a@example.org'")).config.mail;
        assert!(matches!(mail, Mail::Folder { from, .. } if from == "a@example.org"));
        assert_eq!(keys_of(&format!("{MAIL}folder = 'mails'")), ["mail.from"]);
        let both = SMTP.replace("[mail.smtp]", "folder = 'mails'\n[mail.smtp]\nhost = 'mx.example.org'");
        assert_eq!(keys_of(&both), ["mail.folder"]);
    }

    #[test]
    fn ports_follow_the_protection() {
        for (security, port) in [("starttls", 587), ("tls", 465), ("none", 25)] {
            let mail = valid(&format!("{SMTP}host = 'localhost'\nsecurity = '{security}'")).config.mail;
            assert!(matches!(mail, Mail::Smtp { server, .. } if server.port == port));
        }
        let mail = valid(&format!("{SMTP}host = 'mx.example.org'\nport = 2525")).config.mail;
        assert!(matches!(mail, Mail::Smtp { server, .. } if server.port == 2525));
        assert_eq!(keys_of(&format!("{SMTP}host = 'mx.example.org'\nport = 65536")), ["mail.smtp.port"]);
    }

    #[test]
    fn user_and_password_go_together_and_never_in_clear() {
        let user = format!("{SMTP}host = 'mx.example.org'\nusername = 'u'");
        assert_eq!(keys_of(&user), ["mail.smtp.password"]);
        assert_eq!(keys_of(&format!("{SMTP}host = 'mx.example.org'\npassword = 'p'")), ["mail.smtp.username"]);
        let both = format!("{user}\npassword = 'p'");
        assert!(matches!(valid(&both).config.mail, Mail::Smtp { server, .. } if server.credentials.is_some()));
        assert_eq!(keys_of(&format!("{both}\nsecurity = 'none'")), ["mail.smtp.security"]);
        let open = valid(&format!("{SMTP}host = 'mx.example.org'\nsecurity = 'none'"));
        assert!(open.warnings.iter().any(|warning| warning.key == "mail.smtp.security"));
        assert_eq!(keys_of(&format!("{SMTP}username = 'u'\npassword = 'p'")), ["mail.smtp.host"]);
        assert_eq!(keys_of(&format!("{SMTP}host = 'smtp://mx.example.org:25'")), ["mail.smtp.host"]);
    }

    #[test]
    fn senders_cannot_smuggle_headers() {
        assert!(is_plain_address("no-reply@example.org"));
        for text in ["", "a", "@b", "a@", "a@b@c", "A <a@b>", "a@b\r\nBcc: c@d", "a@b,c@d", "a b@c"] {
            assert!(!is_plain_address(text), "{text}");
        }
    }
}
