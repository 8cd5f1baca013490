//! Bellows, an autoscaler host for Kubernetes whose scalers are WebAssembly components: everything but the entry point.
//!
//! A library so that tests can use its pure parts without a process; `main.rs` adds nothing but the start.

pub mod app;
pub mod authentication;
pub mod check;
pub mod cli;
pub mod clock;
pub mod crd;
pub mod driver;
pub mod kube;
pub mod plan;
pub mod poll;
pub mod rehearse;
pub mod scalers;
pub mod serve;
pub mod supply;
pub mod telemetry;
