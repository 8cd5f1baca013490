//! `bellows check`, without the files and without the printing: every problem of a set of manifests, and what would be
//! made of them.
//!
//! Needs no cluster and reaches for none. What only a cluster can tell is said as a note, never guessed and never a
//! problem.

mod credentials;
mod environment;
mod manifest;
mod object;
mod plan;
mod scaler;
mod shape;
mod spelling;

use bellows_core::{
    problem::Problem,
    scaler::{Metric, Trigger, TriggerType},
};

pub use object::Served;
pub use scaler::verification;

/// What the scalers would say, where there are any at hand.
pub trait Planner {
    /// All trigger types that can be planned.
    fn trigger_types(&self) -> &[TriggerType];

    /// The metrics of `trigger`, whose type is one of [`Self::trigger_types`] and whose settings are resolved, or all
    /// that is wrong with them, each problem with the name of a parameter as its field.
    fn plan(&self, trigger: &Trigger) -> Result<Vec<Metric>, Vec<Problem>>;
}

/// A file as it was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// Its name, for messages.
    pub name: String,
    /// All of it.
    pub text: String,
}

/// How much a finding matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// The object would not be served.
    Problem,
    /// It would be served, and probably not as meant.
    Warning,
    /// It could not be checked here.
    Note,
}

/// One thing said of a manifest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// How much it matters.
    pub severity: Severity,
    /// The file, as it was named.
    pub file: String,
    /// The line in it, from 1.
    pub line: usize,
    /// Path of the field; empty where it is about the whole document.
    pub field: String,
    /// What is wrong, and what would be accepted.
    pub message: String,
}

impl Finding {
    fn new(manifest: &manifest::Manifest, severity: Severity, field: &str, message: String) -> Self {
        let (file, line) = (manifest.file.clone(), manifest.line(field));
        Self { severity, file, line, field: field.to_owned(), message }
    }
}

impl std::fmt::Display for Finding {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let severity = match self.severity {
            Severity::Problem => "",
            Severity::Warning => "warning: ",
            Severity::Note => "note: ",
        };
        write!(formatter, "{}:{}: {severity}", self.file, self.line)?;
        if !self.field.is_empty() {
            write!(formatter, "{}: ", self.field)?;
        }
        formatter.write_str(&self.message)
    }
}

/// All that is said of a set of manifests.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Report {
    /// In the order of the files and the lines in them.
    pub findings: Vec<Finding>,
    /// The objects without a problem, in the same order.
    pub served: Vec<Served>,
    /// How many ScaledObjects there are, with or without problems.
    pub objects: usize,
}

impl Report {
    /// How many findings are problems.
    #[must_use]
    pub fn problems(&self) -> usize {
        self.findings.iter().filter(|finding| finding.severity == Severity::Problem).count()
    }
}

/// Checks everything in `sources` that Bellows would serve. Without a `planner`, the settings of triggers are not
/// checked and their metrics not named.
#[must_use]
pub fn check(sources: &[Source], planner: Option<&dyn Planner>) -> Report {
    let mut report = Report::default();
    let mut manifests = Vec::new();
    for source in sources {
        match manifest::read(&source.name, &source.text) {
            Ok(read) => manifests.extend(read),
            Err(manifest::Unreadable { line, message }) => report.findings.push(Finding {
                severity: Severity::Problem,
                file: source.name.clone(),
                line,
                field: String::new(),
                message,
            }),
        }
    }
    object::check_all(&manifests, planner, &mut report);
    // Stable, so that what is said of one line stays in the order of importance to whoever said it.
    let place = |name: &str| sources.iter().position(|source| source.name == name);
    report.findings.sort_by_key(|finding| (place(&finding.file), finding.line));
    report
}

#[cfg(test)]
mod tests {
    use bellows_core::{
        connection::Protocol,
        scaler::{ConnectionSlot, Feed, Parameter, Source as From, TargetType},
    };

    use super::*;

    /// A scaler of one type, `redis`, which refuses a list that is called `bad`.
    struct Redis(Vec<TriggerType>);

    impl Redis {
        fn new() -> Self {
            let parameter = |name: &str, sources: &[From], feeds: Option<&str>| Parameter {
                name: name.into(),
                summary: String::new(),
                required: name == "listName",
                default: None,
                sources: sources.to_vec(),
                feeds: feeds.map(|field| Feed { connection: "redis".into(), field: field.into() }),
                deprecated: (name == "list").then(|| "give listName instead".into()),
            };
            let parameters = vec![
                parameter("listName", &[From::Metadata, From::Environment], None),
                parameter("list", &[From::Metadata], None),
                parameter("address", &[From::Metadata, From::Environment], Some("addresses")),
                parameter("password", &[From::Environment, From::Authentication], Some("password")),
            ];
            let connections = vec![ConnectionSlot { name: "redis".into(), protocols: vec![Protocol::Redis] }];
            Self(vec![TriggerType { name: "redis".into(), summary: String::new(), parameters, connections }])
        }
    }

