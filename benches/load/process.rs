//! Servers as processes of their own: started on named cores, watched through `/proc`, ended with the run.

use std::collections::HashMap;
use std::fs::File;
use std::io::Write as _;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::Failure;
use crate::http::{Connection, get};
use crate::lane::{Client, REDIRECT_URI, Target, text_of};

/// Longest start of a server.
const START: Duration = Duration::from_secs(30);
/// Ticks of `/proc/PID/stat` in a second, on every Linux.
const TICKS: f64 = 100.0;

/// A running server. Dropped, it is killed.
pub(crate) struct Server {
    child: Child,
    pub(crate) address: SocketAddr,
    /// From the start of the process to its first 200.
    pub(crate) ready_after: Duration,
}

impl Server {
    /// Starts `command` and waits until `path` answers 200.
    pub(crate) async fn start(mut command: Command, address: SocketAddr, path: &str) -> Result<Self, Failure> {
        let begun = Instant::now();
        let child = command.stdin(Stdio::null()).spawn()?;
        let mut server = Self { child, address, ready_after: Duration::ZERO };
        while !answers(address, path).await {
            if let Some(status) = server.child.try_wait()? {
                return Err(Failure::new(format!("a server ended at its start: {status}")));
            }
            if begun.elapsed() > START {
                return Err(Failure::new("a server does not get ready"));
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        server.ready_after = begun.elapsed();
        Ok(server)
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Ends it as an operator would, and waits.
    pub(crate) async fn stop(mut self) -> Result<(), Failure> {
        let status = Command::new("kill").arg(self.pid().to_string()).status()?;
        let begun = Instant::now();
        while status.success() && begun.elapsed() < START {
            if self.child.try_wait()?.is_some() {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        Err(Failure::new("a server does not stop"))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

async fn answers(address: SocketAddr, path: &str) -> bool {
    let Ok(mut connection) = Connection::open(address).await else { return false };
    connection.exchange(&get(address, path, "")).await.is_ok_and(|answer| answer.status == 200)
}

/// Processor time that a process has used, in seconds; zero where `/proc` does not say.
pub(crate) fn processor_seconds(pid: u32) -> f64 {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    // The name, second of all, is in parentheses and may hold spaces; utime and stime are the 14th and 15th.
    let after_name = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
    let ticks = after_name.split_whitespace().skip(11).take(2).filter_map(|field| field.parse::<f64>().ok());
    ticks.sum::<f64>() / TICKS
}

/// Resident memory of a process in KiB.
pub(crate) fn resident_kib(pid: u32) -> u64 {
    let size = status_of(&pid.to_string(), "VmRSS:");
    size.and_then(|size| size.trim_end_matches(" kB").parse().ok()).unwrap_or_default()
}

/// The cores that this process may use, as taskset takes them.
pub(crate) fn own_cores() -> Option<String> {
    status_of("self", "Cpus_allowed_list:")
}

fn status_of(process: &str, name: &str) -> Option<String> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    status.lines().find_map(|line| line.strip_prefix(name)).map(|rest| rest.trim().to_owned())
}

/// A port of the loopback address that nobody holds at this moment.
pub(crate) fn free_address() -> Result<SocketAddr, Failure> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?)
}

/// A command on the cores of the servers, where they were named.
pub(crate) fn on_cores(cores: Option<&str>, program: &Path) -> Command {
    match cores {
        None => Command::new(program),
        Some(cores) => {
            let mut command = Command::new("taskset");
            command.arg("-c").arg(cores).arg(program);
            command
        }
    }
}

/// The product: its binary, a configuration and data of its own.
pub(crate) struct Guichet {
    binary: PathBuf,
    folder: PathBuf,
    cores: Option<String>,
    environment: HashMap<&'static str, String>,
    pub(crate) address: SocketAddr,
}

/// The one person of the measurements.
const EMAIL: &str = "person@example.org";
const PASSWORD: &str = "seldom-umbrella-42-violet";

impl Guichet {
    /// A fresh installation below `folder`.
    pub(crate) fn prepare(binary: PathBuf, folder: &Path, cores: Option<String>) -> Result<Self, Failure> {
        let address = free_address()?;
        std::fs::write(folder.join("guichet.toml"), "# All settings come from the environment.\n")?;
        let environment = HashMap::from([
            ("GUICHET_ISSUER", format!("http://{address}")),
            ("GUICHET_LISTEN", address.to_string()),
            ("GUICHET_DATA_DIR", folder.join("data").display().to_string()),
            // One person signs in here more often than people do.
            ("GUICHET_RATE_LIMITS__LOGIN", "off".to_owned()),
        ]);
        Ok(Self { binary, folder: folder.to_owned(), cores, environment, address })
    }

    fn configured(&self, mut command: Command) -> Command {
        command.arg("--config").arg(self.folder.join("guichet.toml"));
        command.env_clear().envs(std::env::vars().filter(|(name, _)| name == "PATH" || name == "HOME"));
        command.envs(&self.environment);
        command
    }

    /// A command of the command line; gives its JSON.
    fn cli(&self, arguments: &[&str], input: &str) -> Result<Value, Failure> {
        let mut command = self.configured(Command::new(&self.binary));
        command.arg("--json").args(arguments);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
        if let Some(mut stdin) = child.stdin.take() {
            let _ = stdin.write_all(input.as_bytes());
        }
        let output = child.wait_with_output()?;
        if !output.status.success() {
            let why = String::from_utf8_lossy(&output.stderr).into_owned();
            return Err(Failure::new(format!("guichet {}: {why}", arguments.join(" "))));
        }
        Ok(serde_json::from_slice(&output.stdout).unwrap_or_default())
    }

    fn client(&self, arguments: &[&str]) -> Result<Client, Failure> {
        let made = self.cli(&[&["client", "create"], arguments].concat(), "")?;
        Ok(Client { id: text_of(&made, "client_id")?, secret: text_of(&made, "client_secret")? })
    }

    /// A person in one tenant and the clients of the measurements.
    pub(crate) fn populate(&self) -> Result<Target, Failure> {
        let tenant = self.cli(&["tenant", "create", "--name", "Clinique des Lilas", "--kind", "clinic"], "")?;
        let code = text_of(&tenant, "code")?;
        let names = ["--first-name", "Claire", "--last-name", "Martin"];
        self.cli(
            &[&["user", "create", "--email", EMAIL, "--password-stdin"], &names[..]].concat(),
            &format!("{PASSWORD}\n"),
        )?;
        self.cli(&["user", "grant", "--user", EMAIL, "--tenant", &code, "--role", "doctor"], "")?;
        let application = ["--name", "Application", "--first-party", "--redirect-uri", REDIRECT_URI];
        let own = ["--grant-type", "client_credentials", "--auth-method", "client_secret_basic"];
        Ok(Target {
            address: self.address,
            authorize: "/authorize".to_owned(),
            token: "/token".to_owned(),
            introspect: "/introspect".to_owned(),
            jwks: "/jwks".to_owned(),
            service: self.client(&[&["--name", "Service", "--resource-server"], &own[..]].concat())?,
            eddsa: self.client(&[&["--name", "EdDSA", "--access-token-alg", "EdDSA"], &own[..]].concat())?,
            rs256: self.client(&[&["--name", "RS256", "--access-token-alg", "RS256"], &own[..]].concat())?,
            opaque: self.client(&[&["--name", "Opaque", "--access-token", "opaque"], &own[..]].concat())?,
            application: self.client(&[&application[..], &["--id-token-alg", "ES256"]].concat())?,
            application_rs256: self.client(&[&application[..], &["--id-token-alg", "RS256"]].concat())?,
            person: vec![("email".to_owned(), EMAIL.to_owned()), ("password".to_owned(), PASSWORD.to_owned())],
            resource: None,
        })
    }

    /// Starts the server; its log goes to a file.
    pub(crate) async fn serve(&self) -> Result<Server, Failure> {
        let mut command = self.configured(on_cores(self.cores.as_deref(), &self.binary));
        let log = File::create(self.folder.join("guichet.log"))?;
        command.arg("serve").stdout(log.try_clone()?).stderr(log);
        Server::start(command, self.address, "/readyz").await
    }
}
