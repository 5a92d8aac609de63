//! What holds of every page, whatever it shows.

use std::collections::BTreeSet;

use super::html::{Tag, tags, unescape};
use super::samples::{self, Sample};
use crate::http::pages::views::*;
use crate::i18n::Locale;
use crate::oauth::authorization::Display;

const VOID: [&str; 9] = ["meta", "link", "input", "img", "br", "wbr", "path", "rect", "hr"];

fn kindly(text: &str) -> String {
    text.to_owned()
}

fn hostile(text: &str) -> String {
    format!("{text}\"><script>alert(1)</script><b onclick='x' a={{{{b}}}} &amp; ")
}

fn each(check: impl Fn(Locale, &Sample, &[Tag])) {
    for locale in Locale::ALL {
        for sample in samples::all(locale, kindly) {
            check(locale, &sample, &tags(&sample.html));
        }
    }
}

fn opening<'a>(tags: &'a [Tag], name: &'a str) -> impl Iterator<Item = &'a Tag> {
    tags.iter().filter(move |tag| !tag.closing && tag.name == name)
}

#[test]
fn shape() {
    each(|locale, sample, tags| {
        let name = &sample.name;
        assert_eq!(opening(tags, "html").next().and_then(|html| html.get("lang")), Some(locale.as_str()), "{name}");
        assert_eq!(opening(tags, "h1").count(), 1, "{name}");
        assert!(opening(tags, "h1").all(|h1| !h1.text.trim().is_empty()), "{name}");
        assert!(opening(tags, "title").all(|title| title.text.trim().len() > 3), "{name}");
        let main: Vec<_> = opening(tags, "main").collect();
        assert_eq!(main.len(), 1, "{name}");
        assert_eq!(main[0].get("data-page"), Some(sample.page), "{name}");
        assert_eq!(main[0].get("id"), Some("main"), "{name}");
        let mut open: Vec<&str> = Vec::new();
        for tag in tags.iter().filter(|tag| !VOID.contains(&tag.name.as_str())) {
            if tag.closing {
                assert_eq!(open.pop(), Some(tag.name.as_str()), "{name}");
            } else {
                open.push(&tag.name);
            }
        }
        assert!(open.is_empty(), "{name}: {open:?}");
    });
}

#[test]
fn names_and_references() {
    each(|_, sample, tags| {
        let name = &sample.name;
        let ids: Vec<&str> = tags.iter().filter_map(|tag| tag.get("id")).collect();
        let unique: BTreeSet<&str> = ids.iter().copied().collect();
        assert_eq!(ids.len(), unique.len(), "{name}: {ids:?}");
        for tag in tags {
            for reference in ["for", "aria-describedby", "aria-labelledby", "aria-controls", "data-reveal"] {
                for id in tag.get(reference).unwrap_or_default().split_whitespace() {
                    assert!(unique.contains(id), "{name}: {reference}={id}");
                }
            }
        }
        let labelled: BTreeSet<&str> = opening(tags, "label").filter_map(|label| label.get("for")).collect();
        for input in opening(tags, "input").filter(|input| input.get("type") != Some("hidden") && !input.has("hidden"))
        {
            let id = input.get("id").unwrap_or_default();
            assert!(labelled.contains(id), "{name}: input {id:?} has no label");
            assert!(input.has("name"), "{name}: input {id:?} has no name");
            assert!(input.get("type") == Some("radio") || input.has("autocomplete"), "{name}: {id}");
        }
        for invalid in tags.iter().filter(|tag| tag.has("aria-invalid")) {
            assert!(invalid.has("aria-describedby"), "{name}: nothing says what is invalid");
        }
        assert!(opening(tags, "img").all(|img| img.has("alt")), "{name}");
        assert!(tags.iter().filter(|tag| tag.has("autofocus")).count() <= 1, "{name}");
    });
}