    impl Planner for Redis {
        fn trigger_types(&self) -> &[TriggerType] {
            &self.0
        }

        fn plan(&self, trigger: &Trigger) -> Result<Vec<Metric>, Vec<Problem>> {
            let list = trigger.settings.iter().find(|(name, _)| name == "listName").map(|(_, value)| value.as_str());
            match list {
                Some("bad") | None => Err(vec![Problem::new("listName", "is bad: another one would be accepted")]),
                Some(list) => {
                    let name = format!("redis-{list}");
                    Ok(vec![Metric::External { name, target: 5.0, target_type: TargetType::AverageValue }])
                }
            }
        }
    }

    const OBJECT: &str = r#"apiVersion: keda.sh/v1alpha1
kind: ScaledObject
metadata:
  name: web
spec:
  scaleTargetRef:
    name: worker
  minReplicaCount: 0
  maxReplicaCount: 10
  triggers:
  - type: redis
    metadata:
      listName: jobs
      address: redis:6379
"#;

    const TARGET: &str = r#"---
apiVersion: apps/v1
kind: Deployment
metadata:
  name: worker
spec:
  template:
    spec:
      containers:
      - name: main
        env:
        - { name: REDIS, value: "redis:6379" }
        - { name: LIST, valueFrom: { secretKeyRef: { name: lists, key: list } } }
        - { name: PASSWORD, valueFrom: { secretKeyRef: { name: login, key: password } } }
"#;

    fn check_text(text: &str, planner: Option<&dyn Planner>) -> Report {
        check(&[Source { name: "a.yaml".into(), text: text.into() }], planner)
    }

    /// What is said when `from` is replaced by `to` in the object, besides what is said of nothing else.
    fn said(from: &str, to: &str) -> Vec<String> {
        assert!(OBJECT.contains(from), "{from}");
        let text = format!("{}{TARGET}", OBJECT.replace(from, to));
        check_text(&text, Some(&Redis::new())).findings.iter().map(Finding::to_string).collect()
    }

    #[test]
    fn an_object_without_a_problem_is_told_as_it_would_be_served() {
        let report = check_text(&format!("{OBJECT}{TARGET}"), Some(&Redis::new()));
        assert_eq!((report.findings.as_slice(), report.objects), (&[][..], 1));
        let expected = "default/web\n  HorizontalPodAutoscaler keda-hpa-web for Deployment worker, 1 to 10 replicas, \
                        0 after 300 s without an active trigger\n  polled every 30 s\n  \
                        trigger 0 (redis): s0-redis-jobs, target 5 (AverageValue)";
        assert_eq!(report.served[0].to_string(), expected);
    }

    #[derive(serde::Deserialize)]
    struct Cases {
        case: Vec<Case>,
    }

    #[derive(serde::Deserialize)]
    struct Case {
        of: String,
        instead: String,
        say: Vec<String>,
    }

    #[test]
    fn each_mistake_is_named_with_its_line_and_what_would_be_accepted() {
        let cases: Cases = toml::from_str(include_str!("check/cases.toml")).unwrap();
        let wrong: Vec<_> = cases
            .case
            .iter()
            .map(|case| (&case.instead, said(&case.of, &case.instead), &case.say))
            .filter(|(_, said, say)| said != *say)
            .collect();
        assert!(wrong.is_empty(), "(instead, said, expected): {wrong:#?}");
    }

    #[test]
    fn a_scaler_is_checked_as_far_as_its_manifest_goes() {
        let text = "apiVersion: bellows.dev/v1alpha1\nkind: Scaler\nmetadata: {name: queue}\nspec:\n  image: No Reference\n  \
                    pullPolicy: Sometimes\n  grants: {capabilities: [redis, files]}\n  verification: {keys: [none], minimumVersion: v1}\n";
        let report = check_text(text, None);
        let said: Vec<_> = report.findings.iter().map(|finding| (finding.line, finding.field.as_str())).collect();
        let fields =
            ["spec.image", "spec.pullPolicy", "spec.grants.capabilities", "spec.verification", "spec.verification"];
        assert_eq!(said, [5, 6, 7, 8, 8].into_iter().zip(fields).collect::<Vec<_>>(), "{:?}", report.findings);
        let another = text.replace("bellows.dev/v1alpha1", "example.org/v1");
        assert!(check_text(&another, None).findings.is_empty(), "there are other kinds of this name");
    }

