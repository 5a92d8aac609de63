//! `[tls]`: TLS in this process.

use std::path::PathBuf;

use serde::Deserialize;

use crate::config::check::{Check, Choice, words};
use crate::config::issuer::Issuer;
use crate::config::key::{Fallback, Kind, Section, key};

pub(in crate::config) const SECTION: Section = Section {
    name: "tls",
    about: "TLS in this process. Leave the section out where a proxy terminates TLS.",
    keys: &[
        key(
            "tls.certificate_file",
            Kind::Path,
            Fallback::Absent,
            "Certificate chain (PEM), the own certificate first. Needs `tls.private_key_file`.",
        ),
        key("tls.private_key_file", Kind::Path, Fallback::Absent, "Private key of the certificate (PEM)."),
        key(
            "tls.client_certificates",
            Kind::Choice(words::<ClientCertificates>),
            Fallback::Value("off"),
            "Whether to ask clients for a certificate. `optional` takes connections without one too.",
        ),
    ],
};

/// `[tls]`, as written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct Raw {
    certificate_file: Option<String>,
    private_key_file: Option<String>,
    client_certificates: String,
}

/// How to serve TLS.
#[derive(Debug, Clone)]
pub struct Tls {
    /// Certificate chain (PEM).
    pub certificate_file: PathBuf,
    /// Private key (PEM).
    pub private_key_file: PathBuf,
    /// Whether to ask for client certificates.
    pub client_certificates: ClientCertificates,
}

/// Whether to ask clients for a certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ClientCertificates {
    /// Do not ask.
    #[default]
    Off,
    /// Ask, and take connections without one.
    Optional,
}

impl Choice for ClientCertificates {
    const ALL: &'static [(&'static str, Self)] = &[("off", Self::Off), ("optional", Self::Optional)];
}

pub(in crate::config) fn read(raw: &Raw, issuer: &Issuer, check: &mut Check) -> Option<Tls> {
    let client_certificates: ClientCertificates = check.choice("tls.client_certificates", &raw.client_certificates);
    let (certificate, key) = match (&raw.certificate_file, &raw.private_key_file) {
        (Some(certificate), Some(key)) => (certificate, key),
        (Some(_), None) => {
            check.refuse("tls.private_key_file", "is missing", "name the private key of tls.certificate_file");
            return None;
        }
        (None, Some(_)) => {
            check.refuse("tls.certificate_file", "is missing", "name the certificate of tls.private_key_file");
            return None;
        }
        (None, None) => {
            if client_certificates != ClientCertificates::Off {
                check.refuse(
                    "tls.client_certificates",
                    "needs TLS in this process",
                    "set tls.certificate_file and tls.private_key_file, or set it to \"off\"",
                );
            }
            return None;
        }
    };
    if issuer.as_str().starts_with("http:") {
        check.refuse("issuer", "is http, but [tls] is set", "write the issuer with https, or leave out [tls]");
    }
    Some(Tls {
        certificate_file: check.pem_file("tls.certificate_file", certificate, "CERTIFICATE"),
        private_key_file: check.secret_pem_file("tls.private_key_file", key, "PRIVATE KEY"),
        client_certificates,
    })
}

#[cfg(test)]
mod tests {
    use std::fs::{Permissions, set_permissions, write};
    use std::os::unix::fs::PermissionsExt as _;
    use std::path::Path;

    use super::*;
    use crate::config::tests::{problems, valid};

    fn pem(folder: &Path, name: &str, label: &str, mode: u32) -> String {
        let path = folder.join(name);
        write(&path, format!("-----BEGIN {label}-----\nAA==\n-----END {label}-----\n")).unwrap();
        set_permissions(&path, Permissions::from_mode(mode)).unwrap();
        path.display().to_string()
    }

    fn keys_of(text: &str) -> Vec<String> {
        problems(text).into_iter().map(|problem| problem.key).collect()
    }

    #[test]
    fn both_files_or_none() {
        let folder = tempfile::tempdir().unwrap();
        let certificate = pem(folder.path(), "cert.pem", "CERTIFICATE", 0o644);
        let private = pem(folder.path(), "key.pem", "PRIVATE KEY", 0o600);
        let base = "issuer = 'https://sso.example.org'\n[tls]\n";
        let both = format!("{base}certificate_file = '{certificate}'\nprivate_key_file = '{private}'");
        let loaded = valid(&format!("{both}\nclient_certificates = 'optional'"));
        assert!(loaded.config.tls.is_some_and(|tls| tls.client_certificates == ClientCertificates::Optional));
        assert!(!loaded.warnings.iter().any(|warning| warning.key == "tls"));
        assert_eq!(keys_of(&format!("{base}certificate_file = '{certificate}'")), ["tls.private_key_file"]);
        assert_eq!(keys_of(&format!("{base}private_key_file = '{private}'")), ["tls.certificate_file"]);
        assert_eq!(keys_of(&format!("{base}client_certificates = 'optional'")), ["tls.client_certificates"]);
        assert_eq!(keys_of(&both.replace("https://sso.example.org", "http://localhost")), ["issuer"]);
    }

    #[test]
    fn files_must_be_what_they_are_named() {
        let folder = tempfile::tempdir().unwrap();
        let certificate = pem(folder.path(), "cert.pem", "CERTIFICATE", 0o644);
        let open = pem(folder.path(), "open.pem", "EC PRIVATE KEY", 0o644);
        let base = "issuer = 'https://sso.example.org'\n[tls]\n";
        let text = |a: &str, b: &str| format!("{base}certificate_file = '{a}'\nprivate_key_file = '{b}'");
        assert_eq!(keys_of(&text(&open, "/nowhere")), ["tls.certificate_file", "tls.private_key_file"]);
        assert_eq!(keys_of(&text(&certificate, &open)), ["tls.private_key_file"]);
        assert_eq!(keys_of(&text(&certificate, &certificate)), ["tls.private_key_file"]);
    }
}
