//! Configuration files of a real node.
//!
//! Owns their text. Pods have no way out of the machine: their only route leads to pods, Services and the node.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;

use anyhow::{Context, Result};

use super::{ADDRESS, CLUSTER_RANGE, RUN};
use crate::image;

/// The cluster's DNS server as a Service; it runs on the node's address.
pub(super) const DNS_SERVICE: &str = r#"
apiVersion: v1
kind: Service
metadata: {name: kube-dns, namespace: kube-system}
spec:
  clusterIP: 10.96.0.10
  ports: [{name: dns, port: 53, protocol: UDP}, {name: dns-tcp, port: 53, protocol: TCP}]
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata:
  name: kube-dns
  namespace: kube-system
  labels: {kubernetes.io/service-name: kube-dns}
addressType: IPv4
ports: [{name: dns, port: 53, protocol: UDP}, {name: dns-tcp, port: 53, protocol: TCP}]
endpoints: [{addresses: [10.99.0.1], conditions: {ready: true}}]
"#;

/// Writes all of them into the cluster's folder. Images of every name come from `registry`.
pub(super) fn write(directory: &Path, snapshotter: &str, registry: SocketAddr) -> Result<()> {
    let texts = [
        ("containerd.toml", containerd(directory, snapshotter)?),
        ("registries/_default/hosts.toml", registries(registry)),
        ("network/10-pods.conflist", network(directory)),
        ("kubelet.yaml", kubelet(directory)),
        ("kube-proxy.yaml", kube_proxy(directory)),
        ("Corefile", dns(directory)),
        ("resolv.conf", format!("nameserver {ADDRESS}\n")),
    ];
    for (name, text) in texts {
        let path = directory.join(name);
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).with_context(|| format!("make {}", folder.display()))?;
        }
        fs::write(&path, text).with_context(|| format!("write {}", path.display()))?;
    }
    Ok(())
}

fn containerd(directory: &Path, snapshotter: &str) -> Result<String> {
    let pause = image::pause()?.name;
    let directory = directory.display();
    // Scores of the out-of-memory killer cannot be lowered inside many containers, and without the setting no pod starts.
    Ok(format!(
        r#"version = 3
root = "{directory}/containerd-root"
state = "{RUN}/state"
disabled_plugins = ["io.containerd.nri.v1.nri", "io.containerd.internal.v1.opt"]
[grpc]
  address = "{RUN}/containerd.sock"
[plugins.'io.containerd.cri.v1.images']
  snapshotter = "{snapshotter}"
[plugins.'io.containerd.cri.v1.images'.pinned_images]
  sandbox = "{pause}"
[plugins.'io.containerd.cri.v1.images'.registry]
  config_path = "{directory}/registries"
[plugins.'io.containerd.transfer.v1.local']
  config_path = "{directory}/registries"
[plugins.'io.containerd.cri.v1.runtime']
  restrict_oom_score_adj = true
  netns_mounts_under_state_dir = true
[plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc]
  runtime_type = "io.containerd.runc.v2"
[plugins.'io.containerd.cri.v1.runtime'.cni]
  bin_dirs = ["/usr/lib/cni"]
  conf_dir = "{directory}/network"
"#
    ))
}

/// Whatever a name begins with, its image is asked for here: there is no way to any other registry.
fn registries(registry: SocketAddr) -> String {
    format!("server = \"http://{registry}\"\n[host.\"http://{registry}\"]\n  capabilities = [\"pull\", \"resolve\"]\n")
}

fn network(directory: &Path) -> String {
    let plugin = serde_json::json!({
        "type": "bridge",
        "bridge": "cnr0",
        "isGateway": true,
        "ipMasq": false,
        // A pod may reach itself through its own Service.
        "hairpinMode": true,
        "ipam": {
            "type": "host-local",
            "dataDir": directory.join("addresses"),
            "ranges": [[{"subnet": "10.97.0.0/24"}]],
            "routes": [{"dst": CLUSTER_RANGE}],
        },
    });
    serde_json::json!({"cniVersion": "1.0.0", "name": "pods", "plugins": [plugin]}).to_string()
}

/// In block style: kubelet takes a file that begins with a brace for another format. Nobody needs a login for an image;
/// without the policy, one that was imported is asked for again once it was pulled under a second name.
fn kubelet(directory: &Path) -> String {
    let directory = directory.display();
    format!(
        r#"apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
failCgroupV1: false
failSwapOn: false
cgroupDriver: cgroupfs
containerRuntimeEndpoint: unix://{RUN}/containerd.sock
address: {ADDRESS}
port: 10250
readOnlyPort: 0
healthzPort: 0
authentication:
  anonymous: {{enabled: false}}
  webhook: {{enabled: true}}
  x509: {{clientCAFile: {directory}/keys/ca.crt}}
authorization: {{mode: Webhook}}
enforceNodeAllocatable: []
resolvConf: {directory}/resolv.conf
clusterDNS: [10.96.0.10]
clusterDomain: cluster.local
podLogsDir: {directory}/pod-logs
evictionHard: {{memory.available: 100Mi, nodefs.available: 1%, imagefs.available: 1%}}
imageGCHighThresholdPercent: 100
localStorageCapacityIsolation: false
serializeImagePulls: false
registryPullQPS: 0
imagePullCredentialsVerificationPolicy: NeverVerify
"#
    )
}

fn kube_proxy(directory: &Path) -> String {
    let directory = directory.display();
    format!(
        r#"apiVersion: kubeproxy.config.k8s.io/v1alpha1
kind: KubeProxyConfiguration
mode: iptables
hostnameOverride: real
bindAddress: {ADDRESS}
healthzBindAddress: {ADDRESS}:10256
metricsBindAddress: {ADDRESS}:10249
clientConnection: {{kubeconfig: {directory}/admin.kubeconfig, qps: 100, burst: 200}}
clusterCIDR: 10.97.0.0/24
detectLocalMode: ClusterCIDR
nodePortAddresses: ["{ADDRESS}/32"]
conntrack: {{maxPerCore: 0, tcpEstablishedTimeout: 0s, tcpCloseWaitTimeout: 0s}}
"#
    )
}

/// A name of the cluster, or none at all. Nothing that is missing is remembered: tests make Services and ask at once.
fn dns(directory: &Path) -> String {
    let directory = directory.display();
    format!(
        r"cluster.local:53 in-addr.arpa:53 {{
  bind {ADDRESS}
  errors
  kubernetes cluster.local in-addr.arpa {{
    kubeconfig {directory}/admin.kubeconfig
    ttl 5
  }}
  cache 5 {{
    disable denial
  }}
}}
.:53 {{
  bind {ADDRESS}
  template ANY ANY . {{
    rcode NXDOMAIN
  }}
}}
"
    )
}
