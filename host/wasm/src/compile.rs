//! Compiling a component, in a child process: a hostile module of 354 KB was seen to take 1.6 GB in the compiler, and
//! no setting of the compiler prevents that. The child limits itself before it reads a byte.

use std::ffi::OsString;
use std::hash::{Hash, Hasher};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use rustix::process::{Resource, Rlimit, setrlimit};
use sha2::{Digest, Sha256};
use tokio::io::AsyncReadExt;
use wasmtime::Config;

use crate::cache;
use crate::limits::Limits;
use crate::printable;

/// Time that the child may exist: its 60 s of processor time, and half of it again for a busy machine.
const WALL_TIME_MAX: Duration = Duration::from_secs(90);
/// Bytes of compiled code. CPython gives 35 MiB, JavaScript 37 MiB.
const ARTIFACT_BYTES_MAX: u64 = 512 * 1024 * 1024;
/// Bytes of the child's complaint that are kept.
const COMPLAINT_BYTES_MAX: usize = 4096;

/// How to start the child: `program arguments… INPUT OUTPUT` must end up in [`compile`].
#[derive(Debug, Clone)]
pub struct Compiler {
    /// The program, usually the running one.
    pub program: PathBuf,
    /// What precedes the two paths.
    pub arguments: Vec<OsString>,
}

