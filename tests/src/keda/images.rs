//! Images under the names that KEDA's tests ask for, and the one chart that they install.
//!
//! Owns what stands in for each. They go to the node's own registry, which answers for every other. Refuses nothing that a
//! test asks for by another name: its pod then says that there is no such image.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};

use super::output_folder;
use crate::image::{Contents, rabbitmq_contents};
use crate::paths;
use crate::process::output;
use crate::services::Registry;

/// Where the charts of the tests come from; the wrapper of helm replaces it.
const CHART_FOLDER: &str = "cloudpirates";

fn of_packages(name: &str, packages: &[&str], command: &[&str]) -> Contents {
    Contents { name: name.to_owned(), debian: owned(packages), command: owned(command), ..Contents::default() }
}

/// Our program under the names by which it is started.
fn of_stand_in(name: &str, parts: &[&str], entrypoint: &[&str]) -> Contents {
    let program = paths::binary("stand-ins");
    Contents {
        name: name.to_owned(),
        programs: parts.iter().map(|part| (format!("/usr/bin/{part}"), program.clone())).collect(),
        entrypoint: owned(entrypoint),
        ..Contents::default()
    }
}

fn owned(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

fn all() -> Vec<Contents> {
    vec![
        of_packages("docker.io/library/busybox:latest", &["busybox-static"], &["sh"]),
        of_packages(
            "docker.io/library/redis:7.0",
            &["redis-server", "redis-tools"],
            &["redis-server", "--protected-mode", "no", "--save", ""],
        ),
        Contents {
            entrypoint: owned(&["curl"]),
            ..of_packages("docker.io/curlimages/curl:latest", &["curl", "ca-certificates"], &[])
        },
        Contents {
            files: vec![("/etc/nginx/nginx.conf".to_owned(), include_str!("nginx.conf").to_owned())],
            user: Some("1000".to_owned()),
            ..of_packages("ghcr.io/nginx/nginx-unprivileged:1.26", &["nginx"], &["nginx"])
        },
        rabbitmq_contents("docker.io/library/rabbitmq:3.12-management"),
        of_stand_in("ghcr.io/kedacore/tests-redis-lists:latest", &["stand-ins"], &["/usr/bin/stand-ins"]),
        of_stand_in("ghcr.io/kedacore/tests-rabbitmq:latest", &["send", "receive"], &[]),
        of_stand_in("ghcr.io/kedacore/tests-metrics-api:latest", &["metrics-api"], &["/usr/bin/metrics-api"]),
        of_stand_in("registry.k8s.io/hpa-example:latest", &["hpa-example"], &["/usr/bin/hpa-example"]),
    ]
}

/// Puts all of them into the node's registry.
pub(super) fn push(registry: &Registry) -> Result<()> {
    for contents in all() {
        registry.push(&contents.assemble()?)?;
    }
    push_chart(registry)
}

fn push_chart(registry: &Registry) -> Result<()> {
    let folder = output_folder().join("redis");
    fs::create_dir_all(folder.join("templates")).with_context(|| format!("make {}", folder.display()))?;
    for (name, text) in [
        ("Chart.yaml", include_str!("redis-chart/Chart.yaml")),
        ("values.yaml", include_str!("redis-chart/values.yaml")),
        ("templates/redis.yaml", include_str!("redis-chart/templates/redis.yaml")),
    ] {
        fs::write(folder.join(name), text).with_context(|| format!("write {name} of the chart"))?;
    }
    let helm = |arguments: &[&str]| {
        let mut command = Command::new(paths::binary("helm"));
        output(command.args(arguments).current_dir(output_folder()).env("HOME", output_folder()))
    };
    helm(&["package", "redis"])?;
    let target = format!("oci://{}/{CHART_FOLDER}", registry.address());
    helm(&["push", "redis-0.28.0.tgz", &target, "--plain-http"]).context("push the chart of Redis").map(drop)
}

/// A folder for the front of the search path, with the helm that takes charts from the node's registry.
pub(super) fn write_wrapper() -> Result<std::path::PathBuf> {
    use std::os::unix::fs::PermissionsExt;
    let folder = output_folder().join("path");
    fs::create_dir_all(&folder).with_context(|| format!("make {}", folder.display()))?;
    let path: &Path = &folder.join("helm");
    fs::write(path, include_str!("helm.sh")).with_context(|| format!("write {}", path.display()))?;
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).context("make the helm of the tests runnable")?;
    Ok(folder)
}
