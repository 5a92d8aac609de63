//! Reads the HTML that our templates write: tags, attributes, and text between. Not a parser for the web's HTML.

/// A tag with its attributes, unescaped.
#[derive(Debug, Clone)]
pub(super) struct Tag {
    pub(super) name: String,
    pub(super) closing: bool,
    pub(super) attributes: Vec<(String, String)>,
    /// The text up to the next tag, escaped as it stands.
    pub(super) text: String,
}

impl Tag {
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.get(name).is_some()
    }
}

/// All tags in order. Fails on anything that a browser would have to guess about.
pub(super) fn tags(html: &str) -> Vec<Tag> {
    let mut out = Vec::new();
    let mut rest = html.strip_prefix("<!doctype html>").expect("begins with the doctype");
    rest = rest.trim_start();
    while let Some(after) = rest.strip_prefix('<') {
        let (mut tag, after) = read_tag(after);
        let (text, after) = split_before(after, |c| c == '<');
        assert!(!text.contains('>'), "a stray > in {text:?}");
        text.clone_into(&mut tag.text);
        rest = after;
        out.push(tag);
    }
    assert!(rest.is_empty(), "text outside of tags: {rest:?}");
    out
}

fn read_tag(text: &str) -> (Tag, &str) {
    let (closing, text) = text.strip_prefix('/').map_or((false, text), |text| (true, text));
    let (name, mut rest) = split_before(text, |c| !c.is_ascii_alphanumeric());
    assert!(!name.is_empty(), "a bare <");
    let mut tag = Tag { name: name.to_owned(), closing, attributes: Vec::new(), text: String::new() };
    loop {
        rest = rest.trim_start();
        if let Some(after) = rest.strip_prefix('>').or_else(|| rest.strip_prefix("/>")) {
            return (tag, after);
        }
        let (name, after) = split_before(rest, |c| c == '=' || c == '>' || c.is_whitespace());
        let plain = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b':';
        assert!(!name.is_empty() && name.bytes().all(plain), "attribute {name:?} in <{}>", tag.name);
        assert!(!tag.has(name), "attribute {name} twice in <{}>", tag.name);
        let (value, after) = match after.strip_prefix("=\"") {
            Some(quoted) => quoted.split_once('"').expect("the value ends"),
            None => ("", after),
        };
        assert!(after.starts_with(['>', ' ', '\n', '/']), "no space after attribute {name} in <{}>", tag.name);
        tag.attributes.push((name.to_owned(), unescape(value)));
        rest = after;
    }
}

/// Splits before the first character that `ends` accepts; the whole is before when there is none.
fn split_before(text: &str, ends: impl Fn(char) -> bool) -> (&str, &str) {
    text.split_at(text.find(ends).unwrap_or(text.len()))
}

/// Undoes askama's escaping.
pub(super) fn unescape(text: &str) -> String {
    text.replace("&#60;", "<").replace("&#62;", ">").replace("&#34;", "\"").replace("&#39;", "'").replace("&#38;", "&")
}
