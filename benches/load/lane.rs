//! Lanes: what one connection asks again and again, and whether what it gets is right. A wrong answer ends the run.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use url::Url;

use crate::Failure;
use crate::http::{Answer, Connection, get, headers, post};

/// Where the codes go; nothing listens there.
pub(crate) const REDIRECT_URI: &str = "http://127.0.0.1:9/callback";
/// Most redirects and pages of one sign-in.
const LONGEST_WAY: usize = 12;
/// A PKCE verifier; a load generator has nothing to protect.
const VERIFIER: &str = "a-verifier-that-is-long-enough-for-rfc-7636-0123456789";

/// A client of the server under test.
#[derive(Debug, Clone, Default)]
pub(crate) struct Client {
    pub(crate) id: String,
    pub(crate) secret: String,
}

impl Client {
    /// Its `Authorization` header.
    pub(crate) fn basic(&self) -> String {
        let encoded = |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
        format!("Basic {}", STANDARD.encode(format!("{}:{}", encoded(&self.id), encoded(&self.secret))))
    }
}

/// A server under test: where it listens, its paths and what was prepared in it.
#[derive(Debug, Clone)]
pub(crate) struct Target {
    pub(crate) address: SocketAddr,
    pub(crate) authorize: String,
    pub(crate) token: String,
    pub(crate) introspect: String,
    pub(crate) jwks: String,
    /// For itself, with JWT access tokens, ES256; may introspect.
    pub(crate) service: Client,
    /// For itself, with EdDSA.
    pub(crate) eddsa: Client,
    /// For itself, with RS256.
    pub(crate) rs256: Client,
    /// For itself, with opaque access tokens.
    pub(crate) opaque: Client,
    /// For people: code and refresh token, ID tokens with ES256.
    pub(crate) application: Client,
    /// The same, ID tokens with RS256.
    pub(crate) application_rs256: Client,
    /// Fields to fill into a sign-in page, over its hidden ones.
    pub(crate) person: Vec<(String, String)>,
    /// Names the resource whose access tokens are JWTs of an algorithm; `None` where the client says that.
    pub(crate) resource: Option<fn(&str) -> String>,
}

impl Target {
    /// The same with the application whose ID tokens are signed with RS256.
    pub(crate) fn with_rs256(&self) -> Self {
        Self { application: self.application_rs256.clone(), ..self.clone() }
    }

    /// The request for a token of a client for itself: a JWT of this algorithm, or an opaque one.
    pub(crate) fn client_credentials(&self, client: &Client, jwt: Option<&str>) -> Vec<u8> {
        let resource = jwt.zip(self.resource).map(|(alg, resource)| resource(alg));
        let mut form = vec![("grant_type", "client_credentials")];
        form.extend(resource.as_deref().map(|resource| ("resource", resource)));
        post(self.address, &self.token, &client.basic(), "", &form)
    }

    pub(crate) fn introspection(&self, token: &str) -> Vec<u8> {
        post(self.address, &self.introspect, &self.service.basic(), "", &[("token", token)])
    }

    fn authorization(&self, prompt: Option<&str>) -> String {
        let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, VERIFIER.as_bytes());
        let challenge = URL_SAFE_NO_PAD.encode(digest.as_ref());
        let mut query = form_urlencoded::Serializer::new(String::new());
        query
            .append_pair("client_id", &self.application.id)
            .append_pair("redirect_uri", REDIRECT_URI)
            .append_pair("response_type", "code")
            .append_pair("scope", "openid email")
            .append_pair("state", "state")
            .append_pair("code_challenge", &challenge)
            .append_pair("code_challenge_method", "S256");
        if let Some(prompt) = prompt {
            query.append_pair("prompt", prompt);
        }
        format!("{}?{}", self.authorize, query.finish())
    }
}

