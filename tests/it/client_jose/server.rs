//! A client's own server on the loopback interface: it publishes a key set and counts who asks for it.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

/// Lets calls to the loopback interface through.
pub const LOOPBACK: (&str, &str) = ("GUICHET_OUTBOUND__ALLOWED_PRIVATE_HOSTS", "127.0.0.1");

/// The server; it ends with the test.
#[derive(Clone)]
pub struct KeyServer {
    /// Where the set is.
    pub url: String,
    answer: Arc<Mutex<String>>,
    requests: Arc<AtomicUsize>,
}

impl KeyServer {
    /// Starts with this set.
    pub async fn start(set: &Value) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/jwks", listener.local_addr().unwrap());
        let server = Self { url, answer: Arc::default(), requests: Arc::default() };
        server.publish(set);
        let own = server.clone();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let own = own.clone();
                tokio::spawn(async move {
                    let mut request = vec![0; 4_096];
                    let _ = stream.read(&mut request).await;
                    own.requests.fetch_add(1, Ordering::SeqCst);
                    let answer = own.answer.lock().unwrap().clone();
                    let _ = stream.write_all(answer.as_bytes()).await;
                });
            }
        });
        server
    }

    /// Publishes another set.
    pub fn publish(&self, set: &Value) {
        let body = set.to_string();
        let head = "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-type: application/json\r\ncontent-length";
        *self.answer.lock().unwrap() = format!("{head}: {}\r\n\r\n{body}", body.len());
    }

    /// Answers 500 from now on.
    pub fn fail(&self) {
        let answer = "HTTP/1.1 500 Oh\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";
        answer.clone_into(&mut self.answer.lock().unwrap());
    }

    /// How often it was asked.
    pub fn requests(&self) -> usize {
        self.requests.load(Ordering::SeqCst)
    }
}
