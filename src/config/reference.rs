//! The reference for operators, printed from the table of keys.

use std::fmt::Write as _;

use super::check::quoted;
use super::key::{Fallback, Key, Kind, NAMED, SECTIONS, Section};

const HEAD: &str = "\
# Configuration

<!-- Printed from the table in src/config; a test fails when it is stale. To print it anew:
     GUICHET_TEST_BLESS=1 cargo test --lib config:: -->

Guichet reads one TOML file and the environment. The file is named by `--config` or `GUICHET_CONFIG`; without one, the
environment and the defaults below are all there is. Only `issuer` must be set.

- **The environment wins over the file.** The name of a variable is `GUICHET_` and the path of the key in capitals, with
  `__` for each dot: `sessions.idle` is `GUICHET_SESSIONS__IDLE`. Lists have commas between their items.
- **Secrets** can stand in a file of their own: `database_url_file` names the file that holds `database_url`. One of the two, not both.
  The end of the last line is no part of the secret. Nobody but the owner may read the file (mode 0600); one that belongs to root may
  be readable to its group (0640), as Kubernetes and systemd make them.
- **Nothing is guessed.** An unknown key, an unknown `GUICHET_…` variable, an empty text, a value out of range: each is refused, all are
  reported at once, and nothing starts. Variables that begin with `GUICHET_TEST_` are left to tests.
- Times are a whole number and `s`, `m`, `h` or `d`; sizes a whole number and `B`, `KiB`, `MiB` or `GiB`. Relative paths start at the
  working directory.

`guichet check-config` reports problems and warnings without starting anything.

A small file for an installation behind a proxy on the same machine:

```toml
issuer = \"https://sso.example.org\"
database_url_file = \"/run/secrets/database_url\"
redis_url_file = \"/run/secrets/redis_url\"
master_key_file = \"/run/secrets/master_key\"

[http]
trusted_proxies = [\"127.0.0.1\"]

[mail]
from = \"no-reply@example.org\"

[mail.smtp]
host = \"smtp.example.org\"
```
";

/// The text of `docs/configuration.md`.
pub fn reference() -> String {
    let mut out = HEAD.to_owned();
    for section in SECTIONS {
        write_section(&mut out, section);
    }
    for section in NAMED {
        write_section(&mut out, section);
    }
    out
}

fn write_section(out: &mut String, section: &Section) {
    let title = if section.name.is_empty() { "Above all sections".to_owned() } else { format!("`[{}]`", section.name) };
    let _ = write!(
        out,
        "\n## {title}\n\n{}\n\n| key | value | default | meaning |\n| --- | --- | --- | --- |\n",
        section.about
    );
    for key in section.keys {
        let name = key.path.rsplit('.').next().unwrap_or(key.path);
        let _ = writeln!(
            out,
            "| `{name}`<br>`{}` | {} | {} | {} |",
            key.env_name(),
            describe(key.kind),
            default_of(key),
            key.meaning
        );
    }
}

fn describe(kind: Kind) -> String {
    match kind {
        Kind::Text => "text".to_owned(),
        Kind::Secret => "secret".to_owned(),
        Kind::Path => "path".to_owned(),
        Kind::Url => "URL".to_owned(),
        Kind::Address => "address and port".to_owned(),
        Kind::Duration => "time".to_owned(),
        Kind::Size => "size".to_owned(),
        Kind::RateLimit => "count/time or `off`".to_owned(),
        Kind::Integer => "whole number".to_owned(),
        Kind::Choice(words) => words().iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", "),
        Kind::List => "list".to_owned(),
        Kind::Switch => "`true` or `false`".to_owned(),
    }
}

fn default_of(key: &Key) -> String {
    match (key.fallback, key.kind) {
        (Fallback::Value(text), Kind::List) => {
            let items: Vec<&str> = text.split(',').filter(|item| !item.is_empty()).collect();
            format!("`[{}]`", quoted(&items))
        }
        (Fallback::Value(text), _) => format!("`{text}`"),
        (Fallback::Derived(text), _) => text.to_owned(),
        (Fallback::Absent, _) => "none".to_owned(),
        (Fallback::Required, _) => "**required**".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_document_is_what_the_table_says() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/configuration.md");
        if std::env::var_os("GUICHET_TEST_BLESS").is_some() {
            std::fs::write(path, reference()).unwrap();
        }
        let written = std::fs::read_to_string(path).unwrap_or_default();
        assert!(
            written == reference(),
            "docs/configuration.md is stale: GUICHET_TEST_BLESS=1 cargo test --lib config::"
        );
    }
}
