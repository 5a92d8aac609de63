//! File, environment and defaults, laid over each other into one complete table.
//!
//! The environment wins over the file, both win over the defaults. What is unknown or of the wrong shape is refused here
//! and left out, so that what is handed on can be read by [`super::raw::Raw`].

use std::collections::BTreeMap;

use toml::{Table, Value};

use super::Problem;
use super::check::{Check, quoted};
use super::key::{self, Fallback, Key, Kind};

/// Values by path, before they are nested again.
type Flat = BTreeMap<&'static str, Value>;

/// Lays the three layers over each other.
pub(super) fn merge(file: &Table, environment: impl IntoIterator<Item = (String, String)>, check: &mut Check) -> Table {
    let mut flat = Flat::new();
    let environment: BTreeMap<String, String> = environment.into_iter().collect();
    let named = named::merge(file, &environment, check);
    from_file(file, "", &mut flat, check);
    from_environment(environment, &mut flat, check);
    for key in key::all() {
        if let Fallback::Value(text) = key.fallback
            && let Some(value) = parse(key, text)
        {
            flat.entry(key.path).or_insert(value);
        }
    }
    let mut root = nest(flat);
    root.extend(named);
    root
}

/// Reads TOML. The refusal names the line and never shows it: it may hold a secret.
pub(super) fn parse_file(name: &str, text: &str) -> Result<Table, Problem> {
    text.parse::<Table>().map_err(|error| {
        let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
        let line = before.matches('\n').count() + 1;
        Problem::new(
            name,
            format!("is not TOML: line {line}: {}", error.message().replace('\n', ", ")),
            "repair the line; see https://toml.io for the form of the file",
        )
    })
}

fn from_file(table: &Table, above: &str, flat: &mut Flat, check: &mut Check) {
    let named = |name: &str| above.is_empty() && named::is_named(name);
    for (name, value) in table.iter().filter(|(name, _)| !named(name)) {
        let path = if above.is_empty() { name.clone() } else { format!("{above}.{name}") };
        match (key::find(&path), value) {
            (Some(key), value) => match shape_problem(key, value) {
                None => drop(flat.insert(key.path, value.clone())),
                Some((message, hint)) => check.refuse(key.path, message, hint),
            },
            (None, Value::Table(below)) if key::is_section(&path) => from_file(below, &path, flat, check),
            (None, _) if key::is_section(&path) => {
                check.refuse(&path, "is a section, not a value", format!("write [{path}] and its keys below"));
            }
            (None, _) => unknown(&path, check),
        }
    }
}

fn unknown(path: &str, check: &mut Check) {
    let sections = key::SECTIONS.iter().map(|section| section.name.to_owned()).filter(|name| !name.is_empty());
    let known = key::all().map(|key| key.path.to_owned()).chain(sections);
    let hint = match key::nearest(path, known, ".") {
        Some(meant) => format!("did you mean {meant}?"),
        None => "remove it; docs/configuration.md lists all keys".to_owned(),
    };
    check.refuse(path, "is not a known key", hint);
}

fn from_environment(environment: impl IntoIterator<Item = (String, String)>, flat: &mut Flat, check: &mut Check) {
    let ours = |name: &str| {
        name.starts_with("GUICHET_")
            && name != "GUICHET_CONFIG"
            && !name.starts_with("GUICHET_TEST_")
            && !named::is_variable(name)
    };
    // Sorted, so that the problems come in the same order each time.
    let variables: BTreeMap<String, String> = environment.into_iter().filter(|(name, _)| ours(name)).collect();
    for (name, text) in &variables {
        let Some(key) = key::all().find(|key| key.env_name() == *name) else {
            unknown_variable(name, check);
            continue;
        };
        check.from_environment.insert(key.path);
        let Some(value) = parse(key, text) else {
            let (message, hint) = unreadable(key);
            check.refuse(key.path, message, hint);
            continue;
        };
        if let Some((message, hint)) = shape_problem(key, &value) {
            check.refuse(key.path, message, hint);
            continue;
        }
        // A secret of the environment replaces that of the file, in whichever of the two ways each is given.
        if let Some(twin) = key.twin().filter(|twin| !variables.contains_key(&twin.env_name())) {
            flat.remove(twin.path);
        }
        flat.insert(key.path, value);
    }
}

fn unknown_variable(name: &str, check: &mut Check) {
    let hint = match key::nearest(name, key::all().map(Key::env_name), "__") {
        Some(meant) => format!("did you mean {meant}?"),
        None => "unset it; docs/configuration.md lists all names".to_owned(),
    };
    check.refuse(name, "is not a known variable", hint);
}

