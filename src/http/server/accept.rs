//! Accepting connections, and ceasing to.
//!
//! The order of a shutdown: readiness goes false → HTTP/1 answers say `connection: close` → after `drain_delay`, during
//! which connections are still accepted, the kernel's queue is emptied and the socket closed → requests in flight end,
//! HTTP/2 peers get GOAWAY → after `drain` at most, what is left is cut.

use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinSet;

use super::connection::{self, Answering, Phase, Shared};
use super::tls::Tls;
use super::{Readiness, ServeError, ServerOptions};

/// Pause after an error of `accept` such as "too many open files": only other connections' ends can help.
const BREATH: Duration = Duration::from_millis(100);

/// A listener that holds its address and has read its certificate, but serves nobody yet.
pub struct Bound {
    listener: TcpListener,
    address: SocketAddr,
    tls: Option<Tls>,
    options: ServerOptions,
    readiness: Readiness,
}

impl std::fmt::Debug for Bound {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Bound").field("address", &self.address).finish_non_exhaustive()
    }
}

impl Bound {
    /// Reads the TLS files and takes the address.
    pub async fn bind(options: &ServerOptions) -> Result<Self, ServeError> {
        let tls = match &options.tls {
            Some(tls) => Some(Tls::load(tls).await?),
            None => None,
        };
        let failed = |source| ServeError::Bind { address: options.listen, source };
        let listener = TcpListener::bind(options.listen).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        Ok(Self { listener, address, tls, options: options.clone(), readiness: Readiness::default() })
    }

    /// The address in use, with the port that was free.
    pub fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// Sets the flag that goes false when the shutdown begins. Who serves `/readyz` reads it.
    #[must_use]
    pub fn with_readiness(mut self, readiness: Readiness) -> Self {
        self.readiness = readiness;
        self
    }

    /// Serves until `shutdown` is ready, then drains.
    pub async fn serve<A: Answering>(self, service: A, shutdown: impl Future<Output = ()>) -> Result<(), ServeError> {
        let Self { listener, tls, options, readiness, .. } = self;
        let (phase, phases) = watch::channel(Phase::Serving);
        let shared = Shared {
            service,
            builder: connection::builder(options.header_timeout),
            phase: phases,
            first_request: options.header_timeout,
            stall: options.request_timeout,
        };
        let fresh = tls.as_ref().map(|tls| tokio::spawn(Arc::clone(&tls.certificate).keep_fresh()));
        let mut accepting = Accepting {
            listener,
            service: Service { tls, shared: Arc::new(shared) },
            room: Arc::new(Semaphore::new(options.max_connections.min(Semaphore::MAX_PERMITS))),
            connections: JoinSet::new(),
        };
        accepting.until(shutdown).await;
        readiness.set(false);
        phase.send_replace(Phase::Draining);
        accepting.until(tokio::time::sleep(options.drain_delay)).await;
        let mut connections = accepting.close();
        phase.send_replace(Phase::Stopping);
        let ended = async { while connections.join_next().await.is_some() {} };
        if tokio::time::timeout(options.drain, ended).await.is_err() {
            tracing::warn!(connections = connections.len(), "connections were cut at the end of the drain");
            connections.shutdown().await;
        }
        if let Some(fresh) = fresh {
            fresh.abort();
        }
        Ok(())
    }
}

struct Accepting<A> {
    listener: TcpListener,
    service: Service<A>,
    room: Arc<Semaphore>,
    connections: JoinSet<()>,
}

impl<A: Answering> Accepting<A> {
    async fn until(&mut self, end: impl Future<Output = ()>) {
        let mut end = pin!(end);
        loop {
            tokio::select! {
                biased;
                () = end.as_mut() => return,
                Some(_) = self.connections.join_next() => (),
                (stream, peer, permit) = next(&self.listener, &self.room) => {
                    self.connections.spawn(self.service.connection(stream, peer, permit));
                }
            }
        }
    }

    /// Closes the socket, having taken the connections that are established already: the kernel would reset them.
    ///
    /// The listener is asked directly, because the runtime may not have heard yet of the last ones.
    fn close(self) -> JoinSet<()> {
        let Self { listener, service, room, mut connections } = self;
        let Ok(listener) = listener.into_std() else { return connections };
        while let Ok((stream, peer)) = listener.accept() {
            let prepared = stream.set_nonblocking(true).and_then(|()| TcpStream::from_std(stream));
            if let (Ok(permit), Ok(stream)) = (Arc::clone(&room).try_acquire_owned(), prepared) {
                connections.spawn(service.connection(stream, peer, permit));
            }
        }
        connections
    }
}

struct Service<A> {
    tls: Option<Tls>,
    shared: Arc<Shared<A>>,
}

impl<A: Answering> Service<A> {
    /// Serves one connection to its end, and gives its place back then.
    fn connection(
        &self,
        stream: TcpStream,
        peer: SocketAddr,
        permit: OwnedSemaphorePermit,
    ) -> impl Future<Output = ()> + use<A> {
        let served = connection::serve(
            Arc::clone(&self.shared),
            stream,
            peer,
            self.tls.as_ref().map(|tls| tls.acceptor.clone()),
        );
        async move {
            served.await;
            drop(permit);
        }
    }
}

/// The next connection that there is room for.
async fn next(listener: &TcpListener, room: &Arc<Semaphore>) -> (TcpStream, SocketAddr, OwnedSemaphorePermit) {
    loop {
        let Ok(permit) = Arc::clone(room).acquire_owned().await else { return std::future::pending().await };
        match listener.accept().await {
            Ok((stream, peer)) => return (stream, peer, permit),
            Err(error) => {
                tracing::warn!(%error, "a connection cannot be accepted");
                drop(permit);
                tokio::time::sleep(BREATH).await;
            }
        }
    }
}
