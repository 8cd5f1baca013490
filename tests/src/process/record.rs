//! Records of running processes, so that a later run can end them.
//!
//! Owns the files `NAME.process`. A record holds the id and the start time, because ids are given out again. Refuses to
//! name a process whose start time differs.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use rustix::process::{Pid, Signal, kill_process_group};

/// A process that was started once: its id, and when it started in ticks since the machine did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record {
    /// Its id, which is its group's too.
    pub id: u32,
    started: u64,
}

impl Record {
    /// The record of a process that runs now.
    #[must_use]
    pub fn of(id: u32) -> Option<Self> {
        let text = fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
        // The name in parentheses may hold anything; behind it come the state and, as the twentieth field, the start.
        let mut fields = text.rsplit_once(')')?.1.split_whitespace();
        // A zombie has ended; its parent has not looked yet.
        let _state = fields.next().filter(|state| *state != "Z")?;
        Some(Self { id, started: fields.nth(18)?.parse().ok()? })
    }

    /// Reads `id started`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (id, started) = text.trim().split_once(' ')?;
        Some(Self { id: id.parse().ok()?, started: started.parse().ok()? })
    }

    /// Whether that very process still runs.
    #[must_use]
    pub fn runs(self) -> bool {
        Self::of(self.id) == Some(self)
    }

    /// Sends a signal to its group, if that very process still runs.
    pub fn signal(self, signal: Signal) {
        let id = i32::try_from(self.id).ok().and_then(Pid::from_raw);
        if let Some(id) = id.filter(|_| self.runs()) {
            // It may end between the two lines, which is what was wanted.
            let _gone = kill_process_group(id, signal);
        }
    }

    pub(super) fn write(directory: &Path, name: &str, id: u32) -> Result<()> {
        // A process that has ended already leaves no record.
        let Some(record) = Self::of(id) else { return Ok(()) };
        let path = directory.join(format!("{name}.process"));
        fs::write(&path, record.to_string()).with_context(|| format!("write {}", path.display()))
    }

    pub(super) fn remove(directory: &Path, name: &str) {
        // Without the file there is nothing to remove; a stale one is recognised by its start time.
        let _missing = fs::remove_file(directory.join(format!("{name}.process")));
    }

    /// The record of a name in a folder.
    #[must_use]
    pub fn read(directory: &Path, name: &str) -> Option<Self> {
        Self::parse(&fs::read_to_string(directory.join(format!("{name}.process"))).ok()?)
    }
}

impl std::fmt::Display for Record {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{} {}", self.id, self.started)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reused_id_is_another_process() {
        let ours = Record::of(std::process::id()).unwrap();
        assert!(ours.runs());
        assert!(!Record { started: ours.started + 1, ..ours }.runs());
    }

    #[test]
    fn a_record_reads_what_it_writes() {
        let record = Record { id: 12, started: 345 };
        assert_eq!(Record::parse(&record.to_string()), Some(record));
    }
}
