//! One object after the other: its schema, then core's rules, then its target, then its triggers.
//!
//! Owns the order and that nothing is said twice. Each rule lives where the cluster's own path has it.

use std::fmt;

use bellows_core::{
    draft::Draft,
    name::is_name,
    problem::Problem,
    workload::{Target, Workload},
};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    CustomResourceDefinition, JSONSchemaProps, JSONSchemaPropsOrBool,
};

use super::{
    Finding, Planner, Report, Severity,
    credentials::{Files, Wants},
    environment::Environment,
    manifest::Manifest,
    plan::{Remark, Triggers, target},
    scaler, shape,
};
use crate::crd::{self, ScaledObject};

/// Kinds whose group is ours and that this release does not read.
const UNSERVED: [&str; 1] = ["ScaledJob"];
/// The group that KEDA had before its second version.
const OLD_GROUP: &str = "keda.k8s.io/v1alpha1";
const VERSION: &str = "keda.sh/v1alpha1";

/// An object without a problem, and what would be made of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Served {
    /// What the host would work with.
    pub workload: Workload,
    /// Whether the metrics of every trigger are known.
    pub planned: bool,
}

impl fmt::Display for Served {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { workload, planned } = self;
        let bounds = workload.bounds;
        writeln!(formatter, "{}", workload.key)?;
        write!(
            formatter,
            "  HorizontalPodAutoscaler {} for {} {}",
            workload.hpa.name, workload.target.kind, workload.target.name
        )?;
        write!(formatter, ", {} to {} replicas", bounds.running_min(), bounds.max)?;
        match bounds.rest() {
            Some(replicas) => {
                writeln!(formatter, ", {replicas} after {} s without an active trigger", workload.cooldown.as_secs())?;
            }
            None => writeln!(formatter)?,
        }
        write!(formatter, "  polled every {} s", workload.interval.as_secs())?;
        for (index, trigger) in workload.triggers.iter().enumerate() {
            for metric in &trigger.metrics {
                write!(
                    formatter,
                    "\n  trigger {index} ({}): {}, {}",
                    trigger.kind,
                    metric.name,
                    target(&metric.metric)
                )?;
            }
        }
        if !planned {
            write!(formatter, "\n  not every trigger was asked for its metrics")?;
        }
        Ok(())
    }
}

/// Checks each of `manifests` that is of one of our kinds.
pub(super) fn check_all(manifests: &[Manifest], planner: Option<&dyn Planner>, report: &mut Report) {
    let definitions = crd::all();
    let mut wants = Wants::default();
    for manifest in manifests {
        let kind = manifest.text(&["kind"]).unwrap_or_default();
        let version = manifest.text(&["apiVersion"]).unwrap_or_default();
        let definition = definitions.iter().find(|definition| definition.spec.names.kind == kind);
        let ours = version.starts_with("keda.sh/") || version == OLD_GROUP;
        match (definition.and_then(schema), ours) {
            (Some(schema), _) if kind == scaler::KIND => {
                // Kinds of this name are not rare: only ours is looked at.
                if version == scaler::VERSION {
                    let shape = shape::compare(manifest, &schema);
                    report.findings.extend(shape.findings);
                    report.findings.extend(scaler::findings(manifest, shape.value));
                }
            }
            (Some(schema), _) if version == VERSION => {
                let shape = shape::compare(manifest, &schema);
                let start = report.findings.len();
                report.findings.extend(shape.findings);
                if kind == "ScaledObject" {
                    report.objects += 1;
                    let mut object = Object { manifest, manifests, planner, report, start };
                    object.check(shape.value, &mut wants);
                }
            }
            (Some(_), _) => {
                let message = format!("is {version:?}, must be {VERSION}");
                report.findings.push(Finding::new(manifest, Severity::Problem, "apiVersion", message));
            }
            (None, true) if UNSERVED.contains(&kind) => {
                let message = format!("{kind} is not served by this release of Bellows");
                report.findings.push(Finding::new(manifest, Severity::Warning, "kind", message));
            }
            (None, _) => {}
        }
    }
    report.findings.extend(planner.map(|planner| wants.unknown(planner.trigger_types())).unwrap_or_default());
}

/// The schema of a definition, with what an API server adds of its own: names and labels are text.
fn schema(definition: &CustomResourceDefinition) -> Option<JSONSchemaProps> {
    let version = definition.spec.versions.first()?;
    let mut schema = version.schema.as_ref()?.open_api_v3_schema.clone()?;
    let text = JSONSchemaProps { type_: Some("string".to_owned()), ..JSONSchemaProps::default() };
    let texts = JSONSchemaProps {
        type_: Some("object".to_owned()),
        additional_properties: Some(JSONSchemaPropsOrBool::Schema(Box::new(text.clone()))),
        ..JSONSchemaProps::default()
    };
    let name = JSONSchemaProps { description: Some("Name of the object.".to_owned()), ..text.clone() };
    let metadata = schema.properties.as_mut()?.get_mut("metadata")?;
    let fields = [("name", name), ("namespace", text), ("labels", texts.clone()), ("annotations", texts)];
    metadata.properties = Some(fields.map(|(name, schema)| (name.to_owned(), schema)).into());
    metadata.required = Some(vec!["name".to_owned()]);
    metadata.x_kubernetes_preserve_unknown_fields = Some(true);
    schema.required.get_or_insert_default().push("metadata".to_owned());
    Some(schema)
}

