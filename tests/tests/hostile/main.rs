//! What components and sources can do to the host, tried with a component that does all of it and with a real Redis.
//!
//! This program is also the compiler's child process: as a test that finds two paths among its arguments.

#[cfg(test)]
mod bench;
#[cfg(test)]
mod brokers;
#[cfg(test)]
mod connections;
#[cfg(test)]
mod crowds;
#[cfg(test)]
mod handmade;
#[cfg(test)]
mod misconduct;
#[cfg(test)]
mod mutants;
#[cfg(test)]
mod oddities;
#[cfg(test)]
mod origins;

use std::path::Path;

/// Named among the arguments of the child.
const CHILD: &str = "a_child_compiles_what_it_is_given";

#[test]
fn a_child_compiles_what_it_is_given() {
    let arguments: Vec<_> = std::env::args().collect();
    let Some([name, input, output]) = arguments.last_chunk() else { return };
    if name == CHILD {
        bellows_wasm::compile(Path::new(input), Path::new(output), &bellows_wasm::Limits::default()).unwrap();
    }
}
