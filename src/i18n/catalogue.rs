//! The texts of `locales/*.toml`, embedded in the program and found by key (`sign_in.title`).

use std::collections::BTreeMap;
use std::sync::LazyLock;

use super::Locale;

/// No-break space, before `:` and inside guillemets.
const NBSP: &str = "\u{a0}";
/// Narrow no-break space, before `?`, `!` and `;`.
const NNBSP: &str = "\u{202f}";

type Texts = BTreeMap<String, String>;

static FRENCH: LazyLock<Texts> = LazyLock::new(|| read(include_str!("../../locales/fr.toml"), french_spaces));
static ENGLISH: LazyLock<Texts> = LazyLock::new(|| read(include_str!("../../locales/en.toml"), str::to_owned));

/// The text of `key`; the key itself when there is none, which a test prevents.
pub fn t(locale: Locale, key: &str) -> &str {
    texts(locale).get(key).map_or(key, String::as_str)
}

/// The text of `key` with each `{name}` replaced by its value. Values are not read again for placeholders, and are not
/// escaped: the template does that.
pub fn t_with(locale: Locale, key: &str, values: &[(&str, &str)]) -> String {
    let mut out = String::new();
    let mut rest = t(locale, key);
    while let Some((before, after)) = rest.split_once('{') {
        out.push_str(before);
        let named = after.split_once('}').and_then(|(name, tail)| {
            let (_, value) = values.iter().find(|(known, _)| *known == name)?;
            Some((value, tail))
        });
        if let Some((value, tail)) = named {
            out.push_str(value);
            rest = tail;
        } else {
            out.push('{');
            rest = after;
        }
    }
    out.push_str(rest);
    out
}

/// All keys of a language, sorted.
#[cfg(test)]
pub(crate) fn keys(locale: Locale) -> impl Iterator<Item = &'static str> {
    texts(locale).keys().map(String::as_str)
}

/// All texts of a language.
fn texts(locale: Locale) -> &'static Texts {
    match locale {
        Locale::Fr => &FRENCH,
        Locale::En => &ENGLISH,
    }
}

/// Flattens the tables of a catalogue to dotted keys. An unreadable file is empty, which a test prevents.
fn read(source: &str, finish: fn(&str) -> String) -> Texts {
    fn flatten(prefix: &str, table: &toml::Table, finish: fn(&str) -> String, out: &mut Texts) {
        for (name, value) in table {
            let key = if prefix.is_empty() { name.clone() } else { format!("{prefix}.{name}") };
            match value {
                toml::Value::Table(inner) => flatten(&key, inner, finish, out),
                toml::Value::String(text) => {
                    out.insert(key, finish(text));
                }
                _ => {}
            }
        }
    }
    let mut out = Texts::new();
    flatten("", &source.parse().unwrap_or_default(), finish, &mut out);
    out
}

/// Makes the spaces of French punctuation unbreakable, so that the catalogue can be written with an ordinary keyboard.
fn french_spaces(text: &str) -> String {
    text.replace(" ?", &format!("{NNBSP}?"))
        .replace(" !", &format!("{NNBSP}!"))
        .replace(" ;", &format!("{NNBSP};"))
        .replace(" :", &format!("{NBSP}:"))
        .replace("« ", &format!("«{NBSP}"))
        .replace(" »", &format!("{NBSP}»"))
}
