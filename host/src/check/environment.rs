//! The environment that the target's container will have, as far as the given files tell.
//!
//! Reads Deployments and everything else that has a pod template, ConfigMaps and Secrets among the same files. What only
//! the cluster knows is unknown here, with the reason, and never guessed.

use std::collections::BTreeMap;

use k8s_openapi::ByteString;
use serde_json::Value;

use super::manifest::{Manifest, text};

/// Longest value after its references are filled in: 1 MiB, the most that a ConfigMap or a Secret holds.
const VALUE_BYTES_MAX: usize = 1 << 20;

/// A variable, as far as it can be told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Variable {
    /// It has this value.
    Known(String),
    /// It may have one in the cluster; the reason why this cannot be told here.
    Unknown(String),
    /// It will have none that an autoscaler can read; the reason.
    Absent(String),
}

/// The variables of one container.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Environment {
    variables: BTreeMap<String, Variable>,
    /// Sources that are not among the files, any of which may hold any variable.
    elsewhere: Vec<String>,
}

impl Environment {
    /// The variables of `container`, or of the first one, in the pods of `target`; the names of the containers if it has
    /// no such container, and nothing if it has no pods.
    pub(super) fn of(
        target: &Manifest,
        container: Option<&str>,
        files: &[Manifest],
    ) -> Option<Result<Self, Vec<String>>> {
        let containers = target.value.pointer("/spec/template/spec/containers")?.as_array()?;
        let names =
            || containers.iter().filter_map(|container| text(container.get("name")?).map(str::to_owned)).collect();
        let found = match container {
            None => containers.first(),
            Some(name) => containers.iter().find(|container| container.get("name").and_then(text) == Some(name)),
        };
        Some(found.map(|found| Self::read(found, target.text(&["metadata", "namespace"]), files)).ok_or_else(names))
    }

    /// What is known of the variable called `name`.
    pub(super) fn get(&self, name: &str) -> Variable {
        match (self.variables.get(name), self.elsewhere.as_slice()) {
            (Some(variable), _) => variable.clone(),
            (None, []) => Variable::Absent("the target's container has no such variable".to_owned()),
            (None, elsewhere) => {
                Variable::Unknown(format!("it may come from {}, not among the files", elsewhere.join(" or ")))
            }
        }
    }

    fn read(container: &Value, namespace: Option<&str>, files: &[Manifest]) -> Self {
        let mut environment = Self::default();
        let list = |name: &str| container.get(name).and_then(Value::as_array).into_iter().flatten();
        for source in list("envFrom") {
            environment.read_all(source, namespace, files);
        }
        for entry in list("env") {
            let Some(name) = entry.get("name").and_then(text) else { continue };
            let variable = match (entry.get("value"), entry.get("valueFrom")) {
                (_, Some(source)) => from_source(source, namespace, files),
                (Some(Value::String(value)), None) => environment.expand(value),
                _ => Variable::Known(String::new()),
            };
            environment.variables.insert(name.to_owned(), variable);
        }
        environment
    }

    fn read_all(&mut self, source: &Value, namespace: Option<&str>, files: &[Manifest]) {
        let prefix = source.get("prefix").and_then(text).unwrap_or_default();
        for (field, kind) in [("configMapRef", "ConfigMap"), ("secretRef", "Secret")] {
            let Some(name) = source.pointer(&format!("/{field}/name")).and_then(text) else { continue };
            match files.iter().find(|file| file.is(kind, name, namespace)) {
                Some(file) => {
                    let entries = entries(file).into_iter().map(|(key, value)| (format!("{prefix}{key}"), value));
                    self.variables.extend(entries);
                }
                None => self.elsewhere.push(format!("{kind} {name}")),
            }
        }
    }

    /// Fills `$(NAME)` in with variables declared before, as Kubernetes does; `$$` is a dollar sign.
    fn expand(&self, value: &str) -> Variable {
        let mut expanded = String::new();
        let mut rest = value;
        while let Some((before, after)) = rest.split_once('$') {
            expanded.push_str(before);
            let reference = after.strip_prefix('(').and_then(|after| after.split_once(')'));
            rest = match (after.strip_prefix('$'), reference) {
                (Some(after), _) => {
                    expanded.push('$');
                    after
                }
                (None, Some((name, after))) => {
                    match self.variables.get(name) {
                        Some(Variable::Known(value)) => expanded.push_str(value),
                        Some(unknown) => return unknown.clone(),
                        None if self.elsewhere.is_empty() => expanded.push_str(&format!("$({name})")),
                        None => return self.get(name),
                    }
                    after
                }
                (None, None) => {
                    expanded.push('$');
                    after
                }
            };
            if expanded.len() > VALUE_BYTES_MAX {
                return Variable::Absent("its references fill in to more than 1 MiB".to_owned());
            }
        }
        expanded.push_str(rest);
        Variable::Known(expanded)
    }
}

fn from_source(source: &Value, namespace: Option<&str>, files: &[Manifest]) -> Variable {
    for (field, kind) in [("configMapKeyRef", "ConfigMap"), ("secretKeyRef", "Secret")] {
        let Some(reference) = source.get(field) else { continue };
        let part = |part: &str| reference.get(part).and_then(text).unwrap_or_default();
        return from_key(kind, part("name"), part("key"), namespace, files);
    }
    Variable::Absent("it is taken from the pod itself, and there may be none".to_owned())
}