#[test]
fn stands_under_the_content_security_policy() {
    each(|_, sample, tags| {
        let name = &sample.name;
        assert_eq!(opening(tags, "style").count(), 0, "{name}");
        for tag in tags {
            let forbidden = |attribute: &str| attribute == "style" || attribute.starts_with("on");
            assert!(!tag.attributes.iter().any(|(attribute, _)| forbidden(attribute)), "{name}: {tag:?}");
        }
        for script in opening(tags, "script") {
            assert!(script.get("src").is_some_and(|src| src.starts_with("/static/guichet.js?v=")), "{name}");
            assert!(script.text.is_empty(), "{name}");
        }
        for link in opening(tags, "link") {
            assert!(link.get("href").is_some_and(|href| href.starts_with("/static/")), "{name}");
        }
    });
}

#[test]
fn forms_are_protected_and_begin_with_their_main_button() {
    each(|_, sample, tags| {
        let mut inside: Option<Vec<&Tag>> = None;
        for tag in tags {
            match (tag.name.as_str(), tag.closing) {
                ("form", false) => {
                    assert_eq!(tag.get("method"), Some("post"), "{}", sample.name);
                    inside = Some(Vec::new());
                }
                ("form", true) => {
                    let form = inside.take().expect("a form was open");
                    let csrf =
                        form.iter().any(|tag| tag.get("name") == Some("csrf") && tag.get("value") == Some("c5rf"));
                    assert_eq!(csrf, sample.page != "form-post", "{}", sample.name);
                    // Enter presses the first submit button: it must not be the one that cancels.
                    let first = form.iter().find(|tag| tag.get("type") == Some("submit")).expect("a submit button");
                    assert_ne!(first.get("id"), Some("cancel"), "{}", sample.name);
                }
                _ => {
                    if let (Some(form), false) = (inside.as_mut(), tag.closing) {
                        form.push(tag);
                    }
                }
            }
        }
    });
}

/// The structure of a page is the same whatever people and applications call themselves.
#[test]
fn outside_content_stays_content() {
    let outline = |html: &str| -> Vec<(String, bool, Vec<String>)> {
        let names = |tag: &Tag| tag.attributes.iter().map(|(name, _)| name.clone()).collect();
        tags(html).iter().map(|tag| (tag.name.clone(), tag.closing, names(tag))).collect()
    };
    for locale in Locale::ALL {
        for (kind, evil) in samples::all(locale, kindly).iter().zip(&samples::all(locale, hostile)) {
            assert_eq!(outline(&kind.html), outline(&evil.html), "{}", kind.name);
            assert!(evil.html.contains("alert(1)"), "{} shows nothing from outside", evil.name);
        }
        for ((name, kind), (_, evil)) in samples::mails(locale, kindly).iter().zip(&samples::mails(locale, hostile)) {
            assert_eq!(outline(&kind.html), outline(&evil.html), "{name}");
        }
    }
}

#[test]
fn no_text_is_missing() {
    each(|_, sample, tags| {
        for tag in tags {
            assert!(!tag.text.contains(['{', '}']), "{}: {}", sample.name, tag.text);
            for (attribute, value) in &tag.attributes {
                assert!(!value.contains(['{', '}']), "{}: {attribute}={value}", sample.name);
            }
        }
        for button in opening(tags, "button").chain(opening(tags, "a")) {
            let at = tags.iter().position(|tag| std::ptr::eq(tag, button)).expect("it is there");
            let text: String =
                tags[at..].iter().take_while(|tag| tag.name != "html").take(4).map(|t| t.text.trim()).collect();
            assert!(!text.is_empty(), "{}: an empty {}", sample.name, button.name);
        }
    });
}

/// French puts no-break spaces before double punctuation: a line never begins with a question mark.
#[test]
fn french_punctuation_does_not_break() {
    for sample in samples::all(Locale::Fr, kindly) {
        for tag in tags(&sample.html) {
            let text = unescape(&tag.text);
            for mark in [" ?", " !", " ;", " :", "« ", " »"] {
                assert!(!text.contains(mark), "{}: {text:?}", sample.name);
            }
        }
    }
}

