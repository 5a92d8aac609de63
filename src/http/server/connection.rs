//! One connection: handshake, requests, good-bye.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, HttpBody};
use axum::http::{HeaderValue, Request, Response, StatusCode, Version, header};
use bytes::Bytes;
use hyper::body::{Frame, Incoming, SizeHint};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_rustls::TlsAcceptor;
use tower::Service;

use super::activity::{Activity, Quiet, UnderWay};
use super::stall::Stalling;
use super::{ClientCertificate, PeerAddress};

/// Longest TLS handshake.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// Largest request header, request line included: past it 431.
const LARGEST_HEADER: u32 = 64 * 1024;
/// Longest request target: past it 414.
const LONGEST_TARGET: usize = 16 * 1024;
/// Requests at once on one HTTP/2 connection.
const STREAMS: u32 = 128;
/// How often an HTTP/2 peer is asked whether it is still there, and how long it may take to say so.
const PING: Duration = Duration::from_secs(20);
/// Time for a request that is already on its way when accepting ends, before an idle connection is closed.
const LINGER: Duration = Duration::from_millis(500);

/// How far the shutdown is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Phase {
    /// No shutdown.
    Serving,
    /// Still accepting, but every HTTP/1 answer says `connection: close`.
    Draining,
    /// No longer accepting: connections end as soon as their requests do.
    Stopping,
}

/// What answers requests: ready at any time, and never failing.
pub trait Answering:
    Service<Request<Body>, Response = Response<Body>, Error = Infallible, Future: Send> + Clone + Send + Sync + 'static
{
}

impl<S> Answering for S where
    S: Service<Request<Body>, Response = Response<Body>, Error = Infallible, Future: Send>
        + Clone
        + Send
        + Sync
        + 'static
{
}

/// What every connection of a listener shares.
#[derive(Debug)]
pub(super) struct Shared<S> {
    pub(super) service: S,
    pub(super) builder: auto::Builder<TokioExecutor>,
    pub(super) phase: watch::Receiver<Phase>,
    pub(super) first_request: Duration,
    pub(super) stall: Duration,
}

/// The protocol limits.
pub(super) fn builder(header_timeout: Duration) -> auto::Builder<TokioExecutor> {
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(header_timeout)
        .max_buf_size(LARGEST_HEADER as usize)
        .max_headers(100);
    builder
        .http2()
        .timer(TokioTimer::new())
        .keep_alive_interval(PING)
        .keep_alive_timeout(PING)
        .max_concurrent_streams(STREAMS)
        .max_header_list_size(LARGEST_HEADER);
    builder
}

/// Serves a connection to its end. What goes wrong is the peer's doing and is logged as such.
pub(super) async fn serve<A: Answering>(
    shared: Arc<Shared<A>>,
    stream: TcpStream,
    peer: SocketAddr,
    tls: Option<TlsAcceptor>,
) {
    let _ = stream.set_nodelay(true);
    let Some(tls) = tls else { return drive(shared, stream, peer, None).await };
    match tokio::time::timeout(HANDSHAKE, tls.accept(stream)).await {
        Ok(Ok(stream)) => {
            let shown = stream.get_ref().1.peer_certificates().and_then(<[_]>::first);
            let certificate = shown.map(|der| ClientCertificate(Bytes::copy_from_slice(der)));
            drive(shared, stream, peer, certificate).await;
        }
        Ok(Err(error)) => tracing::debug!(%error, "a TLS handshake failed"),
        Err(_) => tracing::debug!("a TLS handshake took too long"),
    }
}

async fn drive<A: Answering, S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(
    shared: Arc<Shared<A>>,
    stream: S,
    peer: SocketAddr,
    certificate: Option<ClientCertificate>,
) {
    let activity = Activity::new();
    let service = hyper::service::service_fn(|request: Request<Incoming>| {
        let under_way = activity.begin();
        answer(Arc::clone(&shared), request, PeerAddress(peer), certificate.clone(), under_way)
    });
    let stream = TokioIo::new(Stalling::new(stream, shared.stall));
    let mut connection = pin!(shared.builder.serve_connection(stream, service));
    let mut phase = shared.phase.clone();
    // When to say good-bye: set by the end of accepting.
    let mut good_bye = None;
    let mut said = false;
    let mut look = Instant::now() + shared.first_request;
    loop {
        tokio::select! {
            ended = connection.as_mut() => {
                if let Err(error) = ended {
                    tracing::debug!(%error, "a connection ended early");
                }
                return;
            }
            _ = phase.wait_for(|phase| *phase == Phase::Stopping), if good_bye.is_none() => {
                good_bye = Some(Instant::now() + LINGER);
            }
            () = tokio::time::sleep_until(good_bye.unwrap_or(look)), if good_bye.is_some() && !said => {
                connection.as_mut().graceful_shutdown();
                said = true;
            }
            () = tokio::time::sleep_until(look) => match activity.judge(shared.first_request, Instant::now()) {
                Quiet::LookAgain(then) => look = then,
                Quiet::Silent => return,
                Quiet::Idle if said => return,
                Quiet::Idle => {
                    connection.as_mut().graceful_shutdown();
                    said = true;
                    look = Instant::now() + shared.first_request;
                }
            },
        }
    }
}

async fn answer<A: Answering>(
    shared: Arc<Shared<A>>,
    request: Request<Incoming>,
    peer: PeerAddress,
    certificate: Option<ClientCertificate>,
    under_way: UnderWay,
) -> Result<Response<Answer>, Infallible> {
    let version = request.version();
    // RFC 9112 §6.1: after a request with both lengths the connection closes. The parser keeps only `Transfer-Encoding`
    // of the two, so every chunked request counts: what follows it may be smuggled.
    let last = version <= Version::HTTP_11 && request.headers().contains_key(header::TRANSFER_ENCODING);
    let too_long = request.uri().path_and_query().is_some_and(|target| target.as_str().len() > LONGEST_TARGET);
    let mut response = if too_long {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::URI_TOO_LONG;
        response
    } else {
        // Boxing a body that is not there would cost as much as reading one.
        let mut request = request.map(|body| if body.is_end_stream() { Body::empty() } else { Body::new(body) });
        request.extensions_mut().insert(peer);
        if let Some(certificate) = certificate {
            request.extensions_mut().insert(certificate);
        }
        match shared.service.clone().call(request).await {
            Ok(response) => response,
            Err(never) => match never {},
        }
    };
    // HTTP/2 has GOAWAY; an HTTP/1 client learns only here that its next request needs another connection.
    if last || version <= Version::HTTP_11 && *shared.phase.borrow() > Phase::Serving {
        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    Ok(response.map(|body| Answer { body, _under_way: under_way }))
}

/// An answer's body, which keeps its request "under way" until it is sent.
struct Answer {
    body: Body,
    _under_way: UnderWay,
}

impl HttpBody for Answer {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
