//! `guichet serve`: listens, says ready, serves until it is told to stop, drains.

use axum::Router;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::context::Context;
use super::output::Failure;
use crate::app::{self, App, World};
use crate::http::operations::metrics_router;
use crate::http::server::{Bound, Readiness, ServerOptions};
use crate::telemetry::{self, Metrics};

pub(super) async fn run(context: &Context) -> Result<(), Failure> {
    let loaded = context.load_with_warnings()?;
    telemetry::init(loaded.config.log.level.as_str(), app::log_format(&loaded.config));
    for warning in &loaded.warnings {
        tracing::warn!(key = warning.key, hint = warning.hint, "{}", warning.message);
    }
    let app = App::start(loaded.config, World::default()).await?;
    let server = Server::bind(app).await?;
    tracing::info!(issuer = server.app.config.issuer.as_str(), database = server.app.store.describe(), "ready");
    server.serve(until_told()).await
}

/// Ends at SIGTERM or Ctrl-C.
pub(super) async fn until_told() {
    let mut terminate = signal(SignalKind::terminate()).ok();
    let terminated = async {
        match &mut terminate {
            Some(signal) => drop(signal.recv().await),
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        () = terminated => {}
        _ = tokio::signal::ctrl_c() => {}
    }
}

/// The application with its listeners bound.
pub(super) struct Server {
    pub(super) app: App,
    public: Vec<Bound>,
    metrics: Option<Bound>,
    readiness: Readiness,
    numbers: Metrics,
}

impl Server {
    /// Binds every listener; nothing is answered before [`Self::serve`].
    pub(super) async fn bind(app: App) -> Result<Self, Failure> {
        let readiness = Readiness::default();
        let mut public = Vec::new();
        for listen in &app.config.listen {
            public.push(bind(&app::server_options(&app.config, *listen)).await?.with_readiness(readiness.clone()));
        }
        let metrics = match app.config.metrics.listen {
            Some(listen) => Some(bind(&ServerOptions::plain(listen)).await?),
            None => None,
        };
        Ok(Self { app, public, metrics, readiness, numbers: Metrics::new() })
    }

    /// Serves until `stop` ends, then lets requests end, then writes what is queued.
    pub(super) async fn serve(self, stop: impl Future<Output = ()>) -> Result<(), Failure> {
        let Self { app, public, metrics, readiness, numbers } = self;
        let (stopping, stopped) = watch::channel(false);
        let mut jobs = app.jobs().start(&stopped);
        let whole = app.router(&readiness, &numbers);
        let mut servers = JoinSet::new();
        for bound in public {
            servers.spawn(bound.serve(whole.clone(), told(stopped.clone())));
        }
        if let Some(bound) = metrics {
            servers.spawn(bound.serve(numbers_router(&app, numbers), told(stopped.clone())));
        }
        readiness.set(true);
        stop.await;
        tracing::info!("stopping");
        stopping.send_replace(true);
        while let Some(ended) = servers.join_next().await {
            ended??;
        }
        while jobs.join_next().await.is_some() {}
        app.store.close().await;
        tracing::info!("stopped");
        Ok(())
    }
}

async fn bind(options: &ServerOptions) -> Result<Bound, Failure> {
    let listen = options.listen;
    Bound::bind(options).await.map_err(|error| {
        Failure::new(format!(
            "cannot listen on {listen}: {error}; is another server there? choose another address with `listen`"
        ))
    })
}

fn numbers_router(app: &App, numbers: Metrics) -> Router {
    let accounts = app.accounts.clone();
    metrics_router(numbers, move |numbers| {
        let state = accounts.password_pool();
        numbers.password_pool(state.waiting, state.running, state.refused);
    })
}

async fn told(mut stopped: watch::Receiver<bool>) {
    drop(stopped.wait_for(|stopped| *stopped).await);
}
