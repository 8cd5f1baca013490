//! One process that we start: its own group, its log, its end.
//!
//! Owns starting, signalling and reaping. A process dies with us, even when we are killed, unless its [`Life`] says
//! otherwise; then a record beside its log lets a later run end it. Refuses to signal a process that it cannot prove to
//! be the one it started.

mod record;
mod spawn;

use std::ffi::OsStr;
use std::fs::{File, OpenOptions};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail};
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process, kill_process_group, waitid};

use crate::paths;
use crate::wait::{self, Stop};
pub use record::Record;

/// How often an ending process is looked at.
const PAUSE: Duration = Duration::from_millis(20);
/// How much of a log goes into an error: about a screen.
const TAIL_LINES: usize = 15;
/// Until the kernel has stopped each thread of a process, for which each has to run once more on a busy machine.
const STOPPED_MAX: Duration = Duration::from_secs(30);

/// How long a process may live.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Life {
    /// It is killed when we end, however we end.
    WithUs,
    /// It stays until somebody ends it by its record.
    OnItsOwn,
}

/// How to start a process; the same recipe starts it again.
#[derive(Clone, Debug)]
pub struct Recipe {
    /// What it is called: names its log and its record.
    pub name: String,
    /// The program.
    pub program: PathBuf,
    /// Its arguments.
    pub arguments: Vec<String>,
    /// What is added to the environment. The search path is always the fixed one of [`paths::search_path`].
    pub environment: Vec<(String, String)>,
    /// Where it runs and where `NAME.log` and `NAME.process` are written.
    pub directory: PathBuf,
    /// How long it may live.
    pub life: Life,
}

/// A process, running or ended. Dropping it kills it, unless it lives on its own.
#[derive(Debug)]
pub struct Process {
    recipe: Recipe,
    child: Option<Child>,
}

impl Process {
    /// Starts it.
    ///
    /// # Errors
    /// The log cannot be opened, or the program cannot be run.
    pub fn start(recipe: Recipe) -> Result<Self> {
        let mut process = Self { recipe, child: None };
        process.start_again()?;
        Ok(process)
    }

    /// Starts it again after it has ended; the log is continued.
    ///
    /// # Errors
    /// It still runs, the log cannot be opened, or the program cannot be run.
    pub fn start_again(&mut self) -> Result<()> {
        let recipe = &self.recipe;
        if self.child.is_some() {
            bail!("{} runs already", recipe.name);
        }
        let log = self.open_log()?;
        let mut command = match recipe.life {
            // Linux delivers the death signal when the *thread* that forked ends: see `spawn`.
            Life::WithUs => {
                let mut command = Command::new("setpriv");
                command.args(["--pdeathsig", "KILL"]).arg(&recipe.program).process_group(0);
                command
            }
            Life::OnItsOwn => {
                let mut command = Command::new("setsid");
                command.arg(&recipe.program);
                command
            }
        };
        command.args(&recipe.arguments).current_dir(&recipe.directory).env("PATH", paths::search_path());
        command.envs(recipe.environment.iter().map(|(name, value)| (name, value)));
        command.stdin(Stdio::null()).stdout(log.try_clone().context("share the log")?).stderr(log);
        let child = spawn::spawn(command).with_context(|| format!("start {}", recipe.name))?;
        Record::write(&recipe.directory, &recipe.name, child.id())?;
        self.child = Some(child);
        Ok(())
    }

    fn open_log(&self) -> Result<File> {
        let path = self.log();
        let open = OpenOptions::new().create(true).append(true).open(&path);
        open.with_context(|| format!("open the log {}", path.display()))
    }

    /// Its log.
    #[must_use]
    pub fn log(&self) -> PathBuf {
        self.recipe.directory.join(format!("{}.log", self.recipe.name))
    }

    /// Its process id, while it has not been reaped.
    #[must_use]
    pub fn id(&self) -> Option<u32> {
        self.child.as_ref().map(Child::id)
    }