#[test]
fn buttons_say_what_programs_look_for() {
    let text = |html: &str, id: &str| {
        let tags = tags(html);
        let button = tags.iter().find(|tag| tag.get("id") == Some(id) && matches!(tag.name.as_str(), "button" | "a"));
        unescape(button.map_or("", |tag| tag.text.trim()))
    };
    let expected = [
        ("sign-in", ["Se connecter", "Annuler"], ["Sign in", "Cancel"]),
        ("tenant", ["Continuer", "Annuler"], ["Continue", "Cancel"]),
        ("consent", ["Autoriser", "Refuser"], ["Allow", "Deny"]),
        ("logout", ["Se déconnecter", "Annuler"], ["Sign out", "Cancel"]),
        ("form-post", ["Continuer", ""], ["Continue", ""]),
    ];
    for (locale, pick) in [(Locale::Fr, 0), (Locale::En, 1)] {
        let samples = samples::all(locale, kindly);
        for (name, french, english) in &expected {
            let html = &samples.iter().find(|sample| sample.name == *name).expect("the sample").html;
            let [submit, cancel] = [french, english][pick];
            assert_eq!((text(html, "submit").as_str(), text(html, "cancel").as_str()), (*submit, *cancel), "{name}");
        }
    }
}

/// A client writes its own links; only web addresses become links, only `https:` ones images.
#[test]
fn foreign_links_are_web_addresses() {
    let client = ClientBrand {
        name: "X".into(),
        logo_uri: Some("http://x.example/logo.png".into()),
        policy_uri: Some("javascript:alert(1)".into()),
        tos_uri: Some("data:text/html,x".into()),
        client_uri: Some("https://x.example/".into()),
    };
    let layout = Layout {
        display: Display::Popup,
        locale: Locale::En,
        brand: "Guichet".into(),
        csrf: String::new(),
        client: Some(client),
        alternate: Vec::new(),
        signed_in_as: None,
        static_path: "/broker/static".into(),
        asset_version: String::new(),
    };
    let html = Logout { layout, action: "/logout".into(), client: None }.render();
    assert!(!html.contains("javascript:") && !html.contains("data:text") && !html.contains("logo.png"), "{html}");
    assert!(html.contains("https://x.example/"), "{html}");
    assert!(html.contains("href=\"/broker/static/guichet.css?v=\""), "{html}");
}

#[test]
fn mails_are_whole() {
    for locale in Locale::ALL {
        for (name, mail) in samples::mails(locale, kindly) {
            assert!(mail.text.contains("https://guichet.example/"), "{name}: {}", mail.text);
            assert!(mail.html.contains("https://guichet.example/"), "{name}");
            for part in [&mail.subject, &mail.text] {
                assert!(!part.contains(['{', '<', '&']) && !part.contains("mail."), "{name}: {part}");
            }
            assert!(!format!("{mail:?}").contains("t0ken"), "{name}");
        }
    }
    let forged = PasswordResetMail {
        locale: Locale::En,
        brand: "G\r\nBcc: x@example.com".into(),
        name: String::new(),
        url: String::new(),
        valid_seconds: 60,
    };
    assert!(!forged.render().subject.contains(['\r', '\n']));
}

/// Writes all samples to the directory `GUICHET_PAGES_OUT`, to be looked at in a browser; does nothing without it.
#[test]
fn write_samples() {
    let Some(out) = std::env::var_os("GUICHET_PAGES_OUT").map(std::path::PathBuf::from) else { return };
    let statics = out.join("static");
    std::fs::create_dir_all(&statics).unwrap();
    for name in ["guichet.css", "guichet.js", "mark.svg"] {
        std::fs::write(statics.join(name), static_file(name).unwrap().body).unwrap();
    }
    for locale in Locale::ALL {
        for sample in samples::all(locale, kindly) {
            std::fs::write(out.join(format!("{locale}.{}.html", sample.name)), sample.html).unwrap();
        }
        for (name, mail) in samples::mails(locale, kindly) {
            std::fs::write(out.join(format!("{locale}.mail.{name}.html")), mail.html).unwrap();
            let text = format!("Subject: {}\n\n{}", mail.subject, mail.text);
            std::fs::write(out.join(format!("{locale}.mail.{name}.txt")), text).unwrap();
        }
    }
}
