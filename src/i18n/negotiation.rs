//! Which language a page is shown in.

use super::Locale;

/// Most languages that are read from one `Accept-Language`.
const MOST_RANGES: usize = 20;

/// Picks the language: what the request asks for (`ui_locales`, OpenID Connect Core §3.1.2.1, in order), else what the
/// person chose before (the cookie), else what the browser prefers (`Accept-Language`), else `default`.
pub fn negotiate(
    ui_locales: &[String],
    cookie: Option<&str>,
    accept_language: Option<&str>,
    default: Locale,
) -> Locale {
    ui_locales
        .iter()
        .find_map(|tag| Locale::parse(tag))
        .or_else(|| cookie.and_then(Locale::parse))
        .or_else(|| accept_language.and_then(|header| accepted(header, default)))
        .unwrap_or(default)
}

/// Reads `Accept-Language` (RFC 9110 §12.5.4): the spoken language of the greatest weight, the first among equals.
/// A range with weight 0 or an unreadable weight is left out; `*` stands for `default`.
fn accepted(header: &str, default: Locale) -> Option<Locale> {
    let mut best: Option<(u16, Locale)> = None;
    for range in header.split(',').take(MOST_RANGES) {
        let (tag, parameters) = range.split_once(';').unwrap_or((range, ""));
        let locale = if tag.trim() == "*" { Some(default) } else { Locale::parse(tag) };
        let (Some(locale), Some(weight)) = (locale, weight(parameters)) else { continue };
        if weight > 0 && best.is_none_or(|(greatest, _)| weight > greatest) {
            best = Some((weight, locale));
        }
    }
    best.map(|(_, locale)| locale)
}

/// Reads a quality value (RFC 9110 §12.4.2) in thousandths; absent is 1000, malformed is `None`.
fn weight(parameters: &str) -> Option<u16> {
    let parameters = parameters.trim();
    if parameters.is_empty() {
        return Some(1_000);
    }
    let (name, value) = parameters.split_once('=')?;
    if !name.trim().eq_ignore_ascii_case("q") {
        return None;
    }
    let (whole, fraction) = value.trim().split_once('.').unwrap_or((value.trim(), ""));
    if fraction.len() > 3 || !fraction.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let thousandths: u16 = format!("{fraction:0<3}").parse().ok()?;
    match whole {
        "0" => Some(thousandths),
        "1" if thousandths == 0 => Some(1_000),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_of_sources() {
        let asked = |tags: &[&str]| tags.iter().map(|&t| t.to_owned()).collect::<Vec<_>>();
        assert_eq!(negotiate(&asked(&["de", "en-GB"]), Some("fr"), Some("fr"), Locale::Fr), Locale::En);
        assert_eq!(negotiate(&asked(&["de"]), Some("en"), Some("fr"), Locale::Fr), Locale::En);
        assert_eq!(negotiate(&[], Some("xx"), Some("en"), Locale::Fr), Locale::En);
        assert_eq!(negotiate(&[], None, None, Locale::En), Locale::En);
    }

    #[test]
    fn accept_language_weights() {
        for (header, expected) in [
            ("fr-FR,fr;q=0.9,en;q=0.8", Some(Locale::Fr)),
            ("en;q=0.8, fr;q=0.9", Some(Locale::Fr)),
            ("en;q=0.85,fr;q=0.849", Some(Locale::En)),
            ("EN-us", Some(Locale::En)),
            ("fr;q=0, en;q=0.001", Some(Locale::En)),
            ("de, *;q=0.1", Some(Locale::Fr)),
            ("fr;q=1.001, en;q=0.5", Some(Locale::En)),
            ("fr;q=abc, en;q=0.1", Some(Locale::En)),
            ("fr;level=1, en;q=0.1", Some(Locale::En)),
            ("english", None),
            ("de,nl", None),
            ("", None),
            (";;;,,,=", None),
        ] {
            assert_eq!(accepted(header, Locale::Fr), expected, "{header}");
        }
    }

    #[test]
    fn primary_language_alone_counts() {
        assert_eq!(Locale::parse("fr_CA"), Some(Locale::Fr));
        assert_eq!(Locale::parse("frr"), None);
        assert_eq!(Locale::parse(""), None);
    }
}