    #[test]
    fn what_a_scaler_grants_is_checked_and_a_ceiling_that_may_be_higher_is_warned_of() {
        let text = "apiVersion: bellows.dev/v1alpha1\nkind: Scaler\nmetadata: {name: queue}\nspec:\n  image: a.example/b:1\n  \
                    grants:\n    hosts: ['redis:6379']\n    ports: [6379, 9-8]\n    redisCommands: [KEYS]\n  \
                    limits: {memory: 65Mi, processorTime: 100, hostCalls: 10}\n";
        let report = check_text(text, None);
        let said: Vec<_> = report.findings.iter().map(|finding| (finding.severity, finding.field.as_str())).collect();
        let expected = [
            (Severity::Problem, "spec.grants.hosts[0]"),
            (Severity::Problem, "spec.grants.ports[1]"),
            (Severity::Problem, "spec.grants.redisCommands[0]"),
            (Severity::Warning, "spec.limits.memory"),
        ];
        assert_eq!(said, expected, "{:?}", report.findings);
    }

    #[test]
    fn selectors_of_namespaces_are_checked_wherever_a_scaler_has_them() {
        let text = "apiVersion: bellows.dev/v1alpha1\nkind: Scaler\nmetadata: {name: queue}\nspec:\n  image: a.example/b:1\n  \
                    grants:\n    namespaces:\n    - {selector: {}}\n    - {names: [a], selector: {matchLabels: {a: b}}}\n    \
                    - {selector: {matchLabels: {team: shop}}}\n  allowedNamespaceSelector:\n    matchExpressions:\n    \
                    - {key: team, operator: Is}\n";
        let report = check_text(text, None);
        let said: Vec<_> = report.findings.iter().map(|finding| (finding.line, finding.field.as_str())).collect();
        let expected = [
            (8, "spec.grants.namespaces[0].selector"),
            (9, "spec.grants.namespaces[1].selector"),
            (13, "spec.allowedNamespaceSelector.matchExpressions[0].operator"),
        ];
        assert_eq!(said, expected, "{:?}", report.findings);
    }

    #[test]
    fn all_mistakes_are_named_at_once() {
        let text = OBJECT
            .replace("  name: web", "  name: web_1")
            .replace("minReplicaCount: 0", "minReplicaCount: many")
            .replace(
                "  - type: redis\n",
                "  - type: redis\n    name: a\n    metricType: Sum\n  - type: redis\n    name: a\n",
            );
        let report = check_text(&text, Some(&Redis::new()));
        let fields: Vec<_> = report
            .findings
            .iter()
            .filter(|finding| finding.severity == Severity::Problem)
            .map(|finding| finding.field.as_str())
            .collect();
        let expected = [
            "metadata.name",
            "spec.minReplicaCount",
            "spec.triggers[0].metadata",
            "spec.triggers[0].metricType",
            "spec.triggers[1].name",
        ];
        assert_eq!(fields, expected);
        assert_eq!((report.served.len(), report.objects), (0, 1));
    }

    #[test]
    fn a_setting_that_only_the_cluster_has_leaves_the_metrics_open() {
        let text = format!("{}{TARGET}", OBJECT.replace("listName: jobs", "listNameFromEnv: LIST"));
        let report = check_text(&text, Some(&Redis::new()));
        let notes: Vec<_> = report.findings.iter().map(Finding::to_string).collect();
        let expected = [
            "a.yaml:11: note: spec.triggers[0]: its metrics depend on listName, which only the cluster has",
            "a.yaml:13: note: spec.triggers[0].metadata.listNameFromEnv: LIST cannot be checked here: it comes from Secret \
             lists, not among the files",
        ];
        assert_eq!(notes, expected);
        assert!(!report.served[0].planned);
    }

    /// What is said when the trigger refers to an authentication called `login` of which `spec` is written.
    fn said_of(spec: &str) -> Vec<String> {
        let authentication = format!(
            "---\napiVersion: keda.sh/v1alpha1\nkind: TriggerAuthentication\nmetadata:\n  name: login\nspec: {spec}\n\
             ---\nkind: Secret\nmetadata: {{ name: login }}\nstringData: {{ password: very-secret }}\n"
        );
        let object = OBJECT.replace("  - type: redis\n", "  - type: redis\n    authenticationRef: { name: login }\n");
        let report = check_text(&format!("{object}{TARGET}{authentication}"), Some(&Redis::new()));
        let said: Vec<String> = report.findings.iter().map(Finding::to_string).collect();
        assert!(!said.iter().any(|said| said.contains("very-secret")), "{said:?}");
        said
    }

