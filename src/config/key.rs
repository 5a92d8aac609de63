//! The table of all keys: what each is called, which shape it has, what holds without it, what it means.
//!
//! The rows stand in the section's own file; this file puts them together. The loader takes names, shapes and defaults
//! from here and `docs/configuration.md` is printed from here, so the three cannot disagree.

use super::sections;

/// A `[section]` of the file.
#[derive(Debug)]
pub(super) struct Section {
    /// Its name in the file; empty for the keys above all sections.
    pub name: &'static str,
    /// What it is about.
    pub about: &'static str,
    /// Its rows.
    pub keys: &'static [Key],
}

/// One row.
#[derive(Debug)]
pub(super) struct Key {
    /// Section and name, joined by a dot.
    pub path: &'static str,
    /// The shape of its value.
    pub kind: Kind,
    /// What holds when nobody sets it.
    pub fallback: Fallback,
    /// What it means, with unit and limits.
    pub meaning: &'static str,
}

/// The shape of a value. In the file everything is text but integers and lists of text.
#[derive(Debug, Clone, Copy)]
pub(super) enum Kind {
    /// Free text, of which the section knows more.
    Text,
    /// Text that must not be shown; has a second key ending in `_file`.
    Secret,
    /// Path of a file or folder; a relative one starts at the working directory.
    Path,
    /// Absolute URL.
    Url,
    /// IP address and port.
    Address,
    /// Whole number and unit: `90s`, `5m`, `12h`, `30d`.
    Duration,
    /// Whole number and unit: `512B`, `64KiB`, `1MiB`, `1GiB`.
    Size,
    /// Count and time (`5/1m`), or `off`.
    RateLimit,
    /// Whole number.
    Integer,
    /// One of a few words.
    Choice(fn() -> Vec<&'static str>),
    /// List of text; in the environment with commas between.
    List,
    /// `true` or `false`, without quotes.
    Switch,
}

/// What holds when a key is not set.
#[derive(Debug, Clone, Copy)]
pub(super) enum Fallback {
    /// This value, written as in the environment.
    Value(&'static str),
    /// A value made from other keys, described here.
    Derived(&'static str),
    /// Nothing.
    Absent,
    /// The key must be set.
    Required,
}

/// A row, for the tables in `sections`.
pub(super) const fn key(path: &'static str, kind: Kind, fallback: Fallback, meaning: &'static str) -> Key {
    Key { path, kind, fallback, meaning }
}

/// All sections, in the order of the documentation.
pub(super) const SECTIONS: &[&Section] = &[
    &sections::general::SECTION,
    &sections::tls::SECTION,
    &sections::http::SECTION,
    &sections::metrics::SECTION,
    &sections::log::SECTION,
    &sections::rate_limits::SECTION,
    &sections::passwords::SECTION,
    &sections::rpps::SECTION,
    &sections::mail::SECTION,
    &sections::mail::SMTP_SECTION,
    &sections::registration::SECTION,
    &sections::outbound::SECTION,
    &sections::sessions::SECTION,
    &sections::tokens::SECTION,
    &sections::keys::SECTION,
    &sections::clients::SECTION,
    &sections::pages::SECTION,
];

/// Sections of which there can be any number, each under a name that the operator chooses (`<name>` in the rows' paths).
pub(super) const NAMED: &[&Section] = &[&sections::upstreams::SECTION];

/// All rows.
pub(super) fn all() -> impl Iterator<Item = &'static Key> + Clone {
    SECTIONS.iter().flat_map(|section| section.keys)
}

/// The row of a path.
pub(super) fn find(path: &str) -> Option<&'static Key> {
    all().find(|key| key.path == path)
}

/// Whether the path names a section or something above one (`mail` and `mail.smtp`).
pub(super) fn is_section(path: &str) -> bool {
    SECTIONS.iter().any(|section| section.name == path)
}

impl Key {
    /// The name in the environment.
    pub(super) fn env_name(&self) -> String {
        format!("GUICHET_{}", self.path.replace('.', "__").to_uppercase())
    }

