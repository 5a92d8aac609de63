//! Every number that is published, declared in one place with its unit.
//!
//! Labels come from closed sets: route templates, grant names, outcomes. Nothing that a client writes becomes a label.

use std::fmt;
use std::sync::atomic::Ordering;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::{Registry, Unit};

/// The media type of [`Metrics::encode`].
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// The numbers of one process. Clones share them.
#[derive(Clone)]
pub struct Metrics(Arc<Inner>);

struct Inner {
    registry: Registry,
    requests: Family<RequestLabels, Counter>,
    request_duration: Family<RouteLabels, Histogram, fn() -> Histogram>,
    panics: Counter,
    tokens: Family<TokenLabels, Counter>,
    sign_ins: Family<OutcomeLabels, Counter>,
    rate_limited: Family<ClassLabels, Counter>,
    password_waiting: Gauge,
    password_running: Gauge,
    password_refused: Counter,
    write_batch: Histogram,
    write_duration: Histogram,
    jobs: Family<JobLabels, Counter>,
    logout_notices: Family<OutcomeLabels, Counter>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RequestLabels {
    method: &'static str,
    route: String,
    status: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RouteLabels {
    route: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct TokenLabels {
    grant: &'static str,
    outcome: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OutcomeLabels {
    outcome: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ClassLabels {
    class: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct JobLabels {
    job: &'static str,
    outcome: &'static str,
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

impl Metrics {
    /// All numbers at zero.
    pub fn new() -> Self {
        let mut inner = Inner {
            registry: Registry::with_prefix("guichet"),
            requests: Family::default(),
            request_duration: Family::new_with_constructor(latency),
            panics: Counter::default(),
            tokens: Family::default(),
            sign_ins: Family::default(),
            rate_limited: Family::default(),
            password_waiting: Gauge::default(),
            password_running: Gauge::default(),
            password_refused: Counter::default(),
            write_batch: Histogram::new(exponential_buckets(1.0, 2.0, 10)),
            write_duration: latency(),
            jobs: Family::default(),
            logout_notices: Family::default(),
        };
        inner.register();
        Self(Arc::new(inner))
    }

    /// The numbers of one route; keep them, so that counting a request looks nothing up. `name` is its template.
    pub fn route(&self, name: &str) -> Route {
        Route { metrics: self.clone(), name: name.to_owned(), counts: Box::default(), duration: OnceLock::new() }
    }

    /// A handler panicked.
    pub fn panic(&self) {
        self.0.panics.inc();
    }

    /// A token request ended: `grant` is the `grant_type`, `outcome` is `issued` or the error code.
    pub fn token(&self, grant: &'static str, outcome: &'static str) {
        self.0.tokens.get_or_create(&TokenLabels { grant, outcome }).inc();
    }

    /// A sign-in ended: `right`, `wrong`, `limited`, `busy`, `disabled` …
    pub fn sign_in(&self, outcome: &'static str) {
        self.0.sign_ins.get_or_create(&OutcomeLabels { outcome }).inc();
    }

    /// A request was refused by the limit of this class.
    pub fn rate_limited(&self, class: &'static str) {
        self.0.rate_limited.get_or_create(&ClassLabels { class }).inc();
    }

    /// The state of the password threads, as of now; `refused` counts since the start.
    pub fn password_pool(&self, waiting: usize, running: usize, refused: u64) {
        self.0.password_waiting.set(i64::try_from(waiting).unwrap_or(i64::MAX));
        self.0.password_running.set(i64::try_from(running).unwrap_or(i64::MAX));
        self.0.password_refused.inner().store(refused, Ordering::Relaxed);
    }

    /// A transaction of the single writer was committed with the writes of `requests` callers.
    pub fn database_write(&self, requests: u32, took: Duration) {
        self.0.write_batch.observe(f64::from(requests));
        self.0.write_duration.observe(took.as_secs_f64());
    }

    /// A background job ended: `done` or `failed`.
    pub fn job(&self, job: &'static str, outcome: &'static str) {
        self.0.jobs.get_or_create(&JobLabels { job, outcome }).inc();
    }

    /// So many attempts to tell an application that a session ended came to this: `delivered`, `refused`, `put_off`,
    /// `given_up`.
    pub fn logout_notices(&self, outcome: &'static str, count: u32) {
        self.0.logout_notices.get_or_create(&OutcomeLabels { outcome }).inc_by(u64::from(count));
    }

    /// The whole page in the OpenMetrics text form.
    pub fn encode(&self) -> String {
        let mut page = String::new();
        match text::encode(&mut page, &self.0.registry) {
            Ok(()) => page,
            Err(fmt::Error) => String::new(),
        }
    }
}

/// How often requests of one route came and how long they took.
pub struct Route {
    metrics: Metrics,
    name: String,
    /// By method and status class; each appears on the page with its first request.
    counts: Box<[[OnceLock<Counter>; CLASSES.len()]; METHODS.len()]>,
    duration: OnceLock<Histogram>,
}

impl Route {
    /// Its template.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// A request was answered; `status` 499 means that the client had gone. Methods that HTTP does not define count as one.
    pub fn request(&self, method: &str, status: u16, took: Duration) {
        let inner = &self.metrics.0;
        let method = METHODS.iter().position(|known| *known == method).unwrap_or(METHODS.len() - 1);
        let class = class_of(status);
        let named = |method, class| RequestLabels { method, route: self.name.clone(), status: class };
        let count = self
            .counts
            .get(method)
            .and_then(|of_method| of_method.get(class))
            .zip(METHODS.get(method).zip(CLASSES.get(class)));
        if let Some((count, (method, class))) = count {
            count.get_or_init(|| inner.requests.get_or_create(&named(method, class)).clone()).inc();
        }
        let labels = || RouteLabels { route: self.name.clone() };
        let duration = self.duration.get_or_init(|| inner.request_duration.get_or_create(&labels()).clone());
        duration.observe(took.as_secs_f64());
    }
}

impl fmt::Debug for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Route").field(&self.name).finish()
    }
}

impl Inner {
    /// Names without unit and `_total`, which the encoder adds.
    fn register(&mut self) {
        let registry = &mut self.registry;
        registry.register(
            "http_requests",
            "Requests answered, by method, route and status class",
            self.requests.clone(),
        );
        registry.register_with_unit(
            "http_request_duration",
            "Time until the answer begins, by route",
            Unit::Seconds,
            self.request_duration.clone(),
        );
        registry.register("http_panics", "Requests whose handler panicked", self.panics.clone());
        registry.register("token_requests", "Token requests, by grant and outcome", self.tokens.clone());
        registry.register("sign_ins", "Sign-ins, by outcome", self.sign_ins.clone());
        registry.register("rate_limited", "Requests refused by a limit, by class", self.rate_limited.clone());
        registry.register("password_jobs_waiting", "Password hashes in the queue", self.password_waiting.clone());
        registry.register("password_jobs_running", "Password hashes being computed", self.password_running.clone());
        registry.register("password_jobs_refused", "Password hashes refused as busy", self.password_refused.clone());
        registry.register("database_write_batch_size", "Callers per committed transaction", self.write_batch.clone());
        registry.register_with_unit(
            "database_write_duration",
            "Time of one committed transaction",
            Unit::Seconds,
            self.write_duration.clone(),
        );
        registry.register("job_runs", "Background jobs, by name and outcome", self.jobs.clone());
        registry.register("logout_notices", "Attempts at logout notices, by outcome", self.logout_notices.clone());
    }
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Metrics")
    }
}

/// Half a millisecond to eight seconds.
fn latency() -> Histogram {
    Histogram::new(exponential_buckets(0.000_5, 2.0, 15))
}

/// What a method may be called on the page: it is the client's own text.
const METHODS: [&str; 8] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "OTHER"];
/// What a status is called on the page.
const CLASSES: [&str; 6] = ["1xx", "2xx", "3xx", "4xx", "5xx", "left"];

/// The place in [`CLASSES`].
fn class_of(status: u16) -> usize {
    match status {
        100..=199 => 0,
        200..=299 => 1,
        300..=399 => 2,
        499 => 5,
        400..=498 => 3,
        _ => 4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_has_every_number_with_its_unit() {
        let metrics = Metrics::new();
        metrics.route("/token").request("GET", 404, Duration::from_millis(3));
        metrics.route("/token").request("BREW", 499, Duration::from_millis(3));
        metrics.panic();
        metrics.token("authorization_code", "issued");
        metrics.sign_in("wrong");
        metrics.rate_limited("login");
        metrics.password_pool(3, 2, 7);
        metrics.database_write(4, Duration::from_millis(1));
        metrics.job("cleanup", "done");
        metrics.logout_notices("put_off", 2);
        let page = metrics.encode();
        for line in [
            "guichet_http_requests_total{method=\"GET\",route=\"/token\",status=\"4xx\"} 1",
            "guichet_http_requests_total{method=\"OTHER\",route=\"/token\",status=\"left\"} 1",
            "guichet_http_request_duration_seconds_count{route=\"/token\"} 2",
            "guichet_http_panics_total 1",
            "guichet_token_requests_total{grant=\"authorization_code\",outcome=\"issued\"} 1",
            "guichet_sign_ins_total{outcome=\"wrong\"} 1",
            "guichet_rate_limited_total{class=\"login\"} 1",
            "guichet_password_jobs_waiting 3",
            "guichet_password_jobs_running 2",
            "guichet_password_jobs_refused_total 7",
            "guichet_database_write_batch_size_sum 4.0",
            "guichet_database_write_duration_seconds_count 1",
            "guichet_job_runs_total{job=\"cleanup\",outcome=\"done\"} 1",
            "guichet_logout_notices_total{outcome=\"put_off\"} 2",
            "# EOF",
        ] {
            assert!(page.lines().any(|l| l == line), "{line}\n{page}");
        }
    }
}
