//! The Helm chart: what it renders, what it refuses, what an API server says to it, and its life on a real node.
//!
//! Renderings are kept beside this file; `cargo xtask chart` writes them anew.

#[cfg(test)]
mod document;
#[cfg(test)]
mod life;
#[cfg(test)]
mod refusals;
#[cfg(test)]
mod renderings;
#[cfg(test)]
mod server;
