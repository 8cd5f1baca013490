//! Settings from the environment of the target's container, as its pods would have it.

use anyhow::{Result, ensure};
use serde_json::json;

use crate::room::Room;
use crate::stage::{PASSWORD, Stage};

pub(crate) fn expanded(stage: &Stage) -> Result<()> {
    let room = Room::open(stage, "environment")?;
    let address = stage.secured.address();
    stage.secured.push("expanded", 20)?;
    room.secret("login", &json!({"PASSWORD": PASSWORD}))?;
    let map = json!({
        "apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "place", "namespace": "environment"},
        "data": {"host": address.ip().to_string(), "PORT": address.port().to_string()},
    });
    stage.api.apply("configmaps", &map)?;
    let host = json!({"configMapKeyRef": {"name": "place", "key": "host"}});
    let worker = json!({
        "name": "worker", "image": "worker",
        "envFrom": [
            {"prefix": "REDIS_", "secretRef": {"name": "login"}},
            {"prefix": "REDIS_", "configMapRef": {"name": "place"}},
        ],
        "env": [
            {"name": "HOST", "valueFrom": host},
            {"name": "ADDRESS", "value": "$(HOST):$(REDIS_PORT)"},
        ],
    });
    let sidecar = json!({"name": "sidecar", "image": "sidecar", "env": [{"name": "ADDRESS", "value": "nowhere:1"}]});
    room.deployment_of("web", 0, &json!([sidecar, worker]))?;
    room.scaled("web", |spec| {
        spec["scaleTargetRef"]["envSourceContainerName"] = json!("worker");
        let metadata = json!({
            "addressFromEnv": "ADDRESS", "passwordFromEnv": "REDIS_PASSWORD", "enableTLS": "true",
            "listName": "expanded", "listLength": "10",
        });
        spec["triggers"] = json!([{"type": "redis", "metadata": metadata}]);
    })?;
    room.until_replicas("web", 2)?;
    room.until_ready("web")
}

pub(crate) fn missing(stage: &Stage) -> Result<()> {
    let room = Room::open(stage, "missing")?;
    stage.secured.push("missing", 20)?;
    let from = json!({"secretKeyRef": {"name": "login", "key": "password"}});
    room.deployment("web", 0, &json!([{"name": "PASSWORD", "valueFrom": from}]))?;
    let named = |container: &str| {
        room.scaled("web", |spec| {
            spec["scaleTargetRef"]["envSourceContainerName"] = json!(container);
            spec["triggers"] = json!([room.trigger(&stage.secured.address().to_string(), "missing")]);
            let metadata = &mut spec["triggers"][0]["metadata"];
            (metadata["passwordFromEnv"], metadata["enableTLS"]) = (json!("PASSWORD"), json!("true"));
        })
    };
    named("nobody")?;
    let nobody = "spec.scaleTargetRef.envSourceContainerName: the target has no container nobody: it has worker";
    room.until_ready_is("web", "False", nobody)?;
    named("worker")?;
    let unkept = "spec.triggers[0].metadata.passwordFromEnv: there is no Secret login in namespace missing";
    let (_, reason, _) = room.until_ready_is("web", "False", unkept)?;
    ensure!(reason == "ScaledObjectCheckFailed", "the reason is {reason}");
    // Nobody touches the object: that the Secret is there is found out by looking again.
    room.secret("login", &json!({"password": PASSWORD}))?;
    room.until_ready("web")?;
    room.until_replicas("web", 2)
}