/// What to say of a text that [`parse`] gives nothing for.
const fn unreadable(key: &Key) -> (&'static str, &'static str) {
    match key.kind {
        Kind::Switch => ("is neither true nor false", "write true or false"),
        _ => ("is not a whole number", "write digits alone"),
    }
}

/// Reads the text of a variable or a default; `None` for what should be a number or a switch and is not.
fn parse(key: &Key, text: &str) -> Option<Value> {
    Some(match key.kind {
        Kind::Integer => Value::Integer(text.trim().parse().ok()?),
        Kind::Switch => Value::Boolean(text.trim().parse().ok()?),
        Kind::List if text.trim().is_empty() => Value::Array(Vec::new()),
        Kind::List => Value::Array(text.split(',').map(|item| Value::String(item.trim().to_owned())).collect()),
        _ => Value::String(text.to_owned()),
    })
}

/// What is wrong with the shape of a value, and what to do. Values are not repeated: they may be secrets.
fn shape_problem(key: &Key, value: &Value) -> Option<(String, String)> {
    let wrong = |found: &Value| format!("is {} where {} is expected", name_of(found), expected(key.kind));
    let empty = || Some(("is empty".to_owned(), format!("set it, or remove {} altogether", key.path)));
    match (key.kind, value) {
        (Kind::Integer, Value::Integer(_)) | (Kind::Switch, Value::Boolean(_)) => None,
        (Kind::List, Value::Array(items)) => items.iter().find_map(|item| match item {
            Value::String(text) if text.is_empty() => empty(),
            Value::String(_) => None,
            other => Some((format!("holds {}", name_of(other)), "put all items in quotes".to_owned())),
        }),
        (Kind::Integer | Kind::List | Kind::Switch, found) => Some((wrong(found), example(key))),
        (_, Value::String(text)) if text.is_empty() => empty(),
        (_, Value::String(_)) => None,
        (_, found) => Some((wrong(found), example(key))),
    }
}

fn name_of(value: &Value) -> &'static str {
    match value {
        Value::String(_) => "text",
        Value::Integer(_) => "a whole number",
        Value::Float(_) => "a number with a fraction",
        Value::Boolean(_) => "true or false",
        Value::Datetime(_) => "a date",
        Value::Array(_) => "a list",
        Value::Table(_) => "a section",
    }
}

const fn expected(kind: Kind) -> &'static str {
    match kind {
        Kind::Integer => "a whole number",
        Kind::List => "a list of text",
        Kind::Switch => "true or false",
        _ => "text",
    }
}

fn example(key: &Key) -> String {
    match (key.kind, key.fallback) {
        (Kind::Choice(words), _) => format!("choose one of {}", quoted(&words())),
        (Kind::Integer, Fallback::Value(text)) => format!("write digits without quotes, such as {text}"),
        (Kind::Integer, _) => "write digits without quotes".to_owned(),
        (Kind::Switch, _) => "write true or false without quotes".to_owned(),
        (Kind::List, _) => "write [\"…\", \"…\"]".to_owned(),
        (_, Fallback::Value(text)) => format!("put it in quotes, such as \"{text}\""),
        _ => "put it in quotes".to_owned(),
    }
}

/// Puts values back into their sections. Every section is there, if only as an empty table.
fn nest(flat: Flat) -> Table {
    let mut root = Table::new();
    for section in key::SECTIONS {
        section_of(&mut root, section.name);
    }
    for (path, value) in flat {
        let (section, name) = path.rsplit_once('.').unwrap_or(("", path));
        if let Some(table) = section_of(&mut root, section) {
            table.insert(name.to_owned(), value);
        }
    }
    root
}

fn section_of<'a>(root: &'a mut Table, section: &str) -> Option<&'a mut Table> {
    section
        .split('.')
        .filter(|name| !name.is_empty())
        .try_fold(root, |table, name| table.entry(name).or_insert_with(|| Value::Table(Table::new())).as_table_mut())
}

