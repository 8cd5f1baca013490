//! `cargo xtask image`: the image that the chart installs, without a container engine.
//!
//! Owns what is built for it and what is said about it. Refuses a registry that wants a login: `--out` writes an archive,
//! which other tools push (`skopeo copy oci-archive:FILE docker://…`).

use std::path::PathBuf;
use std::time::Instant;

use anyhow::{Context, Result};
use bellows_tests::image::bellows::Release;
use bellows_tests::image::push;
use bellows_tests::setup::{Needs, prepare};
use bellows_tests::{guests, paths};
use clap::Args;

use crate::cargo::{build, build_programs};

/// How it is to be.
#[derive(Args)]
pub(crate) struct Arguments {
    /// Build the program with all optimisations, for use: ten minutes or more the first time. Without it, it is the build
    /// that tests use: right for trying, slower, and larger.
    #[arg(long)]
    release: bool,
    /// Its full name; bellows.dev/bellows with this version by default, as in the chart.
    #[arg(long, value_name = "HOST/PATH:TAG")]
    name: Option<String>,
    /// Push it to a registry that speaks plain HTTP and wants no login, such as that of `cargo xtask cluster up --node`;
    /// the host of the name is dropped.
    #[arg(long, value_name = "HOST:PORT")]
    push: Option<String>,
    /// Write the archive, an OCI layout in a tar, here too.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

/// Makes it.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    prepare(Needs { components: true, helm: true, ..Needs::default() })?;
    let mut release = Release::of_tests();
    if arguments.release {
        println!("building Bellows for release; the first time this takes ten minutes or more");
        build(&["--release", "--package", "bellows"])?;
        release.program = paths::target().join("release/bellows");
    } else {
        println!("building Bellows as for tests; --release makes the image for use");
        build_programs()?;
    }
    guests::build_all()?;
    if let Some(name) = &arguments.name {
        release.name.clone_from(name);
    }
    let began = Instant::now();
    let (image, digest) = release.assemble()?;
    if let Some(file) = &arguments.out {
        std::fs::copy(&image.archive, file).with_context(|| format!("write {}", file.display()))?;
    }
    if let Some(registry) = &arguments.push {
        push::push(&image, registry.trim_start_matches("http://"))?;
        println!("pushed to {registry}");
    }
    let size = std::fs::metadata(&image.archive).context("look at the archive")?.len();
    println!("name    {}", image.name);
    println!("digest  {digest}");
    println!("size    {:.1} MB", size as f64 / 1e6);
    println!("archive {}", arguments.out.as_ref().unwrap_or(&image.archive).display());
    println!("put together in {:.1} s", began.elapsed().as_secs_f64());
    Ok(())
}
