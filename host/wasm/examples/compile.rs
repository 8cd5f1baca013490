//! The compiler's child process by itself: `compile INPUT OUTPUT`. The tests of this crate start it; `bellows` has the
//! same as a hidden command.

use std::path::PathBuf;
use std::process::ExitCode;

fn main() -> ExitCode {
    let paths: Vec<PathBuf> = std::env::args_os().skip(1).map(PathBuf::from).collect();
    let [input, output] = paths.as_slice() else {
        eprintln!("usage: compile INPUT OUTPUT");
        return ExitCode::FAILURE;
    };
    match bellows_wasm::compile(input, output, &bellows_wasm::Limits::default()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}
