//! A browser as far as the hosted pages need one: cookies, redirects within our origin, forms. It runs no script.

use axum::body::Body;
use axum::http::{Method, Request, header};
use guichet::http::middleware::Surrounded;

use super::app::{Answer, ISSUER, form, send};
use super::fixtures::TestUser;

/// Most redirects in a row.
const MOST_REDIRECTS: usize = 10;

/// A browser with its cookies. Clones share nothing.
#[derive(Clone)]
pub struct Browser {
    router: Surrounded,
    /// Names and values.
    pub cookies: Vec<(String, String)>,
    /// Header lines that go with every request.
    pub headers: Vec<(String, String)>,
}

/// Where the browser stands: a page of ours, or a redirect that leaves our origin.
#[derive(Debug, Clone)]
pub struct Page {
    /// Path and query of the last request.
    pub url: String,
    /// Its answer.
    pub answer: Answer,
}

/// A form of a page.
#[derive(Debug, Clone)]
pub struct Form {
    /// Where it posts to.
    pub action: String,
    /// Its hidden fields.
    pub fields: Vec<(String, String)>,
}

impl Browser {
    /// Without cookies.
    pub fn new(router: Surrounded) -> Self {
        Self { router, cookies: Vec::new(), headers: Vec::new() }
    }

    /// A cookie's value, by the end of its name: `session`, `browser`, `locale`.
    pub fn cookie(&self, suffix: &str) -> Option<&str> {
        self.cookies.iter().find(|(name, _)| name.ends_with(suffix)).map(|(_, value)| value.as_str())
    }

    /// Opens an address and follows redirects as long as they stay with us.
    pub async fn get(&mut self, url: &str) -> Page {
        let answer = self.request(Method::GET, url, None).await;
        self.follow(url, answer).await
    }

    /// Opens an address and follows nothing.
    pub async fn get_once(&mut self, url: &str) -> Answer {
        self.request(Method::GET, url, None).await
    }

    /// Posts fields from a page of ours and follows redirects as long as they stay with us.
    pub async fn post(&mut self, url: &str, fields: &[(&str, &str)]) -> Page {
        let answer = self.post_once(url, fields).await;
        self.follow(url, answer).await
    }

    /// Posts fields from a page of ours and follows nothing.
    pub async fn post_once(&mut self, url: &str, fields: &[(&str, &str)]) -> Answer {
        self.request(Method::POST, url, Some(form(fields))).await
    }

    /// Submits the form of a page with its hidden fields and these.
    pub async fn submit(&mut self, page: &Page, fields: &[(&str, &str)]) -> Page {
        let answer = self.submit_once(page, fields).await;
        self.follow(&page.form().action, answer).await
    }

    /// Submits the form of a page and follows nothing.
    pub async fn submit_once(&mut self, page: &Page, fields: &[(&str, &str)]) -> Answer {
        let form = page.form();
        let mut all: Vec<(&str, &str)> =
            form.fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        all.extend_from_slice(fields);
        self.post_once(&form.action, &all).await
    }

    /// Signs in on a sign-in page.
    pub async fn sign_in(&mut self, page: &Page, email: &str, password: &str) -> Page {
        assert_eq!(page.kind(), Some("sign-in"), "{page:?}");
        self.submit(page, &[("email", email), ("password", password)]).await
    }

    /// Chooses a tenant, by its code, on the page that asks for one.
    pub async fn choose_tenant(&mut self, page: &Page, code: &str) -> Page {
        assert_eq!(page.kind(), Some("tenant"), "{page:?}");
        self.submit(page, &[("tenant", code)]).await
    }

    /// Says `allow` or `deny` on the consent page.
    pub async fn consent(&mut self, page: &Page, decision: &str) -> Page {
        assert_eq!(page.kind(), Some("consent"), "{page:?}");
        self.submit(page, &[("decision", decision)]).await
    }

    /// Signs in for the person's own pages.
    pub async fn sign_in_for_account(&mut self, user: &TestUser) -> Page {
        let page = self.get("/sign-in").await;
        let page = self.complete(page, user).await;
        assert_eq!(page.kind(), Some("account"), "{page:?}");
        page
    }

    /// Goes on from `page` as `user` would, allowing everything, until it leaves the journey.
    pub async fn complete(&mut self, mut page: Page, user: &TestUser) -> Page {
        for _ in 0..MOST_REDIRECTS {
            page = match page.kind() {
                Some("sign-in") => self.sign_in(&page, &user.email, &user.password).await,
                Some("tenant") => {
                    let first = page.values_of("tenant").into_iter().next().expect("a tenant to choose");
                    self.choose_tenant(&page, &first).await
                }
                Some("consent") => self.consent(&page, "allow").await,
                _ => return page,
            };
        }
        panic!("the journey does not end: {page:?}")
    }

