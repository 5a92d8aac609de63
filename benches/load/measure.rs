//! One measurement: all lanes at once for a bounded time.

use std::time::{Duration, Instant};

use crate::Failure;
use crate::lane::Lane;
use crate::process::processor_seconds;

/// How long, and how much at once.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Plan {
    pub(crate) warm_up: Duration,
    pub(crate) measured: Duration,
    pub(crate) connections: usize,
    /// How often everything is measured; the median counts.
    pub(crate) rounds: usize,
    /// Whether the load has a core of its own.
    pub(crate) own_core: bool,
}

/// What was seen of one server doing one task.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Seen {
    /// Tasks done for each second.
    pub(crate) rate: f64,
    /// Milliseconds that half of them took, and 99 of 100.
    pub(crate) p50_ms: f64,
    pub(crate) p99_ms: f64,
    /// Microseconds of processor time that the server spent on each. Other load on the machine changes it little.
    pub(crate) cpu_us: f64,
}

impl Seen {
    /// The median of several measurements, each number for itself.
    pub(crate) fn median(seen: &[Self]) -> Self {
        let of = |number: fn(&Self) -> f64| {
            let mut numbers: Vec<f64> = seen.iter().map(number).collect();
            numbers.sort_by(f64::total_cmp);
            numbers.get(numbers.len() / 2).copied().unwrap_or(0.0)
        };
        Self {
            rate: of(|seen| seen.rate),
            p50_ms: of(|seen| seen.p50_ms),
            p99_ms: of(|seen| seen.p99_ms),
            cpu_us: of(|seen| seen.cpu_us),
        }
    }
}

/// Runs the lanes against the process `pid`.
pub(crate) async fn run(mut lanes: Vec<Lane>, pid: u32, plan: Plan) -> Result<Seen, Failure> {
    for lane in &mut lanes {
        lane.reconnect().await?;
    }
    let begin = Instant::now() + plan.warm_up;
    let end = begin + plan.measured;
    let running: Vec<_> = lanes.into_iter().map(|lane| tokio::spawn(repeat(lane, begin, end))).collect();
    let awake = plan.own_core.then(|| tokio::spawn(stay_awake()));
    tokio::time::sleep_until(begin.into()).await;
    let cpu_before = processor_seconds(pid);
    tokio::time::sleep_until(end.into()).await;
    let cpu = processor_seconds(pid) - cpu_before;
    if let Some(awake) = awake {
        awake.abort();
    }
    let mut times = Vec::new();
    for lane in running {
        times.extend(lane.await.map_err(|_| Failure::new("a lane panicked"))??);
    }
    times.sort_unstable();
    let done = f64::from(u32::try_from(times.len()).unwrap_or(u32::MAX));
    if times.is_empty() {
        return Err(Failure::new("nothing was done within the measured time"));
    }
    Ok(Seen {
        rate: done / plan.measured.as_secs_f64(),
        p50_ms: quantile(&times, 50),
        p99_ms: quantile(&times, 99),
        cpu_us: cpu * 1e6 / done,
    })
}

/// Keeps this thread looking for answers. An answer that finds it asleep costs the server's core an interrupt to the other
/// one, up to 8 µs on a virtual machine: the slower a server, the more of its answers would pay that.
async fn stay_awake() {
    loop {
        tokio::task::yield_now().await;
    }
}

/// The times of what ended between `begin` and `end`.
async fn repeat(mut lane: Lane, begin: Instant, end: Instant) -> Result<Vec<Duration>, Failure> {
    let mut times = Vec::with_capacity(4096);
    loop {
        let sent = Instant::now();
        if sent >= end {
            return Ok(times);
        }
        lane.once().await?;
        let now = Instant::now();
        if now >= begin && now < end {
            times.push(now - sent);
        }
    }
}

fn quantile(sorted: &[Duration], percent: usize) -> f64 {
    let at = sorted.len() * percent / 100;
    sorted.get(at.min(sorted.len().saturating_sub(1))).map_or(0.0, Duration::as_secs_f64) * 1e3
}
