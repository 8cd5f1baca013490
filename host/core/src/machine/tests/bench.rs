//! A cluster and sources in miniature: each effect is answered at once, as the fields of the bench say.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

pub(super) use super::baseline::{draft, key, seconds};
use super::log::name;
use crate::Now;
use crate::authentication::AuthenticationKey;
use crate::connection::{Connection, RedisConnection, Secret};
use crate::draft::{Draft, TriggerDraft, metric_type};
use crate::effect::{Effect, Poll};
use crate::event::{ApiFailure, Endpoint, Event, HpaView, Manifest, Refusal, Remembered, Resolution};
use crate::failure::{Blame, Failure, FailureKind};
use crate::machine::Machine;
use crate::problem::Problem;
use crate::reading::{Outcome, Reading};
use crate::scaler::{Metric, TargetType, Trigger};
use crate::workload::{ObjectKey, Planned, Target};

/// What a source does when it is asked.
#[derive(Debug, Clone)]
pub(super) enum Source {
    /// It answers with a value; what is above 0 is active.
    Value(f64),
    /// It answers each trigger with a failure.
    Fails(FailureKind),
    /// It cannot be reached.
    Down(FailureKind),
    /// It does not answer yet.
    Silent,
}

/// Everything around a machine.
pub(super) struct Bench {
    pub(super) machine: Machine,
    pub(super) steady: Duration,
    pub(super) wall: jiff::Timestamp,
    /// Every effect with its time.
    pub(super) log: Vec<(Duration, Effect)>,
    /// What each host does; a host not named has nothing to do.
    pub(super) sources: BTreeMap<String, Source>,
    /// The password that a resolution finds.
    pub(super) password: String,
    /// Passwords of hosts that have one of their own.
    pub(super) passwords: BTreeMap<String, String>,
    /// What a resolution finds of each authentication.
    pub(super) authentications: BTreeMap<AuthenticationKey, u64>,
    /// Replicas of the targets, 0 where not named.
    pub(super) replicas: BTreeMap<ObjectKey, u32>,
    /// So many pods of each target are not ready.
    pub(super) unready: u32,
    /// Why the API server refuses what the name of an effect says.
    pub(super) refuses: BTreeMap<&'static str, ApiFailure>,
    /// What planning warns of.
    pub(super) warnings: Vec<Problem>,
    /// Why no resolution succeeds.
    pub(super) refusal: Option<Refusal>,
    /// Fingerprint of any HPA that is applied.
    pub(super) fingerprint: u64,
    /// What is not answered yet.
    pub(super) unanswered: Vec<Effect>,
    /// Effects by the name of what shall stay unanswered.
    pub(super) holds: Vec<&'static str>,
    fingerprints: u64,
}

impl Bench {
    pub(super) fn new() -> Self {
        Self {
            machine: Machine::default(),
            steady: seconds(1000),
            wall: jiff::Timestamp::from_second(1_800_000_000).unwrap(),
            log: Vec::new(),
            sources: BTreeMap::new(),
            password: "first".into(),
            passwords: BTreeMap::new(),
            authentications: BTreeMap::new(),
            replicas: BTreeMap::new(),
            unready: 0,
            refuses: BTreeMap::new(),
            warnings: Vec::new(),
            refusal: None,
            fingerprint: 1,
            unanswered: Vec::new(),
            holds: Vec::new(),
            fingerprints: 0,
        }
    }

    /// The baseline, changed, after its first round.
    pub(super) fn served(replicas: u32, source: Source, change: impl FnOnce(&mut Draft)) -> Self {
        let mut bench = Self::new();
        bench.replicas.insert(key(), replicas);
        bench.sources.insert("redis".into(), source);
        bench.apply(change);
        bench.run(0.1);
        bench
    }

