//! `bellows crds`: the definitions of our kinds, generated, to be piped into `kubectl apply --server-side -f -`.
//!
//! Reads nothing and asks nobody: what is printed depends on the version of the program alone.

use std::io::Write;

use anyhow::Context;

/// Writes all definitions to `output` as one stream of YAML.
pub fn print(output: &mut impl Write) -> anyhow::Result<()> {
    let stream = crate::crd::yaml()?;
    output.write_all(stream.as_bytes()).context("cannot print the definitions")
}
