//! Who uses an authentication, as its status says, what people hear of it, and that nothing holds what is deleted.

use std::time::Duration;

use anyhow::{Result, ensure};
use serde_json::{Value, json};

use crate::authentication::{CLUSTER_KIND, KIND, authentication, cluster_authentication, trigger};
use crate::room::Room;
use crate::stage::Stage;

pub(crate) fn named(stage: &Stage) -> Result<()> {
    let room = Room::open(stage, "users")?;
    let address = json!({"configMapTargetRef": [{"parameter": "address", "name": "place", "key": "address"}]});
    authentication(&room, "login", &address)?;
    cluster_authentication(stage, "users-login", &address)?;
    let of = |kind: &str, name: &str| -> Result<String> {
        let namespace = if kind == KIND { "users" } else { "" };
        let status = &stage.api.get(kind, namespace, name)?["status"];
        Ok(status["scaledobjects"].as_str().unwrap_or_default().to_owned())
    };
    let until = |kind: &str, name: &str, expected: &str| {
        room.until(&format!("the users of {name} are {expected:?}"), || {
            let found = of(kind, name)?;
            ensure!(found == expected, "they are {found:?}");
            Ok(Some(()))
        })
    };
    // What they name is not there: they use it all the same.
    let both = json!([
        trigger(&json!({"name": "login"}), &json!({})),
        trigger(&json!({"name": "users-login", "kind": "ClusterTriggerAuthentication"}), &json!({})),
    ]);
    for (name, expected) in [("web", "web"), ("api", "web,api")] {
        room.deployment(name, 0, &json!([]))?;
        room.scaled(name, |spec| spec["triggers"] = both.clone())?;
        until(KIND, "login", expected)?;
        until(CLUSTER_KIND, "users-login", expected)?;
    }
    stage.api.delete("scaledobjects", "users", "web")?;
    until(KIND, "login", "api")?;
    until(CLUSTER_KIND, "users-login", "api")?;
    let writes = || stage.counted("bellows_api_requests_total", &["resource=\"triggerauthentications/status\""]);
    let before = writes()?;
    stage.api.delete("scaledobjects", "users", "api")?;
    until(KIND, "login", "")?;
    ensure!(before >= 3, "{before} writes are counted");
    told(&room, &address)
}

/// KEDA's Events, and that nothing holds what is deleted.
fn told(room: &Room<'_>, spec: &Value) -> Result<()> {
    let stage = room.stage;
    let events = |namespace: &str, kind: &str, name: &str| -> Result<Vec<String>> {
        let events = stage.api.list("events", namespace)?;
        let of = events.iter().filter(|event| event["regarding"]["kind"] == kind && event["regarding"]["name"] == name);
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        Ok(of.map(|event| format!("{}: {}", text(&event["reason"]), text(&event["note"]))).collect())
    };
    let until = |namespace: &str, kind: &str, name: &str, expected: &str| {
        room.until(&format!("people hear of {name}: {expected}"), || {
            let found = events(namespace, kind, name)?;
            ensure!(found.iter().any(|told| told == expected), "they hear {found:?}");
            Ok(Some(()))
        })
    };
    let (kind, cluster_kind) = ("TriggerAuthentication", "ClusterTriggerAuthentication");
    until("users", kind, "login", "TriggerAuthenticationAdded: New TriggerAuthentication configured")?;
    let added = "ClusterTriggerAuthenticationAdded: New ClusterTriggerAuthentication configured";
    until("default", cluster_kind, "users-login", added)?;
    let mut changed = spec.clone();
    changed["configMapTargetRef"][0]["key"] = json!("other");
    authentication(room, "login", &changed)?;
    let updated = "ClusterTriggerAuthenticationUpdated: ClusterTriggerAuthentication login is updated";
    until("users", kind, "login", updated)?;
    // A user of KEDA has its finalizer on all of them.
    let finalizers = json!({"metadata": {"finalizers": ["finalizer.keda.sh"]}});
    stage.api.merge(KIND, "users", "login", &finalizers)?;
    stage.api.merge(CLUSTER_KIND, "", "users-login", &finalizers)?;
    for (plural, namespace, name) in [(KIND, "users", "login"), (CLUSTER_KIND, "", "users-login")] {
        stage.api.delete(plural, namespace, name)?;
        room.until(&format!("{name} is gone"), || {
            Ok(stage.api.find(plural, namespace, name)?.is_none().then_some(()))
        })?;
    }
    until("users", kind, "login", "TriggerAuthenticationDeleted: TriggerAuthentication was deleted")?;
    let deleted = "ClusterTriggerAuthenticationDeleted: ClusterTriggerAuthentication was deleted";
    until("default", cluster_kind, "users-login", deleted)?;
    room.stays("it is told once", Duration::from_secs(2), || {
        let found = events("users", kind, "login")?;
        Ok(found.len() == 3)
    })
}
