//! Ending a cluster that lives on its own.
//!
//! Owns the way from a folder with records to nothing. Refuses to end a process that its record does not prove to be ours.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};
use rustix::process::Signal;

use super::control_plane::ORDER_OF_ENDS;
use crate::node;
use crate::process::Record;
use crate::services::metrics_server;
use crate::wait::{self, Stop};

/// A killed process is gone in milliseconds, on a busy machine in a second.
const PATIENCE: Duration = Duration::from_secs(10);

/// Ends a cluster by the records in its folder, and removes the folder. Does nothing where there is none.
///
/// # Errors
/// Something of it cannot be removed.
pub fn end(directory: &Path) -> Result<()> {
    node::tear_down(directory)?;
    // What runs against the cluster goes before it.
    for name in ["bellows", metrics_server::NAME].into_iter().chain(ORDER_OF_ENDS) {
        if let Some(record) = Record::read(directory, name) {
            record.signal(Signal::KILL);
            let gone = || Ok((!record.runs()).then_some(()));
            wait::until(&Stop::default(), &format!("{name} is gone"), PATIENCE, gone)?;
        }
    }
    match std::fs::remove_dir_all(directory) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("remove {}", directory.display()))
        }
        _ => Ok(()),
    }
}
