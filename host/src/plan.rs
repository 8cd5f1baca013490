//! A draft, an environment and the scalers that are loaded → a workload, or everything that is wrong.
//!
//! Reads nothing: whoever calls has read the target. Asks scalers for their plan, which dials nobody.

use std::collections::BTreeMap;
use std::sync::Arc;

use bellows_core::draft::{self, Draft, TriggerDraft};
use bellows_core::event::Refusal;
use bellows_core::parameter::{self, Sources};
use bellows_core::problem::Problem;
use bellows_core::rights::Rights;
use bellows_core::scaler::{Description, Metric, Trigger};
use bellows_core::workload::{ObjectKey, Planned, Target, Workload};
use bellows_wasm::PlanError;
use futures::future::BoxFuture;

/// Ending of a setting that names a variable of the target's environment.
const FROM_ENVIRONMENT: &str = "FromEnv";

/// The scalers that are loaded.
pub trait Catalogue: Send + Sync {
    /// Who serves `trigger_type` for an object, which may pin the Scaler of a name.
    fn find(&self, object: &ObjectKey, pin: Option<&str>, trigger_type: &str) -> Option<Choice>;

    /// All trigger types that are served in a namespace, for messages.
    fn served(&self, namespace: &str) -> Vec<String>;

    /// Who serves `trigger_type`, but not for this namespace, and why, as a sentence.
    fn withheld(&self, _namespace: &str, _trigger_type: &str) -> Option<String> {
        None
    }

    /// The trigger types that the Scaler of a name serves in a namespace; else why not, if more is to be said than that.
    fn brought(&self, _namespace: &str, _scaler: &str) -> Result<Vec<String>, Option<String>> {
        Err(None)
    }
}

/// Who serves a trigger type for an object.
pub struct Choice {
    /// The one that serves.
    pub planner: Arc<dyn Planner>,
    /// While one component takes the place of another, that other.
    pub beside: Option<Beside>,
}

/// The other of two components of which one takes the other's place.
pub struct Beside {
    /// It.
    pub planner: Arc<dyn Planner>,
    /// Whether it is the newer one, which is asked only to see whether it would do.
    pub newer: bool,
    /// Who is told what the newer one could not do.
    pub witness: Arc<dyn Witness>,
}

/// Is told what a newer component could not do where the older one could.
pub trait Witness: Send + Sync {
    /// It takes no settings of an object that the older one takes.
    fn refused(&self, object: &ObjectKey, problems: &[Problem]);

    /// It did not answer.
    fn failed(&self, failure: String);
}

/// A scaler, as far as planning needs it.
pub trait Planner: Send + Sync {
    /// What its polls find it by: the digest of the component, and who brings it.
    fn digest(&self) -> &str;

    /// What it may do; `None` where nothing restricts it.
    fn rights(&self) -> Option<&Rights> {
        None
    }

    /// What it is.
    fn description(&self) -> &Description;

    /// The metrics of a trigger, or all that is wrong with its settings.
    fn plan<'call>(&'call self, trigger: &'call Trigger) -> BoxFuture<'call, Result<Vec<Metric>, PlanError>>;
}

impl Planner for bellows_wasm::Scaler {
    fn digest(&self) -> &str {
        self.digest()
    }

    fn description(&self) -> &Description {
        self.description()
    }

    fn plan<'call>(&'call self, trigger: &'call Trigger) -> BoxFuture<'call, Result<Vec<Metric>, PlanError>> {
        Box::pin(self.plan(trigger))
    }
}

/// The part of the target's environment that its triggers name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Environment {
    /// Variables that have a value.
    pub values: BTreeMap<String, String>,
    /// Variables whose value cannot be known, and why.
    pub unknown: BTreeMap<String, String>,
}

/// What the authentication of a trigger gave. Is not printed: there are credentials in it.
#[derive(Clone, Default)]
pub struct Credentials {
    /// Settings by the name of the parameter.
    pub values: BTreeMap<String, String>,
    /// Why some cannot be had.
    pub problems: Vec<Problem>,
}

/// What was read of what is around an object.
#[derive(Clone, Copy, Default)]
pub struct Surroundings<'a> {
    /// The target's environment; `None` where the target has no pod template.
    pub environment: Option<&'a Environment>,
    /// What the authentication of each trigger gave, in their order.
    pub credentials: &'a [Credentials],
}

