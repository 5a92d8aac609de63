//! The report: a table for people, JSON for programs.

use serde_json::{Value, json};

use crate::measure::Seen;
use crate::tasks::Wanted;

/// Most resident memory, in KiB.
const MOST_AT_REST: u64 = 40 * 1024;
const MOST_LOADED: u64 = 80 * 1024;
/// Most time to be ready, in relation to the peer's.
const MOST_OF_START: f64 = 0.2;

/// One task: the product, its limit in this run, and the peer where there is one.
pub(crate) struct Row {
    pub(crate) name: &'static str,
    pub(crate) limit_name: &'static str,
    pub(crate) wanted: Option<Wanted>,
    pub(crate) ours: Seen,
    pub(crate) limit: Seen,
    pub(crate) peer: Option<Seen>,
}

/// All that one run found.
pub(crate) struct Report {
    pub(crate) rows: Vec<Row>,
    pub(crate) start_ms: f64,
    pub(crate) peer_start_ms: Option<f64>,
    pub(crate) peer_loaded_kib: Option<u64>,
    pub(crate) rest_kib: u64,
    pub(crate) loaded_kib: u64,
    pub(crate) flushes: f64,
    /// Cores of the servers, where they were named.
    pub(crate) cores: Option<String>,
    /// The load average of the last minute, before and after: how busy the machine was with other things.
    pub(crate) busy: (f64, f64),
}

/// What was to be reached, and what this run saw of it.
struct Judged {
    name: String,
    wanted: String,
    /// The number that decides, and whether it is good enough.
    seen: String,
    met: bool,
    /// The same by rate, where processor time decides.
    by_rate: Option<(String, bool)>,
}

impl Judged {
    fn json(&self) -> Value {
        let by_rate = self.by_rate.as_ref();
        json!({
            "name": self.name, "wanted": self.wanted, "seen": self.seen, "met": self.met,
            "by_rate": by_rate.map(|(seen, _)| seen), "met_by_rate": by_rate.map(|(_, met)| met),
        })
    }

    fn line(&self) -> String {
        let word = |met| if met { "met" } else { "MISSED" };
        let by_rate = self.by_rate.as_ref().map(|(seen, met)| format!("   by rate {seen}: {}", word(*met)));
        let (name, wanted, seen) = (&self.name, &self.wanted, &self.seen);
        format!("{name:<28} {wanted:<28} {seen:>9}  {:<6}{}", word(self.met), by_rate.unwrap_or_default())
    }
}

impl Row {
    /// The target of the task, by processor time, which other load on the machine changes little.
    fn judged(&self) -> Option<Judged> {
        let percent = |ratio: f64| format!("{:.0} %", ratio * 100.0);
        let times = |ratio: f64| format!("{ratio:.2} x");
        let (wanted, least, (rate, cpu), shown): (_, _, _, &dyn Fn(f64) -> String) = match self.wanted? {
            Wanted::OfLimit(least) => {
                let ratios = (self.of_limit(), self.of_limit_by_cpu()?);
                (format!("{} or more of the limit", percent(least)), least, ratios, &percent)
            }
            Wanted::TimesPeer(least) => (format!("{least} x the peer or more"), least, self.of_peer()?, &times),
        };
        let by_rate = Some((shown(rate), rate >= least));
        Some(Judged { name: self.name.to_owned(), wanted, seen: shown(cpu), met: cpu >= least, by_rate })
    }

    /// Rate in relation to the limit's.
    fn of_limit(&self) -> f64 {
        self.ours.rate / self.limit.rate
    }

    /// The same by processor time for each request, which other load on the machine changes little.
    fn of_limit_by_cpu(&self) -> Option<f64> {
        (self.limit.cpu_us > 0.0 && self.ours.cpu_us > 0.0).then(|| self.limit.cpu_us / self.ours.cpu_us)
    }

    /// How many times the peer's rate, and how many times less processor time.
    fn of_peer(&self) -> Option<(f64, f64)> {
        self.peer.map(|peer| (self.ours.rate / peer.rate, peer.cpu_us / self.ours.cpu_us))
    }

    fn json(&self) -> Value {
        let seen = |seen: &Seen| json!({"per_second": seen.rate, "p50_ms": seen.p50_ms, "p99_ms": seen.p99_ms, "cpu_us": seen.cpu_us});
        json!({
            "name": self.name,
            "ours": seen(&self.ours),
            "limit": {"name": self.limit_name, "seen": seen(&self.limit)},
            "of_limit": self.of_limit(),
            "of_limit_by_cpu": self.of_limit_by_cpu(),
            "peer": self.peer.as_ref().map(seen),
            "times_peer": self.of_peer().map(|(by_rate, _)| by_rate),
            "times_peer_by_cpu": self.of_peer().map(|(_, by_cpu)| by_cpu),
        })
    }

