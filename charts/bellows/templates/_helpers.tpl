{{- /* Labels by which the pod is found. They never change. */ -}}
{{- define "bellows.selector" -}}
app.kubernetes.io/name: {{ .Values.operator.name }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "bellows.labels" -}}
{{ include "bellows.selector" . }}
app.kubernetes.io/part-of: bellows
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- with .Values.additionalLabels }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- /* `annotations:` with the chart's own and those handed in as `more`, or nothing. */ -}}
{{- define "bellows.annotations" -}}
{{- $all := merge (dict) (.more | default dict) .root.Values.additionalAnnotations -}}
{{- with $all -}}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end -}}
{{- end -}}

{{- /* `metadata:` of what is called `name`, in `namespace` unless it is the cluster's, with `more` annotations. */ -}}
{{- define "bellows.metadata" -}}
metadata:
  name: {{ .name }}
  {{- with .namespace }}
  namespace: {{ . }}
  {{- end }}
  labels:
    {{- include "bellows.labels" .root | nindent 4 }}
    {{- with .labels }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  {{- with include "bellows.annotations" . }}
  {{- . | nindent 2 }}
  {{- end }}
{{- end -}}

{{- /* The binding of a role, `kind` and `name`, to the host: in `namespace`, or everywhere. */ -}}
{{- define "bellows.binding" -}}
apiVersion: rbac.authorization.k8s.io/v1
kind: {{ ternary "RoleBinding" "ClusterRoleBinding" (not (empty .namespace)) }}
{{ include "bellows.metadata" . }}
roleRef:
  apiGroup: rbac.authorization.k8s.io
  kind: {{ .kind }}
  name: {{ .role | default .name }}
subjects:
- kind: ServiceAccount
  name: {{ include "bellows.account" .root }}
  namespace: {{ .root.Release.Namespace }}
{{- end -}}

{{- define "bellows.account" -}}
{{- with .Values.serviceAccount.operator -}}
{{- .name | default (ternary $.Values.operator.name "default" .create) -}}
{{- end -}}
{{- end -}}

{{- define "bellows.image" -}}
{{- $registry := ((.Values.global).image).registry | default .Values.image.keda.registry -}}
{{- $name := printf "%s:%s" .Values.image.keda.repository (.Values.image.keda.tag | default .Chart.AppVersion) -}}
{{- ternary (printf "%s/%s" $registry $name) $name (not (empty $registry)) -}}
{{- end -}}

{{- /* The older, flat form takes the place of the operator's. */ -}}
{{- define "bellows.resources" -}}
{{- $all := deepCopy .Values.resources.operator -}}
{{- range $kind := list "requests" "limits" -}}
{{- with index $.Values.resources $kind -}}
{{- $_ := set $all $kind . -}}
{{- end -}}
{{- end -}}
{{- toYaml $all -}}
{{- end -}}

{{- /* Ports that serve /metrics besides 8080, which always does: those that were asked for, each once. */ -}}
{{- define "bellows.metricsPorts" -}}
{{- $ports := list -}}
{{- with .Values.prometheus -}}
{{- if .metricServer.enabled }}{{ $ports = append $ports (int .metricServer.port) }}{{ end -}}
{{- if .operator.enabled }}{{ $ports = append $ports (int .operator.port) }}{{ end -}}
{{- end -}}
{{- with get .Values.service.annotations "prometheus.io/port" -}}
{{- $port := int (toString .) -}}
{{- if or (lt $port 1) (gt $port 65535) -}}
{{- fail (printf "service.annotations: prometheus.io/port is %q, which is no port" (toString .)) -}}
{{- end -}}
{{- $ports = append $ports $port -}}
{{- end -}}
{{- if has (int .Values.service.portHttpsTarget) (append $ports 8080) -}}
{{- fail (printf "service.portHttpsTarget: %d is the port of the metrics API and cannot serve /metrics too" (int .Values.service.portHttpsTarget)) -}}
{{- end -}}
{{- without ($ports | uniq) 8080 | toJson -}}
{{- end -}}

{{- /* The name of the container's port that serves /metrics for `port`. */ -}}
{{- define "bellows.metricsPortName" -}}
{{- if eq (int .) 8080 }}admin{{ else }}metrics-{{ int . }}{{ end -}}
{{- end -}}

{{- define "bellows.legacyMetricNames" -}}
{{- $wanted := toString .Values.prometheus.legacyMetricNames -}}
{{- with .Values.prometheus.operator -}}
{{- $used := and .enabled .prometheusRules.enabled (contains "keda_metrics_adapter_" (toJson .prometheusRules.alerts)) -}}
{{- if or (eq $wanted "true") (and (eq $wanted "auto") $used) }}true{{ end -}}
{{- end -}}
{{- end -}}

{{- /* Flags of `bellows run`; extraArgs come last and take the place of ours. */ -}}
{{- define "bellows.arguments" -}}
{{- $flags := dict
  "metrics-api" (printf "0.0.0.0:%d" (int .Values.service.portHttpsTarget))
  "admin" "0.0.0.0:8080"
  "service-name" .Values.operator.name
  "service-namespace" .Release.Namespace
  "cluster-domain" .Values.clusterDomain
  "cache" "/var/cache/bellows/compiled"
  "log" .Values.logging.operator.level
  "log-format" (ternary "json" "text" (eq .Values.logging.operator.format "json"))
  "watch-namespace" .Values.watchNamespace
  "selector" .Values.watchLabelSelector
  "ca-dir" .Values.certificates.operator.caDirs
  "allow-egress" .Values.allowEgress
  "dns-server" .Values.dnsServers
-}}
{{- $ports := list -}}
{{- range include "bellows.metricsPorts" . | fromJsonArray }}{{ $ports = append $ports (printf "0.0.0.0:%d" (int .)) }}{{ end -}}
{{- $_ := set $flags "prometheus" $ports -}}
{{- if include "bellows.legacyMetricNames" . }}{{ $_ := set $flags "legacy-metric-names" true }}{{ end -}}
{{- range $flag, $value := mergeOverwrite $flags (deepCopy .Values.extraArgs.keda) }}
{{- if kindIs "slice" $value }}
{{- range $value }}
- {{ printf "--%s=%s" $flag (toString .) | quote }}
{{- end }}
{{- else if kindIs "bool" $value }}
{{- if $value }}
- --{{ $flag }}
{{- end }}
{{- else if not (empty $value) }}
- {{ printf "--%s=%s" $flag (toString $value) | quote }}
{{- end }}
{{- end }}
{{- end -}}

{{- /* What was set, belongs to a process that KEDA has and Bellows has not, and so does nothing: a line for each. */ -}}
{{- define "bellows.idle" -}}
{{- $processes := "Bellows is one process: the operator's key counts" -}}
{{- $webhook := "there is no admission webhook; a bad object says so in its conditions, and `bellows check` before" -}}
{{- $idle := dict
  "asciiArt" "the notes have none"
  "clusterName" "it names no cluster in what it writes"
  "image.metricsApiServer" $processes
  "image.webhooks" $processes
  "resources.metricServer" $processes
  "resources.webhooks" $processes
  "podAnnotations.metricsAdapter" $processes
  "podAnnotations.webhooks" $processes
  "podLabels.metricsAdapter" $processes
  "podLabels.webhooks" $processes
  "serviceAccount.metricServer" $processes
  "serviceAccount.webhooks" $processes
  "securityContext.metricServer" $processes
  "securityContext.webhooks" $processes
  "podSecurityContext.metricServer" $processes
  "podSecurityContext.webhooks" $processes
  "topologySpreadConstraints.metricsServer" $processes
  "topologySpreadConstraints.webhooks" $processes
  "logging.metricServer" $processes
  "logging.webhooks" $processes
  "extraArgs.metricsAdapter" $processes
  "volumes.metricsApiServer" $processes
  "volumes.webhooks" $processes
  "metricsServer.replicaCount" $processes
  "metricsServer.affinity" $processes
  "operator.leaderElectionID" "there is one replica, and no leader"
  "upgradeStrategy" "the old pod goes before the new one comes, so that there are never two"
  "webhooks" $webhook
  "prometheus.webhooks" $webhook
  "prometheus.enabled" "KEDA's chart has no such key either; see prometheus.operator.enabled and metricServer.enabled"
-}}
{{- range $path, $why := $idle }}
{{- $value := $.Values }}
{{- range splitList "." $path }}
{{- $value = ternary (get (default dict $value) .) nil (kindIs "map" (default dict $value)) }}
{{- end }}
{{- if not (or (kindIs "invalid" $value) (and (kindIs "string" $value) (empty $value)) (and (or (kindIs "map" $value) (kindIs "slice" $value)) (empty $value))) }}
  {{ $path }}: {{ $why }}
{{- end }}
{{- end }}
{{- end -}}