/// Why a component was not compiled.
#[derive(Debug, thiserror::Error)]
pub enum CompileError {
    /// The limits of the process could not be set, so nothing was tried.
    #[error("cannot limit the compiler's process")]
    Limit(#[source] io::Error),
    /// The component could not be read.
    #[error("cannot read the component {path}")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The compiled form could not be written.
    #[error("cannot write the compiled component {path}")]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The component is not one, or not one that this engine accepts.
    #[error("cannot compile the component: {0}")]
    Refused(String),
    /// The child could not be started.
    #[error("cannot start the compiler {program}")]
    Start {
        /// The program.
        program: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The child ended without a result.
    #[error("the compiler gave up ({status}): {complaint}")]
    Child {
        /// How it ended.
        status: String,
        /// What it said, on one line.
        complaint: String,
    },
    /// The child was ended.
    #[error("the compiler was ended after {0:?}")]
    TimedOut(Duration),
}

/// The settings of the engine that decide what compiled code looks like: the same in the child and in the host.
pub(crate) fn configuration() -> Config {
    let mut config = Config::new();
    config.wasm_component_model(true).epoch_interruption(true);
    config
}

/// What the child does: limits its process, reads a component, compiles it and writes the result to a new file.
pub fn compile(input: &Path, output: &Path, limits: &Limits) -> Result<(), CompileError> {
    for (resource, maximum) in [
        (Resource::As, limits.compiler_bytes_max),
        (Resource::Cpu, limits.compiler_seconds_max),
        (Resource::Fsize, ARTIFACT_BYTES_MAX),
        (Resource::Core, 0),
    ] {
        let limit = Rlimit { current: Some(maximum), maximum: Some(maximum) };
        setrlimit(resource, limit).map_err(|error| CompileError::Limit(error.into()))?;
    }
    let read = |source| CompileError::Read { path: input.to_owned(), source };
    let size = std::fs::metadata(input).map_err(read)?.len();
    if size > limits.component_bytes_max {
        return Err(CompileError::Refused(format!("it has {size} bytes, {} are allowed", limits.component_bytes_max)));
    }
    let component = std::fs::read(input).map_err(read)?;
    let refused = |error: wasmtime::Error| CompileError::Refused(format!("{error:#}"));
    let engine = wasmtime::Engine::new(&configuration()).map_err(refused)?;
    let artifact = engine.precompile_component(&component).map_err(refused)?;
    let write = |source| CompileError::Write { path: output.to_owned(), source };
    cache::create(output).and_then(|mut file| file.write_all(&artifact)).map_err(write)
}

/// Runs the child and waits for it, no longer than it may take. Dropping the future ends the child.
pub(crate) async fn in_child(compiler: &Compiler, input: &Path, output: &Path) -> Result<(), CompileError> {
    let start = |source| CompileError::Start { program: compiler.program.clone(), source };
    let mut child = tokio::process::Command::new(&compiler.program)
        .args(&compiler.arguments)
        .args([input, output])
        .env_clear()
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .map_err(start)?;
    let stderr = child.stderr.take();
    let waiting = async {
        let complaint = complaint(stderr).await;
        (child.wait().await, complaint)
    };
    let (status, complaint) =
        tokio::time::timeout(WALL_TIME_MAX, waiting).await.map_err(|_| CompileError::TimedOut(WALL_TIME_MAX))?;
    let status = status.map_err(start)?;
    if status.success() { Ok(()) } else { Err(CompileError::Child { status: status.to_string(), complaint }) }
}

/// Reads what the child complains until it closes its end; keeps the beginning.
async fn complaint(stderr: Option<tokio::process::ChildStderr>) -> String {
    let Some(mut stderr) = stderr else { return String::new() };
    let mut kept = Vec::new();
    let mut buffer = [0; 1024];
    while let Ok(count @ 1..) = stderr.read(&mut buffer).await {
        let room = COMPLAINT_BYTES_MAX.saturating_sub(kept.len()).min(count);
        kept.extend_from_slice(buffer.get(..room).unwrap_or_default());
    }
    printable::line(String::from_utf8_lossy(&kept).trim(), COMPLAINT_BYTES_MAX)
}

/// The name under which a component is kept: its digest, and all of the engine that decides about compiled code.
pub(crate) fn artifact_name(engine: &wasmtime::Engine, digest: &str) -> String {
    let mut compatibility = Compatibility(Sha256::new());
    engine.precompile_compatibility_hash().hash(&mut compatibility);
    let compatibility = hexadecimal(&compatibility.0.finalize());
    format!("{digest}-{}", compatibility.get(..16).unwrap_or(&compatibility))
}

/// SHA-256 of a component, in hexadecimal.
pub fn digest(component: &[u8]) -> String {
    hexadecimal(&Sha256::digest(component))
}

pub(crate) fn hexadecimal(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        // Writing to a string does not fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// A hasher that is the same in every process and release of the standard library.
struct Compatibility(Sha256);

impl Hasher for Compatibility {
    fn write(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    fn finish(&self) -> u64 {
        self.0.clone().finalize().iter().take(8).fold(0, |number, byte| number << 8 | u64::from(*byte))
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    const CHILD: &str = "compile::tests::a_child_compiles_what_it_is_given";
    /// Address space for the child in these tests: an honest component needs a tenth of it.
    const CHILD_BYTES_MAX: u64 = 512 * 1024 * 1024;

    /// This very program as the compiler: as a test that finds two paths among its arguments.
    pub(crate) fn compiler() -> Compiler {
        let arguments = ["--exact", "--nocapture", CHILD].map(OsString::from).to_vec();
        Compiler { program: std::env::current_exe().unwrap(), arguments }
    }

    #[test]
    fn a_child_compiles_what_it_is_given() {
        let arguments: Vec<_> = std::env::args().collect();
        let Some([name, input, output]) = arguments.last_chunk() else { return };
        if name == CHILD {
            let limits = Limits { compiler_bytes_max: CHILD_BYTES_MAX, compiler_seconds_max: 20, ..Limits::default() };
            if let Err(error) = compile(Path::new(input), Path::new(output), &limits) {
                panic!("{error}");
            }
        }
    }

    async fn compiled(component: &[u8]) -> Result<(), CompileError> {
        let folder = tempfile::tempdir().unwrap();
        let input = folder.path().join("input");
        std::fs::write(&input, component).unwrap();
        in_child(&compiler(), &input, &folder.path().join("output")).await
    }

    #[tokio::test]
    async fn an_honest_component_is_compiled() {
        compiled(&wat::parse_str("(component (core module (func)))").unwrap()).await.unwrap();
    }

    #[tokio::test]
    async fn what_is_no_component_is_refused_with_the_reason() {
        let core_module = wat::parse_str("(module)").unwrap();
        let whole = wat::parse_str("(component (core module (func)))").unwrap();
        for (what, bytes) in
            [("text", &b"hello"[..]), ("module", &core_module), ("truncated", &whole[..whole.len() - 2])]
        {
            let error = compiled(bytes).await.unwrap_err();
            let CompileError::Child { complaint, .. } = &error else { panic!("{what}: {error:?}") };
            assert!(complaint.contains("cannot compile the component"), "{what}: {complaint}");
        }
    }

    /// Many locals that are all alive across many branches: the compiler's tables grow with their product.
    fn bomb(branches: usize) -> Vec<u8> {
        let locals = 2_000;
        let mut text = String::from("(component (core module (func (param i32) (result i32)");
        text.push_str(&format!(" (local {})", "i32 ".repeat(locals)));
        for branch in 0..branches {
            let (from, to) = (branch % locals + 1, (branch * 7 + 1) % locals + 1);
            text.push_str(&format!(
                " (if (local.get {from}) (then (local.set {to} (i32.add (local.get {from}) (local.get {to})))))"
            ));
        }
        text.push_str(" (local.get 1))))");
        wat::parse_str(text).unwrap()
    }

    #[tokio::test]
    async fn a_compile_bomb_ends_its_own_process_only() {
        let error = compiled(&bomb(30_000)).await.unwrap_err();
        let CompileError::Child { status, .. } = &error else { panic!("{error:?}") };
        assert!(status.contains("signal"), "{status}");
    }

    #[tokio::test]
    async fn a_compiler_that_is_not_there_is_named() {
        let compiler = Compiler { program: "/nowhere/compiler".into(), arguments: vec![] };
        let error = in_child(&compiler, Path::new("a"), Path::new("b")).await.unwrap_err();
        assert!(matches!(error, CompileError::Start { program, .. } if program == Path::new("/nowhere/compiler")));
    }
}
