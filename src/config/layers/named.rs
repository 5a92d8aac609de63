//! Sections that the operator names: `[upstreams.<name>]`, `GUICHET_UPSTREAMS__<NAME>__<KEY>`.

use std::collections::{BTreeMap, BTreeSet};

use toml::{Table, Value};

use super::{parse, shape_problem, unreadable};
use crate::config::check::Check;
use crate::config::key::{self, Fallback, Key, Kind, Section};

/// Longest name.
const LONGEST: usize = 32;

/// The word above all tables of a section.
fn above(section: &Section) -> &'static str {
    section.name.split('.').next().unwrap_or_default()
}

/// Whether a word of the file's top is the home of such sections.
pub(super) fn is_named(name: &str) -> bool {
    key::NAMED.iter().any(|section| above(section) == name)
}

/// Whether a variable belongs to such a section.
pub(super) fn is_variable(name: &str) -> bool {
    key::NAMED.iter().any(|section| name.starts_with(&prefix(section)))
}

fn prefix(section: &Section) -> String {
    format!("GUICHET_{}__", above(section).to_uppercase())
}

/// The last word of a row's path.
fn word(key: &Key) -> &'static str {
    key.path.rsplit('.').next().unwrap_or_default()
}

/// File and environment laid over each other, and the defaults where the section's rows have values.
pub(super) fn merge(file: &Table, environment: &BTreeMap<String, String>, check: &mut Check) -> Table {
    let mut root = Table::new();
    for section in key::NAMED {
        let mut tables: BTreeMap<String, Table> = BTreeMap::new();
        from_file(section, file.get(above(section)), &mut tables, check);
        from_environment(section, environment, &mut tables, check);
        for table in tables.values_mut() {
            for key in section.keys {
                if let Fallback::Value(text) = key.fallback
                    && let Some(value) = parse(key, text)
                {
                    table.entry(word(key)).or_insert(value);
                }
            }
        }
        let all: Table = tables.into_iter().map(|(name, table)| (name, Value::Table(table))).collect();
        root.insert(above(section).to_owned(), Value::Table(all));
    }
    root
}

fn from_file(section: &Section, there: Option<&Value>, tables: &mut BTreeMap<String, Table>, check: &mut Check) {
    let Some(there) = there else { return };
    let Some(there) = there.as_table() else {
        check.refuse(above(section), "is a section, not a value", format!("write [{}.name]", above(section)));
        return;
    };
    for (name, value) in there {
        let path = format!("{}.{name}", above(section));
        let Some(values) = value.as_table() else {
            check.refuse(&path, "is a section, not a value", format!("write [{path}] and its keys below"));
            continue;
        };
        if !is_name(name) {
            refuse_name(&path, check);
            continue;
        }
        let table = tables.entry(name.clone()).or_default();
        for (wanted, value) in values {
            take(section, &format!("{path}.{wanted}"), wanted, value.clone(), table, check);
        }
    }
}

fn from_environment(
    section: &Section,
    environment: &BTreeMap<String, String>,
    tables: &mut BTreeMap<String, Table>,
    check: &mut Check,
) {
    let prefix = prefix(section);
    let mut seen: BTreeSet<(String, &'static str)> = BTreeSet::new();
    for (variable, text) in environment {
        let Some(rest) = variable.strip_prefix(&prefix) else { continue };
        let (name, wanted) = rest.rsplit_once("__").unwrap_or((rest, ""));
        let (name, wanted) = (name.to_lowercase(), wanted.to_lowercase());
        if !is_name(&name) || wanted.is_empty() || rest.chars().any(char::is_lowercase) {
            check.refuse(variable, "is not a known variable", format!("write {prefix}<NAME>__<KEY> in capitals"));
            continue;
        }
        let Some(key) = section.keys.iter().find(|key| word(key) == wanted) else {
            unknown(section, variable, &wanted, check);
            continue;
        };
        let Some(value) = parse(key, text) else {
            let (message, hint) = unreadable(key);
            check.refuse(variable, message, hint);
            continue;
        };
        let table = tables.entry(name.clone()).or_default();
        // A secret of the environment replaces that of the file, in whichever of the two ways each is given.
        if let Some(twin) = twin(section, key).filter(|twin| !seen.contains(&(name.clone(), word(twin)))) {
            table.remove(word(twin));
        }
        seen.insert((name, word(key)));
        take(section, variable, &wanted, value, table, check);
    }
}

fn take(section: &Section, path: &str, wanted: &str, value: Value, table: &mut Table, check: &mut Check) {
    let Some(key) = section.keys.iter().find(|key| word(key) == wanted) else {
        unknown(section, path, wanted, check);
        return;
    };
    match shape_problem(key, &value) {
        None => drop(table.insert(wanted.to_owned(), value)),
        Some((message, hint)) => check.refuse(path, message, hint),
    }
}

/// The other way to give the same secret.
fn twin(section: &Section, key: &Key) -> Option<&'static Key> {
    let other = match key.kind {
        Kind::Secret => format!("{}_file", word(key)),
        Kind::Path => word(key).strip_suffix("_file")?.to_owned(),
        _ => return None,
    };
    section.keys.iter().find(|known| word(known) == other)
}

fn unknown(section: &Section, path: &str, wanted: &str, check: &mut Check) {
    let known = section.keys.iter().map(|key| word(key).to_owned());
    let hint = match key::nearest(wanted, known, ".") {
        Some(meant) => format!("did you mean {meant}?"),
        None => "remove it; docs/configuration.md lists all keys".to_owned(),
    };
    check.refuse(path, "is not a known key", hint);
}

/// Names stand in addresses and in variables.
fn is_name(name: &str) -> bool {
    (1..=LONGEST).contains(&name.len())
        && name.starts_with(|first: char| first.is_ascii_lowercase())
        && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
        && !name.contains("__")
        && !name.ends_with('_')
}

fn refuse_name(path: &str, check: &mut Check) {
    check.refuse(
        path,
        "has a name that cannot stand in an address",
        "begin with a letter; small letters, digits and single underscores, at most 32",
    );
}