mod named;

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(file: &str, environment: &[(&str, &str)]) -> Vec<Problem> {
        let mut check = Check::default();
        let environment = environment.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        merge(&parse_file("test.toml", file).unwrap(), environment, &mut check);
        check.problems
    }

    #[test]
    fn unknown_keys_are_refused_with_a_guess() {
        let found =
            refused("isuer = 'x'\nwhatever = { deep = 1 }\n[session]\nidle = '1m'\n[mail.smpt]\nhost = 'x'", &[]);
        let pairs: Vec<_> = found.iter().map(|p| (p.key.as_str(), p.hint.as_str())).collect();
        assert!(pairs.contains(&("isuer", "did you mean issuer?")));
        assert!(pairs.contains(&("session", "did you mean sessions?")));
        assert!(pairs.contains(&("mail.smpt", "did you mean mail.smtp?")));
        assert!(pairs.iter().any(|(key, hint)| *key == "whatever" && hint.starts_with("remove it")));
    }

    #[test]
    fn unknown_variables_are_refused_with_a_guess_and_foreign_ones_ignored() {
        let found = refused(
            "",
            &[
                ("GUICHET_PASSWORDS_POLICY", "strict"),
                ("GUICHET_issuer", "x"),
                ("GUICHET_CONFIG", "x"),
                ("GUICHET_TEST_ANYTHING", "x"),
                ("PATH", "x"),
            ],
        );
        let keys: Vec<_> = found.iter().map(|p| p.key.as_str()).collect();
        assert_eq!(keys, ["GUICHET_PASSWORDS_POLICY", "GUICHET_issuer"]);
        assert_eq!(found[0].hint, "did you mean GUICHET_PASSWORDS__POLICY?");
    }

    #[test]
    fn wrong_shapes_are_refused_each() {
        let found = refused(
            "issuer = ''\nlisten = '127.0.0.1:80'\nsessions = 5\n[passwords]\nqueue = '16'\nmemory_kib = 2.5\npolicy = true\n\
             [sessions_]\n[http]\nbody_limit = 1000\ntrusted_proxies = [1, 2]",
            &[("GUICHET_PASSWORDS__WORKERS", "many"), ("GUICHET_DATA_DIR", "")],
        );
        let keys: Vec<_> = found.iter().map(|p| p.key.as_str()).collect();
        for key in [
            "issuer",
            "listen",
            "sessions",
            "passwords.queue",
            "passwords.memory_kib",
            "passwords.policy",
            "sessions_",
            "http.body_limit",
            "http.trusted_proxies",
            "passwords.workers",
            "data_dir",
        ] {
            assert!(keys.contains(&key), "{key}");
        }
        assert_eq!(keys.len(), 11);
    }

    #[test]
    fn a_broken_file_is_named_by_line_without_its_text() {
        for value in [
            "'hunter2",
            "hunter2",
            "'a'hunter2",
            "\"hunter2\\q\"",
            "\"hunter2",
            "2026-hunter2",
            "[hunter2",
            "0xhunter2",
        ] {
            let text = format!("issuer = 'x'\nredis_url = {value}\ndata_dir = 'y'");
            let problem = parse_file("guichet.toml", &text).unwrap_err();
            assert!(problem.message.contains("line 2") || problem.message.contains("line 3"), "{}", problem.message);
            assert!(!format!("{problem:?}").contains("hunter2"), "{}", problem.message);
        }
        assert!(parse_file("guichet.toml", "issuer = 'x'\nissuer = 'y'").is_err());
    }

    #[test]
    fn environment_over_file_over_default() {
        let mut check = Check::default();
        let file =
            parse_file("", "[sessions]\nidle = '5m'\nabsolute = '6h'\n[http]\ntrusted_proxies = ['::1']").unwrap();
        let environment = [("GUICHET_SESSIONS__IDLE", "7m"), ("GUICHET_HTTP__TRUSTED_PROXIES", "10.0.0.1, 10.0.0.2")];
        let merged = merge(&file, environment.map(|(name, value)| (name.to_owned(), value.to_owned())), &mut check);
        assert_eq!(merged["sessions"]["idle"].as_str(), Some("7m"));
        assert_eq!(merged["sessions"]["absolute"].as_str(), Some("6h"));
        assert_eq!(merged["http"]["trusted_proxies"].as_array().map(Vec::len), Some(2));
        assert_eq!(merged["http"]["drain"].as_str(), Some("10s"));
        assert!(merged["mail"]["smtp"].is_table());
        assert!(check.problems.is_empty());
    }

    #[test]
    fn a_secret_of_the_environment_replaces_both_ways_of_the_file() {
        let merged = |file: &str, name: &str| {
            let mut check = Check::default();
            merge(&parse_file("", file).unwrap(), [(name.to_owned(), "value".to_owned())], &mut check)
        };
        let first = merged("redis_url_file = 'x'", "GUICHET_REDIS_URL");
        assert!(first.contains_key("redis_url") && !first.contains_key("redis_url_file"));
        let second = merged("redis_url = 'x'", "GUICHET_REDIS_URL_FILE");
        assert!(second.contains_key("redis_url_file") && !second.contains_key("redis_url"));
    }
}
