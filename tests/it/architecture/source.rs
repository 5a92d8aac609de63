//! Reading the source for what it names: comments, texts and unit tests left out.

use std::collections::BTreeSet;
use std::path::Path;

/// One file below `src/`.
#[derive(Debug)]
pub struct Source {
    /// From the root of the repository.
    pub path: String,
    /// As it stands.
    pub text: String,
    /// Whether it is compiled for tests alone.
    pub is_test: bool,
    code: String,
}

impl Source {
    /// Reads a text.
    pub fn of(path: &str, text: &str) -> Self {
        let code = without_tests(&without_texts(text));
        Self { path: path.to_owned(), text: text.to_owned(), is_test: false, code }
    }

    /// The first name below `src/`.
    pub fn room(&self) -> &str {
        let below = self.path.trim_start_matches("src/");
        below.split('/').next().unwrap_or_default().trim_end_matches(".rs")
    }

    /// Every `X` of `crate::X` and `crate::{X, …}`.
    pub fn rooms_named(&self) -> BTreeSet<String> {
        let mut found = BTreeSet::new();
        for (at, _) in self.code.match_indices("crate::") {
            if ends_in_name(&self.code[..at]) {
                continue;
            }
            let rest = &self.code[at + "crate::".len()..];
            match rest.strip_prefix('{') {
                Some(group) => found.extend(heads(group)),
                None => drop(found.insert(first_name(rest).to_owned())),
            }
        }
        found
    }

    /// Whether `library::` begins a path, or `use library` stands alone.
    pub fn names_library(&self, library: &str) -> bool {
        let path = format!("{library}::");
        self.code.match_indices(&path).any(|(at, _)| {
            let before = &self.code[..at];
            !ends_in_name(before) && !before.ends_with("::") && !self.is_imported_as(library)
        })
    }

    /// Whether the file imports another thing under this name (`use tokio::time`).
    fn is_imported_as(&self, name: &str) -> bool {
        self.code.contains(&format!("::{name};"))
    }

    /// Whether a chain of `super::` leads above the room.
    pub fn climbs_out(&self) -> bool {
        let below: Vec<&str> = self.path.trim_start_matches("src/").split('/').collect();
        let depth = if below.last() == Some(&"mod.rs") { below.len() - 1 } else { below.len() };
        self.code.contains(&"super::".repeat(depth))
    }

    /// Whether the code has these characters, not as part of a longer name.
    pub fn has_word(&self, word: &str) -> bool {
        self.code.match_indices(word).any(|(at, _)| {
            let after = self.code[at + word.len()..].chars().next();
            !ends_in_name(&self.code[..at]) && !after.is_some_and(is_name)
        })
    }

    /// How often the code has these characters.
    pub fn count(&self, what: &str) -> usize {
        self.code.matches(what).count()
    }
}

/// All files below `src/` that are not for tests alone, by path; those for tests have no code here.
pub fn sources() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut all = Vec::new();
    collect(root, &root.join("src"), &mut all);
    all.sort_by(|a, b| a.path.cmp(&b.path));
    let tests: BTreeSet<String> = all.iter().flat_map(test_modules).collect();
    for file in &mut all {
        let belongs = tests
            .iter()
            .any(|module| file.path == format!("{module}.rs") || file.path.starts_with(&format!("{module}/")));
        if belongs {
            file.is_test = true;
            file.code.clear();
        }
    }
    all
}

fn collect(root: &Path, folder: &Path, into: &mut Vec<Source>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(root, &path, into);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = std::fs::read_to_string(&path).unwrap();
            into.push(Source::of(path.strip_prefix(root).unwrap().to_str().unwrap(), &text));
        }
    }
}

