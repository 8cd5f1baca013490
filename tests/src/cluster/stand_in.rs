//! Nodes and pods that run nothing, played by kwok.
//!
//! Owns what kwok does at each stage of their lives: nodes are Ready at once, pods run at once, those of Jobs succeed,
//! deleted ones go at once. They use what their annotations say, for whoever measures. Refuses to look after any node that
//! is not labelled `type=kwok`.

/// What kwok does. Heartbeats of nodes are leases, which it renews by itself.
pub(super) const STAGES: &str = r#"
apiVersion: kwok.x-k8s.io/v1alpha1
kind: Stage
metadata: {name: node-becomes-ready}
spec:
  resourceRef: {apiGroup: v1, kind: Node}
  selector:
    matchExpressions:
    - {key: '.status.conditions.[] | select( .type == "Ready" ) | .status', operator: NotIn, values: ["True"]}
  next:
    statusTemplate: |
      {{ $now := Now }}
      addresses:
      - {type: InternalIP, address: {{ NodeIP | Quote }}}
      allocatable: {cpu: "1k", memory: 1Ti, pods: "100k"}
      capacity: {cpu: "1k", memory: 1Ti, pods: "100k"}
      conditions:
      - {type: Ready, status: "True", reason: StandIn, message: plays a node, lastHeartbeatTime: {{ $now | Quote }}, lastTransitionTime: {{ $now | Quote }}}
      daemonEndpoints: {kubeletEndpoint: {Port: {{ NodePort }}}}
      phase: Running
---
apiVersion: kwok.x-k8s.io/v1alpha1
kind: Stage
metadata: {name: pod-runs}
spec:
  resourceRef: {apiGroup: v1, kind: Pod}
  selector:
    matchExpressions:
    - {key: .metadata.deletionTimestamp, operator: DoesNotExist}
    - {key: .status.podIP, operator: DoesNotExist}
  next:
    statusTemplate: |
      {{ $now := Now }}
      phase: Running
      startTime: {{ $now | Quote }}
      hostIP: {{ NodeIPWith .spec.nodeName | Quote }}
      podIP: {{ PodIPWith .spec.nodeName ( or .spec.hostNetwork false ) ( or .metadata.uid "" ) ( or .metadata.name "" ) ( or .metadata.namespace "" ) | Quote }}
      conditions:
      {{ range tuple "PodScheduled" "Initialized" "ContainersReady" "Ready" }}
      - {type: {{ . }}, status: "True", lastTransitionTime: {{ $now | Quote }}}
      {{ end }}
      containerStatuses:
      {{ range .spec.containers }}
      - name: {{ .name | Quote }}
        image: {{ .image | Quote }}
        imageID: ""
        ready: true
        started: true
        restartCount: 0
        state: {running: {startedAt: {{ $now | Quote }}}}
      {{ end }}
---
apiVersion: kwok.x-k8s.io/v1alpha1
kind: Stage
metadata: {name: pod-of-a-job-succeeds}
spec:
  resourceRef: {apiGroup: v1, kind: Pod}
  selector:
    matchExpressions:
    - {key: .metadata.deletionTimestamp, operator: DoesNotExist}
    - {key: .status.phase, operator: In, values: [Running]}
    - {key: '.metadata.ownerReferences.[].kind', operator: In, values: [Job]}
  delay: {durationMilliseconds: 500}
  next:
    statusTemplate: |
      {{ $now := Now }}
      {{ $started := .status.startTime }}
      phase: Succeeded
      conditions:
      {{ range tuple "ContainersReady" "Ready" }}
      - {type: {{ . }}, status: "False", reason: PodCompleted, lastTransitionTime: {{ $now | Quote }}}
      {{ end }}
      containerStatuses:
      {{ range .spec.containers }}
      - name: {{ .name | Quote }}
        image: {{ .image | Quote }}
        imageID: ""
        ready: false
        started: false
        restartCount: 0
        state: {terminated: {exitCode: 0, reason: Completed, startedAt: {{ $started | Quote }}, finishedAt: {{ $now | Quote }}}}
      {{ end }}
---
apiVersion: kwok.x-k8s.io/v1alpha1
kind: Stage
metadata: {name: pod-goes}
spec:
  resourceRef: {apiGroup: v1, kind: Pod}
  selector:
    matchExpressions:
    - {key: .metadata.deletionTimestamp, operator: Exists}
  next:
    finalizers: {empty: true}
    delete: true
"#;

/// What a stand-in node tells of its pods, in the kubelet's words. A container uses what the pod's annotation
/// `usage.bellows.dev/cpu.NAME` says, or else `usage.bellows.dev/cpu`, or else next to nothing; the same for memory.
pub(super) const USAGE: &str = r#"
---
apiVersion: kwok.x-k8s.io/v1alpha1
kind: ClusterResourceUsage
metadata: {name: from-annotations}
spec:
  usages:
  - usage:
      cpu:
        expression: |
          ("usage.bellows.dev/cpu." + container.name) in pod.metadata.annotations
          ? Quantity(pod.metadata.annotations["usage.bellows.dev/cpu." + container.name])
          : "usage.bellows.dev/cpu" in pod.metadata.annotations
          ? Quantity(pod.metadata.annotations["usage.bellows.dev/cpu"])
          : Quantity("1m")
      memory:
        expression: |
          ("usage.bellows.dev/memory." + container.name) in pod.metadata.annotations
          ? Quantity(pod.metadata.annotations["usage.bellows.dev/memory." + container.name])
          : "usage.bellows.dev/memory" in pod.metadata.annotations
          ? Quantity(pod.metadata.annotations["usage.bellows.dev/memory"])
          : Quantity("1Mi")
---
apiVersion: kwok.x-k8s.io/v1alpha1
kind: Metric
metadata: {name: usage}
spec:
  path: "/metrics/nodes/{nodeName}/metrics/resource"
  metrics:
  - name: container_start_time_seconds
    dimension: container
    help: when it started
    kind: gauge
    labels:
    - {name: container, value: container.name}
    - {name: namespace, value: pod.metadata.namespace}
    - {name: pod, value: pod.metadata.name}
    value: pod.SinceSecond()
  - name: container_cpu_usage_seconds_total
    dimension: container
    help: processor used
    kind: counter
    labels:
    - {name: container, value: container.name}
    - {name: namespace, value: pod.metadata.namespace}
    - {name: pod, value: pod.metadata.name}
    value: pod.CumulativeUsage("cpu", container.name)
  - name: container_memory_working_set_bytes
    dimension: container
    help: memory used
    kind: gauge
    labels:
    - {name: container, value: container.name}
    - {name: namespace, value: pod.metadata.namespace}
    - {name: pod, value: pod.metadata.name}
    value: pod.Usage("memory", container.name)
  - name: node_cpu_usage_seconds_total
    dimension: node
    help: processor used
    kind: counter
    value: node.CumulativeUsage("cpu")
  - name: node_memory_working_set_bytes
    dimension: node
    help: memory used
    kind: gauge
    value: node.Usage("memory")
"#;

/// Manifests of `count` nodes, numbered from `first`.
pub(super) fn nodes(first: usize, count: usize) -> String {
    let one = |number: usize| {
        format!(
            "apiVersion: v1\nkind: Node\nmetadata:\n  name: stand-in-{number}\n  labels: {{type: kwok, \
             kubernetes.io/hostname: stand-in-{number}}}\n  annotations: {{kwok.x-k8s.io/node: fake, \
             metrics.k8s.io/resource-metrics-path: /metrics/nodes/stand-in-{number}/metrics/resource}}\n---\n"
        )
    };
    (first..first + count).map(one).collect()
}