    /// The other way to give the same secret: the `_file` key of a secret, the secret of a `_file` key.
    pub(super) fn twin(&self) -> Option<&'static Self> {
        match self.kind {
            Kind::Secret => find(&format!("{}_file", self.path)),
            Kind::Path => find(self.path.strip_suffix("_file")?).filter(|twin| matches!(twin.kind, Kind::Secret)),
            _ => None,
        }
    }
}

/// The known name that an unknown one was probably meant to be: the nearest in spelling, or else one that ends alike.
pub(super) fn nearest(unknown: &str, known: impl Iterator<Item = String> + Clone, separator: &str) -> Option<String> {
    let (distance, candidate) =
        known.clone().map(|candidate| (edit_distance(unknown, &candidate), candidate)).min_by_key(|(d, _)| *d)?;
    if distance <= unknown.chars().count().div_ceil(5).max(2) {
        return Some(candidate);
    }
    let last = |path: &str| path.rsplit(separator).next().unwrap_or_default().to_owned();
    let wanted = last(unknown);
    let mut alike = known.filter(|candidate| last(candidate) == wanted);
    // Several keys that end alike (`policy`) would be a guess, not an answer.
    alike.next().filter(|_| alike.next().is_none())
}

/// Levenshtein's distance: how many letters to change, add or leave out.
fn edit_distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, from) in a.chars().enumerate() {
        let mut left = i + 1;
        let mut diagonal = i;
        for (to, above) in b.iter().zip(row.iter_mut().skip(1)) {
            let substituted = diagonal + usize::from(from != *to);
            diagonal = *above;
            left = substituted.min(left + 1).min(*above + 1);
            *above = left;
        }
        if let Some(first) = row.first_mut() {
            *first = i + 1;
        }
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distance_counts_letters() {
        for (a, b, distance) in [("", "abc", 3), ("abc", "", 3), ("kitten", "sitting", 3), ("idle", "idle", 0)] {
            assert_eq!(edit_distance(a, b), distance, "{a} {b}");
        }
    }

    #[test]
    fn suggestions() {
        let paths = || all().map(|key| key.path.to_owned());
        let suggest = |text| nearest(text, paths(), ".");
        assert_eq!(suggest("isuer").as_deref(), Some("issuer"));
        assert_eq!(suggest("session.idle").as_deref(), Some("sessions.idle"));
        assert_eq!(suggest("server.trusted_proxies").as_deref(), Some("http.trusted_proxies"));
        assert_eq!(suggest("completely.different.thing"), None);
        assert_eq!(suggest("account_settings.policy"), None);
    }

    #[test]
    fn every_row_stands_in_its_section_and_every_secret_has_a_file_key() {
        for section in SECTIONS {
            for key in section.keys {
                let name = key.path.strip_prefix(section.name).map_or("", |rest| rest.trim_start_matches('.'));
                assert!(!name.is_empty() && !name.contains('.'), "{}", key.path);
                assert_eq!(all().filter(|other| other.path == key.path).count(), 1, "{}", key.path);
                if matches!(key.kind, Kind::Secret) {
                    assert!(key.twin().is_some_and(|twin| twin.twin().is_some()), "{}", key.path);
                }
                assert!(key.meaning.ends_with('.') && !key.meaning.contains('|'), "{}", key.path);
            }
        }
    }

    #[test]
    fn environment_names() {
        assert_eq!(find("rate_limits.login").unwrap().env_name(), "GUICHET_RATE_LIMITS__LOGIN");
        assert_eq!(find("mail.smtp.password").unwrap().env_name(), "GUICHET_MAIL__SMTP__PASSWORD");
        assert_eq!(find("database_url").unwrap().env_name(), "GUICHET_DATABASE_URL");
    }
}