    pub(super) fn manifest(&mut self, key: &ObjectKey, draft: Draft) -> Manifest {
        self.fingerprints += 1;
        Manifest {
            key: key.clone(),
            uid: "uid".into(),
            fingerprint: self.fingerprints,
            created: self.wall,
            deleting: false,
            adopted: self.fingerprints > 1,
            draft: Arc::new(draft),
            remembered: Remembered::default(),
        }
    }

    /// The baseline, changed, is applied.
    pub(super) fn apply(&mut self, change: impl FnOnce(&mut Draft)) {
        let mut draft = draft();
        change(&mut draft);
        let manifest = self.manifest(&key(), draft);
        self.step(Event::Applied(Box::new(manifest)));
    }

    pub(super) fn delete(&mut self, change: impl FnOnce(&mut Draft)) {
        let mut draft = draft();
        change(&mut draft);
        let mut manifest = self.manifest(&key(), draft);
        manifest.deleting = true;
        self.step(Event::Applied(Box::new(manifest)));
    }

    /// One step, and everything that follows from it at once.
    pub(super) fn step(&mut self, event: Event) {
        let mut events = VecDeque::from([event]);
        while let Some(event) = events.pop_front() {
            let now = Now { steady: self.steady, wall: self.wall };
            for effect in self.machine.step(event, now) {
                self.log.push((self.steady, effect.clone()));
                if self.holds.contains(&name(&effect)) {
                    self.unanswered.push(effect);
                } else {
                    events.extend(self.answers(&effect));
                }
            }
        }
    }

    /// Answers what was held.
    pub(super) fn answer_held(&mut self) {
        self.holds.clear();
        for effect in std::mem::take(&mut self.unanswered) {
            for event in self.answers(&effect) {
                self.step(event);
            }
        }
    }

    /// Lets time pass, and wakes the machine whenever it wants to be woken.
    pub(super) fn run(&mut self, span: f64) {
        let end = self.steady + Duration::from_secs_f64(span);
        let mut wakes = 0;
        while let Some(wake) = self.machine.next_wake().filter(|wake| *wake <= end) {
            assert!(wake >= self.steady, "a wake in the past");
            wakes += 1;
            assert!(f64::from(wakes) < 1000.0 + 50.0 * span, "the machine wants to be woken without end");
            self.pass(wake - self.steady);
            self.step(Event::Tick);
        }
        self.pass(end - self.steady);
    }

    fn pass(&mut self, span: Duration) {
        self.steady += span;
        self.wall += jiff::SignedDuration::try_from(span).unwrap();
    }

    fn result(&self, effect: &Effect) -> Result<(), ApiFailure> {
        self.refuses.get(name(effect)).cloned().map_or(Ok(()), Err)
    }

    pub(super) fn answers(&mut self, effect: &Effect) -> Vec<Event> {
        let result = self.result(effect);
        match effect.clone() {
            Effect::Adopt { key } => vec![Event::Adopted { key, result }],
            Effect::Resolve { key, attempt, draft } => {
                let result = self.resolve(&key, &draft).map(Box::new);
                vec![Event::Resolved { key, attempt, result }]
            }
            Effect::ApplyHpa { key, workload, .. } => {
                let view = HpaView {
                    name: workload.hpa.name.as_str().into(),
                    fingerprint: self.fingerprint,
                    replicas: None,
                    desired: None,
                    scaling: None,
                };
                let mut answers =
                    vec![Event::HpaApplied { key: key.clone(), result: result.clone().map(|()| self.fingerprint) }];
                answers.extend(result.is_ok().then_some(Event::HpaObserved { key, hpa: Some(view) }));
                answers
            }
            Effect::Poll(poll) => self.poll(&poll).into_iter().collect(),
            Effect::Scale { key, from, to, .. } => {
                let replicas = self.replicas.entry(key.clone()).or_default();
                if result.is_ok() && *replicas != from {
                    return vec![Event::ScaleRead { key, replicas: *replicas }];
                }
                *replicas = if result.is_ok() { to } else { *replicas };
                vec![Event::Scaled { key, to, result }]
            }
            Effect::Report { key, .. } => vec![Event::Reported { key, result }],
            Effect::Release { key, .. } => vec![Event::Released { key, result }],
            Effect::ReportAuthentication { key, .. } => vec![Event::AuthenticationReported { key, result }],
            Effect::ReleaseAuthentication { key } => vec![Event::AuthenticationReleased { key, result }],
            Effect::Publish { .. } | Effect::Tell { .. } | Effect::TellAuthentication { .. } => Vec::new(),
        }
    }

