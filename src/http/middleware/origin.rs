//! Whether a state-changing request comes from one of our own pages (security item 105).

use axum::http::{HeaderMap, HeaderName, header};

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Another site's page made the browser send this.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the request comes from another site")]
pub struct CrossSite;

/// Checks the headers that a browser sets and a page cannot. `origin` is our own: scheme, host, port where not the default.
///
/// `Origin: null` alone is refused (sandboxed frames have it). Together with `Sec-Fetch-Site: same-origin` it is our own
/// form: `Referrer-Policy: no-referrer`, which all our pages carry, makes browsers write `null` (Fetch §3.2), while an
/// opaque origin never counts as the same one. Without either header it is no browser, and the form's token decides.
pub fn check_same_origin(headers: &HeaderMap, origin: &str) -> Result<(), CrossSite> {
    let site = only(headers, &SEC_FETCH_SITE)?;
    if !matches!(site, None | Some("same-origin" | "none")) {
        return Err(CrossSite);
    }
    match only(headers, &header::ORIGIN)? {
        None => Ok(()),
        Some("null") if site == Some("same-origin") => Ok(()),
        Some(stated) if stated == origin => Ok(()),
        Some(_) => Err(CrossSite),
    }
}

/// The header's one value; twice or unreadable is nobody's browser.
fn only<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Result<Option<&'a str>, CrossSite> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (None, _) => Ok(None),
        (Some(value), None) => value.to_str().map(Some).map_err(|_| CrossSite),
        (Some(_), Some(_)) => Err(CrossSite),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(lines: &[(&'static str, &'static str)]) -> Result<(), CrossSite> {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(*name, value.parse().unwrap());
        }
        check_same_origin(&headers, "https://id.example")
    }

    #[test]
    fn item_105_other_sites_are_refused() {
        for lines in [
            &[("sec-fetch-site", "cross-site")][..],
            &[("sec-fetch-site", "same-site")],
            &[("sec-fetch-site", "other")],
            &[("sec-fetch-site", "same-origin"), ("sec-fetch-site", "cross-site")],
            &[("sec-fetch-site", "cross-site"), ("origin", "https://id.example")],
            &[("origin", "https://evil.example")],
            &[("origin", "http://id.example")],
            &[("origin", "https://id.example:8443")],
            &[("origin", "https://id.example.evil.tld")],
            &[("origin", "null")],
            &[("sec-fetch-site", "none"), ("origin", "null")],
            &[("sec-fetch-site", "cross-site"), ("origin", "null")],
            &[("sec-fetch-site", "same-origin"), ("origin", "https://evil.example")],
            &[("origin", "https://id.example"), ("origin", "https://evil.example")],
        ] {
            assert_eq!(check(lines), Err(CrossSite), "{lines:?}");
        }
    }

    #[test]
    fn our_own_pages_and_programs_pass() {
        for lines in [
            &[][..],
            &[("origin", "https://id.example")],
            &[("sec-fetch-site", "same-origin"), ("origin", "https://id.example")],
            &[("sec-fetch-site", "same-origin"), ("origin", "null")],
            &[("sec-fetch-site", "none")],
        ] {
            assert_eq!(check(lines), Ok(()), "{lines:?}");
        }
    }
}
