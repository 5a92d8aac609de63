//! Answers of a server that is in trouble, or means harm.

use std::time::Duration;

use axum::body::Body;
use axum::http::StatusCode;
use axum::response::Response;
use bytes::Bytes;
use futures_util::stream;

use super::failure::Fault;
use super::reply;

/// How long a server that hangs hangs: longer than anybody waits.
const HANG: Duration = Duration::from_secs(60);
/// The body that is too large, in pieces.
const PIECE: usize = 64 * 1024;
const PIECES: usize = 100 * 1024 * 1024 / PIECE;

/// The answer that a fault of the transport gives in place of the right one; `None` for other faults. `here` is the address
/// that was asked.
pub(super) async fn answer(fault: Option<Fault>, here: &str) -> Option<Response> {
    Some(match fault? {
        Fault::Hang => {
            tokio::time::sleep(HANG).await;
            reply::body(StatusCode::GATEWAY_TIMEOUT, "text/plain", "")
        }
        Fault::Status500 => reply::body(StatusCode::INTERNAL_SERVER_ERROR, "text/html", "<h1>500</h1>"),
        Fault::Html => reply::body(StatusCode::OK, "text/html", "<!doctype html><title>Access Denied</title>"),
        Fault::Huge => reply::body(StatusCode::OK, "application/json", huge()),
        Fault::Slow => reply::body(StatusCode::OK, "application/json", slow()),
        Fault::Truncated => reply::body(StatusCode::OK, "application/json", "{\"issuer\":\"https://"),
        Fault::RedirectLoop => reply::redirect(here),
        Fault::RedirectPrivate => reply::redirect("http://169.254.169.254/latest/meta-data/"),
        _ => return None,
    })
}

fn huge() -> Body {
    let piece = Bytes::from(vec![b' '; PIECE]);
    Body::from_stream(stream::iter((0..PIECES).map(move |_| Ok::<_, std::io::Error>(piece.clone()))))
}

fn slow() -> Body {
    Body::from_stream(stream::unfold(0_u32, |sent| async move {
        if sent > 0 {
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        (sent < 600).then(|| (Ok::<_, std::io::Error>(Bytes::from_static(b" ")), sent + 1))
    }))
}
