//! What the chart does after an uninstallation: objects are let go when no host is left to do it.

use std::sync::Arc;

use anyhow::Result;
use bellows::kube::release::{Hosts, release, wait_for_the_end};
use bellows::kube::{Scope, connect};
use bellows_tests::cluster::Cluster;

/// One that was served, with the finalizer of somebody else, and one that another host serves.
const OBJECTS: &str = r#"
apiVersion: v1
kind: Namespace
metadata: { name: elsewhere }
---
apiVersion: keda.sh/v1alpha1
kind: ScaledObject
metadata: { name: left, namespace: elsewhere, labels: { of: us }, finalizers: [x.org/a, finalizer.keda.sh] }
spec: { scaleTargetRef: { name: worker }, triggers: [{ type: list, metadata: {} }] }
---
apiVersion: keda.sh/v1alpha1
kind: ScaledObject
metadata: { name: other, namespace: elsewhere, finalizers: [finalizer.keda.sh] }
spec: { scaleTargetRef: { name: worker }, triggers: [{ type: list, metadata: {} }] }
"#;

pub(crate) async fn objects_are_let_go_when_no_host_is_left(cluster: &Cluster) -> Result<()> {
    cluster.apply(OBJECTS)?;
    let client = connect(Some(cluster.admin_kubeconfig()), Arc::default()).await?;
    let hosts = Hosts { namespace: "elsewhere".to_owned(), selector: "app=bellows".to_owned() };
    wait_for_the_end(&client, &hosts).await?;
    let scope = Scope { namespace: Some("elsewhere".to_owned()), selector: Some("of=us".to_owned()) };
    assert_eq!(release(&client, &scope).await?, 1);
    assert_eq!(release(&client, &scope).await?, 0);
    for (name, finalizers) in [("left", r#"["x.org/a"]"#), ("other", r#"["finalizer.keda.sh"]"#)] {
        let look = ["get", "scaledobject", name, "--namespace=elsewhere", "--output=jsonpath={.metadata.finalizers}"];
        assert_eq!(cluster.kubectl(&look)?, finalizers, "{name}");
    }
    let everywhere = Scope::default();
    assert!(release(&client, &everywhere).await? > 0);
    Ok(())
}
