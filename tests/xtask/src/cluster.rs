//! `cargo xtask cluster up|down|shell`: a cluster that stays until it is ended.
//!
//! Owns the folder `target/cluster/dev`. Refuses a second one beside it.

use std::path::PathBuf;
use std::process::Command;
use std::time::Instant;

use anyhow::{Context, Result, bail};
use bellows_tests::cluster::{Cluster, Options, end};
use bellows_tests::process::Life;
use bellows_tests::setup::{Needs, prepare};
use bellows_tests::wait::Stop;
use bellows_tests::{node, paths};
use clap::Subcommand;

/// What to do with it.
#[derive(Subcommand)]
pub(crate) enum Task {
    /// Start it and print its KUBECONFIG.
    Up {
        /// With a real node, whose pods run. Needs root.
        #[arg(long)]
        node: bool,
        /// How many nodes without a machine there are; their pods are Ready at once and run nothing. One by default, none
        /// beside a real node.
        #[arg(long, value_name = "COUNT")]
        stand_in_nodes: Option<usize>,
    },
    /// End it and remove all that belongs to it.
    Down,
    /// Open $SHELL with KUBECONFIG and kubectl.
    Shell {
        /// What to run instead of $SHELL.
        command: Option<String>,
        /// Name or path of the shell.
        #[arg(long, env = "SHELL", default_value = "/bin/sh", hide_env_values = true)]
        shell: PathBuf,
        /// The search path, in front of which the cluster's binaries are put.
        #[arg(long, env = "PATH", default_value = "", hide_env_values = true, hide = true)]
        search_path: String,
    },
}

fn directory() -> PathBuf {
    paths::cluster_output().join("dev")
}

/// Runs one of them.
pub(crate) fn run(task: &Task, stop: &Stop) -> Result<()> {
    match task {
        Task::Up { node, stand_in_nodes } => up(*node, stand_in_nodes.unwrap_or(usize::from(!node)), stop),
        Task::Down => down(),
        Task::Shell { command, shell, search_path } => open(command.as_deref(), shell, search_path),
    }
}

fn up(node: bool, stand_in_nodes: usize, stop: &Stop) -> Result<()> {
    prepare(Needs { real_node: node, ..Needs::default() })?;
    if node && let Err(reason) = node::available() {
        bail!("{reason}");
    }
    let began = Instant::now();
    let options = Options {
        stand_in_nodes,
        real_node: node,
        life: Life::OnItsOwn,
        directory: Some(directory()),
        stop: stop.clone(),
        ..Options::as_anywhere()
    };
    match Cluster::start(options) {
        Ok(cluster) => {
            println!(
                "the cluster is up after {:.1} s; `cargo xtask cluster down` ends it",
                began.elapsed().as_secs_f64()
            );
            println!("export KUBECONFIG={}", cluster.admin_kubeconfig().display());
            if let Some(node) = cluster.node() {
                println!("images come from the registry at {}, which takes any", node.registry()?.address());
            }
            cluster.leave();
            Ok(())
        }
        Err(error) => Err(error),
    }
}

fn down() -> Result<()> {
    if !directory().exists() {
        println!("there is no cluster");
        return Ok(());
    }
    end(&directory())
}

fn open(command: Option<&str>, shell: &PathBuf, search_path: &str) -> Result<()> {
    let kubeconfig = directory().join("admin.kubeconfig");
    if !kubeconfig.is_file() {
        bail!("there is no cluster: `cargo xtask cluster up` starts one");
    }
    let mut process = Command::new(shell);
    if let Some(command) = command {
        process.args(["-c", command]);
    }
    process.env("KUBECONFIG", kubeconfig).env("PATH", format!("{}:{search_path}", paths::binaries().display()));
    let status = process.status().with_context(|| format!("open {}", shell.display()))?;
    if command.is_some() && !status.success() {
        bail!("the command ended with {status}");
    }
    Ok(())
}