    /// Fails, with the end of its log, when it has ended by itself.
    ///
    /// # Errors
    /// It does not run.
    pub fn check(&mut self) -> Result<()> {
        let name = self.recipe.name.clone();
        let Some(child) = self.child.as_mut() else { bail!("{name} is stopped") };
        match child.try_wait().with_context(|| format!("look after {name}"))? {
            None => Ok(()),
            Some(status) => bail!("{name} ended with {status}; its log ends with:\n{}", self.log_tail()),
        }
    }

    /// How it ended, if it has ended by itself.
    ///
    /// # Errors
    /// It was stopped, or it cannot be looked after.
    pub fn ended(&mut self) -> Result<Option<ExitStatus>> {
        let name = &self.recipe.name;
        let Some(child) = self.child.as_mut() else { bail!("{name} is stopped") };
        child.try_wait().with_context(|| format!("look after {name}"))
    }

    /// The last lines of its log.
    #[must_use]
    pub fn log_tail(&self) -> String {
        let text = std::fs::read(self.log()).unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        let lines: Vec<&str> = text.lines().collect();
        lines.get(lines.len().saturating_sub(TAIL_LINES)..).unwrap_or_default().join("\n")
    }

    /// Sends a signal to the process itself.
    ///
    /// # Errors
    /// It does not run, or the signal is refused.
    pub fn signal(&self, signal: Signal) -> Result<()> {
        let Some(child) = &self.child else { bail!("{} is stopped", self.recipe.name) };
        kill_process(Pid::from_child(child), signal).with_context(|| format!("signal {}", self.recipe.name))
    }

    /// Stops it in its tracks (SIGSTOP). Threads run on for a moment after the signal was sent; none does any more when
    /// this returns.
    ///
    /// # Errors
    /// It does not run, or it does not stop.
    pub fn pause(&self) -> Result<()> {
        self.signal(Signal::STOP)?;
        let Some(child) = &self.child else { bail!("{} is stopped", self.recipe.name) };
        let stopped = WaitIdOptions::STOPPED | WaitIdOptions::NOHANG;
        wait::until(&Stop::default(), &format!("{} has stopped", self.recipe.name), STOPPED_MAX, || {
            Ok(waitid(WaitId::Pid(Pid::from_child(child)), stopped)?.map(drop))
        })
    }

    /// Lets it go on (SIGCONT) after [`Process::pause`].
    ///
    /// # Errors
    /// It does not run, or the signal is refused.
    pub fn resume(&self) -> Result<()> {
        self.signal(Signal::CONT)
    }

    /// Asks it to end (SIGTERM) and kills it after `limit`.
    ///
    /// # Errors
    /// It does not run, or it cannot be waited for.
    pub fn terminate(&mut self, limit: Duration) -> Result<ExitStatus> {
        self.signal(Signal::TERM)?;
        self.wait(limit)
    }

    /// Kills it (SIGKILL), with its whole group.
    ///
    /// # Errors
    /// It does not run, or it cannot be waited for.
    pub fn kill(&mut self) -> Result<ExitStatus> {
        let Some(child) = &self.child else { bail!("{} is stopped", self.recipe.name) };
        // A group that is gone already is what we want.
        let _gone = kill_process_group(Pid::from_child(child), Signal::KILL);
        self.wait(Duration::from_secs(5))
    }

    /// Waits for its end, at most for `limit`, then kills it.
    fn wait(&mut self, limit: Duration) -> Result<ExitStatus> {
        let Some(mut child) = self.child.take() else { bail!("{} is stopped", self.recipe.name) };
        let began = Instant::now();
        while began.elapsed() < limit {
            if let Some(status) = child.try_wait().context("wait for a process")? {
                Record::remove(&self.recipe.directory, &self.recipe.name);
                return Ok(status);
            }
            std::thread::sleep(PAUSE);
        }
        let _gone = kill_process_group(Pid::from_child(&child), Signal::KILL);
        let status = child.wait().with_context(|| format!("reap {}", self.recipe.name))?;
        Record::remove(&self.recipe.directory, &self.recipe.name);
        Ok(status)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if self.recipe.life == Life::WithUs && self.child.is_some() {
            let _ended = self.kill();
        }
    }
}

