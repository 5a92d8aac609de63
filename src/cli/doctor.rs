//! `guichet doctor`: what `serve` would find, checked one by one, each with what to do.

use serde_json::{Value, json};

use super::context::Context;
use super::output::Failure;
use crate::app::{self, World, master_key};
use crate::base::seal::MasterKey;
use crate::config::Config;
use crate::jose::Keyring;
use crate::model::key::KeyState;
use crate::store::Store;
use crate::telemetry::{self, Format};

/// One finding.
struct Finding {
    check: &'static str,
    ok: bool,
    found: String,
}

pub(super) async fn run(context: &Context) -> Result<(), Failure> {
    telemetry::init("error", Format::Text);
    let loaded = context.load_with_warnings()?;
    let mut findings = vec![Finding { check: "configuration", ok: true, found: "in order".to_owned() }];
    for warning in &loaded.warnings {
        findings.push(Finding {
            check: "configuration",
            ok: true,
            found: format!("{}: {} ({})", warning.key, warning.message, warning.hint),
        });
    }
    let config = loaded.config;
    let master = check_master(&config, &mut findings);
    if let Some(store) = check_store(&config, &mut findings).await {
        if let Some(master) = master {
            check_keys(&store, &master, &mut findings).await;
        }
        store.close().await;
    }
    check_listeners(&config, &mut findings).await;
    report(context, &findings)
}

fn check_master(config: &Config, findings: &mut Vec<Finding>) -> Option<MasterKey> {
    let world = World::default();
    let existing = config.master_key.is_some() || config.data_dir.join("keys").exists();
    if !existing {
        findings.push(Finding {
            check: "master key",
            ok: true,
            found: "none yet; the first start makes one".to_owned(),
        });
        return None;
    }
    match master_key(config, world.entropy.as_ref()) {
        Ok(master) => {
            findings.push(Finding { check: "master key", ok: true, found: "readable".to_owned() });
            Some(master)
        }
        Err(error) => {
            findings.push(Finding { check: "master key", ok: false, found: error.to_string() });
            None
        }
    }
}

async fn check_store(config: &Config, findings: &mut Vec<Finding>) -> Option<Store> {
    let store = match app::open_store(config).await {
        Ok(store) => store,
        Err(error) => {
            findings.push(Finding { check: "storage", ok: false, found: error.to_string() });
            return None;
        }
    };
    let (ok, found) = match store.ping().await {
        Ok(()) => (true, store.describe()),
        Err(error) => (false, error.to_string()),
    };
    findings.push(Finding { check: "storage", ok, found });
    let (ok, found) = match store.pending_migrations().await {
        Ok(pending) if pending.is_empty() => (true, "up to date".to_owned()),
        Ok(pending) => (true, format!("{} to run; `serve` and `migrate` run them", pending.len())),
        Err(error) => (false, error.to_string()),
    };
    findings.push(Finding { check: "schema", ok, found });
    Some(store)
}

async fn check_keys(store: &Store, master: &MasterKey, findings: &mut Vec<Finding>) {
    let read = async { store.read().await?.keys().await };
    let Ok(records) = read.await else {
        findings.push(Finding {
            check: "signing keys",
            ok: true,
            found: "none yet; the first start makes them".to_owned(),
        });
        return;
    };
    let active = records.iter().filter(|key| key.state == KeyState::Active).count();
    let (ok, found) = match Keyring::open(&records, master) {
        Ok(_) if active == 0 => (true, "none yet; the first start makes them".to_owned()),
        Ok(_) => (true, format!("{active} active, all open under the master key")),
        Err(error) => (false, format!("{error}; is this the master key that they were made under?")),
    };
    findings.push(Finding { check: "signing keys", ok, found });
}

async fn check_listeners(config: &Config, findings: &mut Vec<Finding>) {
    for listen in &config.listen {
        let found = match tokio::net::TcpListener::bind(listen).await {
            Ok(_) => format!("{listen} is free"),
            Err(error) => format!("{listen}: {error} (in order when the server is running)"),
        };
        findings.push(Finding { check: "listener", ok: true, found });
    }
}

fn report(context: &Context, findings: &[Finding]) -> Result<(), Failure> {
    let rows: Vec<Value> = findings
        .iter()
        .map(|finding| json!({"check": finding.check, "ok": finding.ok, "found": finding.found}))
        .collect();
    let failed = findings.iter().filter(|finding| !finding.ok).count();
    if failed > 0 {
        let lines: Vec<String> =
            findings.iter().filter(|finding| !finding.ok).map(|f| format!("{}: {}", f.check, f.found)).collect();
        return Err(Failure::with(lines.join("\n"), json!({"checks": rows})));
    }
    context.output.list("checks", &rows, &["check", "ok", "found"]);
    Ok(())
}
