//! Parse, dispatch, and say once what went wrong.

use std::process::ExitCode;

use bellows::cli;
use clap::Parser;

fn main() -> ExitCode {
    match cli::run(cli::Arguments::parse()) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("bellows: {error:#}");
            ExitCode::from(2)
        }
    }
}