/// Runs a program to its end and returns what it printed.
///
/// # Errors
/// It cannot be run, or it fails; then the error holds what it said.
pub fn output(command: &mut Command) -> Result<String> {
    let line = line(command);
    let output = command.stdin(Stdio::null()).output().with_context(|| format!("run {line}"))?;
    if !output.status.success() {
        bail!("`{line}` ended with {}: {}", output.status, String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Runs a program to its end, and leaves what it says to the terminal.
///
/// # Errors
/// It cannot be run, or it fails.
pub fn run(command: &mut Command) -> Result<()> {
    let line = line(command);
    let status = command.stdin(Stdio::null()).status().with_context(|| format!("run {line}"))?;
    if status.success() { Ok(()) } else { bail!("`{line}` ended with {status}") }
}

/// Runs a program to its end, with what it says in a log, whose folder is made.
///
/// # Errors
/// There can be no log, or the program cannot be run, or it fails.
pub fn run_with_log(command: &mut Command, log: &Path) -> Result<()> {
    let folder = log.parent().context("a log has a folder")?;
    std::fs::create_dir_all(folder).with_context(|| format!("make {}", folder.display()))?;
    let file = File::create(log).with_context(|| format!("make {}", log.display()))?;
    command.stdout(file.try_clone().context("share the log")?).stderr(file);
    run(command).map_err(|error| anyhow!("{error:#}; its log is {}", log.display()))
}

/// A command as one would type it, without its environment.
fn line(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(OsStr::to_string_lossy).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn recipe(name: &str, program: &str, arguments: &[&str]) -> Recipe {
        let directory = paths::own_directory("process");
        std::fs::create_dir_all(&directory).unwrap();
        Recipe {
            name: name.to_owned(),
            program: program.into(),
            arguments: arguments.iter().map(|argument| (*argument).to_owned()).collect(),
            environment: Vec::new(),
            directory,
            life: Life::WithUs,
        }
    }

    #[test]
    fn a_process_outlives_the_thread_that_asked_for_it() {
        let asked = std::thread::spawn(|| Process::start(recipe("sleeper", "sleep", &["60"])).unwrap());
        let mut process = asked.join().unwrap();
        process.check().unwrap();
        assert_eq!(process.kill().unwrap().to_string(), "signal: 9 (SIGKILL)");
        std::fs::remove_dir_all(&process.recipe.directory).unwrap();
    }

    #[test]
    fn a_paused_process_has_stopped_and_goes_on_when_it_is_told_to() {
        let mut process = Process::start(recipe("busy", "sh", &["-c", "while :; do :; done"])).unwrap();
        let state = || {
            let status = std::fs::read_to_string(format!("/proc/{}/status", process.id().unwrap())).unwrap();
            status.lines().find_map(|line| line.strip_prefix("State:\t")).unwrap().to_owned()
        };
        for _ in 0..20 {
            process.pause().unwrap();
            assert_eq!(state(), "T (stopped)");
            process.resume().unwrap();
            assert_ne!(state(), "T (stopped)");
        }
        process.kill().unwrap();
        std::fs::remove_dir_all(&process.recipe.directory).unwrap();
    }

    #[test]
    fn an_early_end_is_told_with_the_log() {
        let mut process = Process::start(recipe("failing", "sh", &["-c", "echo no such luck; exit 3"])).unwrap();
        let told = crate::wait::until(&crate::wait::Stop::default(), "it ends", Duration::from_secs(5), || {
            Ok(process.check().err())
        });
        let told = told.unwrap().to_string();
        assert_eq!(told, "failing ended with exit status: 3; its log ends with:\nno such luck");
        std::fs::remove_dir_all(&process.recipe.directory).unwrap();
    }
}
