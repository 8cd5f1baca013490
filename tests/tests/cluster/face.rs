//! Who reads metrics: the API server, for those who have the right, and nobody else.

use std::process::Command;

use anyhow::{Result, ensure};
use bellows_tests::authority::{Authority, Identity, Subject};
use bellows_tests::paths;
use bellows_tests::process::output;
use serde_json::Value;

use crate::room::Room;
use crate::stage::Stage;

const PATH: &str = "/apis/external.metrics.k8s.io/v1beta1/namespaces/guarded/s0-redis-guarded-web\
                    ?labelSelector=scaledobject.keda.sh%2Fname%3Dweb";

const RIGHTS: &str = "
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: readers, namespace: guarded}
rules:
- {apiGroups: [external.metrics.k8s.io], resources: ['*'], verbs: [get, list]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: readers, namespace: guarded}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: readers}
subjects:
- {apiGroup: rbac.authorization.k8s.io, kind: User, name: reader}
";

/// Asks Bellows itself, past the API server.
fn directly(stage: &Stage, identity: Option<&Identity>) -> Result<String> {
    let mut command = Command::new(paths::binary("kubectl"));
    command.args(["--kubeconfig=/dev/null", "--insecure-skip-tls-verify", "get", "--raw", PATH]);
    command.arg(format!("--server=https://{}", stage.bellows.metrics()));
    match identity {
        Some(Identity { certificate, key }) => {
            command.arg(format!("--client-certificate={}", certificate.display()));
            command.arg(format!("--client-key={}", key.display()));
        }
        // Without anything to show, kubectl would ask for a name.
        None => _ = command.arg("--token=nobody"),
    }
    output(&mut command)
}

fn refused(what: &str, answer: Result<String>, word: &str) -> Result<()> {
    match answer {
        Ok(answer) => anyhow::bail!("{what} was answered: {answer}"),
        Err(error) => {
            let told = format!("{error:#}");
            ensure!(told.contains(word), "{what} was told {told}");
            Ok(())
        }
    }
}

pub(crate) fn guarded(stage: &Stage) -> Result<()> {
    let room = Room::open(stage, "guarded")?;
    room.push("web", 25)?;
    room.workload("web", 0, |_| ())?;
    room.until_replicas("web", 3)?;
    stage.cluster.apply(RIGHTS)?;
    let read = room
        .until("the right is in force", || stage.cluster.kubectl(&["get", "--raw", PATH, "--as=reader"]).map(Some))?;
    let read: Value = serde_json::from_str(&read)?;
    ensure!(read["items"][0]["value"] == "25", "the value is {read}");
    refused("a stranger", stage.cluster.kubectl(&["get", "--raw", PATH, "--as=stranger"]), "Forbidden")?;

    refused("nobody", directly(stage, None), "(no client certificate: ")?;
    let folder = stage.cluster.directory().join("strangers");
    let other = Authority::create(&folder, "other")?;
    let (cluster, proxies) = (stage.cluster.authority(), stage.cluster.front_proxy());
    // Who it is, who says so, and why that is not enough.
    let strangers = [
        ("front-proxy-client", &other, "UnknownIssuer"),
        ("system:masters", cluster, "UnknownIssuer"),
        ("somebody", proxies, "is not among the cluster's front proxies"),
    ];
    for (number, (name, authority, why)) in strangers.into_iter().enumerate() {
        let subject = Subject { name, groups: &["system:masters"], hosts: &[] };
        let identity = authority.issue(&format!("stranger{number}"), &subject)?;
        refused(name, directly(stage, Some(&identity)), why)?;
    }
    Ok(())
}
