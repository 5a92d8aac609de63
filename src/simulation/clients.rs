//! Clients that a simulation knows, and how they prove themselves.

use axum::http::StatusCode;
use axum::http::header::WWW_AUTHENTICATE;
use axum::response::Response;
use url::Url;

use super::asked::Asked;
use super::reply;
use crate::base::Secret;
use crate::base::secret::ct_eq;

/// A client: what a provider's console holds of an application.
#[derive(Debug, Clone)]
pub struct Client {
    /// Its id.
    pub client_id: String,
    /// Its secret.
    pub client_secret: Secret<String>,
    /// Where its people return, each exactly. None: any loopback address.
    pub redirect_uris: Vec<String>,
    /// Where they return after signing out. None: any loopback address.
    pub post_logout_redirect_uris: Vec<String>,
    /// Where it takes logout tokens.
    pub backchannel_logout_uri: Option<String>,
    /// It shows a certificate whose common name is its id, and no secret (`tls_client_auth`).
    pub mutual_tls: bool,
    /// Userinfo is answered as a signed JWT.
    pub userinfo_signed: bool,
}

impl Client {
    /// A client with a secret that returns to any loopback address.
    pub fn new(client_id: impl Into<String>, client_secret: impl Into<String>) -> Self {
        Self {
            client_id: client_id.into(),
            client_secret: Secret::new(client_secret.into()),
            redirect_uris: Vec::new(),
            post_logout_redirect_uris: Vec::new(),
            backchannel_logout_uri: None,
            mutual_tls: false,
            userinfo_signed: false,
        }
    }

    pub(super) fn may_return_to(&self, uri: &str) -> bool {
        is_registered(&self.redirect_uris, uri)
    }

    pub(super) fn may_leave_to(&self, uri: &str) -> bool {
        is_registered(&self.post_logout_redirect_uris, uri)
    }
}

fn is_registered(registered: &[String], uri: &str) -> bool {
    if !registered.is_empty() {
        return registered.iter().any(|known| known == uri);
    }
    let host = Url::parse(uri).ok().and_then(|url| url.host_str().map(str::to_owned));
    host.is_some_and(|host| ["127.0.0.1", "localhost", "[::1]"].contains(&host.as_str()))
}

/// The client that a request proves itself as: HTTP Basic, the form's secret, or a certificate with the form's id.
pub(super) fn authenticate<'a>(clients: &'a [Client], asked: &Asked) -> Result<&'a Client, Box<Response>> {
    let named = asked.form.get("client_id");
    let (id, secret) = match (asked.basic(), named, asked.form.get("client_secret")) {
        (Some(_), _, Some(_)) => return Err(Box::new(invalid_client("two ways to authenticate"))),
        (Some((id, secret)), ..) => (id, Some(secret)),
        (None, Some(id), secret) => (id.to_owned(), secret.map(str::to_owned)),
        (None, None, _) => return Err(Box::new(invalid_client("no client"))),
    };
    let client = find(clients, &id).ok_or_else(|| Box::new(invalid_client("unknown client")))?;
    let proven = match (&secret, client.mutual_tls) {
        (None, true) => asked.certificate_name.as_deref() == Some(client.client_id.as_str()),
        (Some(secret), false) => ct_eq(secret.as_bytes(), client.client_secret.expose().as_bytes()),
        _ => false,
    };
    if proven { Ok(client) } else { Err(Box::new(invalid_client("Invalid client or Invalid client credentials"))) }
}

/// A client by its id.
pub(super) fn find<'a>(clients: &'a [Client], id: &str) -> Option<&'a Client> {
    clients.iter().find(|client| client.client_id == id)
}

/// The refusal of a client.
pub(super) fn invalid_client(why: &str) -> Response {
    let refusal = reply::error(StatusCode::UNAUTHORIZED, "invalid_client", why);
    reply::with_header(refusal, WWW_AUTHENTICATE, "Basic realm=\"simulation\"")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_registered_addresses_any_loopback_one_is_taken() {
        let mut client = Client::new("a", "b");
        assert!(client.may_return_to("http://127.0.0.1:9/callback") && client.may_return_to("http://localhost/x"));
        assert!(!client.may_return_to("https://evil.example/") && !client.may_return_to("127.0.0.1"));
        client.redirect_uris = vec!["https://app.example/cb".to_owned()];
        assert!(client.may_return_to("https://app.example/cb"));
        assert!(!client.may_return_to("https://app.example/cb/") && !client.may_return_to("http://127.0.0.1:9/"));
    }
}
