//! The map of the rooms, held against the source: who may use whom, who owns which library, and what every file keeps to.
//!
//! The tables below are the law; `src/lib.rs` and `docs/architecture.md` say the same in words. An entry that nothing uses
//! any more fails as well, so that the tables stay as narrow as the code.

mod source;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use source::{Source, sources};

/// A room, and the rooms it may name. Order: right to left.
const ROOMS: &[(&str, &[&str])] = &[
    ("base", &[]),
    ("oauth", &["base"]),
    ("outbound", &["base"]),
    // The row of neighbours. `model` is what the other three speak of; `store` writes down what `audit` describes.
    ("model", &["base", "oauth"]),
    ("audit", &["base"]),
    ("jose", &["base", "model"]),
    ("store", &["audit", "base", "model", "oauth"]),
    ("mail", &["base", "config", "model", "store"]),
    // The use cases. They do not know each other: what both need stands further right.
    ("account", &["audit", "base", "mail", "model", "oauth", "store"]),
    ("provider", &["audit", "base", "jose", "model", "oauth", "outbound", "store"]),
    // Upstream providers: a sign-in there ends in a session, as `account` makes them.
    ("federation", &["account", "audit", "base", "config", "jose", "model", "oauth", "outbound", "store"]),
    // The edges.
    ("http", &["account", "base", "federation", "i18n", "mail", "model", "oauth", "provider", "store", "telemetry"]),
    // A world beside the product: the listener, and the way out for what it sends. Only the command line starts it.
    ("simulation", &["base", "http", "outbound"]),
    ("jobs", &["account", "federation", "mail", "provider", "store", "telemetry"]),
    (
        "app",
        &[
            "account",
            "base",
            "config",
            "federation",
            "http",
            "i18n",
            "jobs",
            "jose",
            "mail",
            "model",
            "outbound",
            "provider",
            "store",
            "telemetry",
        ],
    ),
    (
        "cli",
        &[
            "account",
            "app",
            "audit",
            "base",
            "config",
            "federation",
            "http",
            "jose",
            "model",
            "oauth",
            "provider",
            "simulation",
            "store",
            "telemetry",
        ],
    ),
    // Leaf rooms: they know `base` at most, and nobody's business.
    ("config", &["base"]),
    ("i18n", &["base"]),
    ("telemetry", &[]),
];

/// Uses that the table allows to a room and that only these files may make, with the reason.
const ONLY_IN: &[(&str, &str, &[&str], &str)] = &[
    (
        "cli",
        "simulation",
        &["src/cli/demo.rs", "src/cli/simulate.rs"],
        "what serves people knows no simulated provider",
    ),
    (
        "simulation",
        "http",
        &["src/simulation/asked.rs", "src/simulation/server.rs"],
        "the listener is the product's own; parsing and checks are not, so that a mistake is not made twice",
    ),
    (
        "http",
        "store",
        &["src/http/trouble.rs"],
        "what storage fails with becomes a status here; no handler speaks to storage by name",
    ),
    ("http", "mail", &["src/http/pages/views/mail.rs"], "mails are drawn with the templates of the pages"),
    (
        "federation",
        "config",
        &["src/federation/mod.rs", "src/federation/settings.rs"],
        "an upstream is built from its section, which has no second form",
    ),
    (
        "mail",
        "config",
        &["src/mail/transport/mod.rs", "src/mail/transport/smtp.rs"],
        "the way out is chosen by the section `[mail]`, which has no second form",
    ),
];

/// Rooms that neither do I/O nor read a clock: time is an argument, and so is the source of random numbers.
const PURE: &[&str] = &["oauth", "model", "audit"];

/// What a pure room may not name.
const IMPURE: &[&str] = &[
    "std::fs",
    "std::io",
    "std::net::Tcp",
    "std::net::Udp",
    "std::env",
    "std::process",
    "std::thread",
    "std::time::SystemTime",
    "std::time::Instant",
    "tokio",
    "Clock",
    "getrandom",
    "async fn",
    ".await",
];

