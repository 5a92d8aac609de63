//! The keys above all sections: who we are, where we listen, where data and keys are.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::base::Secret;
use crate::base::digest::from_base64url;
use crate::config::check::Check;
use crate::config::issuer::Issuer;
use crate::config::key::{Fallback, Kind, Section, key};

pub(in crate::config) const SECTION: Section = Section {
    name: "",
    about: "Who this installation is, where it listens, and where it keeps data and keys.",
    keys: &[
        key(
            "issuer",
            Kind::Url,
            Fallback::Required,
            "Public address, the `iss` of all tokens. https; plain http only for `localhost`, `127.0.0.1` and `[::1]`. No user name, query or fragment; a trailing slash is dropped.",
        ),
        key(
            "listen",
            Kind::List,
            Fallback::Value("127.0.0.1:8080"),
            "Addresses and ports of the public listener. Host names are not resolved.",
        ),
        key(
            "data_dir",
            Kind::Path,
            Fallback::Value("guichet-data"),
            "Folder of the embedded database and of the master key made at the first start.",
        ),
        key(
            "database_url",
            Kind::Secret,
            Fallback::Derived("`sqlite://<data_dir>/guichet.db`"),
            "Durable data: `sqlite://<path>`, or `postgres://…` for any number of replicas.",
        ),
        key(
            "database_url_file",
            Kind::Path,
            Fallback::Absent,
            "File that holds `database_url`, because it may contain a password.",
        ),
        key(
            "redis_url",
            Kind::Secret,
            Fallback::Derived("short-lived state is kept in the database"),
            "Short-lived state: `redis://…`, or `rediss://…` for TLS.",
        ),
        key("redis_url_file", Kind::Path, Fallback::Absent, "File that holds `redis_url`."),
        key(
            "master_key",
            Kind::Secret,
            Fallback::Derived("made in `<data_dir>/keys/master.key` at the first start"),
            "Key that encrypts secrets at rest: 32 bytes as unpadded base64url, 43 characters. All replicas need the same.",
        ),
        key("master_key_file", Kind::Path, Fallback::Absent, "File that holds `master_key`."),
    ],
};

/// The keys above all sections, as written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct Raw {
    pub issuer: Option<String>,
    pub listen: Vec<String>,
    pub data_dir: String,
    pub database_url: Option<Secret<String>>,
    pub database_url_file: Option<String>,
    pub redis_url: Option<Secret<String>>,
    pub redis_url_file: Option<String>,
    pub master_key: Option<Secret<String>>,
    pub master_key_file: Option<String>,
}

/// What the keys above all sections say.
#[derive(Debug)]
pub(in crate::config) struct General {
    pub issuer: Issuer,
    pub listen: Vec<SocketAddr>,
    pub data_dir: PathBuf,
    pub database_url: Secret<String>,
    pub redis_url: Option<Secret<String>>,
    pub master_key: Option<Secret<String>>,
}

pub(in crate::config) fn read(raw: Raw, check: &mut Check) -> General {
    let data_dir = PathBuf::from(&raw.data_dir);
    let database_url = check.secret("database_url", raw.database_url, raw.database_url_file.as_deref());
    let redis_url = check.secret("redis_url", raw.redis_url, raw.redis_url_file.as_deref());
    let master_key = check.secret("master_key", raw.master_key, raw.master_key_file.as_deref());
    if let Some(url) = &database_url {
        check_scheme(check, "database_url", url, &["sqlite:", "postgres://", "postgresql://"]);
    }
    if let Some(url) = &redis_url {
        check_scheme(check, "redis_url", url, &["redis://", "rediss://"]);
    }
    if master_key.as_ref().is_some_and(|text| !is_master_key(text.expose())) {
        check.refuse(
            "master_key",
            "is not 32 bytes as unpadded base64url (43 characters)",
            "make one with: openssl rand -base64 32 | tr '+/' '-_' | tr -d '='",
        );
    }
    General {
        issuer: issuer(raw.issuer.as_deref(), check),
        listen: listen(&raw.listen, check),
        database_url: database_url.unwrap_or_else(|| embedded_database(&data_dir)),
        redis_url,
        master_key,
        data_dir,
    }
}

