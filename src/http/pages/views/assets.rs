//! The files of `static/`, embedded, and their version. The addresses carry the version, so that browsers may keep the
//! files for a year and still see a new release at once.

use std::fmt;
use std::sync::LazyLock;

use crate::base::digest::Digest;

/// Characters of a digest that are enough to tell versions apart.
const VERSION_LENGTH: usize = 16;

const MARK: &str = include_str!("../../../../static/mark.svg");

/// A static file as it is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StaticFile {
    /// `Content-Type`.
    pub content_type: &'static str,
    /// The content.
    pub body: &'static [u8],
    /// `ETag`, with its quotes.
    pub etag: &'static str,
}

struct Embedded {
    name: &'static str,
    content_type: &'static str,
    body: &'static [u8],
}

const FILES: [Embedded; 4] = [
    Embedded {
        name: "guichet.css",
        content_type: "text/css; charset=utf-8",
        body: include_bytes!("../../../../static/guichet.css"),
    },
    Embedded {
        name: "guichet.js",
        content_type: "text/javascript; charset=utf-8",
        body: include_bytes!("../../../../static/guichet.js"),
    },
    Embedded {
        name: "session.js",
        content_type: "text/javascript; charset=utf-8",
        body: include_bytes!("../../../../static/session.js"),
    },
    Embedded { name: "mark.svg", content_type: "image/svg+xml", body: MARK.as_bytes() },
];

static ETAGS: LazyLock<[String; 4]> =
    LazyLock::new(|| FILES.each_ref().map(|file| format!("\"{}\"", short(Digest::of(file.body)))));

static VERSION: LazyLock<String> =
    LazyLock::new(|| short(Digest::of(&FILES.iter().flat_map(|file| file.body).copied().collect::<Vec<u8>>())));

/// Finds a static file by its path below `/static/` (`guichet.css`).
pub fn static_file(path: &str) -> Option<StaticFile> {
    let (file, etag) = FILES.iter().zip(ETAGS.iter()).find(|(file, _)| file.name == path)?;
    Some(StaticFile { content_type: file.content_type, body: file.body, etag })
}

/// The version of all static files together, for [`super::Layout::asset_version`].
pub fn asset_version() -> &'static str {
    &VERSION
}

fn short(digest: Digest) -> String {
    digest.to_base64url().chars().take(VERSION_LENGTH).collect()
}

/// The logo mark as SVG to stand in a page, where it takes the page's colours.
#[derive(Debug, Clone, Copy)]
pub(super) struct Mark;

impl fmt::Display for Mark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(MARK)
    }
}

impl askama::filters::HtmlSafe for Mark {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_found_by_exact_name() {
        let css = static_file("guichet.css").unwrap();
        assert_eq!(css.content_type, "text/css; charset=utf-8");
        assert!(css.etag.starts_with('"') && css.etag.len() == VERSION_LENGTH + 2);
        for path in ["", "/guichet.css", "../Cargo.toml", "guichet.css/", "GUICHET.CSS"] {
            assert_eq!(static_file(path), None, "{path}");
        }
    }

    #[test]
    fn versions_differ_with_content() {
        let tags: std::collections::BTreeSet<_> = FILES.iter().map(|f| static_file(f.name).unwrap().etag).collect();
        assert_eq!(tags.len(), FILES.len());
        assert_eq!(asset_version().len(), VERSION_LENGTH);
    }

    /// A style sheet or script that names another origin would be blocked, and would tell it who signs in.
    #[test]
    fn nothing_is_fetched_from_elsewhere() {
        for file in &FILES {
            let text = std::str::from_utf8(file.body).unwrap().replace("http://www.w3.org/2000/svg", "");
            assert!(!text.contains("//cdn") && !text.contains("http:") && !text.contains("https:"), "{}", file.name);
            assert!(!text.contains("@import") && !text.contains("url("), "{}", file.name);
        }
    }
}
