//! The whole way from text to configuration.

use std::fs::{Permissions, set_permissions, write};
use std::os::unix::fs::PermissionsExt as _;

use super::*;

/// Loads `text` as the file, without an environment.
fn load(text: &str) -> Result<Loaded, Vec<Problem>> {
    load_with(text, &[])
}

pub(super) fn load_with(text: &str, environment: &[(&str, &str)]) -> Result<Loaded, Vec<Problem>> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("guichet.toml");
    write(&path, text).unwrap();
    set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
    Config::load(Some(&path), environment.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())))
}

/// What a file without problems gives.
pub(super) fn valid(text: &str) -> Loaded {
    load(text).unwrap_or_else(|problems| panic!("{problems:#?}"))
}

/// What is wrong with a file.
pub(super) fn problems(text: &str) -> Vec<Problem> {
    load(text).expect_err("the file has problems")
}

const ISSUER: (&str, &str) = ("GUICHET_ISSUER", "https://sso.example.org");

#[test]
fn an_issuer_is_enough() {
    let environment = [(ISSUER.0.to_owned(), ISSUER.1.to_owned())];
    let loaded = Config::load(None, environment).unwrap();
    assert_eq!(loaded.config.issuer.as_str(), "https://sso.example.org");
    let warned: Vec<&str> = loaded.warnings.iter().map(|warning| warning.key.as_str()).collect();
    assert_eq!(warned, ["mail", "tls"]);
}

#[test]
fn everything_wrong_is_said_at_once() {
    let found = load_with(
        "isuer = 'x'\nlisten = 5\n[sessions]\nidle = 'soon'\n[passwords]\npolicy = 'seeed'",
        &[("GUICHET_HTTP__DRAIN", "1y"), ("GUICHET_NONSENSE", "1")],
    )
    .unwrap_err();
    let keys: Vec<&str> = found.iter().map(|problem| problem.key.as_str()).collect();
    for key in ["isuer", "listen", "GUICHET_NONSENSE", "issuer", "http.drain", "passwords.policy", "sessions.idle"] {
        assert!(keys.contains(&key), "{key}");
    }
    assert_eq!(keys.len(), 7);
    assert!(found.iter().all(|problem| !problem.hint.is_empty()));
}

#[test]
fn the_environment_wins_and_is_named() {
    let text = "issuer = 'https://a.example.org'\n[sessions]\nidle = '1m'";
    let loaded = load_with(text, &[ISSUER, ("GUICHET_SESSIONS__IDLE", "2m")]).unwrap();
    assert_eq!(loaded.config.issuer.as_str(), "https://sso.example.org");
    assert_eq!(loaded.config.sessions.idle.as_secs(), 120);
    let found = load_with(text, &[("GUICHET_SESSIONS__IDLE", "2")]).unwrap_err();
    assert_eq!(found[0].key, "sessions.idle");
    assert!(found[0].message.contains("GUICHET_SESSIONS__IDLE"));
}

#[test]
fn secrets_come_from_files_and_are_never_shown() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("database_url");
    write(&path, "postgres://guichet:hunter2@db/guichet\n").unwrap();
    set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
    let file = path.to_str().unwrap();
    let loaded = load_with("", &[ISSUER, ("GUICHET_DATABASE_URL_FILE", file)]).unwrap();
    assert_eq!(loaded.config.database_url.expose(), "postgres://guichet:hunter2@db/guichet");
    assert!(!format!("{loaded:?}").contains("hunter2"));
    let both = load_with("", &[ISSUER, ("GUICHET_DATABASE_URL_FILE", file), ("GUICHET_DATABASE_URL", "sqlite://a")]);
    assert_eq!(both.unwrap_err()[0].key, "database_url");
}

#[test]
fn a_file_with_a_secret_that_others_may_read_is_a_warning() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("guichet.toml");
    let warned = |text: &str| {
        write(&path, text).unwrap();
        set_permissions(&path, Permissions::from_mode(0o644)).unwrap();
        let loaded = Config::load(Some(&path), [(ISSUER.0.to_owned(), ISSUER.1.to_owned())]).unwrap();
        loaded.warnings.into_iter().map(|warning| warning.key).collect::<Vec<_>>()
    };
    assert!(warned("redis_url = 'redis://h'").contains(&"redis_url".to_owned()));
    let smtp = "[mail]\nfrom = 'a@b'\n[mail.smtp]\nhost = 'localhost'\nusername = 'u'\npassword = 'p'";
    assert!(warned(smtp).contains(&"mail.smtp.password".to_owned()));
    assert!(!warned("data_dir = 'x'").contains(&"redis_url".to_owned()));
}

#[test]
fn a_file_that_is_not_there_or_not_toml_is_a_problem() {
    let missing = Config::load(Some(Path::new("/nowhere/guichet.toml")), []).unwrap_err();
    assert_eq!(missing[0].key, "/nowhere/guichet.toml");
    assert!(problems("issuer =")[0].message.contains("line 1"));
}

#[test]
fn tls_must_end_somewhere() {
    let warned = |text: &str| valid(text).warnings.iter().any(|warning| warning.key == "tls");
    assert!(warned("issuer = 'https://sso.example.org'"));
    assert!(!warned("issuer = 'https://sso.example.org'\n[http]\ntrusted_proxies = ['10.0.0.0/8']"));
    assert!(!warned("issuer = 'http://localhost:8080'"));
}

#[test]
fn the_demo_is_valid_wherever_it_listens() {
    for (listen, issuer) in [
        ("127.0.0.1:8080", "http://127.0.0.1:8080"),
        ("[::1]:8080", "http://[::1]:8080"),
        ("0.0.0.0:8080", "http://localhost:8080"),
        ("[::]:9", "http://localhost:9"),
        ("127.0.0.1:0", "http://127.0.0.1:0"),
        ("127.0.0.1:80", "http://127.0.0.1"),
    ] {
        let listen: SocketAddr = listen.parse().unwrap();
        let config = Config::demo(Path::new("/tmp/a,b %?"), listen);
        assert_eq!(config.issuer.as_str(), issuer);
        assert_eq!(config.listen, [listen]);
    }
    let config = Config::demo(Path::new(""), "127.0.0.1:1".parse().unwrap());
    assert_eq!((config.passwords.policy, config.rpps.policy), (Policy::Seed, Policy::Seed));
    assert_eq!(config.log.format, Format::Text);
    assert_eq!(config.database_url.expose(), "sqlite://./guichet.db");
    assert!(matches!(config.mail, Mail::Folder { folder, .. } if folder == Path::new("./mails")));
    assert!(matches!(config.rate_limits.login, RateLimit::Per { count: 30, .. }));
}
