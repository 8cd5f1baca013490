//! What the shell does for each effect, and what it answers; now and then it fails.

use std::collections::BTreeMap;

use bellows_core::connection::{Connection, RedisConnection, Secret};
use bellows_core::draft::{Draft, TriggerDraft};
use bellows_core::effect::Effect;
use bellows_core::event::{ApiFailure, Event, Refusal, Remembered, Resolution};
use bellows_core::problem::Problem;
use bellows_core::scaler::{Metric, TargetType, Trigger};
use bellows_core::status::Report;
use bellows_core::workload::{ObjectKey, Planned, Target};

use crate::world::World;

impl World {
    /// Does what the effect asks for: the answer.
    pub(crate) fn perform(&mut self, effect: Effect) -> Option<Event> {
        Some(match effect {
            Effect::Poll(poll) => {
                let (endpoint, outcomes) = self.sources.answer(&mut self.random, &poll);
                Event::Polled { id: poll.id, endpoint, outcomes }
            }
            Effect::Resolve { key, attempt, draft } => {
                let result = self.resolve(&key, &draft).map(Box::new);
                Event::Resolved { key, attempt, result }
            }
            Effect::Adopt { key } => {
                let result = self.api().and_then(|()| self.adopt(&key));
                Event::Adopted { key, result }
            }
            Effect::ApplyHpa { key, workload, replaces } => {
                let result = self.api().and_then(|()| self.apply_hpa(&key, &workload, replaces.as_ref()));
                Event::HpaApplied { key, result }
            }
            Effect::Scale { key, target, from, to } => {
                let result = self.api();
                let replicas = self.cluster.replicas.entry(target.name).or_default();
                if result.is_ok() && *replicas != from {
                    return Some(Event::ScaleRead { key, replicas: *replicas });
                }
                if result.is_ok() {
                    *replicas = to;
                }
                Event::Scaled { key, to, result }
            }
            Effect::Report { key, report } => {
                let result = self.api();
                if result.is_ok() {
                    self.write_status(&key, *report);
                }
                Event::Reported { key, result }
            }
            Effect::Release { key, restore } => {
                let result = self.api();
                if result.is_ok() {
                    if let Some((target, replicas)) = restore {
                        self.cluster.replicas.insert(target.name, replicas);
                    }
                    self.remove(&key);
                }
                Event::Released { key, result }
            }
            Effect::ReportAuthentication { key, users } => {
                let result = self.write_users(&key, users);
                Event::AuthenticationReported { key, result }
            }
            Effect::ReleaseAuthentication { key } => {
                let result = self.release_authentication(&key);
                Event::AuthenticationReleased { key, result }
            }
            Effect::Publish { .. } | Effect::Tell { .. } | Effect::TellAuthentication { .. } => return None,
        })
    }

    /// Whether the API server does what it is asked.
    fn api(&mut self) -> Result<(), ApiFailure> {
        let fails = self.api_down || (!self.sources.calm && self.random.per_mille(30));
        if !fails {
            return Ok(());
        }
        let message = self.random.pick(&["the API server is away", ""]).to_owned();
        Err(ApiFailure { message, retry: self.random.per_mille(800) })
    }

    fn adopt(&mut self, key: &ObjectKey) -> Result<(), ApiFailure> {
        let stored = self.cluster.objects.get_mut(key).filter(|stored| !stored.manifest.deleting);
        let Some(stored) = stored else {
            return Err(ApiFailure { message: "there is no such object".to_owned(), retry: false });
        };
        stored.manifest.adopted = true;
        self.tell_object(key);
        Ok(())
    }

    fn apply_hpa(
        &mut self,
        key: &ObjectKey,
        workload: &std::sync::Arc<bellows_core::workload::Workload>,
        replaces: Option<&std::sync::Arc<str>>,
    ) -> Result<u64, ApiFailure> {
        if self.cluster.foreign.contains(key) {
            return Err(ApiFailure { message: "it belongs to somebody else".to_owned(), retry: false });
        }
        if !self.cluster.objects.contains_key(key) {
            return Err(ApiFailure { message: "its owner is gone".to_owned(), retry: false });
        }
        if let Some(old) = replaces {
            self.delete_hpa(&(key.clone(), old.clone()));
        }
        let fingerprint = self.cluster.apply_hpa(key, workload);
        self.tell_hpa(key, &workload.hpa.name);
        Ok(fingerprint)
    }

    fn write_status(&mut self, key: &ObjectKey, report: Report) {
        if let Some(stored) = self.cluster.objects.get_mut(key) {
            stored.manifest.remembered = Remembered {
                last_active: report.last_active,
                original_replicas: report.original_replicas,
                hpa_name: report.hpa_name.clone(),
                failures: report.health.iter().map(|(metric, health)| (metric.clone(), health.failures)).collect(),
            };
            stored.status = Some(report);
        }
    }

