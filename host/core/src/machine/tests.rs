//! The machine as sentences: one object or a few, a cluster and sources that answer at once, and what the machine did.

mod bench;
mod hpa;
mod lifecycle;
mod log;
mod polls;
mod replicas;
mod report;
