//! Building and running KEDA's tests, some at a time.
//!
//! Owns their processes and their logs. Each test has namespaces of its own, so they may run side by side. Refuses to go on
//! when whoever is tested has ended.

use std::collections::VecDeque;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use super::log::{self, Source, Verdict};
use super::stage::Stage;
use super::{file_name, folder, go_build, oracle, output_folder, source, sources};
use crate::process::{Life, Process, Recipe};
use crate::wait::Stop;

/// How often running tests are looked at.
const PAUSE: Duration = Duration::from_millis(500);
/// The longest test of KEDA takes five minutes when all goes well; one that waits in vain takes its own limits.
const LIMIT: &str = "30m";

/// What to run.
#[derive(Clone, Debug)]
pub struct Setting {
    /// Folders below KEDA's `tests`, or folders of such.
    pub folders: Vec<String>,
    /// KEDA is tested, and not Bellows.
    pub keda: bool,
    /// How many run at a time.
    pub at_once: usize,
    /// Ends it early.
    pub stop: Stop,
}

impl Setting {
    /// Where logs go: those of the tests, and of whoever is tested.
    #[must_use]
    pub fn logs(&self) -> PathBuf {
        output_folder().join(if self.keda { "log/keda" } else { "log/bellows" })
    }
}

/// A folder that was done with.
#[derive(Clone, Debug)]
pub struct Done {
    /// Which.
    pub folder: String,
    /// How it went.
    pub verdict: Verdict,
    /// How long it took.
    pub seconds: f64,
}

struct Running {
    folder: String,
    process: Process,
    began: Instant,
}

/// Builds them, sets the stage, runs them, and says how each went, in the order of their folders.
///
/// # Errors
/// Something cannot be built or started, or whoever is tested has ended.
pub fn run(setting: &Setting) -> Result<Vec<Done>> {
    let root = source()?;
    let folders = folder::expand(&root, &setting.folders)?;
    let mut done = Vec::new();
    let mut waiting = VecDeque::new();
    for folder in folders {
        match folder::out_of_reach(&folder) {
            Some(reason) => done.push(Done {
                folder,
                verdict: Verdict::CannotApply { reason: reason.to_owned(), held: Vec::new() },
                seconds: 0.0,
            }),
            None => waiting.push_back(folder),
        }
    }
    if setting.keda {
        oracle::build()?;
    }
    for folder in &waiting {
        build(folder)?;
    }
    if !waiting.is_empty() {
        let logs = setting.logs();
        fs::create_dir_all(&logs).with_context(|| format!("make {}", logs.display()))?;
        let stage = Stage::set(setting.keda, &setting.stop)?;
        let ran = run_all(setting, &root, &stage, waiting, &mut done);
        match stage.keep_log(&logs) {
            Ok(kept) => println!("what was tested wrote {}", kept.display()),
            Err(error) => eprintln!("the log of what was tested is lost: {error:#}"),
        }
        ran?;
    }
    done.sort_by(|left, right| left.folder.cmp(&right.folder));
    Ok(done)
}

fn program(folder: &str) -> PathBuf {
    output_folder().join("bin").join(format!("{}.test", file_name(folder)))
}

fn build(folder: &str) -> Result<()> {
    let program = program(folder);
    if program.is_file() {
        return Ok(());
    }
    println!("building KEDA's tests/{folder} (the first of all takes some minutes)");
    let half = program.with_extension("new");
    let into = half.display().to_string();
    let name = file_name(folder);
    go_build(&name, &["test", "-tags", "e2e", "-c", "-o", &into, &format!("./tests/{folder}")])?;
    fs::rename(&half, &program).with_context(|| format!("name {}", program.display()))
}

fn run_all(
    setting: &Setting,
    root: &Path,
    stage: &Stage,
    mut waiting: VecDeque<String>,
    done: &mut Vec<Done>,
) -> Result<()> {
    let mut running: Vec<Running> = Vec::new();
    while !waiting.is_empty() || !running.is_empty() {
        if setting.stop.requested() {
            bail!("interrupted");
        }
        while running.len() < setting.at_once.max(1)
            && let Some(folder) = waiting.pop_front()
        {
            running.push(start(root, stage, folder)?);
        }
        let mut still = Vec::new();
        for mut one in running {
            match one.process.ended()? {
                Some(status) => {
                    done.push(finish(setting, root, one, status.success())?);
                    stage.check()?;
                }
                None => still.push(one),
            }
        }
        running = still;
        std::thread::sleep(PAUSE);
    }
    Ok(())
}

fn start(root: &Path, stage: &Stage, folder: String) -> Result<Running> {
    println!("running {folder}");
    let name = file_name(&folder);
    // Tests look for files beside their sources.
    let directory = root.join("tests").join(&folder);
    // The log of an earlier run; without one there is nothing to remove.
    let _missing = fs::remove_file(directory.join(format!("{name}.log")));
    let process = Process::start(Recipe {
        name,
        program: program(&folder),
        arguments: vec!["-test.v".to_owned(), format!("-test.timeout={LIMIT}")],
        environment: stage.environment(),
        directory,
        life: Life::WithUs,
    })?;
    Ok(Running { folder, process, began: Instant::now() })
}

fn finish(setting: &Setting, root: &Path, running: Running, succeeded: bool) -> Result<Done> {
    let Running { folder, process, began } = running;
    let text = fs::read(process.log()).with_context(|| format!("read the log of {folder}"))?;
    let text = String::from_utf8_lossy(&text).into_owned();
    let kept = setting.logs().join(format!("{}.log", file_name(&folder)));
    fs::write(&kept, &text).with_context(|| format!("write {}", kept.display()))?;
    let read = |path: &PathBuf| -> Option<Source> {
        let name = path.file_name()?.to_string_lossy().into_owned();
        Some(Source { name, text: fs::read_to_string(path).ok()? })
    };
    let sources: Vec<Source> = sources(root, &folder).iter().filter_map(read).collect();
    let done = Done { verdict: log::judge(&text, succeeded, &sources), seconds: began.elapsed().as_secs_f64(), folder };
    println!("{:>6.0} s {}", done.seconds, line(&done));
    Ok(done)
}

/// One line of a table, without its time.
fn line(done: &Done) -> String {
    let Done { folder, verdict, .. } = done;
    match verdict {
        Verdict::Passed => format!("{folder}: pass"),
        Verdict::Failed(reasons) => format!("{folder}: FAIL: {}", reasons.join("; ")),
        Verdict::CannotApply { reason, held } if held.is_empty() => format!("{folder}: cannot apply: {reason}"),
        Verdict::CannotApply { reason, held } => {
            format!("{folder}: cannot apply: {reason}; passed: {}", held.join(", "))
        }
    }
}

impl std::fmt::Display for Done {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{:>6.0} s  {}", self.seconds, line(self))
    }
}