/// Each outside library and who may name it. Paths are prefixes below `src/`.
const OWNED: &[(&str, &[&str], &str)] = &[
    ("axum", &["http", "cli/serve.rs", "simulation"], "HTTP; `serve` hands the numbers to a listener of their own"),
    ("hyper", &["http"], "HTTP"),
    ("hyper_util", &["http/server"], "HTTP connections"),
    ("http_body_util", &["http/middleware"], "the limit of a body"),
    ("tower", &["http"], "HTTP"),
    ("rustls", &["http/server", "outbound"], "TLS, as a server and as a client"),
    ("tokio_rustls", &["http/server"], "TLS"),
    ("sqlx", &["store"], "durable data"),
    ("redis", &["store"], "short-lived state"),
    ("josekit", &["jose", "simulation/keys.rs"], "JOSE; a simulated provider signs with a hand of its own"),
    ("aws_lc_rs", &["base", "jose"], "digests, MACs and sealing for everybody; key pairs and signatures for JOSE"),
    ("argon2", &["account/passwords"], "passwords"),
    ("askama", &["http/pages", "simulation/pages.rs"], "pages and the texts of mails"),
    ("lettre", &["mail/transport"], "mails"),
    ("reqwest", &["outbound"], "calls to other servers, all of them bounded and guarded"),
    ("rustls_native_certs", &["outbound"], "the system's certificate authorities"),
    ("clap", &["cli"], "the command line"),
    ("prometheus_client", &["telemetry"], "metrics"),
    ("tracing_subscriber", &["telemetry"], "log output"),
    ("toml", &["config", "i18n"], "the configuration; the catalogue of texts"),
    ("getrandom", &["base"], "randomness"),
    ("subtle", &["base"], "comparison in constant time"),
    ("base64", &["base", "oauth", "simulation/asked.rs"], "base64url for everybody; the base64 of HTTP Basic"),
    ("percent_encoding", &["oauth"], "forms and HTTP Basic"),
    ("form_urlencoded", &["http", "outbound"], "queries and forms"),
    ("ipnet", &["config", "http/middleware"], "networks of trusted proxies"),
    ("quick_cache", &["provider"], "the directory of clients"),
    ("unicode_normalization", &["account", "model", "store"], "canonical names and passwords; the search key"),
    ("zeroize", &["account", "base", "http/server", "mail"], "memory that held a secret"),
];

/// Libraries that any room may name: plain values, the runtime, and derive macros.
const COMMON: &[&str] =
    &["bytes", "futures_util", "serde", "serde_json", "thiserror", "time", "tokio", "tracing", "url", "uuid"];

/// Dependencies that no source names, with the reason for their being there.
const UNNAMED: &[(&str, &str)] = &[("openssl", "josekit's own library, compiled in: no system library is needed")];

/// Longest file, in lines, and who may be longer.
const LONGEST: usize = 600;
const LONGER: &[(&str, &str)] = &[];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn none(problems: &[String]) {
    assert!(problems.is_empty(), "{} found:\n{}", problems.len(), problems.join("\n"));
}

#[test]
fn rooms_use_only_what_stands_to_their_right() {
    let table: BTreeMap<&str, &[&str]> = ROOMS.iter().copied().collect();
    let mut used: BTreeSet<(String, String)> = BTreeSet::new();
    let mut problems = Vec::new();
    for file in sources().iter().filter(|file| file.room() != "lib" && file.room() != "main") {
        let Some(allowed) = table.get(file.room()) else {
            problems.push(format!("{}: the room {} is not in the table", file.path, file.room()));
            continue;
        };
        for other in file.rooms_named() {
            if other == file.room() {
                continue;
            }
            used.insert((file.room().to_owned(), other.clone()));
            if !allowed.contains(&other.as_str()) {
                problems.push(format!("{}: {} may not use {other}", file.path, file.room()));
            }
            if let Some((_, _, files, why)) =
                ONLY_IN.iter().find(|(room, named, ..)| *room == file.room() && *named == other)
                && !files.contains(&file.path.as_str())
            {
                problems.push(format!("{}: {} may use {other} only in {files:?}: {why}", file.path, file.room()));
            }
        }
        if file.climbs_out() {
            problems.push(format!("{}: `super` leads out of the room; say `crate::`", file.path));
        }
    }
    for (room, allowed) in ROOMS {
        for other in *allowed {
            if !used.contains(&((*room).to_owned(), (*other).to_owned())) {
                problems.push(format!("the table allows {room} to use {other}, which nothing does"));
            }
        }
    }
    none(&problems);
}

#[test]
fn the_table_has_no_circle() {
    let mut known: BTreeSet<&str> = BTreeSet::new();
    let mut left: Vec<_> = ROOMS.to_vec();
    while !left.is_empty() {
        let before = left.len();
        left.retain(|(room, uses)| {
            let free = uses.iter().all(|used| known.contains(used));
            if free {
                known.insert(room);
            }
            !free
        });
        assert_ne!(left.len(), before, "these use one another in a circle: {left:?}");
    }
}

#[test]
fn the_library_declares_and_describes_every_room() {
    let text = std::fs::read_to_string(root().join("src/lib.rs")).unwrap();
    let declared: BTreeSet<&str> =
        text.lines().filter_map(|line| line.strip_prefix("pub mod ")?.strip_suffix(';')).collect();
    let known: BTreeSet<&str> = ROOMS.iter().map(|(room, _)| *room).collect();
    assert_eq!(declared, known);
    for room in known {
        assert!(text.contains(&format!("[`{room}`]")), "src/lib.rs does not say what {room} owns");
    }
}

#[test]
fn pure_rooms_do_no_io_and_read_no_clock() {
    let mut problems = Vec::new();
    for file in sources().iter().filter(|file| PURE.contains(&file.room())) {
        for word in IMPURE.iter().filter(|word| file.has_word(word)) {
            problems.push(format!("{}: {word}", file.path));
        }
    }
    none(&problems);
}