    #[test]
    fn what_an_authentication_gives_is_looked_up_among_the_files() {
        let nothing: [&str; 0] = [];
        assert_eq!(said_of("{ secretTargetRef: [{ parameter: password, name: login, key: password }] }"), nothing);
        assert_eq!(said_of("{ env: [{ parameter: password, name: REDIS }] }"), nothing);
        let at = "a.yaml:12: spec.triggers[0].authenticationRef: TriggerAuthentication login: spec.secretTargetRef[0]: \
                  password has no value: Secret login has no key pasword";
        assert_eq!(said_of("{ secretTargetRef: [{ parameter: password, name: login, key: pasword }] }"), [at]);
        let at = "a.yaml:12: note: spec.triggers[0].authenticationRef: TriggerAuthentication login: \
                  spec.secretTargetRef[0]: password cannot be checked here: it comes from Secret vault, not among the files";
        assert_eq!(said_of("{ secretTargetRef: [{ parameter: password, name: vault, key: a }] }"), [at]);
        let at = "a.yaml:12: spec.triggers[0].authenticationRef: TriggerAuthentication login: spec.env[0]: password has no \
                  value: the target has no container side: it has main";
        assert_eq!(said_of("{ env: [{ parameter: password, name: A, containerName: side }] }"), [at]);
    }

    #[test]
    fn a_provider_that_is_not_read_is_told_as_in_the_cluster() {
        let at = "a.yaml:12: spec.triggers[0].authenticationRef: TriggerAuthentication login: \
                  spec.podIdentity.provider: aws is not supported by this release of Bellows";
        assert_eq!(said_of("{ podIdentity: { provider: aws } }"), [at]);
    }

    #[test]
    fn a_setting_of_an_authentication_that_nobody_takes_is_warned_of_where_it_is_written() {
        let at = "a.yaml:35: warning: spec.secretTargetRef[0].parameter: \"pasword\" is no setting that redis takes from an \
                  authentication, and has no effect, did you mean password?";
        assert_eq!(said_of("{ secretTargetRef: [{ parameter: pasword, name: login, key: password }] }"), [at]);
    }

    #[test]
    fn an_authentication_that_is_not_among_the_files_may_give_anything() {
        let object = OBJECT
            .replace("  - type: redis\n", "  - type: redis\n    authenticationRef: { name: login }\n")
            .replace("address:", "other:");
        let report = check_text(&format!("{object}{TARGET}"), Some(&Redis::new()));
        let said: Vec<_> = report.findings.iter().map(Finding::to_string).collect();
        let expected = [
            "a.yaml:12: note: spec.triggers[0].authenticationRef: TriggerAuthentication login is not among the files: what \
             it gives was not checked",
            "a.yaml:15: warning: spec.triggers[0].metadata.other: is no setting of redis and has no effect",
        ];
        assert_eq!(said, expected);
    }

    #[test]
    fn without_scalers_the_metrics_are_left_open() {
        let report = check_text(&format!("{OBJECT}{TARGET}"), None);
        assert_eq!(report.findings, []);
        assert!(!report.served[0].planned && report.served[0].workload.triggers[0].metrics.is_empty());
    }

    #[test]
    fn a_file_that_cannot_be_read_does_not_hide_the_others() {
        let sources = [("bad.yaml", "a: ["), ("good.yaml", OBJECT)]
            .map(|(name, text)| Source { name: name.into(), text: text.into() });
        let report = check(&sources, None);
        assert_eq!((report.findings[0].file.as_str(), report.problems(), report.served.len()), ("bad.yaml", 1, 1));
    }

    #[test]
    fn the_authentication_of_a_trigger_is_compared_with_its_schema() {
        let text = "apiVersion: keda.sh/v1alpha1\nkind: TriggerAuthentication\nmetadata:\n  name: a\nspec:\n  podIdentity:\n    provider: azure\n";
        let findings = check_text(text, None).findings;
        let expected =
            "a.yaml:7: spec.podIdentity.provider: is \"azure\", must be one of azure-workload, gcp, aws, aws-eks, none";
        assert_eq!(findings.iter().map(Finding::to_string).collect::<Vec<_>>(), [expected]);
    }
}
