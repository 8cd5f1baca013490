//! Tenants of one cluster: each way that a manifest could try to read what is another's.

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use crate::authentication::{CLUSTER_KIND, authentication, cluster_authentication, from_secret, locked, trigger};
use crate::room::Room;
use crate::stage::Stage;

/// The namespace of Bellows, where a ClusterTriggerAuthentication finds its Secrets.
const HOME: &str = "bellows";

pub(crate) fn reach(stage: &Stage) -> Result<()> {
    let room = Room::open(stage, "tenant")?;
    let other = Room::open(stage, "other-tenant")?;
    let redis = locked("secret-of-another")?;
    redis.push("jobs", 20)?;
    other.secret("login", &json!({"password": "secret-of-another"}))?;
    authentication(&other, "login", &from_secret("password", "login", "password"))?;
    let at = json!({"address": redis.address().to_string()});
    let object = |name: &str, reference: &Value| -> Result<()> {
        room.deployment(name, 0, &json!([]))?;
        room.scaled(name, |spec| spec["triggers"] = json!([trigger(reference, &at)]))
    };
    let refused = |name: &str, part: &str| room.until_ready_is(name, "False", part).map(drop);

    object("elsewhere", &json!({"name": "login"}))?;
    refused("elsewhere", "there is no TriggerAuthentication login in namespace tenant")?;
    for (index, name) in
        ["other-tenant/login", "../../other-tenant/triggerauthentications/login", "login?x=y"].into_iter().enumerate()
    {
        let object_name = format!("path-{index}");
        object(&object_name, &json!({"name": name}))?;
        refused(&object_name, &format!("authenticationRef.name: {name:?} is no name of a TriggerAuthentication"))?;
    }
    for (index, name) in
        ["../../other-tenant/secrets/login", "other-tenant/login", "..", "?watch=true"].into_iter().enumerate()
    {
        let name_of = format!("secret-{index}");
        authentication(&room, &name_of, &from_secret("password", name, "password"))?;
        object(&name_of, &json!({"name": name_of}))?;
        let told = format!("Secret {name} in namespace tenant cannot be read: that is no name of an object");
        refused(&name_of, &told)?;
    }
    // The cluster's kind reads in the namespace that the operator set aside, and nowhere else.
    cluster_authentication(stage, "reaching", &from_secret("password", "login", "password"))?;
    object("reaching", &json!({"name": "reaching", "kind": "ClusterTriggerAuthentication"}))?;
    refused(
        "reaching",
        "ClusterTriggerAuthentication reaching: spec.secretTargetRef[0]: there is no Secret login in namespace bellows",
    )?;
    // Another kind is refused before it is stored.
    let odd = object("odd", &json!({"name": "login", "kind": "Secret"}));
    let odd = odd.err().context("a kind that is none is stored")?;
    ensure!(format!("{odd:#}").contains("authenticationRef.kind"), "{odd:#}");
    // What a variable is taken from is named by the target's manifest, and that is a tenant's too.
    let from = json!({"secretKeyRef": {"name": "../../other-tenant/secrets/login", "key": "password"}});
    let stored = room.deployment("variable", 0, &json!([{"name": "PASSWORD", "valueFrom": from}]));
    if stored.is_ok() {
        authentication(&room, "variable", &json!({"env": [{"parameter": "password", "name": "PASSWORD"}]}))?;
        let reference = json!({"name": "variable"});
        room.scaled("variable", |spec| spec["triggers"] = json!([trigger(&reference, &at)]))?;
        refused("variable", "that is no name of an object")?;
    }
    for scaled in stage.api.list("scaledobjects", "tenant")? {
        let name = scaled["metadata"]["name"].as_str().unwrap_or_default().to_owned();
        ensure!(room.replicas(&name)? == 0, "{name} was started");
    }

    allowed(&room, &at)
}

/// And what the cluster's kind is for.
fn allowed(room: &Room<'_>, at: &Value) -> Result<()> {
    let stage = room.stage;
    let login = json!({
        "apiVersion": "v1", "kind": "Secret", "metadata": {"name": "shared-login", "namespace": HOME},
        "stringData": {"password": "secret-of-another"},
    });
    stage.api.apply("secrets", &login)?;
    cluster_authentication(stage, "shared", &from_secret("password", "shared-login", "password"))?;
    room.deployment("shared", 0, &json!([]))?;
    let reference = json!({"name": "shared", "kind": "ClusterTriggerAuthentication"});
    room.scaled("shared", |spec| spec["triggers"] = json!([trigger(&reference, at)]))?;
    room.until_ready("shared")?;
    room.until_replicas("shared", 2)?;
    ensure!(!stage.log()?.contains("secret-of-another"), "the log tells a password");
    for name in ["reaching", "shared"] {
        stage.api.delete(CLUSTER_KIND, "", name)?;
    }
    Ok(())
}
