//! Credential helpers: `docker-credential-NAME get`, a child that is asked for one registry's login and given a moment.

use std::collections::BTreeMap;
use std::process::Stdio;
use std::time::Duration;

use serde::Deserialize;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::Command;

use super::{Login, login, usual};
use crate::oci::error::OciError;
use crate::oci::reference::Reference;
use crate::printable;

/// A helper of a cloud asks its service over the network, which takes a second; one that asks a person is no use here.
const TIME_MAX: Duration = Duration::from_secs(15);
/// A login is some kilobytes at most, as tokens are.
const ANSWER_BYTES_MAX: u64 = 64 * 1024;
/// What every helper says where it has no login.
const NONE: &str = "credentials not found";

/// Who is asked for which registry.
#[derive(Debug, Clone, Default)]
pub(super) struct Helpers {
    store: Option<String>,
    of_host: BTreeMap<String, String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Answer {
    username: String,
    secret: String,
}

impl Helpers {
    pub(super) fn new(store: Option<String>, of_host: BTreeMap<String, String>) -> Self {
        Self { store: store.filter(|store| !store.is_empty()), of_host }
    }

    /// The login that the helper of this registry has.
    pub(super) async fn ask(&self, reference: &Reference) -> Result<Option<Login>, OciError> {
        let registry = usual(reference.registry());
        let Some(helper) = self.of_host.get(&registry).or(self.store.as_ref()) else { return Ok(None) };
        let program = format!("docker-credential-{helper}");
        let wrong = |why: String| OciError::Credentials { origin: program.clone(), why };
        if helper.is_empty() || !helper.chars().all(|letter| letter.is_ascii_alphanumeric() || "-_".contains(letter)) {
            return Err(wrong("that is no name of a helper".to_owned()));
        }
        let server = if registry == "docker.io" { "https://index.docker.io/v1/" } else { &registry };
        let asking = tokio::time::timeout(TIME_MAX, run(&program, server));
        let (good, answer) = match asking.await {
            Err(_elapsed) => return Err(wrong(format!("it took longer than {TIME_MAX:?}"))),
            Ok(done) => done.map_err(|error| wrong(format!("it cannot be run: {error}")))?,
        };
        if !good {
            // A helper complains on its standard output; what it says there when it fails is no credential.
            let said = String::from_utf8_lossy(&answer);
            if said.contains(NONE) {
                return Ok(None);
            }
            return Err(wrong(format!("it failed: {}", printable::line(said.trim(), 200))));
        }
        let answer: Answer =
            serde_json::from_slice(&answer).map_err(|_| wrong("what it answers is no login".to_owned()))?;
        Ok(Some(login(answer.username, answer.secret)))
    }
}

/// Whether it ended well, and what it said. Dropping the future ends the child.
pub(super) async fn run(program: &str, server: &str) -> std::io::Result<(bool, Vec<u8>)> {
    let mut child = Command::new(program)
        .arg("get")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()?;
    if let Some(mut input) = child.stdin.take() {
        // One that does not read is asked in vain, which its answer shows.
        _ = input.write_all(server.as_bytes()).await;
    }
    let mut answer = Vec::new();
    if let Some(output) = child.stdout.take() {
        output.take(ANSWER_BYTES_MAX).read_to_end(&mut answer).await?;
    }
    Ok((child.wait().await?.success(), answer))
}
