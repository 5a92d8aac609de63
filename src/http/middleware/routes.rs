//! What is known of each route before its handler runs, found once for each request.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use axum::http::HeaderMap;

use super::{Document, Surround, cors, security_headers};
use crate::telemetry::Route;

/// Shown where no route matched.
const NO_ROUTE: &str = "(none)";

/// One route.
pub(super) struct Known {
    /// Its template, and where its requests are counted.
    pub(super) numbers: Route,
    /// Whether scripts of any origin may call it.
    pub(super) cross_origin: bool,
    /// What its answers carry beside what the handler sets.
    pub(super) headers: HeaderMap,
    /// What a GET is answered with at once.
    pub(super) document: Option<Document>,
    /// Whether programs ask for it again and again.
    pub(super) polled: bool,
    /// Most bytes of a body.
    pub(super) body_limit: usize,
    /// Longest time until the answer begins.
    pub(super) timeout: Duration,
}

impl fmt::Debug for Known {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.numbers.name())
    }
}

/// All routes.
#[derive(Debug)]
pub(super) struct Routes {
    plain: HashMap<String, Known>,
    /// Those with a `{parameter}`, which takes the place of one segment.
    templates: Vec<Known>,
    none: Known,
}

impl Routes {
    /// Gathers what `with` says of its routes.
    pub(super) fn new(with: &Surround) -> Self {
        let is_in = |list: &[String], template: Option<&str>| list.iter().any(|one| Some(one.as_str()) == template);
        let known = |template: Option<&str>| Known {
            numbers: with.metrics.route(template.unwrap_or(NO_ROUTE)),
            cross_origin: is_in(&with.cross_origin, template),
            headers: headers(with.https, is_in(&with.cross_origin, template), is_in(&with.in_windows, template)),
            document: template.and_then(|template| {
                let own = with.documents.iter().find(|(path, _)| path == template)?;
                Some(Arc::clone(&own.1))
            }),
            polled: is_in(&with.polled, template),
            body_limit: with.body_limit.of(template),
            timeout: with.timeout.of(template),
        };
        let (templates, plain): (Vec<_>, Vec<_>) = with.routes.iter().partition(|template| template.contains('{'));
        Self {
            plain: plain.into_iter().map(|path| (path.clone(), known(Some(path)))).collect(),
            templates: templates.into_iter().map(|template| known(Some(template))).collect(),
            none: known(None),
        }
    }

    /// The route of a path.
    pub(super) fn of(&self, path: &str) -> &Known {
        let fits = |known: &&Known| matches(known.numbers.name(), path);
        self.plain.get(path).or_else(|| self.templates.iter().find(fits)).unwrap_or(&self.none)
    }
}

fn headers(https: bool, cross_origin: bool, in_window: bool) -> HeaderMap {
    let mut headers = security_headers::of_route(https, cross_origin, in_window);
    if cross_origin {
        cors::allow(&mut headers);
    }
    headers
}

/// Whether the router would send `path` to `template`: the same segments, and something in the place of each parameter.
fn matches(template: &str, path: &str) -> bool {
    let mut asked = path.split('/');
    let fit = template.split('/').all(|own| {
        asked.next().is_some_and(|segment| if own.starts_with('{') { !segment.is_empty() } else { own == segment })
    });
    fit && asked.next().is_none()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_parameter_is_one_segment_that_is_not_empty() {
        for (template, path, fits) in [
            ("/a/{b}", "/a/x", true),
            ("/a/{b}", "/a/%2F", true),
            ("/a/{b}", "/a/", false),
            ("/a/{b}", "/a", false),
            ("/a/{b}", "/a/x/", false),
            ("/a/{b}", "/a/x/y", false),
            ("/a/{b}/c", "/a/x/c", true),
            ("/a/{b}/c", "/a/x/d", false),
            ("/a/{b}/c", "/a//c", false),
        ] {
            assert_eq!(matches(template, path), fits, "{template} {path}");
        }
    }
}
