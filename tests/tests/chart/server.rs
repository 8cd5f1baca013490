//! What an API server says to what is rendered, without taking it.

use anyhow::Result;
use bellows_tests::chart::{RELEASE, RENDERINGS, chart, helm_in};
use bellows_tests::cluster::{Cluster, Options};

use crate::document::{define_prometheus, prepare};

#[test]
fn an_api_server_takes_every_rendering_to_the_letter() -> Result<()> {
    prepare()?;
    let cluster = Cluster::start(Options { stand_in_nodes: 0, ..Options::default() })?;
    define_prometheus(&cluster)?;
    for namespace in ["bellows", "keda", "shop", "monitoring"] {
        cluster.kubectl(&["create", "namespace", namespace])?;
    }
    for rendering in RENDERINGS {
        let file = rendering.kept().display().to_string();
        cluster.kubectl(&["apply", "--dry-run=server", "--validate=strict", "--filename", &file])?;
    }
    idle_keys_are_named(&cluster)
}

/// What only another process of KEDA had is accepted, and the notes say that it does nothing.
fn idle_keys_are_named(cluster: &Cluster) -> Result<()> {
    let try_it = |set: &str| {
        let dry = ["install", RELEASE, &chart(), "--namespace=bellows", "--dry-run=server", "--set", set];
        helm_in(cluster, &dry)
    };
    let told = try_it("webhooks.enabled=true,resources.metricServer.limits.cpu=1,prometheus.enabled=false")?;
    for key in ["webhooks: there is no ", "resources.metricServer: Bellows is one process", "prometheus.enabled: "] {
        assert!(told.contains(key), "{key:?} is not in {told}");
    }
    let told = try_it("operator.replicaCount=1")?;
    assert!(told.contains("NOTES:") && !told.contains("do nothing here"), "{told}");
    Ok(())
}
