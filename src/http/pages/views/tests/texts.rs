//! The catalogue and its users agree: every key that is used exists, and every key that exists is used.

use std::collections::BTreeSet;
use std::path::Path;

use crate::http::pages::views::ErrorKind;
use crate::i18n::{Locale, keys};
use crate::model::role::Role;
use crate::model::tenant::TenantKind;
use crate::oauth::scope;

/// The rooms that speak to people. In the others a text like `consent.given` names an event, not a key.
const SPEAKING: [&str; 4] = ["templates", "src/i18n", "src/http/pages", "src/http/dialects"];

/// All texts between double quotes in the files of a folder, tests apart.
fn literals(folder: &Path, out: &mut BTreeSet<String>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if path.is_dir() {
            if name != "tests" {
                literals(&path, out);
            }
        } else if name != "tests.rs" && path.extension().is_some_and(|kind| kind != "svg") {
            let text = std::fs::read_to_string(&path).unwrap();
            out.extend(text.split('"').map(str::to_owned));
        }
    }
}

/// Keys that are put together from an enumeration.
fn composed() -> BTreeSet<String> {
    let mut out: BTreeSet<String> = Role::ALL.iter().map(|role| format!("role.{role}")).collect();
    out.extend(TenantKind::ALL.iter().map(|kind| format!("tenant_kind.{}", kind.as_str())));
    for kind in ErrorKind::ALL {
        out.extend(["title", "text", "next"].map(|part| format!("error.{}.{part}", kind.as_str())));
    }
    for name in scope::STANDARD {
        out.extend(["title", "description"].map(|part| format!("scope.{name}.{part}")));
    }
    out.insert("scope.other.description".to_owned());
    out
}

#[test]
fn keys_and_users_agree() {
    let known: BTreeSet<String> = keys(Locale::Fr).map(str::to_owned).collect();
    let sections: BTreeSet<&str> = known.iter().filter_map(|key| key.split('.').next()).collect();
    let is_key = |text: &&String| {
        let mut parts = text.split('.');
        parts.next().is_some_and(|section| sections.contains(section))
            && parts.next().is_some_and(|name| name != "html" && !name.is_empty())
            && text.bytes().all(|b| b.is_ascii_lowercase() || matches!(b, b'_' | b'-' | b'.'))
    };
    let mut texts = BTreeSet::new();
    for folder in SPEAKING {
        literals(&Path::new(env!("CARGO_MANIFEST_DIR")).join(folder), &mut texts);
    }
    let mut used: BTreeSet<String> = texts.iter().filter(is_key).cloned().collect();
    used.extend(composed());
    let missing: Vec<_> = used.difference(&known).collect();
    let unused: Vec<_> = known.difference(&used).collect();
    assert!(missing.is_empty(), "used and not in the catalogue: {missing:?}");
    assert!(unused.is_empty(), "in the catalogue and not used: {unused:?}");
}
