//! Whole workloads, as people have them, from their manifests to the end of their work; for the demo and for tests.
//!
//! Owns one folder for each. Refuses to change the manifests of a workload, but for what only its cluster knows.

pub mod redis;
