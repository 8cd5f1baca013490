//! What Bellows decides.
//!
//! Two laws: nothing here reads or writes the world, and time is an argument ([`Now`]). The shell carries facts in as
//! [`event::Event`]s and carries [`effect::Effect`]s out.

pub mod activate;
pub mod authentication;
pub mod batch;
pub mod connection;
pub mod decide;
pub mod draft;
pub mod effect;
pub mod event;
pub mod failure;
pub mod fallback;
pub mod grant;
pub mod machine;
pub mod member;
pub mod metric;
pub mod name;
pub mod parameter;
pub mod problem;
pub mod reading;
pub mod rights;
pub mod rollout;
pub mod scaler;
pub mod schedule;
pub mod status;
pub mod supply;
pub mod tally;
pub mod workload;

use std::time::Duration;

/// The instant of a step, by two clocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Now {
    /// Time since the process started, which never jumps. Every wait and every age is counted on it.
    pub steady: Duration,
    /// The date, which may jump. Only what is shown to people and what other processes wrote is compared with it.
    pub wall: jiff::Timestamp,
}