    fn line(&self) -> String {
        let by_cpu = self.of_limit_by_cpu().map_or("-".to_owned(), |ratio| format!("{:.0} %", ratio * 100.0));
        let peer = self.peer.map_or("-".to_owned(), |peer| format!("{:.0}", peer.rate));
        let times = |ratio: Option<f64>| ratio.map_or("-".to_owned(), |ratio| format!("{ratio:.1} x"));
        format!(
            "{:<28} {:>8.0} {:>8.2} {:>8.2} {:>8.0}  {:<14} {:>8.0} {:>7} {:>7} {:>8} {:>7} {:>7}",
            self.name,
            self.ours.rate,
            self.ours.p50_ms,
            self.ours.p99_ms,
            self.ours.cpu_us,
            self.limit_name,
            self.limit.rate,
            format!("{:.0} %", self.of_limit() * 100.0),
            by_cpu,
            peer,
            times(self.of_peer().map(|(by_rate, _)| by_rate)),
            times(self.of_peer().map(|(_, by_cpu)| by_cpu)),
        )
    }
}

impl Report {
    /// All targets that this run can say something of.
    fn judged(&self) -> Vec<Judged> {
        let memory = |name: &str, kib: u64, most: u64| Judged {
            name: name.to_owned(),
            wanted: format!("{} MiB or less", most / 1024),
            seen: mebibytes(kib),
            met: kib <= most,
            by_rate: None,
        };
        let mut all: Vec<_> = self.rows.iter().filter_map(Row::judged).collect();
        all.push(memory("resident at rest", self.rest_kib, MOST_AT_REST));
        all.push(memory("resident after load", self.loaded_kib, MOST_LOADED));
        if let Some(peer) = self.peer_start_ms {
            let of_peer = self.start_ms / peer;
            all.push(Judged {
                name: "start".to_owned(),
                wanted: format!("{MOST_OF_START} of the peer's or less"),
                seen: format!("{of_peer:.2}"),
                met: of_peer <= MOST_OF_START,
                by_rate: None,
            });
        }
        all
    }

    /// For programs.
    pub(crate) fn json(&self) -> Value {
        json!({
            "tasks": self.rows.iter().map(Row::json).collect::<Vec<_>>(),
            "targets": self.judged().iter().map(Judged::json).collect::<Vec<_>>(),
            "start_ms": self.start_ms,
            "peer_start_ms": self.peer_start_ms,
            "peer_resident_kib_after_load": self.peer_loaded_kib,
            "resident_kib": {"at_rest": self.rest_kib, "after_load": self.loaded_kib},
            "flushes_per_second": self.flushes,
            "server_cores": self.cores,
            "load_average": {"before": self.busy.0, "after": self.busy.1},
        })
    }

    /// For people.
    pub(crate) fn text(&self) -> String {
        let mut lines = vec![format!(
            "{:<28} {:>8} {:>8} {:>8} {:>8}  {:<14} {:>8} {:>7} {:>7} {:>8} {:>7} {:>7}",
            "task", "/s", "p50 ms", "p99 ms", "CPU us", "limit", "/s", "of it", "by CPU", "peer /s", "ratio", "by CPU"
        )];
        lines.extend(self.rows.iter().map(Row::line));
        let peer = self.peer_loaded_kib.map_or(String::new(), |kib| format!("; the peer {}", mebibytes(kib)));
        lines.push(format!(
            "\nresident memory: {} at rest, {} after load{peer}",
            mebibytes(self.rest_kib),
            mebibytes(self.loaded_kib)
        ));
        let peer = self.peer_start_ms.map_or(String::new(), |ms| format!("; the peer {ms:.0} ms"));
        lines.push(format!("start on an existing database: {:.0} ms (median of 5){peer}", self.start_ms));
        lines.push(format!("flushes to the disk: {:.0} /s", self.flushes));
        let where_to = self.cores.as_deref().map_or("any core".to_owned(), |cores| format!("core {cores}"));
        lines.push(format!("servers on {where_to}; load average {:.1} before, {:.1} after", self.busy.0, self.busy.1));
        lines.push("\ntargets, by processor time where a server works:".to_owned());
        lines.extend(self.judged().iter().map(Judged::line));
        lines.join("\n")
    }
}

fn mebibytes(kib: u64) -> String {
    #[expect(clippy::cast_precision_loss, reason = "no process has that much memory")]
    let mebibytes = kib as f64 / 1024.0;
    format!("{mebibytes:.1} MiB")
}

/// The load average of the last minute.
pub(crate) fn load_average() -> f64 {
    let text = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split(' ').next().and_then(|first| first.parse().ok()).unwrap_or_default()
}