/// The settings of a trigger that name variables: setting and variable.
pub fn variables(trigger: &TriggerDraft) -> impl Iterator<Item = (&str, &str)> {
    let named = trigger.metadata.iter().filter(|(setting, _)| setting.ends_with(FROM_ENVIRONMENT));
    named.map(|(setting, variable)| (setting.as_str(), variable.trim())).filter(|(_, variable)| !variable.is_empty())
}

/// The workload that `draft` asks for.
pub async fn workload(
    key: &ObjectKey,
    draft: &Draft,
    target: Target,
    surroundings: Surroundings<'_>,
    catalogue: &dyn Catalogue,
) -> Result<Workload, Refusal> {
    let mut refusal = Refusal { problems: draft.problems(key), retry: false };
    if let Some(problem) = pin_problem(key, draft, catalogue) {
        // The Scaler may come.
        refusal = Refusal { problems: [refusal.problems, vec![problem]].concat(), retry: true };
    }
    let mut planned = Vec::with_capacity(draft.triggers.len());
    for (index, trigger) in draft.triggers.iter().enumerate() {
        match plan_trigger(key, draft.pin(), (index, trigger), surroundings, catalogue).await {
            Ok(plan) => planned.push(plan),
            Err(wrong) => {
                let prefix = format!("spec.triggers[{index}]");
                refusal.problems.extend(wrong.problems.into_iter().map(|problem| problem.under(&prefix)));
                refusal.retry |= wrong.retry;
            }
        }
    }
    if refusal.problems.is_empty() {
        draft.parse(key, target, planned).map_err(|problems| Refusal { problems, retry: false })
    } else {
        Err(refusal)
    }
}

/// Why the Scaler that an object pins cannot serve it.
fn pin_problem(key: &ObjectKey, draft: &Draft, catalogue: &dyn Catalogue) -> Option<Problem> {
    let pin = draft.pin()?;
    let message = match catalogue.brought(&key.namespace, pin) {
        Err(Some(why)) => why,
        Err(None) => {
            format!("no Scaler {pin:?} is in service for namespace {}: see kubectl get scalers", key.namespace)
        }
        Ok(types) if draft.triggers.iter().any(|trigger| types.contains(&trigger.kind)) => return None,
        Ok(types) => format!("Scaler {pin} serves none of these triggers, but {}", types.join(", ")),
    };
    Some(Problem::new(format!("metadata.annotations[{}]", draft::SCALER_ANNOTATION), message))
}

/// Why there is no plan.
struct Unplanned {
    refusal: Refusal,
    /// How the component failed, where that is why.
    failure: Option<String>,
}

impl From<Refusal> for Unplanned {
    fn from(refusal: Refusal) -> Self {
        Self { refusal, failure: None }
    }
}

/// By the component that serves; while one takes the place of another, both are asked, and what the newer one cannot do the
/// older one does.
async fn plan_trigger(
    key: &ObjectKey,
    pin: Option<&str>,
    (index, trigger): (usize, &TriggerDraft),
    surroundings: Surroundings<'_>,
    catalogue: &dyn Catalogue,
) -> Result<Planned, Refusal> {
    let found = catalogue.find(key, pin, &trigger.kind);
    let Choice { planner, beside } = found.ok_or_else(|| unserved(&key.namespace, &trigger.kind, catalogue))?;
    let first = plan_with(&*planner, key, index, trigger, surroundings).await;
    let Some(Beside { planner, newer, witness }) = beside else { return first.map_err(|why| why.refusal) };
    let other = plan_with(&*planner, key, index, trigger, surroundings).await;
    let (older, latest) = if newer { (first, other) } else { (other, first) };
    match (older, latest) {
        (Ok(older), Err(why)) => {
            match why.failure {
                Some(failure) => witness.failed(failure),
                None => witness.refused(key, &why.refusal.problems),
            }
            Ok(older)
        }
        (Ok(older), Ok(_)) if newer => Ok(older),
        (Err(why), Ok(_)) if newer => Err(why.refusal),
        (_, latest) => latest.map_err(|why| why.refusal),
    }
}