#[test]
fn each_outside_library_has_its_owner() {
    let mut problems = Vec::new();
    let mut met: BTreeSet<(&str, &str)> = BTreeSet::new();
    for file in sources() {
        for (library, owners, why) in OWNED.iter().filter(|(library, ..)| file.names_library(library)) {
            let below = file.path.trim_start_matches("src/");
            match owners.iter().find(|owner| below.starts_with(**owner)) {
                Some(owner) => drop(met.insert((library, owner))),
                None => problems.push(format!("{}: {library} belongs to {owners:?}: {why}", file.path)),
            }
        }
        for (library, _) in UNNAMED.iter().filter(|(library, _)| file.names_library(library)) {
            problems.push(format!("{}: {library} should be named by nobody", file.path));
        }
    }
    for (library, owners, _) in OWNED {
        for owner in owners.iter().filter(|owner| !met.contains(&(*library, **owner))) {
            problems.push(format!("the table gives {library} to {owner}, which does not use it"));
        }
    }
    none(&problems);
}

#[test]
fn every_dependency_has_a_place_in_the_tables() {
    let manifest = std::fs::read_to_string(root().join("Cargo.toml")).unwrap();
    let section = manifest.split("[dependencies]").nth(1).unwrap().split("\n[").next().unwrap();
    let listed: BTreeSet<String> = section
        .lines()
        .filter(|line| !line.trim_start().starts_with('#'))
        .filter_map(|line| line.split_once(" = "))
        .map(|(name, _)| name.trim().replace('-', "_"))
        .collect();
    let known: BTreeSet<String> = OWNED
        .iter()
        .map(|(library, ..)| *library)
        .chain(COMMON.iter().copied())
        .chain(UNNAMED.iter().map(|(library, _)| *library))
        .map(str::to_owned)
        .collect();
    assert_eq!(listed, known);
}

#[test]
fn http_reads_storage_in_one_place() {
    let files = sources();
    let direct: Vec<&str> = files
        .iter()
        .filter(|file| file.room() == "http" && file.has_word("store()"))
        .map(|file| file.path.as_str())
        .collect();
    // The scene is what a page is decided and drawn from; it reads, and never writes.
    assert_eq!(direct, ["src/http/pages/scene.rs"]);
    assert!(!files.iter().any(|file| file.path == direct[0] && file.has_word("write")));
}

#[test]
fn every_file_says_what_it_is_and_stays_short() {
    let mut problems = Vec::new();
    for file in sources() {
        if !file.is_test && !file.text.starts_with("//! ") {
            problems.push(format!("{}: opens without `//!`", file.path));
        }
        let lines = file.text.lines().count();
        let excused = LONGER.iter().any(|(path, _)| *path == file.path);
        if (lines > LONGEST) != excused {
            problems.push(format!("{}: {lines} lines", file.path));
        }
    }
    none(&problems);
}

#[test]
fn whatever_may_panic_says_why() {
    let mut problems = Vec::new();
    for file in sources() {
        let calls = file.count(".unwrap()") + file.count(".expect(");
        let excused = file.count("clippy::expect_used") + file.count("clippy::unwrap_used");
        if calls > excused {
            problems.push(format!("{}: {calls} of unwrap and expect, {excused} with a reason", file.path));
        }
        for word in ["panic!(", "todo!(", "unimplemented!(", "unreachable!(", "unsafe ", "#[allow("] {
            if file.count(word) > 0 {
                problems.push(format!("{}: {word}", file.path));
            }
        }
    }
    none(&problems);
}

#[test]
fn both_engines_have_every_migration() {
    let names = |engine: &str| -> BTreeSet<String> {
        let folder = root().join("migrations").join(engine);
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    };
    let sqlite = names("sqlite");
    assert_eq!(sqlite, names("postgres"));
    let numbers: Vec<u32> = sqlite.iter().map(|name| name.split('_').next().unwrap().parse().unwrap()).collect();
    let expected: Vec<u32> = (1..=u32::try_from(numbers.len()).unwrap()).collect();
    assert_eq!(numbers, expected, "migrations count from 1 without a gap");
}

#[test]
fn the_scanner_sees_what_it_should() {
    let file = Source::of(
        "src/http/x.rs",
        "//! A.\nuse crate::{base::Clock, store};\nuse axum::Router;\n// crate::cli is only spoken of\n\
         const A: &str = \"sqlx::query\";\nfn f() { tokio::time::sleep(); super::super::super::g(); crate::model::x(); }\n\
         #[cfg(test)]\nmod tests { use crate::jose::Key; fn t() { a.unwrap(); } }\n",
    );
    assert_eq!(file.room(), "http");
    let rooms: Vec<String> = file.rooms_named().into_iter().collect();
    assert_eq!(rooms, ["base", "model", "store"]);
    assert!(file.names_library("axum") && file.names_library("tokio"));
    assert!(!file.names_library("sqlx") && !file.names_library("time"));
    assert!(file.climbs_out());
    assert_eq!(file.count(".unwrap()"), 0);
}
