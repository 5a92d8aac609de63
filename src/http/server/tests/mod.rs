//! Real sockets on loopback.

mod limits;
mod shutdown;
mod tls;

use std::net::Ipv4Addr;
use std::time::Duration;

use axum::Router;
use axum::extract::Extension;
use axum::routing::get;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::*;

/// A listener under test and the way to end it.
struct Running {
    address: SocketAddr,
    stop: oneshot::Sender<()>,
    ended: JoinHandle<Result<(), ServeError>>,
    readiness: Readiness,
}

impl Running {
    async fn stop(self) {
        let _ = self.stop.send(());
        self.ended.await.unwrap().unwrap();
    }
}

fn options() -> ServerOptions {
    ServerOptions::plain((Ipv4Addr::LOCALHOST, 0).into())
}

async fn start(options: &ServerOptions) -> Running {
    let readiness = Readiness::default();
    readiness.set(true);
    let bound = Bound::bind(options).await.unwrap().with_readiness(readiness.clone());
    let address = bound.local_addr();
    let (stop, stopped) = oneshot::channel();
    let ended = tokio::spawn(bound.serve(router(), async move {
        let _ = stopped.await;
    }));
    Running { address, stop, ended, readiness }
}

fn router() -> Router {
    let peer = |Extension(peer): Extension<PeerAddress>| async move { peer.0.ip().to_string() };
    let slow = || async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        "slow"
    };
    let certificate = |certificate: Option<Extension<ClientCertificate>>| async move {
        certificate.map_or("none".to_owned(), |Extension(certificate)| certificate.0.len().to_string())
    };
    let large = || async { vec![b'x'; 32 * 1024 * 1024] };
    Router::new()
        .route("/", get(peer))
        .route("/slow", get(slow))
        .route("/certificate", get(certificate))
        .route("/large", get(large))
}

/// Reads one answer with a `content-length`; `None` when the connection ends before it is whole.
async fn read_answer(stream: &mut (impl AsyncRead + Unpin)) -> Option<String> {
    let mut read = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&read).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
            if body.len() >= length.and_then(|length| length.parse().ok()).unwrap_or(0) {
                return Some(text);
            }
        }
        match stream.read_buf(&mut read).await {
            Ok(0) | Err(_) => return None,
            Ok(_) => (),
        }
    }
}

async fn ask(stream: &mut (impl AsyncRead + AsyncWrite + Unpin), path: &str) -> Option<String> {
    stream.write_all(format!("GET {path} HTTP/1.1\r\nhost: test\r\n\r\n").as_bytes()).await.ok()?;
    read_answer(stream).await
}