/// The value of `key` in the ConfigMap or Secret called `name`.
pub(super) fn from_key(kind: &str, name: &str, key: &str, namespace: Option<&str>, files: &[Manifest]) -> Variable {
    let Some(file) = files.iter().find(|file| file.is(kind, name, namespace)) else {
        return Variable::Unknown(format!("it comes from {kind} {name}, not among the files"));
    };
    let value = entries(file).remove(key);
    value.unwrap_or_else(|| Variable::Absent(format!("{kind} {name} has no key {key}")))
}

/// The keys of a ConfigMap or a Secret with their values.
fn entries(file: &Manifest) -> BTreeMap<String, Variable> {
    let encoded = file.text(&["kind"]) == Some("Secret");
    let fields = |name: &str| file.value.get(name).and_then(Value::as_object).into_iter().flatten();
    let data = fields("data").map(|(key, value)| {
        let value = if encoded { decode(value) } else { known(value) };
        (key.clone(), value)
    });
    let plain = fields("stringData").map(|(key, value)| (key.clone(), known(value)));
    data.chain(plain).collect()
}

fn known(value: &Value) -> Variable {
    value.as_str().map_or_else(
        || Variable::Unknown("its value is not written as text".to_owned()),
        |text| Variable::Known(text.to_owned()),
    )
}

/// A Secret in a file is often a template whose values are filled in later, so one that does not decode is unknown.
fn decode(value: &Value) -> Variable {
    let bytes = serde_json::from_value::<ByteString>(value.clone()).ok();
    match bytes.and_then(|ByteString(bytes)| String::from_utf8(bytes).ok()) {
        Some(text) => Variable::Known(text),
        None => Variable::Unknown("its value in the Secret is not Base64 of a text".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::{super::manifest, *};

    const FILES: &str = r#"
kind: Deployment
metadata: { name: worker }
spec:
  template:
    spec:
      containers:
      - name: main
        envFrom:
        - configMapRef: { name: settings }
          prefix: APP_
        - secretRef: { name: login }
        env:
        - { name: HOST, value: redis }
        - { name: ADDRESS, value: "$(HOST):6379" }
        - { name: PRICE, value: "$$(HOST) $(NOPE $5" }
        - { name: COPY, value: "$(USER)" }
        - { name: FAR, value: "$(HIDDEN)x" }
        - { name: TOKEN, valueFrom: { secretKeyRef: { name: login, key: token } } }
        - { name: TYPO, valueFrom: { secretKeyRef: { name: login, key: tokne } } }
        - { name: HIDDEN, valueFrom: { secretKeyRef: { name: vault, key: token } } }
        - { name: LATER, value: "$(HIDDEN)" }
        - { name: POD, valueFrom: { fieldRef: { fieldPath: metadata.name } } }
      - name: side
        envFrom:
        - configMapRef: { name: absent }
---
kind: ConfigMap
metadata: { name: settings }
data: { mode: fast }
---
kind: Secret
metadata: { name: login }
data: { USER: bWU=, token: c2VjcmV0, TEMPLATE: "{{ .Values.password }}" }
stringData: { token: newer }
"#;

    fn of(container: Option<&str>) -> Result<Environment, Vec<String>> {
        let files = manifest::read("a.yaml", FILES).unwrap();
        Environment::of(&files[0], container, &files).unwrap()
    }

    #[test]
    fn each_variable_is_known_unknown_or_absent_as_the_files_tell() {
        let environment = of(None).unwrap();
        let known = |value: &str| Variable::Known(value.to_owned());
        let unknown = |reason: &str| Variable::Unknown(reason.to_owned());
        let absent = |reason: &str| Variable::Absent(reason.to_owned());
        let vault = "it comes from Secret vault, not among the files";
        for (name, expected) in [
            ("APP_mode", known("fast")),
            ("USER", known("me")),
            ("TEMPLATE", unknown("its value in the Secret is not Base64 of a text")),
            ("ADDRESS", known("redis:6379")),
            ("PRICE", known("$(HOST) $(NOPE $5")),
            ("COPY", known("me")),
            ("FAR", known("$(HIDDEN)x")),
            ("TOKEN", known("newer")),
            ("TYPO", absent("Secret login has no key tokne")),
            ("HIDDEN", unknown(vault)),
            ("LATER", unknown(vault)),
            ("POD", absent("it is taken from the pod itself, and there may be none")),
            ("mode", absent("the target's container has no such variable")),
        ] {
            assert_eq!(environment.get(name), expected, "{name}");
        }
    }

    #[test]
    fn a_source_that_is_not_there_may_hold_anything() {
        let reason = "it may come from ConfigMap absent, not among the files";
        assert_eq!(of(Some("side")).unwrap().get("ANY"), Variable::Unknown(reason.to_owned()));
    }

    #[test]
    fn a_container_that_is_not_there_is_answered_with_those_that_are() {
        assert_eq!(of(Some("mian")).unwrap_err(), ["main", "side"]);
    }
}
