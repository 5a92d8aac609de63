//! How a session ends everywhere: logout tokens, frames, the state of the browser. Names begin with the item of the project's
//! list of attacks where a test holds against one.

mod backchannel;
mod delivery;
mod frontchannel;
mod session_state;

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use guichet::oauth::ClientMetadata;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use crate::support::app::TestApp;
use crate::support::browser::{Browser, Page};
use crate::support::fixtures::TestClient;

/// What lets an application call a receiver on this machine.
const LOOPBACK: (&str, &str) = ("GUICHET_OUTBOUND__ALLOWED_PRIVATE_HOSTS", "127.0.0.1");

/// A client's server: it notes what comes, and answers what it is told to, 200 in the end.
#[derive(Clone)]
struct Receiver {
    port: u16,
    seen: Arc<Mutex<Vec<String>>>,
    replies: Arc<Mutex<VecDeque<Reply>>>,
}

/// How a receiver answers.
#[derive(Debug, Clone, Copy)]
enum Reply {
    Status(u16),
    /// 400 with this body.
    Refuse(&'static str),
    /// Never.
    Hang,
}

impl Receiver {
    async fn start(replies: &[Reply]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let own = Self {
            port: listener.local_addr().expect("an address").port(),
            seen: Arc::default(),
            replies: Arc::new(Mutex::new(replies.iter().copied().collect())),
        };
        let server = own.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(server.clone().serve(stream));
            }
        });
        own
    }

    async fn serve(self, mut stream: TcpStream) {
        let mut text = String::new();
        let mut buffer = [0; 4_096];
        loop {
            let read = stream.read(&mut buffer).await.unwrap_or(0);
            text.push_str(std::str::from_utf8(&buffer[..read]).expect("requests are text"));
            let length = text
                .to_ascii_lowercase()
                .split("content-length: ")
                .nth(1)
                .and_then(|rest| rest.split("\r\n").next().and_then(|length| length.parse::<usize>().ok()));
            if read == 0 || text.split_once("\r\n\r\n").is_some_and(|(_, body)| Some(body.len()) >= length) {
                break;
            }
        }
        self.seen.lock().unwrap().push(text);
        let reply = self.replies.lock().unwrap().pop_front().unwrap_or(Reply::Status(200));
        let (status, body) = match reply {
            Reply::Status(status) => (status, ""),
            Reply::Refuse(body) => (400, body),
            Reply::Hang => return std::future::pending().await,
        };
        let answer =
            format!("HTTP/1.1 {status} X\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}", body.len());
        drop(stream.write_all(answer.as_bytes()).await);
    }

    fn uri(&self) -> String {
        format!("http://127.0.0.1:{}/logout", self.port)
    }

    /// The requests that came.
    fn requests(&self) -> Vec<String> {
        self.seen.lock().unwrap().clone()
    }

    /// The logout tokens that came; each request has that parameter alone.
    fn tokens(&self) -> Vec<String> {
        let token = |request: &String| {
            let (head, body) = request.split_once("\r\n\r\n").expect("a whole request");
            assert!(head.starts_with("POST /logout HTTP/1.1"), "{head}");
            assert!(head.contains("application/x-www-form-urlencoded") && !head.contains("uthorization"), "{head}");
            let pairs: Vec<(String, String)> = form_urlencoded::parse(body.as_bytes()).into_owned().collect();
            assert_eq!(pairs.len(), 1, "{body}");
            assert_eq!(pairs[0].0, "logout_token");
            pairs[0].1.clone()
        };
        self.requests().iter().map(token).collect()
    }

    /// Waits until so many requests came.
    async fn wait_for(&self, count: usize) {
        for _ in 0..200 {
            if self.requests().len() >= count {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("{} of {count} requests within ten seconds", self.requests().len());
    }
}

/// A client whose server is `receiver`.
async fn client_at(app: &TestApp, receiver: &Receiver) -> TestClient {
    client_with(app, |metadata| metadata.backchannel_logout_uri = Some(receiver.uri())).await
}

async fn client_with(app: &TestApp, change: impl FnOnce(&mut ClientMetadata)) -> TestClient {
    app.client().first_party().change(change).create().await
}

/// Posts a form of the account page, whether or not the page shows it.
async fn post_on_account(browser: &mut Browser, path: &str) -> Page {
    let page = browser.get("/account").await;
    let csrf = page.form().fields.into_iter().find(|(name, _)| name == "csrf").expect("a form of ours has a token").1;
    browser.post(path, &[("csrf", &csrf)]).await
}
