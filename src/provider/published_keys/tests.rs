use super::*;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use crate::base::clock::ManualClock;
use crate::outbound::Settings;

/// A client's server: what it answers can be changed, and each request is counted.
#[derive(Clone)]
struct Server {
    url: String,
    answer: Arc<Mutex<Option<Vec<u8>>>>,
    requests: Arc<AtomicUsize>,
}

impl Server {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/jwks", listener.local_addr().unwrap());
        let server = Self { url, answer: Arc::default(), requests: Arc::default() };
        let own = server.clone();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let own = own.clone();
                tokio::spawn(async move {
                    let mut request = vec![0; 4_096];
                    let _ = stream.read(&mut request).await;
                    own.requests.fetch_add(1, Ordering::SeqCst);
                    // Long enough for rivals to come meanwhile.
                    tokio::time::sleep(Duration::from_millis(50)).await;
                    let answer = own.answer.lock().unwrap().clone();
                    match answer {
                        Some(answer) => drop(stream.write_all(&answer).await),
                        None => std::future::pending().await,
                    }
                });
            }
        });
        server
    }

    fn say(&self, answer: &str) {
        *self.answer.lock().unwrap() = Some(answer.as_bytes().to_vec());
    }

    fn publish(&self, kid: &str) {
        self.say(&ok(&set(kid).to_string()));
    }

    fn hang(&self) {
        *self.answer.lock().unwrap() = None;
    }

    fn requests(&self) -> usize {
        self.requests.load(Ordering::SeqCst)
    }
}

fn ok(body: &str) -> String {
    format!("HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}", body.len())
}

/// RFC 8037 appendix A.2.
fn set(kid: &str) -> Value {
    let x = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";
    json!({ "keys": [{ "kty": "OKP", "crv": "Ed25519", "x": x, "kid": kid }] })
}

/// The keys with a way to the loopback interface.
struct Keys(PublishedKeys, Outbound);

impl Keys {
    async fn present(&self, uri: &str) -> Option<Arc<Value>> {
        self.0.present(&self.1, uri).await
    }

    async fn newer(&self, uri: &str, lacking: &Arc<Value>) -> Option<Arc<Value>> {
        self.0.newer(&self.1, uri, lacking).await
    }
}

fn keys(clock: &ManualClock) -> Arc<Keys> {
    let settings = Settings { allowed_private_hosts: vec!["127.0.0.1".to_owned()], ..Settings::default() };
    Arc::new(Keys(PublishedKeys::new(Arc::new(clock.clone())), Outbound::new(&settings).unwrap()))
}

fn clock() -> ManualClock {
    ManualClock::at(Timestamp::from_seconds(1_800_000_000))
}

#[tokio::test]
async fn thirty_two_rivals_make_one_call_and_all_get_the_set() {
    let (server, clock) = (Server::start().await, clock());
    server.publish("1");
    let keys = keys(&clock);
    let rivals = |reason| {
        let all = (0..32).map(|_| {
            let (keys, url) = (Arc::clone(&keys), server.url.clone());
            tokio::spawn(async move { keys.0.after(&keys.1, &url, reason).await })
        });
        futures_util::future::join_all(all.collect::<Vec<_>>())
    };
    for found in rivals(Reason::Age).await {
        assert_eq!(*found.unwrap().unwrap(), set("1"));
    }
    assert_eq!(server.requests(), 1);
    clock.advance(FLOOR);
    server.publish("2");
    for found in rivals(Reason::Lacking).await {
        assert_eq!(*found.unwrap().unwrap(), set("2"));
    }
    assert_eq!(server.requests(), 2);
}

#[tokio::test]
async fn a_lacking_key_fetches_anew_but_not_more_often_than_the_floor() {
    let (server, clock) = (Server::start().await, clock());
    server.publish("1");
    let keys = keys(&clock);
    let first = keys.present(&server.url).await.unwrap();
    server.publish("2");
    for _ in 0..5 {
        assert!(keys.newer(&server.url, &first).await.is_none());
    }
    clock.advance(FLOOR.checked_sub(Duration::from_secs(1)).unwrap());
    assert!(keys.newer(&server.url, &first).await.is_none());
    assert_eq!(server.requests(), 1, "within the floor");
    clock.advance(Duration::from_secs(1));
    let second = keys.newer(&server.url, &first).await.unwrap();
    assert_eq!((&*second, server.requests()), (&set("2"), 2));
    // Who looked at the old set is given the new one without a call.
    assert!(Arc::ptr_eq(&keys.newer(&server.url, &first).await.unwrap(), &second));
    assert_eq!(server.requests(), 2);
}