/// Paths, without their ending, of the modules that a file declares for tests alone.
fn test_modules(file: &Source) -> Vec<String> {
    let (folder, name) = file.path.rsplit_once('/').unwrap();
    let folder = match name {
        "mod.rs" | "lib.rs" => folder.to_owned(),
        _ => format!("{folder}/{}", name.trim_end_matches(".rs")),
    };
    let lines: Vec<&str> = file.text.lines().collect();
    let mut found = Vec::new();
    for (at, _) in lines.iter().enumerate().filter(|(_, line)| line.trim() == "#[cfg(test)]") {
        let mut named = None;
        for line in &lines[at + 1..] {
            if let Some(path) = line.trim().strip_prefix("#[path = \"").and_then(|rest| rest.strip_suffix("\"]")) {
                let owner = file.path.rsplit_once('/').unwrap().0;
                named = Some(format!("{owner}/{}", path.trim_end_matches(".rs")));
            } else if !line.trim().starts_with("#[") {
                let declared = line.trim().trim_start_matches("pub(crate) ").trim_start_matches("pub(super) ");
                if let Some(module) = declared.strip_prefix("mod ").and_then(|rest| rest.strip_suffix(';')) {
                    found.push(named.unwrap_or_else(|| format!("{folder}/{module}")));
                }
                break;
            }
        }
    }
    found
}

fn is_name(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

fn ends_in_name(text: &str) -> bool {
    text.chars().next_back().is_some_and(is_name)
}

fn first_name(text: &str) -> &str {
    text.split(|c| !is_name(c)).next().unwrap_or_default()
}

/// First names of the members of a `{…}` group.
fn heads(group: &str) -> Vec<String> {
    let (mut depth, mut start, mut found) = (0_i32, true, Vec::new());
    for (at, c) in group.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => start = true,
            c if start && is_name(c) => {
                found.push(first_name(&group[at..]).to_owned());
                start = false;
            }
            _ => {}
        }
    }
    found
}

/// The text with comments, strings and characters blanked out.
fn without_texts(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    while at < bytes.len() {
        let rest = &text[at..];
        let skipped = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if rest.starts_with("/*") {
            rest.find("*/").map_or(rest.len(), |end| end + 2)
        } else if raw_hashes(rest).is_some() && !ends_in_name(&out) {
            let hashes = "#".repeat(raw_hashes(rest).unwrap());
            let opened = rest.find('"').unwrap() + 1;
            rest[opened..].find(&format!("\"{hashes}")).map_or(rest.len(), |end| opened + end + 1 + hashes.len())
        } else if rest.starts_with('"') {
            quoted(rest)
        } else {
            character(rest).unwrap_or_default()
        };
        if skipped > 0 {
            out.push(' ');
            at += skipped;
        } else {
            let c = rest.chars().next().unwrap();
            out.push(c);
            at += c.len_utf8();
        }
    }
    out
}

/// The number of hashes where a raw string begins.
fn raw_hashes(rest: &str) -> Option<usize> {
    let after = rest.strip_prefix("br").or_else(|| rest.strip_prefix('r'))?;
    let hashes = after.len() - after.trim_start_matches('#').len();
    after[hashes..].starts_with('"').then_some(hashes)
}

fn quoted(rest: &str) -> usize {
    let mut escaped = false;
    for (at, c) in rest.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return at + 1,
            _ => {}
        }
    }
    rest.len()
}

/// The length of a character literal; lifetimes are none.
fn character(rest: &str) -> Option<usize> {
    let inner = rest.strip_prefix('\'')?;
    let mut chars = inner.char_indices();
    match chars.next()? {
        (_, '\\') => inner[2..].find('\'').map(|end| end + 4),
        (_, c) => inner[c.len_utf8()..].starts_with('\'').then(|| c.len_utf8() + 2),
    }
}

/// Blanks out every item under `#[cfg(test)]`.
fn without_tests(code: &str) -> String {
    let mut out = code.to_owned();
    while let Some(at) = out.find("#[cfg(test)]") {
        let rest = &out[at..];
        let end = match (rest.find('{'), rest.find(';')) {
            (Some(open), semicolon) if semicolon.is_none_or(|semicolon| open < semicolon) => closing(rest, open),
            (_, Some(semicolon)) => semicolon + 1,
            _ => rest.len(),
        };
        out.replace_range(at..at + end, " ");
    }
    out
}

fn closing(text: &str, open: usize) -> usize {
    let mut depth = 0_i32;
    for (at, c) in text.char_indices().skip_while(|(at, _)| *at < open) {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return at + 1;
        }
    }
    text.len()
}
