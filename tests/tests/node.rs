//! The real node, which other tests and the demo stand on: its pods have names, addresses and a way to each other, images
//! of any name come from its registry, and nothing of it stays on the machine.
//!
//! Left out, with the reason in the output, where a real node is impossible.

use std::process::Command;
use std::time::Duration;

use bellows_tests::cluster::{Cluster, Options};
use bellows_tests::image::{self, Image};
use bellows_tests::node::available;

const WEB: &str = r#"
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: default, labels: {app: web}}
spec:
  terminationGracePeriodSeconds: 1
  containers:
  - name: web
    image: docker.io/bellows/pause:1
    command: [sh, -c, "echo from the pod > /tmp/index.html; exec httpd -f -p 8080 -h /tmp"]
---
apiVersion: v1
kind: Service
metadata: {name: web, namespace: default}
spec: {selector: {app: web}, ports: [{port: 80, targetPort: 8080}]}
---
apiVersion: v1
kind: Pod
metadata: {name: look, namespace: default}
spec:
  terminationGracePeriodSeconds: 1
  containers:
  - {name: look, image: "ghcr.io/somebody/look", imagePullPolicy: Always, command: [sleep, "600"]}
"#;

/// What a real node puts on a machine: its address, its bridge, chains of rules, mounts, cgroups.
fn traces() -> std::io::Result<Vec<String>> {
    let look = "ip -brief address | grep -o '10\\.99\\.0\\.1\\|cnr0'; iptables-save | grep '^:KUBE'; \
                grep -o '/bellows-node[^ ]*\\|/kubelet/pods[^ ]*' /proc/mounts; ls -d /sys/fs/cgroup/*/kubepods /run/bellows-node*";
    let seen = Command::new("sh").args(["-c", look]).output()?;
    Ok(String::from_utf8_lossy(&seen.stdout).lines().map(str::to_owned).collect())
}

#[test]
fn pods_of_pushed_images_reach_services_by_short_names_and_nothing_of_the_node_stays() {
    if let Err(reason) = available() {
        eprintln!("left out: {reason}");
        return;
    }
    let cluster = Cluster::start(Options { stand_in_nodes: 0, real_node: true, ..Options::default() }).unwrap();
    let refused = Cluster::start(Options { real_node: true, ..Options::default() }).unwrap_err();
    assert!(refused.to_string().starts_with("this machine has a real node already"), "{refused}");

    let pushed = Image { name: "ghcr.io/somebody/look:latest".to_owned(), archive: image::pause().unwrap().archive };
    cluster.node().unwrap().registry().unwrap().push(&pushed).unwrap();
    cluster.apply(WEB).unwrap();
    let fetch = ["exec", "look", "--namespace=default", "--", "wget", "-q", "-O", "-", "http://web/"];
    let page = cluster.wait_for("the page is there", Duration::from_secs(60), || Ok(Some(cluster.kubectl(&fetch)?)));
    assert_eq!(page.unwrap(), "from the pod\n");

    assert!(!traces().unwrap().is_empty());
    drop(cluster);
    assert_eq!(traces().unwrap(), Vec::<String>::new());
}