async fn plan_with(
    scaler: &dyn Planner,
    key: &ObjectKey,
    index: usize,
    draft: &TriggerDraft,
    surroundings: Surroundings<'_>,
) -> Result<Planned, Unplanned> {
    let kinds = &scaler.description().trigger_types;
    let Some(kind) = kinds.iter().find(|kind| kind.name == draft.kind) else {
        let problem = Problem::new("type", format!("{} is served no longer", draft.kind));
        return Err(Refusal { problems: vec![problem], retry: true }.into());
    };
    let sources = sources(draft, surroundings.environment, surroundings.credentials.get(index))?;
    // A variable or a key may appear without the manifest changing, because it belongs to something else.
    let retry = variables(draft).next().is_some() || draft.authentication.is_some();
    let settings = parameter::resolve(kind, &sources).map_err(|problems| Refusal { problems, retry })?;
    // Grants change with a Scaler, and then every object is planned anew.
    let missing = scaler.rights().map(|rights| rights.judge(kind, &sources, &settings.connections));
    if let Some(problems) = missing.filter(|problems| !problems.is_empty()) {
        return Err(Refusal { problems, retry }.into());
    }
    let trigger = Trigger {
        id: format!("{key}/{index}"),
        trigger_type: draft.kind.clone(),
        // A wrong one is among the problems of the draft.
        metric_type: draft::metric_type(draft).unwrap_or_default(),
        settings: settings.settings,
    };
    match scaler.plan(&trigger).await {
        Ok(metrics) => {
            let scaler = scaler.digest().into();
            Ok(Planned { scaler, trigger, connections: settings.connections, metrics, warnings: settings.warnings })
        }
        Err(PlanError::Problems(problems)) => {
            let problems = problems.into_iter().map(Problem::of_trigger).collect();
            Err(Refusal { problems, retry }.into())
        }
        Err(PlanError::Failed(failure)) => {
            let problem = Problem::new("", format!("the scaler did not answer: {failure}"));
            let refusal = Refusal { problems: vec![problem], retry: true };
            Err(Unplanned { refusal, failure: Some(failure.to_string()) })
        }
    }
}

fn unserved(namespace: &str, kind: &str, catalogue: &dyn Catalogue) -> Refusal {
    let mut served = catalogue.served(namespace);
    served.sort_unstable();
    let served = if served.is_empty() { "none".to_owned() } else { served.join(", ") };
    let message = catalogue
        .withheld(namespace, kind)
        .unwrap_or_else(|| format!("no scaler is loaded that serves trigger type {kind}; loaded: {served}"));
    Refusal { problems: vec![Problem::new("type", message)], retry: true }
}