fn issuer(text: Option<&str>, check: &mut Check) -> Issuer {
    let refusal = match text.map(Issuer::parse) {
        Some(Ok(issuer)) => return issuer,
        Some(Err(refusal)) => refusal,
        // It is there in the wrong shape, and that was said.
        None if check.problems.iter().any(|problem| problem.key == "issuer") => return Issuer::refused(),
        None => ("is missing", "set it to the public address, such as \"https://sso.example.org\""),
    };
    check.refuse("issuer", refusal.0, refusal.1);
    Issuer::refused()
}

fn listen(texts: &[String], check: &mut Check) -> Vec<SocketAddr> {
    if texts.is_empty() {
        check.refuse("listen", "is an empty list", "name one address, such as \"127.0.0.1:8080\"");
    }
    let mut addresses = Vec::new();
    for text in texts {
        let Some(address) = check.address("listen", text) else { continue };
        if addresses.contains(&address) {
            check.refuse("listen", format!("names {address} twice"), "remove one of the two");
        }
        addresses.push(address);
    }
    addresses
}

/// The address is not repeated in the refusal: it may hold a password.
fn check_scheme(check: &mut Check, key: &str, url: &Secret<String>, schemes: &[&str]) {
    if !schemes.iter().any(|scheme| url.expose().strip_prefix(scheme).is_some_and(|rest| !rest.is_empty())) {
        check.refuse(key, "is of no known kind", format!("begin it with {}", crate::config::check::quoted(schemes)));
    }
}

/// The database within the data folder. `%` and `?` have a meaning in such addresses.
fn embedded_database(data_dir: &Path) -> Secret<String> {
    let path = data_dir.join("guichet.db").to_string_lossy().replace('%', "%25").replace('?', "%3F");
    Secret::new(format!("sqlite://{path}"))
}

/// 43 characters of unpadded base64url, the form of the file that the first start makes.
fn is_master_key(text: &str) -> bool {
    from_base64url(text).map(Secret::new).is_some_and(|bytes| bytes.expose().len() == 32)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::tests::{problems, valid};

    #[test]
    fn defaults() {
        let config = valid("issuer = 'https://sso.example.org'").config;
        assert_eq!(config.listen, ["127.0.0.1:8080".parse().unwrap()]);
        assert_eq!(config.database_url.expose(), "sqlite://guichet-data/guichet.db");
        assert!(config.redis_url.is_none());
        assert!(config.master_key.is_none());
    }

    #[test]
    fn the_embedded_database_follows_the_data_folder() {
        let config = valid("issuer = 'https://sso.example.org'\ndata_dir = '/var/lib/gui%chet?'").config;
        assert_eq!(config.database_url.expose(), "sqlite:///var/lib/gui%25chet%3F/guichet.db");
    }

    #[test]
    fn refusals_name_the_key_and_never_the_secret() {
        let found = problems(
            "issuer = 'http://sso.example.org'\nlisten = ['localhost:80', '127.0.0.1:1', '127.0.0.1:1']\n\
             database_url = 'mysql://u:hunter2@h/d'\nredis_url = 'hunter2'\nmaster_key = 'hunter2'",
        );
        let keys: Vec<&str> = found.iter().map(|p| p.key.as_str()).collect();
        for key in ["issuer", "listen", "database_url", "redis_url", "master_key"] {
            assert!(keys.contains(&key), "{key}");
        }
        assert_eq!(keys.iter().filter(|key| **key == "listen").count(), 2);
        assert!(!format!("{found:?}").contains("hunter2"));
        assert_eq!(problems("issuer = 'https://a.org'\nlisten = []")[0].key, "listen");
        for text in ["", "issuer = 5", "issuer = 'nowhere'\n[passwords]\npolicy = 'seed'"] {
            let keys: Vec<String> = problems(text).into_iter().map(|problem| problem.key).collect();
            assert_eq!(keys, ["issuer"], "{text}");
        }
    }

    #[test]
    fn master_keys() {
        let key = "Dw8PDw8PDw8PDw8PDw8PDw8PDw8PDw8PDw8PDw8PDw8";
        let config = valid(&format!("issuer = 'https://sso.example.org'\nmaster_key = '{key}'")).config;
        assert_eq!(config.master_key.as_ref().map(|text| text.expose().as_str()), Some(key));
        assert!(!format!("{config:?}").contains(key));
        for text in ["", "Dw8P", &format!("{key}="), &format!("{key}Dw8P"), &"0f".repeat(32)] {
            assert!(!is_master_key(text), "{text}");
        }
    }
}