    /// An HPA is removed, and the watch tells what is left.
    pub(crate) fn delete_hpa(&mut self, id: &(ObjectKey, std::sync::Arc<str>)) {
        if self.cluster.hpas.remove(id).is_some() {
            let left = self.cluster.hpas.iter().find(|((key, _), _)| *key == id.0).map(|(_, hpa)| hpa.view.clone());
            self.tell(&id.0, Event::HpaObserved { key: id.0.clone(), hpa: left });
        }
    }

    /// The watch tells how an HPA is.
    pub(crate) fn tell_hpa(&mut self, key: &ObjectKey, name: &str) {
        let hpa = self.cluster.hpas.get(&(key.clone(), name.into())).map(|hpa| hpa.view.clone());
        self.tell(key, Event::HpaObserved { key: key.clone(), hpa });
    }

    /// The watch tells how an object is.
    pub(crate) fn tell_object(&mut self, key: &ObjectKey) {
        let Some(stored) = self.cluster.objects.get(key).cloned() else { return };
        let event = if stored.readable || stored.manifest.deleting {
            Event::Applied(Box::new(stored.manifest))
        } else {
            Event::Unreadable { key: key.clone(), message: "it cannot be read".to_owned() }
        };
        self.tell(key, event);
    }

    /// An object goes for good.
    pub(crate) fn remove(&mut self, key: &ObjectKey) {
        if self.cluster.remove(key) {
            self.tell(key, Event::Gone(key.clone()));
            self.tell(key, Event::HpaObserved { key: key.clone(), hpa: None });
        }
    }

    fn resolve(&mut self, key: &ObjectKey, draft: &Draft) -> Result<Resolution, Refusal> {
        let problems = draft.problems(key);
        if !problems.is_empty() {
            return Err(Refusal { problems, retry: false });
        }
        if self.api_down || (!self.sources.calm && self.random.per_mille(50)) {
            let problems = self.random.pick(&[vec![], vec![Problem::new("", "the target cannot be read")]]);
            return Err(Refusal { problems, retry: true });
        }
        let authentications = self.authentications.read(key, draft)?;
        if draft.triggers.iter().any(|trigger| trigger.kind == "kafka") {
            let problems = vec![Problem::new("spec.triggers", "no scaler serves kafka")];
            return Err(Refusal { problems, retry: false });
        }
        let planned = draft.triggers.iter().enumerate().map(|(index, trigger)| self.plan_trigger(key, index, trigger));
        let target = Target {
            group: "apps".to_owned(),
            version: "v1".to_owned(),
            kind: "Deployment".to_owned(),
            resource: "deployments".to_owned(),
            name: draft.target.name.clone(),
        };
        let replicas = self.cluster.replicas.get(&target.name).copied().unwrap_or_default();
        let workload = draft.parse(key, target, planned.collect());
        let workload = workload.map_err(|problems| Refusal { problems, retry: false })?;
        let unready = if self.sources.calm { 0 } else { u32::try_from(self.random.below(3)).unwrap_or_default() };
        let ready = self.random.pick(&[None, Some(replicas.saturating_sub(unready))]);
        Ok(Resolution { workload, replicas, ready, authentications })
    }

    fn plan_trigger(&self, key: &ObjectKey, index: usize, trigger: &TriggerDraft) -> Planned {
        let setting = |name: &str| trigger.metadata.get(name).cloned().unwrap_or_default();
        let secret = self.sources.hosts.get(&setting("host")).map(|host| Secret::new(host.secret.to_string()));
        let redis = RedisConnection {
            host: setting("host"),
            port: 6379,
            username: None,
            password: secret,
            database: 0,
            tls: None,
        };
        let dials = trigger.kind == "list";
        let target_type = if setting("per") == "pod" { TargetType::AverageValue } else { TargetType::Value };
        Planned {
            scaler: format!("sha256:{}", trigger.kind).into(),
            connections: dials
                .then(|| ("server".to_owned(), Connection::Redis(redis)))
                .into_iter()
                .collect::<BTreeMap<_, _>>(),
            trigger: Trigger {
                id: format!("{key}/{index}"),
                trigger_type: trigger.kind.clone(),
                metric_type: None,
                settings: vec![("list".to_owned(), setting("list"))],
            },
            metrics: vec![if trigger.kind == "cpu" {
                let name = format!("resource-{index}");
                Metric::Resource {
                    name,
                    container: None,
                    target: "80".to_owned(),
                    target_type: TargetType::Utilization,
                }
            } else {
                Metric::External { name: setting("list"), target: 10.0, target_type }
            }],
            warnings: Vec::new(),
        }
    }
}