/// A ScaledObject that is being checked.
struct Object<'a, 'report> {
    manifest: &'a Manifest,
    manifests: &'a [Manifest],
    planner: Option<&'a dyn Planner>,
    report: &'report mut Report,
    /// Where the findings of this object begin.
    start: usize,
}

impl<'a> Object<'a, '_> {
    fn check(&mut self, value: serde_json::Value, wants: &mut Wants<'a>) {
        let object: ScaledObject = match serde_json::from_value(value) {
            Ok(object) => object,
            Err(error) => return self.say(Severity::Problem, Problem::new("", format!("cannot be read: {error}"))),
        };
        let (key, draft) = (crd::key(&object), crd::draft(&object));
        if !key.name.is_empty() && !is_name(&key.name) {
            let message = "must be lower-case letters, digits, `-` and `.`, with a letter or digit at either end";
            self.say(Severity::Problem, Problem::new("metadata.name", message));
        }
        for problem in draft.problems(&key) {
            self.say(Severity::Problem, problem);
        }
        let mut remarks = Vec::new();
        let target = self.target(&draft, &mut remarks);
        let environment = target.and_then(|target| self.environment(target, &draft, &mut remarks));
        let (manifests, namespace) = (self.manifests, self.manifest.text(&["metadata", "namespace"]));
        wants.note(manifests, namespace, &draft);
        let files = Files { manifests, namespace, target, environment: environment.as_ref() };
        let triggers = Triggers { key: &key, draft: &draft, files, planner: self.planner };
        let planned = triggers.plan(&mut remarks);
        for (severity, problem) in remarks {
            self.say(severity, problem);
        }
        let complete = !planned.is_empty() && planned.iter().all(|trigger| !trigger.metrics.is_empty());
        match draft.parse(&key, target_of(&draft), planned) {
            Ok(workload) if !self.has_problems() => self.report.served.push(Served { workload, planned: complete }),
            Ok(_) => {}
            Err(problems) => problems.into_iter().for_each(|problem| self.say(Severity::Problem, problem)),
        }
    }

    fn has_problems(&self) -> bool {
        self.report.findings.iter().skip(self.start).any(|finding| finding.severity == Severity::Problem)
    }

    /// Adds a finding, unless an earlier one already names the field or what it is in: one cause, one finding.
    fn say(&mut self, severity: Severity, problem: Problem) {
        let Problem { field, message } = problem;
        let said = self.report.findings.iter().skip(self.start).any(|finding| {
            let rest = field.strip_prefix(&finding.field).filter(|_| !finding.field.is_empty());
            let within = rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']));
            finding.severity == Severity::Problem && within || (finding.field == field && finding.message == message)
        });
        if !said {
            self.report.findings.push(Finding::new(self.manifest, severity, &field, message));
        }
    }

    /// The target, where it is among the files.
    fn target(&self, draft: &Draft, remarks: &mut Vec<Remark>) -> Option<&'a Manifest> {
        let (kind, name) = (kind_of(draft), draft.target.name.as_str());
        let namespace = self.manifest.text(&["metadata", "namespace"]);
        let target = self.manifests.iter().find(|manifest| manifest.is(kind, name, namespace));
        if target.is_none() {
            let message = format!("{kind} {name} is not among the files: neither it nor its environment was checked");
            remarks.push((Severity::Note, Problem::new("spec.scaleTargetRef.name", message)));
        }
        target
    }

    /// The environment of its container.
    fn environment(&self, target: &Manifest, draft: &Draft, remarks: &mut Vec<Remark>) -> Option<Environment> {
        let of = Environment::of(target, draft.target.container.as_deref(), self.manifests)?;
        let told = |names: Vec<String>| {
            let (kind, name) = (kind_of(draft), &draft.target.name);
            let message = format!("{kind} {name} has no such container: it has {}", names.join(", "));
            let problem = Problem::new("spec.scaleTargetRef.envSourceContainerName", message);
            remarks.push((Severity::Problem, problem));
        };
        of.map_err(told).ok()
    }
}

fn kind_of(draft: &Draft) -> &str {
    draft.target.kind.as_deref().unwrap_or("Deployment")
}

/// The target as written; the name of its resource is the cluster's to say and is not printed.
fn target_of(draft: &Draft) -> Target {
    let api_version = draft.target.api_version.as_deref().unwrap_or("apps/v1");
    let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
    Target {
        group: group.to_owned(),
        version: version.to_owned(),
        kind: kind_of(draft).to_owned(),
        resource: String::new(),
        name: draft.target.name.clone(),
    }
}
