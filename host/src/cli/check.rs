//! `bellows check FILE…`: reads manifests, prints every problem with its file and line, and what would be made of the
//! rest. Owns the reading of files and the exit code; what is a problem is decided in `crate::check`.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, bail};

use super::planner::Components;
use crate::check::{Planner, Report, Source, check};

/// Largest file that is read: 16 MiB, ten times the largest object that a cluster stores (1.5 MiB), for whole streams.
const FILE_BYTES_MAX: u64 = 16 << 20;

/// Arguments of `bellows check`.
#[derive(Debug, clap::Args)]
pub struct CheckArguments {
    /// Manifests: files, folders of .yaml, .yml and .json files, or - for standard input
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Folder of scaler components (*.wasm) that plan the triggers; without it, settings of triggers are not checked
    #[arg(long, value_name = "FOLDER")]
    scalers: Option<PathBuf>,
    /// Folder of compiled components, for this user alone; made where it is missing
    #[arg(long, value_name = "FOLDER", default_value = "/var/cache/bellows")]
    cache: PathBuf,
}

/// Runs the command; a problem makes its exit code 1.
pub fn run(arguments: &CheckArguments) -> anyhow::Result<ExitCode> {
    let components =
        arguments.scalers.as_ref().map(|folder| Components::load(folder, arguments.cache.clone())).transpose()?;
    let planner = components.as_ref().map(|components| components as &dyn Planner);
    let good = check_files(&arguments.files, planner, &mut io::stdout().lock())?;
    Ok(if good { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Checks `paths`: files, folders whose `.yaml`, `.yml` and `.json` files are meant, or `-` for standard input. Prints to
/// `output` and answers whether there is no problem.
pub fn check_files(paths: &[PathBuf], planner: Option<&dyn Planner>, output: &mut impl Write) -> anyhow::Result<bool> {
    let mut sources = Vec::new();
    for path in paths {
        for path in files(path)? {
            let text = read(&path).with_context(|| format!("cannot read {}", path.display()))?;
            sources.push(Source { name: path.display().to_string(), text });
        }
    }
    let report = check(&sources, planner);
    print(&report, output).context("cannot print the report")?;
    Ok(report.problems() == 0)
}

/// The files that `path` means, in the order of their names.
fn files(path: &Path) -> anyhow::Result<Vec<PathBuf>> {
    if !path.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let context = || format!("cannot list {}", path.display());
    let mut files = Vec::new();
    for entry in fs::read_dir(path).with_context(context)? {
        let file = entry.with_context(context)?.path();
        let known =
            file.extension().is_some_and(|extension| ["yaml", "yml", "json"].iter().any(|known| extension == *known));
        if known && file.is_file() {
            files.push(file);
        }
    }
    if files.is_empty() {
        bail!("no .yaml, .yml or .json file in {}", path.display());
    }
    files.sort();
    Ok(files)
}

fn read(path: &Path) -> anyhow::Result<String> {
    let mut text = String::new();
    let length = if path == Path::new("-") {
        io::stdin().lock().take(FILE_BYTES_MAX + 1).read_to_string(&mut text)?
    } else {
        File::open(path)?.take(FILE_BYTES_MAX + 1).read_to_string(&mut text)?
    };
    if u64::try_from(length)? > FILE_BYTES_MAX {
        bail!("it has more than {} MiB", FILE_BYTES_MAX >> 20);
    }
    Ok(text)
}

fn print(report: &Report, output: &mut impl Write) -> io::Result<()> {
    for finding in &report.findings {
        writeln!(output, "{finding}")?;
    }
    for served in &report.served {
        writeln!(output, "{served}")?;
    }
    let (objects, problems) = (report.objects, report.problems());
    let plural = |count: usize| if count == 1 { "" } else { "s" };
    writeln!(output, "{objects} ScaledObject{}, {problems} problem{}", plural(objects), plural(problems))
}
