//! The machine as sentences: one object or a few, a cluster and sources that answer at once, and what the machine did.

mod absent;
mod authentication;
mod baseline;
mod bench;
mod changes;
mod controller;
mod errors;
mod fallback;
mod fallback_of_keda;
mod hpa;
mod lifecycle;
mod log;
mod many;
mod polls;
mod replicas;
mod report;
mod rotation;
