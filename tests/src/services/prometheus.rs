//! A real Prometheus.
//!
//! Owns one server, what it is told of its targets, and its data. It looks at them and at its rules each second. Refuses
//! to judge: it says what fires.

use std::fs;
use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

use super::free_port;
use crate::paths;
use crate::process::{Life, Process, Recipe, output};
use crate::wait::{self, Stop};

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// What it does with one job: scrapes the targets that a file names, as a discovery would.
const CONFIGURATION: &str = "\
global:
  scrape_interval: 1s
  scrape_timeout: 1s
  evaluation_interval: 1s
rule_files: [rules.yaml]
scrape_configs:
- job_name: JOB
  file_sd_configs:
  - files: [targets.json]
    refresh_interval: 1s
";

/// A running Prometheus. Dropping it ends it and removes its data.
#[derive(Debug)]
pub struct Prometheus {
    process: Process,
    address: SocketAddr,
    directory: PathBuf,
}

/// An alert whose expression holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alert {
    /// Its name.
    pub name: String,
    /// `pending` for as long as `for:` says, then `firing`.
    pub state: String,
    /// Its labels and annotations, as Prometheus tells them.
    pub document: Value,
}

impl Alert {
    /// One of its labels, empty where it has none of that name.
    #[must_use]
    pub fn label(&self, name: &str) -> &str {
        self.document.pointer(&format!("/labels/{name}")).and_then(Value::as_str).unwrap_or_default()
    }
}

impl Prometheus {
    /// Starts one with a job that has no target yet, and with rules; waits until it is ready, some 0.5 s.
    ///
    /// # Errors
    /// It has not been built (see [`crate::setup`]), refuses the rules, or does not start.
    pub fn start(job: &str, rules: &str) -> Result<Self> {
        let program = paths::binary("prometheus");
        if !program.is_file() {
            bail!("{} is missing: run `cargo xtask test` once", program.display());
        }
        let directory = paths::own_directory("prometheus");
        fs::create_dir_all(&directory).with_context(|| format!("make {}", directory.display()))?;
        let write = |name: &str, text: &str| {
            fs::write(directory.join(name), text).with_context(|| format!("write {name} of Prometheus"))
        };
        write("prometheus.yaml", &CONFIGURATION.replace("JOB", job))?;
        write("rules.yaml", rules)?;
        write("targets.json", "[]")?;
        let local = IpAddr::V4(Ipv4Addr::LOCALHOST);
        let address = SocketAddr::new(local, free_port(local)?);
        let listen = format!("--web.listen-address={address}");
        let arguments = ["--config.file=prometheus.yaml", "--storage.tsdb.path=data", &listen];
        let process = Process::start(Recipe {
            name: "prometheus".to_owned(),
            program,
            arguments: arguments.map(str::to_owned).to_vec(),
            environment: Vec::new(),
            directory: directory.clone(),
            life: Life::WithUs,
        })?;
        let mut prometheus = Self { process, address, directory };
        wait::until(&Stop::default(), "Prometheus is ready", Duration::from_secs(30), || {
            if let Err(error) = prometheus.process.check() {
                return Ok(Some(Err(error)));
            }
            prometheus.get("/-/ready").map(|_| Some(Ok(())))
        })??;
        Ok(prometheus)
    }

    /// Tells it whom to scrape from now on. Series of whoever is left out are over at once.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn discover(&self, targets: &[SocketAddr]) -> Result<()> {
        let targets: Vec<String> = targets.iter().map(SocketAddr::to_string).collect();
        let groups = if targets.is_empty() { json!([]) } else { json!([{"targets": targets}]) };
        // By way of another name, so that it never reads half of it.
        let (new, file) = (self.directory.join("targets.new"), self.directory.join("targets.json"));
        fs::write(&new, groups.to_string()).context("write the targets of Prometheus")?;
        fs::rename(&new, &file).context("name the targets of Prometheus")
    }

    /// All alerts whose expressions hold.
    ///
    /// # Errors
    /// It does not answer.
    pub fn alerts(&self) -> Result<Vec<Alert>> {
        let answer: Value = serde_json::from_str(&self.get("/api/v1/alerts")?).context("read the alerts as JSON")?;
        let alerts = answer.pointer("/data/alerts").and_then(Value::as_array).context("the answer has no alerts")?;
        let text = |value: Option<&Value>| value.and_then(Value::as_str).unwrap_or_default().to_owned();
        let alert = |document: &Value| Alert {
            name: text(document.pointer("/labels/alertname")),
            state: text(document.get("state")),
            document: document.clone(),
        };
        Ok(alerts.iter().map(alert).collect())
    }

    /// The values that an expression has now.
    ///
    /// # Errors
    /// It does not answer, or refuses the expression.
    pub fn query(&self, expression: &str) -> Result<Vec<Value>> {
        let mut path = "/api/v1/query?query=".to_owned();
        for byte in expression.bytes() {
            path.push_str(&format!("%{byte:02X}"));
        }
        let answer: Value = serde_json::from_str(&self.get(&path)?).context("read the values as JSON")?;
        answer.pointer("/data/result").and_then(Value::as_array).cloned().context("the answer has no values")
    }

    fn get(&self, path: &str) -> Result<String> {
        let ask = || -> std::io::Result<String> {
            let mut stream = TcpStream::connect_timeout(&self.address, PATIENCE)?;
            stream.set_read_timeout(Some(PATIENCE))?;
            // The old protocol version asks for a plain body and a closed connection.
            write!(stream, "GET {path} HTTP/1.0\r\nHost: {}\r\n\r\n", self.address)?;
            let mut answer = String::new();
            stream.read_to_string(&mut answer)?;
            Ok(answer)
        };
        let answer = ask().with_context(|| format!("ask Prometheus for {path}"))?;
        let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
        if head.split(' ').nth(1) != Some("200") {
            bail!("Prometheus answered {path} with {answer}");
        }
        Ok(body.to_owned())
    }

    /// Whether `promtool` finds nothing wrong with a file of rules.
    ///
    /// # Errors
    /// It does; the error says what.
    pub fn check_rules(file: &Path) -> Result<()> {
        output(Command::new(paths::binary("promtool")).args(["check", "rules"]).arg(file)).map(drop)
    }

    /// What `promtool` complains about in a text of metrics, a line each.
    ///
    /// # Errors
    /// It cannot be run, or the text is none.
    pub fn check_metrics(text: &str) -> Result<Vec<String>> {
        let directory = paths::own_directory("promtool");
        fs::create_dir_all(&directory).with_context(|| format!("make {}", directory.display()))?;
        let path = directory.join("metrics.txt");
        fs::write(&path, text).context("write metrics for promtool")?;
        let file = fs::File::open(&path).context("open metrics for promtool")?;
        let ran = Command::new(paths::binary("promtool")).args(["check", "metrics"]).stdin(file).output();
        let ran = ran.context("run promtool")?;
        let _kept = fs::remove_dir_all(&directory);
        let told = String::from_utf8_lossy(&ran.stderr).into_owned() + &String::from_utf8_lossy(&ran.stdout);
        match ran.status.code() {
            // 3: it read all of it, and would have it otherwise.
            Some(0 | 3) => Ok(told.lines().map(str::to_owned).collect()),
            _ => bail!("promtool cannot read the metrics: {told}"),
        }
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        // It may have been killed by the test.
        let _ended = self.process.kill();
        let _kept = fs::remove_dir_all(&self.directory);
    }
}