    fn resolve(&self, key: &ObjectKey, draft: &Draft) -> Result<Resolution, Refusal> {
        if let Some(refusal) = &self.refusal {
            return Err(refusal.clone());
        }
        let plan = |(index, trigger): (usize, &TriggerDraft)| self.plan(key, index, trigger);
        let planned = draft.triggers.iter().enumerate().map(plan).collect();
        let target = Target {
            group: "apps".into(),
            version: "v1".into(),
            kind: "Deployment".into(),
            resource: "deployments".into(),
            name: draft.target.name.clone(),
        };
        let workload = draft.parse(key, target, planned).map_err(|problems| Refusal { problems, retry: false })?;
        let replicas = self.replicas.get(key).copied().unwrap_or_default();
        let read = |key: AuthenticationKey| Some((key.clone(), *self.authentications.get(&key)?));
        let authentications = draft.authentications(&key.namespace).into_iter().filter_map(read).collect();
        let ready = Some(replicas.saturating_sub(self.unready));
        Ok(Resolution { workload, replicas, ready, authentications })
    }

    fn plan(&self, key: &ObjectKey, index: usize, trigger: &TriggerDraft) -> Planned {
        let host = trigger.metadata.get("host").cloned().unwrap_or_default();
        let password = self.passwords.get(&host).unwrap_or(&self.password).clone();
        let redis = RedisConnection {
            host,
            port: 6379,
            username: None,
            password: Some(Secret::new(password)),
            database: 0,
            tls: None,
        };
        Planned {
            scaler: "sha256:1".into(),
            connections: BTreeMap::from([("server".to_owned(), Connection::Redis(redis))]),
            trigger: Trigger {
                id: format!("{key}/{index}"),
                trigger_type: trigger.kind.clone(),
                metric_type: None,
                settings: Vec::new(),
            },
            metrics: vec![if trigger.kind == "cpu" {
                let name = "cpu".to_owned();
                Metric::Resource { name, container: None, target: "80".into(), target_type: TargetType::Utilization }
            } else {
                let target_type = metric_type(trigger).unwrap_or_default().unwrap_or(TargetType::AverageValue);
                Metric::External { name: "jobs".into(), target: 10.0, target_type }
            }],
            warnings: self.warnings.clone(),
        }
    }

    fn poll(&self, poll: &Poll) -> Option<Event> {
        let connection = poll.batch.connections.values().next().unwrap();
        let Connection::Redis(redis) = connection else { panic!("{connection:?}") };
        let source = self.sources.get(&redis.host).cloned().unwrap_or(Source::Value(0.0));
        let failure = |kind| Failure::new(kind, Blame::Source, "refused", "redis says no");
        let each = |outcome: Outcome| vec![outcome; poll.triggers.len()];
        let (endpoint, outcomes) = match source {
            Source::Value(value) => (Endpoint::Answered, each(Ok(vec![Reading::new("jobs", value, value > 0.0)]))),
            Source::Fails(kind) => (Endpoint::Answered, each(Err(failure(kind)))),
            Source::Down(kind) => {
                let failure = failure(kind).of_endpoint();
                (Endpoint::Failed(failure.clone()), each(Err(failure)))
            }
            Source::Silent => return None,
        };
        Some(Event::Polled { id: poll.id, endpoint, outcomes })
    }
}