/// What a lane repeats.
pub(crate) enum Task {
    /// The same request; the answer is 200 and holds these bytes.
    Same { request: Vec<u8>, holds: &'static [u8] },
    /// A refresh with what the last one gave.
    Refresh { token: String },
    /// A code in a live session, and its tokens.
    Code { cookies: String },
    /// A whole sign-in at a fresh browser: authorization request, page, password, code.
    SignIn,
}

/// A connection and its task.
pub(crate) struct Lane {
    connection: Connection,
    target: Target,
    task: Task,
}

impl Lane {
    /// A lane that sends the same request.
    pub(crate) async fn same(target: &Target, request: Vec<u8>, holds: &'static [u8]) -> Result<Self, Failure> {
        Self::with(target, Task::Same { request, holds }).await
    }

    /// A lane that signs in with the password each time.
    pub(crate) async fn sign_in(target: &Target) -> Result<Self, Failure> {
        Self::with(target, Task::SignIn).await
    }

    /// A lane in a session of its own.
    pub(crate) async fn code(target: &Target) -> Result<Self, Failure> {
        let mut lane = Self::with(target, Task::SignIn).await?;
        let cookies = sign_in(&mut lane.connection, &lane.target).await?.cookies();
        Ok(Self { task: Task::Code { cookies }, ..lane })
    }

    /// A lane with a refresh token of its own.
    pub(crate) async fn refresh(target: &Target) -> Result<Self, Failure> {
        let mut lane = Self::with(target, Task::SignIn).await?;
        let browser = sign_in(&mut lane.connection, &lane.target).await?;
        let code = browser.code.clone().ok_or_else(|| Failure::new("a sign-in without a code"))?;
        let tokens = redeem(&mut lane.connection, &lane.target, &code).await?;
        let token = text_of(&tokens, "refresh_token")?;
        Ok(Self { task: Task::Refresh { token }, ..lane })
    }

    async fn with(target: &Target, task: Task) -> Result<Self, Failure> {
        Ok(Self { connection: Connection::open(target.address).await?, target: target.clone(), task })
    }

    /// Takes a new connection: while other lanes were made ready, the server may have given up on an idle one.
    pub(crate) async fn reconnect(&mut self) -> Result<(), Failure> {
        self.connection = Connection::open(self.target.address).await?;
        Ok(())
    }

    /// Does the task once.
    pub(crate) async fn once(&mut self) -> Result<(), Failure> {
        let Self { connection, target, task } = self;
        match task {
            Task::Same { request, holds } => {
                let answer = connection.exchange(request).await?;
                if answer.status == 200 && contains(answer.body, holds) {
                    Ok(())
                } else {
                    Err(answer.unexpected("200"))
                }
            }
            Task::Refresh { token } => {
                let form = [("grant_type", "refresh_token"), ("refresh_token", token.as_str())];
                let request = post(target.address, &target.token, &target.application.basic(), "", &form);
                let answer = connection.exchange(&request).await?;
                *token = text_of(&ok(answer)?, "refresh_token")?;
                Ok(())
            }
            Task::Code { cookies } => {
                let request = get(target.address, &target.authorization(Some("none")), cookies);
                let answer = connection.exchange(&request).await?;
                let code = answer.location().and_then(code_in).ok_or_else(|| answer.unexpected("a code"))?;
                redeem(connection, target, &code).await.map(|_| ())
            }
            Task::SignIn => sign_in(connection, target).await.map(|_| ()),
        }
    }
}

/// The body of an answer that has to be a 200.
fn ok(answer: Answer<'_>) -> Result<serde_json::Value, Failure> {
    if answer.status == 200 { answer.json() } else { Err(answer.unexpected("200")) }
}

/// A member of a JSON answer.
pub(crate) fn text_of(answer: &serde_json::Value, name: &str) -> Result<String, Failure> {
    let text = answer.get(name).and_then(serde_json::Value::as_str).map(str::to_owned);
    text.ok_or_else(|| Failure::new(format!("an answer without {name}")))
}

/// Sends one request whose answer is a JSON object with status 200.
pub(crate) async fn ask(target: &Target, request: &[u8]) -> Result<serde_json::Value, Failure> {
    ok(Connection::open(target.address).await?.exchange(request).await?)
}

async fn redeem(connection: &mut Connection, target: &Target, code: &str) -> Result<serde_json::Value, Failure> {
    let form = [
        ("grant_type", "authorization_code"),
        ("code", code),
        ("redirect_uri", REDIRECT_URI),
        ("code_verifier", VERIFIER),
    ];
    let request = post(target.address, &target.token, &target.application.basic(), "", &form);
    ok(connection.exchange(&request).await?)
}

fn code_in(location: &str) -> Option<String> {
    let url = Url::parse(location).ok().filter(|url| url.as_str().starts_with(REDIRECT_URI))?;
    url.query_pairs().find(|(name, _)| name == "code").map(|(_, code)| code.into_owned())
}

/// A browser's cookies, whatever their paths: both servers name them apart. And the code that its way ended with.
#[derive(Default)]
struct Browser {
    jar: BTreeMap<String, String>,
    code: Option<String>,
}

impl Browser {
    fn keep(&mut self, head: &str) {
        for line in headers(head, "set-cookie") {
            let pair = line.split(';').next().unwrap_or_default();
            if let Some((name, value)) = pair.split_once('=') {
                if value.is_empty() {
                    self.jar.remove(name);
                } else {
                    self.jar.insert(name.to_owned(), value.to_owned());
                }
            }
        }
    }