fn sources<'a>(
    draft: &'a TriggerDraft,
    environment: Option<&'a Environment>,
    credentials: Option<&'a Credentials>,
) -> Result<Sources<'a>, Refusal> {
    let unknown = environment.map(|environment| &environment.unknown);
    let mut problems: Vec<Problem> = variables(draft)
        .filter_map(|(setting, variable)| {
            let why = unknown?.get(variable)?;
            Some(Problem::new(format!("metadata.{setting}"), why.as_str()))
        })
        .collect();
    let refused = credentials.into_iter().flat_map(|credentials| credentials.problems.iter().cloned());
    problems.extend(refused.map(|problem| problem.under("authenticationRef")));
    if !problems.is_empty() {
        return Err(Refusal { problems, retry: true });
    }
    Ok(Sources {
        metadata: draft.metadata.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect(),
        environment: environment.map(|environment| &environment.values),
        authentication: credentials
            .into_iter()
            .flat_map(|credentials| credentials.values.iter())
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use bellows_core::authentication::AuthenticationDraft;
    use bellows_core::draft::TargetDraft;
    use bellows_core::scaler::{Parameter, Source, TargetType, TriggerType};
    use std::sync::Mutex;

    /// Serves the trigger type `list` with one required setting; refuses a list named `wrong`.
    struct Lists(Description);

    impl Planner for Lists {
        fn digest(&self) -> &str {
            "d1"
        }

        fn description(&self) -> &Description {
            &self.0
        }

        fn plan<'call>(&'call self, trigger: &'call Trigger) -> BoxFuture<'call, Result<Vec<Metric>, PlanError>> {
            let list = trigger.settings[0].1.clone();
            Box::pin(async move {
                if list == "wrong" {
                    return Err(PlanError::Problems(vec![Problem::new("listName", "is wrong")]));
                }
                Ok(vec![Metric::External { name: list, target: 5.0, target_type: TargetType::AverageValue }])
            })
        }
    }

    /// Beside `Lists`, a newer one that takes no list named `old`.
    struct Newer(Lists);

    impl Planner for Newer {
        fn digest(&self) -> &str {
            "d2"
        }

        fn description(&self) -> &Description {
            &self.0.0
        }

        fn plan<'call>(&'call self, trigger: &'call Trigger) -> BoxFuture<'call, Result<Vec<Metric>, PlanError>> {
            if trigger.settings[0].1 == "old" {
                return Box::pin(async { Err(PlanError::Problems(vec![Problem::new("listName", "is too old")])) });
            }
            self.0.plan(trigger)
        }
    }

    /// What the newer one could not do.
    #[derive(Default)]
    struct Told(Mutex<Vec<String>>);

    impl Witness for Told {
        fn refused(&self, object: &ObjectKey, problems: &[Problem]) {
            self.0.lock().unwrap().push(format!("{object}: {}", bellows_core::problem::sentence(problems)));
        }

        fn failed(&self, failure: String) {
            self.0.lock().unwrap().push(failure);
        }
    }

    /// A newer one takes the place of an older one; it serves, or is asked beside.
    struct Rolling {
        older: Arc<Lists>,
        newer: Arc<Newer>,
        newer_serves: bool,
        told: Arc<Told>,
    }

    impl Rolling {
        fn new(newer_serves: bool) -> Self {
            let lists = || loaded().0.unwrap();
            let newer = Arc::new(Newer(Arc::try_unwrap(lists()).ok().unwrap()));
            Self { older: lists(), newer, newer_serves, told: Arc::default() }
        }

        /// The digest by which a trigger on a list is served, or why it is not.
        async fn serves(&self, list: &str) -> Result<String, String> {
            let draft = draft(&[("listName", list)]);
            let key = ObjectKey::new("shop", "web");
            let planned = workload(&key, &draft, worker(), Surroundings::default(), self).await;
            let digest = |workload: Workload| workload.triggers[0].batch.scaler.to_string();
            planned.map(digest).map_err(|refusal| bellows_core::problem::sentence(&refusal.problems))
        }
    }

    impl Catalogue for Rolling {
        fn find(&self, _object: &ObjectKey, _pin: Option<&str>, _trigger_type: &str) -> Option<Choice> {
            let (older, newer): (Arc<dyn Planner>, Arc<dyn Planner>) = (self.older.clone(), self.newer.clone());
            let (planner, other) = if self.newer_serves { (newer, older) } else { (older, newer) };
            let beside = Beside { planner: other, newer: !self.newer_serves, witness: self.told.clone() };
            Some(Choice { planner, beside: Some(beside) })
        }

        fn served(&self, _namespace: &str) -> Vec<String> {
            Vec::new()
        }
    }

    #[tokio::test]
    async fn what_a_newer_component_refuses_the_older_one_serves_and_the_newer_one_is_blamed() {
        let wrong = Err("spec.triggers[0].metadata.listName: is wrong".to_owned());
        for newer_serves in [false, true] {
            let rolling = Rolling::new(newer_serves);
            let usual = if newer_serves { "d2" } else { "d1" };
            assert_eq!(rolling.serves("jobs").await.as_deref(), Ok(usual));
            assert_eq!(rolling.serves("wrong").await, wrong);
            assert!(rolling.told.0.lock().unwrap().is_empty(), "what both do alike speaks against nobody");
            assert_eq!(rolling.serves("old").await.as_deref(), Ok("d1"));
            assert_eq!(*rolling.told.0.lock().unwrap(), ["shop/web: metadata.listName: is too old"]);
        }
    }

    fn worker() -> Target {
        Target {
            group: "apps".into(),
            version: "v1".into(),
            kind: "Deployment".into(),
            resource: "deployments".into(),
            name: "worker".into(),
        }
    }

    struct Loaded(Option<Arc<Lists>>);

    impl Catalogue for Loaded {
        fn find(&self, _object: &ObjectKey, _pin: Option<&str>, trigger_type: &str) -> Option<Choice> {
            let planner = self.0.clone().filter(|_| trigger_type == "list")?;
            Some(Choice { planner, beside: None })
        }

        fn served(&self, _namespace: &str) -> Vec<String> {
            self.0.iter().map(|_| "list".to_owned()).collect()
        }
    }

    fn loaded() -> Loaded {
        let list = Parameter {
            name: "listName".into(),
            summary: String::new(),
            required: true,
            default: None,
            sources: vec![Source::Metadata, Source::Environment, Source::Authentication],
            feeds: None,
            deprecated: None,
        };
        let (summary, connections) = (String::new(), Vec::new());
        let kind = TriggerType { name: "list".into(), summary: summary.clone(), parameters: vec![list], connections };
        let (name, version) = ("lists".into(), "1".into());
        Loaded(Some(Arc::new(Lists(Description { name, version, summary, trigger_types: vec![kind] }))))
    }

    #[tokio::test]
    async fn a_scaler_that_is_pinned_and_not_there_is_a_problem_of_the_annotation() {
        let mut draft = draft(&[("listName", "jobs")]);
        draft.annotations.insert("bellows.dev/scaler".into(), "lists-2".into());
        let told = "metadata.annotations[bellows.dev/scaler]: no Scaler \"lists-2\" is in service for namespace shop: see \
                    kubectl get scalers";
        assert_eq!(refused(&draft, None, &loaded()).await, (vec![told.to_owned()], true));
    }

    fn draft(metadata: &[(&str, &str)]) -> Draft {
        let metadata = metadata.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let trigger = TriggerDraft { kind: "list".into(), metadata, ..TriggerDraft::default() };
        let target = TargetDraft { name: "worker".into(), ..TargetDraft::default() };
        Draft { target, triggers: vec![trigger], ..Draft::default() }
    }

    async fn planned(draft: &Draft, environment: Option<&Environment>, loaded: &Loaded) -> Result<Workload, Refusal> {
        planned_with(draft, environment, &Credentials::default(), loaded).await
    }

    /// Each trigger is given the same.
    async fn planned_with(
        draft: &Draft,
        environment: Option<&Environment>,
        given: &Credentials,
        loaded: &Loaded,
    ) -> Result<Workload, Refusal> {
        let credentials = draft.triggers.iter().map(|_| given.clone()).collect::<Vec<_>>();
        let surroundings = Surroundings { environment, credentials: &credentials };
        workload(&ObjectKey::new("shop", "web"), draft, worker(), surroundings, loaded).await
    }

    async fn refused(draft: &Draft, environment: Option<&Environment>, loaded: &Loaded) -> (Vec<String>, bool) {
        let refusal = planned(draft, environment, loaded).await.unwrap_err();
        (refusal.problems.iter().map(Problem::to_string).collect(), refusal.retry)
    }

    #[tokio::test]
    async fn a_trigger_is_planned_by_the_scaler_that_serves_it() {
        let workload = planned(&draft(&[("listName", "jobs.new")]), None, &loaded()).await.unwrap();
        let trigger = &workload.triggers[0];
        assert_eq!((&*trigger.batch.scaler, trigger.trigger.id.as_str()), ("d1", "shop/web/0"));
        assert_eq!(&*trigger.metrics[0].name, "s0-jobs-new");
    }

    #[tokio::test]
    async fn a_variable_of_the_target_is_a_source() {
        let values = [("LIST".to_owned(), "jobs".to_owned())].into();
        let environment = Environment { values, ..Environment::default() };
        let workload = planned(&draft(&[("listNameFromEnv", " LIST ")]), Some(&environment), &loaded()).await.unwrap();
        assert_eq!(&*workload.triggers[0].metrics[0].name, "s0-jobs");
    }

    #[tokio::test]
    async fn an_authentication_is_a_source_and_one_that_could_not_be_read_is_a_problem_of_the_trigger() {
        let mut draft = draft(&[]);
        let values = [("listName".to_owned(), " jobs\n".to_owned())].into();
        let mut given = Credentials { values, problems: Vec::new() };
        let reference = AuthenticationDraft { kind: None, name: "login".into() };
        draft.triggers[0].authentication = Some(reference);
        let workload = planned_with(&draft, None, &given, &loaded()).await.unwrap();
        assert_eq!(&*workload.triggers[0].metrics[0].name, "s0-jobs");
        given.problems.push(Problem::new("", "there is no TriggerAuthentication login in namespace shop"));
        let refusal = planned_with(&draft, None, &given, &loaded()).await.unwrap_err();
        let told = "spec.triggers[0].authenticationRef: there is no TriggerAuthentication login in namespace shop";
        assert_eq!((refusal.problems[0].to_string().as_str(), refusal.retry), (told, true));
        // A key that is missing may come without the manifest changing.
        let refusal = planned_with(&draft, None, &Credentials::default(), &loaded()).await.unwrap_err();
        assert_eq!((refusal.problems[0].field.as_str(), refusal.retry), ("spec.triggers[0].metadata.listName", true));
    }

    #[tokio::test]
    async fn a_trigger_type_that_nobody_serves_is_answered_with_those_that_are_and_waits() {
        let mut draft = draft(&[]);
        draft.triggers[0].kind = "queue".into();
        let told = "spec.triggers[0].type: no scaler is loaded that serves trigger type queue; loaded: ";
        assert_eq!(refused(&draft, None, &loaded()).await, (vec![format!("{told}list")], true));
        assert_eq!(refused(&draft, None, &Loaded(None)).await, (vec![format!("{told}none")], true));
    }

    /// The same lists, brought by a Scaler that grants this.
    struct Granted(Arc<Lists>, Arc<Rights>);

    impl Planner for Granted {
        fn digest(&self) -> &str {
            "d1@queue"
        }

        fn rights(&self) -> Option<&Rights> {
            Some(&self.1)
        }

        fn description(&self) -> &Description {
            self.0.description()
        }

        fn plan<'call>(&'call self, trigger: &'call Trigger) -> BoxFuture<'call, Result<Vec<Metric>, PlanError>> {
            self.0.plan(trigger)
        }
    }

    struct Brought(Arc<Granted>);

    impl Catalogue for Brought {
        fn find(&self, _object: &ObjectKey, _pin: Option<&str>, _trigger_type: &str) -> Option<Choice> {
            Some(Choice { planner: self.0.clone(), beside: None })
        }

        fn served(&self, _namespace: &str) -> Vec<String> {
            vec!["list".to_owned()]
        }
    }

    #[tokio::test]
    async fn what_an_authentication_gives_enters_a_component_of_a_scaler_only_where_it_is_granted() {
        use bellows_core::rights::{Ceiling, GrantsDraft, PartDraft};

        let mut draft = draft(&[]);
        draft.triggers[0].authentication = Some(AuthenticationDraft { kind: None, name: "login".into() });
        let given = [Credentials { values: [("listName".to_owned(), "jobs".to_owned())].into(), problems: Vec::new() }];
        let surroundings = Surroundings { environment: None, credentials: &given };
        let planned = async |secrets: &[&str]| {
            let secrets = Some(secrets.iter().map(|name| (*name).to_owned()).collect());
            let all = PartDraft { secrets, ..PartDraft::default() };
            let grants = GrantsDraft { all, ..GrantsDraft::default() }.parse("queue", &Ceiling::NONE).unwrap();
            let catalogue = Brought(Arc::new(Granted(loaded().0.unwrap(), grants.of("shop", None).unwrap().clone())));
            let key = ObjectKey::new("shop", "web");
            plan_trigger(&key, None, (0, &draft.triggers[0]), surroundings, &catalogue).await
        };
        let told = planned(&[]).await.unwrap_err().problems[0].to_string();
        assert!(told.starts_with("authenticationRef: listName would enter the component itself"), "{told}");
        assert!(told.contains("kubectl patch scaler queue --type json"), "{told}");
        assert_eq!(&*planned(&["listName"]).await.unwrap().scaler, "d1@queue");
    }

    #[tokio::test]
    async fn problems_of_all_triggers_and_of_the_draft_are_told_at_once() {
        let mut draft = draft(&[("listName", "wrong")]);
        draft.max_replicas = Some(0);
        draft.triggers.push(TriggerDraft { kind: "list".into(), ..TriggerDraft::default() });
        let told = [
            "spec.maxReplicaCount: must be 1 or more",
            "spec.triggers[0].metadata.listName: is wrong",
            "spec.triggers[1].metadata.listName: required: give metadata.listName or metadata.listNameFromEnv or listName of a TriggerAuthentication",
        ];
        assert_eq!(refused(&draft, None, &loaded()).await, (told.map(str::to_owned).to_vec(), false));
    }

    #[tokio::test]
    async fn a_variable_that_cannot_be_known_is_told_with_its_reason_and_asked_again() {
        let unknown = [("LIST".to_owned(), "there is no Secret x".to_owned())].into();
        let environment = Environment { unknown, ..Environment::default() };
        let refusal = refused(&draft(&[("listNameFromEnv", "LIST")]), Some(&environment), &loaded()).await;
        let told = "spec.triggers[0].metadata.listNameFromEnv: there is no Secret x".to_owned();
        assert_eq!(refusal, (vec![told], true));
    }
}