#[tokio::test]
async fn a_set_is_looked_at_again_after_its_life_and_the_old_one_serves_while_that_fails() {
    let (server, clock) = (Server::start().await, clock());
    server.publish("1");
    let keys = keys(&clock);
    keys.present(&server.url).await.unwrap();
    clock.advance(LIFETIME.checked_sub(Duration::from_secs(1)).unwrap());
    keys.present(&server.url).await.unwrap();
    assert_eq!(server.requests(), 1);
    server.say("HTTP/1.1 500 Oh\r\nconnection: close\r\ncontent-length: 0\r\n\r\n");
    clock.advance(Duration::from_secs(1));
    for _ in 0..3 {
        assert_eq!(*keys.present(&server.url).await.unwrap(), set("1"));
    }
    assert_eq!(server.requests(), 2, "a failed try has its floor");
    clock.advance(FLOOR_OF_STALE);
    server.publish("2");
    assert_eq!(*keys.present(&server.url).await.unwrap(), set("2"));
    server.say("HTTP/1.1 404 No\r\nconnection: close\r\ncontent-length: 0\r\n\r\n");
    clock.advance(STALE);
    assert!(keys.present(&server.url).await.is_none(), "not for ever");
}

#[tokio::test]
async fn whatever_is_no_set_is_not_taken_and_is_not_asked_for_again_at_once() {
    let endless = format!("HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n{}", "x".repeat(LARGEST + 1));
    let elsewhere = Server::start().await;
    elsewhere.publish("1");
    let body = set("1").to_string();
    for answer in [
        ok("hello"),
        ok("{}"),
        ok("{\"keys\":[]}"),
        ok(&json!({ "keys": vec![set("1")["keys"][0].clone(); 21] }).to_string()),
        "HTTP/1.1 200 OK\r\ncontent-length: 100000000\r\n\r\n".to_owned(),
        endless,
        ok(&body).replace("200 OK", "201 Created"),
        ok(&body).replace("200 OK", "404 Not Found"),
        format!("HTTP/1.1 302 Found\r\nlocation: {}\r\ncontent-length: 0\r\n\r\n", elsewhere.url),
    ] {
        let (server, clock) = (Server::start().await, clock());
        server.say(&answer);
        let keys = keys(&clock);
        let head: String = answer.chars().take(60).collect();
        for _ in 0..3 {
            assert!(keys.present(&server.url).await.is_none(), "{head}");
        }
        assert_eq!(server.requests(), 1, "{head}");
        clock.advance(FLOOR);
        server.publish("1");
        assert!(keys.present(&server.url).await.is_some(), "{head}");
    }
    assert_eq!(elsewhere.requests(), 0, "a redirect is not followed");
}

#[tokio::test]
async fn a_server_that_hangs_is_left_and_a_caller_who_leaves_stops_nothing() {
    let (server, clock) = (Server::start().await, clock());
    server.hang();
    let keys = keys(&clock);
    let began = tokio::time::Instant::now();
    assert!(keys.present(&server.url).await.is_none());
    assert!(began.elapsed() < Duration::from_secs(10));
    clock.advance(FLOOR);
    server.publish("1");
    assert!(tokio::time::timeout(Duration::from_millis(10), keys.present(&server.url)).await.is_err(), "has left");
    assert_eq!(*keys.present(&server.url).await.unwrap(), set("1"));
    assert_eq!(server.requests(), 2);
}

#[tokio::test]
async fn a_private_address_is_not_called() {
    let server = Server::start().await;
    server.publish("1");
    let strict = Keys(PublishedKeys::new(Arc::new(clock())), Outbound::new(&Settings::default()).unwrap());
    assert!(strict.present(&server.url).await.is_none());
    assert!(strict.present(&server.url.replace("http:", "https:")).await.is_none());
    assert_eq!(server.requests(), 0);
}
