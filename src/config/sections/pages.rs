//! `[pages]`: the hosted pages.

use serde::Deserialize;

use super::mail::is_plain_address;
use crate::config::check::{Check, Choice, words};
use crate::config::key::{Fallback, Kind, Section, key};

/// Longest brand, in characters.
const LONGEST_BRAND: usize = 60;

pub(in crate::config) const SECTION: Section = Section {
    name: "pages",
    about: "The hosted pages.",
    keys: &[
        key("pages.brand", Kind::Text, Fallback::Value("Guichet"), "Name shown on pages, up to 60 characters."),
        key(
            "pages.support_email",
            Kind::Text,
            Fallback::Absent,
            "Address shown to people who cannot go on; none is shown without it.",
        ),
        key(
            "pages.default_locale",
            Kind::Choice(words::<Locale>),
            Fallback::Value("fr"),
            "Language where neither the person nor the request names one that there is.",
        ),
    ],
};

/// `[pages]`, as written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct Raw {
    brand: String,
    support_email: Option<String>,
    default_locale: String,
}

/// What the hosted pages show.
#[derive(Debug, Clone)]
pub struct Pages {
    /// Name shown on pages.
    pub brand: String,
    /// Address shown to people who cannot go on.
    pub support_email: Option<String>,
    /// Language where nobody names one.
    pub default_locale: Locale,
}

/// A language of the pages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Locale {
    /// French.
    #[default]
    Fr,
    /// English.
    En,
}

impl Choice for Locale {
    const ALL: &'static [(&'static str, Self)] = &[("fr", Self::Fr), ("en", Self::En)];
}

impl Locale {
    /// The BCP 47 tag.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Fr => "fr",
            Self::En => "en",
        }
    }
}

pub(in crate::config) fn read(raw: Raw, check: &mut Check) -> Pages {
    if raw.brand.chars().count() > LONGEST_BRAND || raw.brand.chars().any(char::is_control) {
        check.refuse("pages.brand", "is no short line", format!("write up to {LONGEST_BRAND} characters in one line"));
    }
    if let Some(email) = raw.support_email.as_deref().filter(|email| !is_plain_address(email)) {
        check.refuse(
            "pages.support_email",
            format!("{email:?} is not a plain address"),
            "write it as \"help@example.org\"",
        );
    }
    Pages {
        default_locale: check.choice("pages.default_locale", &raw.default_locale),
        brand: raw.brand,
        support_email: raw.support_email,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::tests::{problems, valid};

    const ISSUER: &str = "issuer = 'https://sso.example.org'\n[pages]\n";

    #[test]
    fn what_pages_show() {
        let pages = valid(ISSUER).config.pages;
        assert_eq!((pages.brand.as_str(), pages.support_email, pages.default_locale), ("Guichet", None, Locale::Fr));
        let text = format!("{ISSUER}brand = 'Santé Île'\nsupport_email = 'aide@example.org'\ndefault_locale = 'en'");
        assert_eq!(valid(&text).config.pages.default_locale, Locale::En);
        let found =
            problems(&format!("{ISSUER}brand = \"a\\nb\"\nsupport_email = 'Aide <a@b>'\ndefault_locale = 'de'"));
        assert_eq!(found.len(), 3);
        assert_eq!(problems(&format!("{ISSUER}brand = '{}'", "a".repeat(61)))[0].key, "pages.brand");
    }
}
