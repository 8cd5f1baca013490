//! A real cluster and real services for the tests, the demo and development, as plain processes of one machine.
//!
//! Owns what a machine needs ([`setup`]), the control plane ([`cluster`]), a real node ([`node`]), images ([`image`]), the chart ([`chart`]),
//! services ([`services`]) and whole workloads ([`scenario`]). Everything is synchronous, and everything ends with the process that started it, unless it
//! was asked to outlive it. Refuses to touch anything that it did not start or make itself.

pub mod authority;
pub mod chart;
pub mod cluster;
pub mod guests;
pub mod image;
pub mod keda;
pub mod node;
pub mod paths;
pub mod plain_http;
pub mod process;
pub mod scenario;
pub mod services;
pub mod setup;
pub mod wait;
