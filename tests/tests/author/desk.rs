//! An author's desk: a folder of his own, a home without anything, and the program under test.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::Once;

use bellows_tests::setup::{Needs, prepare};
use bellows_tests::{guests, paths};

pub(crate) struct Desk {
    folder: tempfile::TempDir,
    /// Programs that are found before those of the machine.
    programs: Option<PathBuf>,
}

/// What a command did.
pub(crate) struct Done {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Desk {
    pub(crate) fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap(), programs: None }
    }

    /// One at which JavaScript and Python are spoken: packages of the former are found from every folder.
    pub(crate) fn fluent() -> Self {
        prepare(Needs { languages: true, ..Needs::default() }).unwrap();
        let desk = Self { programs: Some(paths::node_programs()), ..Self::new() };
        std::os::unix::fs::symlink(paths::node_packages(), desk.path("node_modules")).unwrap();
        desk
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The program, in a folder below the desk.
    pub(crate) fn program(&self, folder: &str, arguments: &[&str]) -> Command {
        let mut program = Command::new(paths::bellows());
        program.args(arguments).current_dir(self.path(folder));
        self.settle(&mut program);
        program
    }

    pub(crate) fn bellows(&self, arguments: &[&str]) -> Done {
        self.bellows_in("", arguments)
    }

    pub(crate) fn bellows_in(&self, folder: &str, arguments: &[&str]) -> Done {
        done(self.program(folder, arguments).output())
    }

    /// Cargo, as an author runs it beside.
    pub(crate) fn cargo_in(&self, folder: &str, arguments: &[&str]) -> Done {
        self.run_in(folder, "cargo", arguments)
    }

    /// A program that an author runs beside.
    pub(crate) fn run_in(&self, folder: &str, program: &str, arguments: &[&str]) -> Done {
        let own = self.programs.as_ref().map(|programs| programs.join(program)).filter(|own| own.is_file());
        let mut program = Command::new(own.unwrap_or_else(|| program.into()));
        program.args(arguments).current_dir(self.path(folder));
        self.settle(&mut program);
        done(program.output())
    }

    fn settle(&self, command: &mut Command) {
        // What authors build is kept between runs, because the standard library is built along on some machines.
        command.env("CARGO_TARGET_DIR", author_output()).env("XDG_CACHE_HOME", self.path("cache"));
        // What Python compiles on the way is of no use to anybody.
        command.env("PYTHONDONTWRITEBYTECODE", "1");
        if let Some(programs) = &self.programs {
            let path = std::env::var("PATH").unwrap_or_default();
            command.env("PATH", format!("{}:{path}", programs.display()));
        }
    }
}

/// Where crates of authors are built.
pub(crate) fn author_output() -> PathBuf {
    paths::target().join("author-build")
}

/// A component of ours.
pub(crate) fn component(name: &str) -> String {
    static BUILT: Once = Once::new();
    BUILT.call_once(|| drop(guests::build_all().unwrap()));
    let folder = if name == "misbehaving" { paths::target().join("guests") } else { paths::scalers() };
    folder.join(format!("{name}.wasm")).display().to_string()
}

/// The cases of a scaler of ours.
pub(crate) fn cases_of(name: &str) -> String {
    paths::root().join("scalers").join(name).join("cases.toml").display().to_string()
}

pub(crate) fn write(path: &Path, text: &str) {
    std::fs::write(path, text).unwrap();
}

fn done(output: std::io::Result<Output>) -> Done {
    let output = output.expect("cargo build --workspace makes the program, and cargo is in the PATH");
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    Done { code: output.status.code().unwrap(), out: text(&output.stdout), err: text(&output.stderr) }
}