    async fn follow(&mut self, url: &str, answer: Answer) -> Page {
        let mut page = Page { url: url.to_owned(), answer };
        for _ in 0..MOST_REDIRECTS {
            let Some(next) = page.answer.location().and_then(own_path).filter(|_| page.answer.status == 303) else {
                return page;
            };
            let answer = self.request(Method::GET, &next, None).await;
            page = Page { url: next, answer };
        }
        panic!("redirects do not end: {page:?}")
    }

    async fn request(&mut self, method: Method, url: &str, body: Option<String>) -> Answer {
        let url = own_path(url).unwrap_or_else(|| panic!("{url} is not ours"));
        let mut request = Request::builder().method(method).uri(url);
        if !self.cookies.is_empty() {
            let pairs: Vec<String> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
            request = request.header(header::COOKIE, pairs.join("; "));
        }
        if body.is_some() {
            request = request
                .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
                .header(header::ORIGIN, ISSUER)
                .header("sec-fetch-site", "same-origin");
        }
        let mut request = request.body(body.map_or_else(Body::empty, Body::from)).expect("a request");
        for (name, value) in &self.headers {
            let name = header::HeaderName::try_from(name).expect("a name");
            request.headers_mut().insert(name, value.parse().expect("a value"));
        }
        let answer = send(self.router.clone(), request).await;
        self.keep(&answer);
        answer
    }

    fn keep(&mut self, answer: &Answer) {
        for line in answer.headers.get_all(header::SET_COOKIE) {
            let line = line.to_str().expect("cookies are text");
            let (pair, attributes) = line.split_once(';').unwrap_or((line, ""));
            let (name, value) = pair.split_once('=').expect("a cookie has a value");
            self.cookies.retain(|(known, _)| known != name);
            if !attributes.contains("Max-Age=0") {
                self.cookies.push((name.to_owned(), value.to_owned()));
            }
        }
    }
}

impl Page {
    /// What the page is (`sign-in`, `tenant`, `consent`, `account`, `error`, …); `None` for what is no page.
    pub fn kind(&self) -> Option<&str> {
        between(&self.answer.body, "data-page=\"", "\"")
    }

    /// The first form.
    pub fn form(&self) -> Form {
        self.forms().into_iter().next().unwrap_or_else(|| panic!("no form: {self:?}"))
    }

    /// All forms.
    pub fn forms(&self) -> Vec<Form> {
        let whole = self.answer.body.split("<form ").skip(1);
        whole.map(|text| read_form(text.split("</form>").next().unwrap_or_default())).collect()
    }

    /// Values of all inputs of this name: the choices of a page.
    pub fn values_of(&self, name: &str) -> Vec<String> {
        inputs(&self.answer.body).filter(|(_, known, _)| known == name).map(|(_, _, value)| value).collect()
    }

    /// The handle in the address of a journey.
    pub fn journey(&self) -> &str {
        let rest = self.url.split("/interaction/").nth(1).unwrap_or_else(|| panic!("no journey: {self:?}"));
        rest.split(['/', '?']).next().unwrap_or_default()
    }
}

/// A path of ours, from a link of either form; `None` where it leads elsewhere.
fn own_path(url: &str) -> Option<String> {
    let path = url.strip_prefix(ISSUER).unwrap_or(url);
    path.starts_with('/').then(|| path.to_owned())
}

fn read_form(text: &str) -> Form {
    let tag = text.split('>').next().unwrap_or_default();
    let hidden = inputs(text).filter(|(kind, _, _)| kind == "hidden");
    Form {
        action: attribute(tag, "action").unwrap_or_default(),
        fields: hidden.map(|(_, name, value)| (name, value)).collect(),
    }
}

/// Type, name and value of every input.
fn inputs(text: &str) -> impl Iterator<Item = (String, String, String)> {
    text.split("<input ").skip(1).map(|rest| {
        let tag = rest.split('>').next().unwrap_or_default();
        let of = |name| attribute(tag, name).unwrap_or_default();
        (of("type"), of("name"), of("value"))
    })
}

fn attribute(tag: &str, name: &str) -> Option<String> {
    let spaced = format!(" {tag}");
    between(&spaced, &format!(" {name}=\""), "\"").map(unescape)
}

fn between<'a>(text: &'a str, before: &str, after: &str) -> Option<&'a str> {
    let (_, rest) = text.split_once(before)?;
    rest.split_once(after).map(|(found, _)| found)
}

/// Undoes the escaping of HTML.
pub fn unescape(text: &str) -> String {
    let mut clear = text.to_owned();
    let marks = [
        ("&#34;", "\""),
        ("&quot;", "\""),
        ("&#39;", "'"),
        ("&#60;", "<"),
        ("&lt;", "<"),
        ("&#62;", ">"),
        ("&gt;", ">"),
    ];
    for (escaped, mark) in marks {
        clear = clear.replace(escaped, mark);
    }
    clear.replace("&#38;", "&").replace("&amp;", "&")
}
