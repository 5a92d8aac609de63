use std::collections::BTreeSet;

use super::{Locale, keys, t, t_with};

fn placeholders(text: &str) -> BTreeSet<&str> {
    text.split('{').skip(1).filter_map(|part| part.split_once('}')).map(|(name, _)| name).collect()
}

#[test]
fn languages_have_the_same_keys_and_placeholders() {
    let french: Vec<_> = keys(Locale::Fr).collect();
    assert_eq!(french, keys(Locale::En).collect::<Vec<_>>());
    assert!(french.len() > 100, "the catalogue was not read");
    for key in french {
        let (fr, en) = (t(Locale::Fr, key), t(Locale::En, key));
        assert_eq!(placeholders(fr), placeholders(en), "{key}");
        assert!(!fr.trim().is_empty() && !en.trim().is_empty(), "{key}");
        assert!(!fr.contains('\'') && !en.contains('\''), "{key}: use the typographic apostrophe");
    }
}

#[test]
fn every_value_of_the_files_is_a_text() {
    fn visit(table: &toml::Table) {
        for (name, value) in table {
            match value {
                toml::Value::Table(inner) => visit(inner),
                toml::Value::String(_) => {}
                other => panic!("{name} is {other:?}"),
            }
        }
    }
    visit(&include_str!("../../locales/fr.toml").parse().unwrap());
    visit(&include_str!("../../locales/en.toml").parse().unwrap());
}

#[test]
fn values_are_not_read_for_placeholders() {
    let text = t_with(Locale::En, "layout.title", &[("title", "{brand} {"), ("brand", "{title}")]);
    assert_eq!(text, "{brand} { · {title}");
    assert_eq!(t_with(Locale::En, "layout.title", &[]), "{title} · {brand}");
}

#[test]
fn an_unknown_key_is_shown_as_it_is() {
    assert_eq!(t(Locale::Fr, "no.such.key"), "no.such.key");
}

#[test]
fn french_spaces_are_narrow_and_unbreakable() {
    assert_eq!(t(Locale::Fr, "logout.title"), "Se déconnecter\u{202f}?");
    assert_eq!(t(Locale::En, "logout.title"), "Sign out?");
}
