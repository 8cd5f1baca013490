//! The HPA of an object: ours is kept as it should be, and one of another is never touched.

use std::time::Duration;

use anyhow::{Result, ensure};
use serde_json::{Value, json};

use crate::room::Room;
use crate::stage::Stage;

const PLURAL: &str = "horizontalpodautoscalers";

fn controlled_by_us(hpa: &Value) -> bool {
    hpa["metadata"]["ownerReferences"][0]["kind"] == "ScaledObject"
}

pub(crate) fn foreign(stage: &Stage) -> Result<()> {
    let room = Room::open(stage, "foreign")?;
    room.deployment("web", 1, &json!([]))?;
    let metric = json!({"type": "Resource", "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 80}}});
    let manifest = json!({
        "apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": "keda-hpa-web", "namespace": "foreign"},
        "spec": {
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"},
            "minReplicas": 1, "maxReplicas": 2, "metrics": [metric],
        },
    });
    let before = stage.api.apply(PLURAL, &manifest)?;
    room.scaled("web", |_| ())?;
    let exists = "HorizontalPodAutoscaler foreign/keda-hpa-web exists and is nobody's, so it is left alone";
    room.until_ready_is("web", "False", exists)?;
    // At least two more attempts of ours: they come after 1 s, 2 s and so on.
    room.stays("it is as it was", Duration::from_secs(4), || {
        let hpa = room.hpa("web")?;
        Ok(hpa["spec"] == before["spec"] && hpa["metadata"]["uid"] == before["metadata"]["uid"])
    })?;
    stage.api.delete(PLURAL, "foreign", "keda-hpa-web")?;
    room.until("ours is there", || Ok(controlled_by_us(&room.hpa("web")?).then_some(())))?;
    room.until_ready("web")
}

pub(crate) fn kept(stage: &Stage) -> Result<()> {
    let room = Room::open(stage, "kept")?;
    room.push("web", 30)?;
    room.workload("web", 0, |_| ())?;
    room.until_ready("web")?;
    let first = room.hpa("web")?;
    let edits = [
        json!({"spec": {"maxReplicas": 2}}),
        json!({"spec": {"metrics": null}}),
        json!({"metadata": {"labels": {"app.kubernetes.io/part-of": null}}}),
    ];
    for edit in edits {
        stage.api.merge(PLURAL, "kept", "keda-hpa-web", &edit)?;
        room.until(&format!("{edit} is repaired"), || {
            let hpa = room.hpa("web")?;
            let same = hpa["spec"] == first["spec"] && hpa["metadata"]["labels"] == first["metadata"]["labels"];
            Ok(same.then_some(()))
        })?;
    }
    stage.api.delete(PLURAL, "kept", "keda-hpa-web")?;
    let second = room.until("it is back", || {
        let hpa = room.hpa("web")?;
        Ok((hpa["metadata"]["uid"] != first["metadata"]["uid"]).then_some(hpa))
    })?;
    ensure!(second["spec"] == first["spec"], "it came back as {:#}", second["spec"]);
    room.until_replicas("web", 3)
}
