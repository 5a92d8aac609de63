//! Load on the built server, each figure beside a limit that was measured in the same run.
//!
//! ```text
//! cargo bench --bench load -- [--json] [--server-cores 1] [--peer FOLDER] [--only TASK,…] [--rounds 3] [--seconds 1]
//! ```
//!
//! `tests/load/run` calls it with the cores set. It starts the limits (`limits.rs`), the product and, where one is named, the
//! peer as processes of their own, on loopback addresses only; for each task the limit, the product and the peer are
//! measured one right after the other, with the same connections and requests. See `docs/performance.md`.

mod http;
mod lane;
mod limits;
mod measure;
mod process;
mod report;
mod tasks;

use std::fmt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::time::Duration;

use clap::Parser;

use lane::{Client, Target};
use measure::{Plan, Seen};
use process::{Guichet, Server, free_address, on_cores, own_cores, resident_kib};
use report::{Report, load_average};
use tasks::{Stage, Task};

/// Starts that the median is taken of.
const STARTS: usize = 5;
/// How long the load runs before it is measured.
const WARM_UP: Duration = Duration::from_millis(500);

/// Why the run ended early.
#[derive(Debug)]
pub(crate) struct Failure(String);

impl Failure {
    pub(crate) fn new(why: impl Into<String>) -> Self {
        Self(why.into())
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        Self(error.to_string())
    }
}

/// Measures the built server under load.
#[derive(Debug, Parser)]
struct Arguments {
    /// The report as JSON.
    #[arg(long)]
    json: bool,
    /// The binary under test.
    #[arg(long, value_name = "FILE", default_value = env!("CARGO_BIN_EXE_guichet"))]
    bin: PathBuf,
    /// Cores of the servers, as taskset takes them; this program should be on others.
    #[arg(long, value_name = "LIST")]
    server_cores: Option<String>,
    /// Folder of the peer: peer.mjs with its packages.
    #[arg(long, value_name = "DIR")]
    peer: Option<PathBuf>,
    /// How often each task is measured, 1 to 20; the medians are shown.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u8).range(1..=20))]
    rounds: u8,
    /// Measured time of each round in seconds, 1 to 60.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..=60))]
    seconds: u64,
    /// Connections at once, 1 to 256.
    #[arg(long, default_value_t = 32, value_parser = clap::value_parser!(u16).range(1..=256))]
    connections: u16,
    /// Only the tasks whose names begin with one of these.
    #[arg(long, value_name = "TASK", value_delimiter = ',')]
    only: Vec<String>,
    /// Run as the server of the limits, on this address.
    #[arg(long, hide = true, value_name = "ADDRESS")]
    limits: Option<std::net::SocketAddr>,
    /// Hash passwords for so many seconds; print the rate and the processor time of one.
    #[arg(long, hide = true, value_name = "SECONDS")]
    hash: Option<u64>,
    /// What cargo bench adds.
    #[arg(long, hide = true)]
    bench: bool,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match start(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("load: {failure}");
            ExitCode::FAILURE
        }
    }
}

fn start(arguments: &Arguments) -> Result<(), Failure> {
    if let Some(seconds) = arguments.hash {
        let (rate, cpu_us) = limits::hash(Duration::from_secs(seconds))?;
        println!("{rate} {cpu_us}");
        return Ok(());
    }
    if let Some(address) = arguments.limits {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
        return runtime.block_on(limits::serve(address));
    }
    // One thread makes the load, so that it stays on one core.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let folder = std::env::temp_dir().join(format!("guichet-load.{}", std::process::id()));
    std::fs::create_dir(&folder)?;
    let measured = runtime.block_on(measure_all(arguments, &folder));
    let report = match measured {
        Ok(report) => report,
        Err(failure) => return Err(Failure(format!("{failure}; the log is in {}", folder.display()))),
    };
    std::fs::remove_dir_all(&folder)?;
    if arguments.json {
        println!("{:#}", report.json());
    } else {
        println!("{}", report.text());
    }
    Ok(())
}