    fn cookies(&self) -> String {
        self.jar.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("; ")
    }
}

/// A sign-in from the authorization request to the code: follows redirects, fills the one form of each page.
async fn sign_in(connection: &mut Connection, target: &Target) -> Result<Browser, Failure> {
    let base = Url::parse(&format!("http://{}/", target.address)).map_err(|_| Failure::new("no address"))?;
    let mut browser = Browser::default();
    let mut at = base.join(&target.authorization(None)).map_err(|_| Failure::new("no authorization endpoint"))?;
    let mut request = get(target.address, path_of(&at), "");
    for _ in 0..LONGEST_WAY {
        let answer = connection.exchange(&request).await?;
        browser.keep(answer.head);
        if let Some(location) = answer.location() {
            if let Some(code) = code_in(location) {
                browser.code = Some(code);
                return Ok(browser);
            }
            at = at.join(location).map_err(|_| answer.unexpected("a redirect that leads somewhere"))?;
            request = get(target.address, path_of(&at), &browser.cookies());
        } else {
            let page = answer.text();
            let mut form = hidden_fields(&page);
            if answer.status != 200 || form.is_empty() {
                return Err(answer.unexpected("a page with a form"));
            }
            if page.contains("type=\"password\"") {
                form.extend(target.person.iter().cloned());
            }
            at = at.join(action_of(&page)).map_err(|_| answer.unexpected("a form that leads somewhere"))?;
            let fields: Vec<_> = form.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
            request = post(target.address, path_of(&at), "", &browser.cookies(), &fields);
        }
    }
    Err(Failure::new("a sign-in that does not end"))
}

fn path_of(url: &Url) -> &str {
    url.as_str().splitn(4, '/').nth(3).map_or("/", |rest| {
        let start = url.as_str().len() - rest.len() - 1;
        url.as_str().get(start..).unwrap_or("/")
    })
}

/// Where the page's first posted form leads.
fn action_of(page: &str) -> &str {
    let forms = page.split("<form").skip(1).filter_map(|form| form.split('>').next());
    let posted = forms
        .filter(|tag| tag.to_ascii_lowercase().contains("method=\"post\""))
        .find_map(|tag| attribute(tag, "action"));
    posted.unwrap_or_default()
}

fn hidden_fields(page: &str) -> Vec<(String, String)> {
    let inputs = page.split("<input").skip(1).filter_map(|input| input.split('>').next());
    inputs
        .filter(|tag| attribute(tag, "type") == Some("hidden"))
        .filter_map(|tag| {
            Some((attribute(tag, "name")?.to_owned(), attribute(tag, "value").unwrap_or_default().to_owned()))
        })
        .collect()
}

fn attribute<'a>(tag: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = tag.split_once(&format!(" {name}=\""))?;
    rest.split('"').next()
}

fn contains(text: &[u8], part: &[u8]) -> bool {
    part.is_empty() || text.windows(part.len()).any(|window| window == part)
}