async fn measure_all(arguments: &Arguments, folder: &Path) -> Result<Report, Failure> {
    let busy_before = load_average();
    let cores = arguments.server_cores.clone();
    let guichet = Guichet::prepare(arguments.bin.clone(), folder, cores.clone())?;
    let target = guichet.populate()?;
    let (start_ms, peer_start_ms) = median_starts(&guichet, arguments.peer.as_deref(), cores.as_deref()).await?;
    let limits = start_limits(cores.as_deref()).await?;
    let peer = match &arguments.peer {
        None => None,
        Some(peer) => Some(start_peer(cores.as_deref(), peer).await?),
    };
    let server = guichet.serve().await?;
    tokio::time::sleep(Duration::from_secs(1)).await;
    let rest_kib = resident_kib(server.pid());
    let stage = Stage {
        ours: (&server, &target),
        limits: &limits,
        peer: peer.as_ref().map(|(server, target)| (server, target)),
        plan: Plan {
            warm_up: WARM_UP,
            measured: Duration::from_secs(arguments.seconds),
            connections: usize::from(arguments.connections),
            rounds: usize::from(arguments.rounds),
            own_core: cores.is_some() && cores != own_cores(),
        },
        cores: cores.as_deref(),
    };
    let wanted =
        |task: &Task| arguments.only.is_empty() || arguments.only.iter().any(|start| task.name().starts_with(start));
    let mut rows = Vec::new();
    for task in Task::ALL.into_iter().filter(wanted) {
        eprintln!("load: {}", task.name());
        rows.push(stage.measure(task).await?);
    }
    let loaded_kib = resident_kib(server.pid());
    let peer_loaded_kib = peer.as_ref().map(|(server, _)| resident_kib(server.pid()));
    server.stop().await?;
    Ok(Report {
        rows,
        start_ms,
        peer_start_ms,
        peer_loaded_kib,
        rest_kib,
        loaded_kib,
        flushes: limits::flushes(folder, Duration::from_secs(1))?,
        cores,
        busy: (busy_before, load_average()),
    })
}

/// Milliseconds until ready, ours on an existing database and the peer's, in turns.
async fn median_starts(
    guichet: &Guichet,
    peer: Option<&Path>,
    cores: Option<&str>,
) -> Result<(f64, Option<f64>), Failure> {
    let (mut ours, mut peers) = (Vec::new(), Vec::new());
    for _ in 0..STARTS {
        let server = guichet.serve().await?;
        ours.push(server.ready_after);
        server.stop().await?;
        if let Some(peer) = peer {
            peers.push(start_peer(cores, peer).await?.0.ready_after);
        }
    }
    let median = |mut times: Vec<Duration>| {
        times.sort_unstable();
        times.get(times.len() / 2).map(|time| time.as_secs_f64() * 1e3)
    };
    Ok((median(ours).unwrap_or_default(), median(peers)))
}

async fn start_limits(cores: Option<&str>) -> Result<Server, Failure> {
    let address = free_address()?;
    let mut command = on_cores(cores, &std::env::current_exe()?);
    command.arg("--limits").arg(address.to_string());
    Server::start(command, address, "/ready").await
}

/// Password hashes alone on the cores of the servers, by a process of its own.
pub(crate) fn hash_alone(cores: Option<&str>, plan: Plan) -> Result<Seen, Failure> {
    let mut command = on_cores(cores, &std::env::current_exe()?);
    let output = command.arg("--hash").arg(plan.measured.as_secs().to_string()).output()?;
    let text = String::from_utf8_lossy(&output.stdout);
    let mut numbers = text.split_whitespace().filter_map(|number| number.parse().ok());
    match (numbers.next(), numbers.next()) {
        (Some(rate), Some(cpu_us)) => Ok(Seen { rate, p50_ms: 0.0, p99_ms: 0.0, cpu_us }),
        _ => Err(Failure::new("hashing gave no rate")),
    }
}

/// The peer with what `peer.mjs` holds for it.
async fn start_peer(cores: Option<&str>, folder: &Path) -> Result<(Server, Target), Failure> {
    let address = free_address()?;
    let mut command: Command = on_cores(cores, Path::new("node"));
    command.arg(folder.join("peer.mjs")).arg(address.port().to_string()).env("NODE_ENV", "production");
    // It greets on standard output, where the report goes.
    command.stdout(Stdio::null());
    let server = Server::start(command, address, "/.well-known/openid-configuration").await?;
    let client = |id: &str| Client { id: id.to_owned(), secret: format!("{id}-secret-of-the-load-test") };
    let person = [("login", "person"), ("password", "any")];
    let target = Target {
        address,
        authorize: "/auth".to_owned(),
        token: "/token".to_owned(),
        introspect: "/token/introspection".to_owned(),
        jwks: "/jwks".to_owned(),
        service: client("service"),
        eddsa: client("service"),
        rs256: client("service"),
        opaque: client("service"),
        application: client("application"),
        application_rs256: client("application-rs256"),
        person: person.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec(),
        resource: Some(|alg| format!("urn:load:{alg}")),
    };
    Ok((server, target))
}
