//! What holds when nothing goes wrong any more and some time has passed: everything that can be served is served.

use bellows_core::status::Truth;
use bellows_core::workload::ObjectKey;

use crate::cluster::Stored;
use crate::oracle::{Judgement, broken};
use crate::world::World;

const LAW: &str = "calm_is_served";

impl World {
    /// Whether every object is as it should be.
    pub(crate) fn is_served(&self) -> Judgement {
        for key in &self.nature.keys {
            match self.cluster.objects.get(key) {
                None if self.views.contains_key(key) => return broken(LAW, format!("{key} is gone, and shown")),
                None => {}
                Some(stored) if stored.manifest.deleting && stored.manifest.adopted => {
                    return broken(LAW, format!("{key} was not let go"));
                }
                Some(stored) if stored.manifest.deleting => {}
                Some(stored) => self.is_object_served(key, stored)?,
            }
        }
        if self.machine.in_flight() > 2 * self.nature.keys.len().max(self.nature.taste.hosts.len()) {
            return broken(LAW, format!("{} polls are under way", self.machine.in_flight()));
        }
        Ok(())
    }

    fn is_object_served(&self, key: &ObjectKey, stored: &Stored) -> Judgement {
        let draft = &stored.manifest.draft;
        let known = draft.triggers.iter().all(|trigger| trigger.kind != "kafka");
        // What Kubernetes measures alone can neither stop the target nor stand in for a reading.
        let native = draft.triggers.iter().all(|trigger| trigger.kind == "cpu");
        let bare = native && (draft.min_replicas.is_none_or(|min| min == 0) || draft.fallback.is_some());
        let good = stored.readable && draft.problems(key).is_empty() && known && !bare;
        let Some(status) = &stored.status else { return broken(LAW, format!("{key} has no status")) };
        let ready = status.conditions.first().map(|ready| ready.status);
        if !good {
            return if ready == Some(Truth::False) {
                Ok(())
            } else {
                broken(LAW, format!("{key} is refused, and says {ready:?}"))
            };
        }
        let Some(view) = self.views.get(key) else { return broken(LAW, format!("{key} is not shown")) };
        let stuck = view
            .metrics
            .iter()
            .filter_map(|metric| metric.failure.as_ref())
            .any(|failure| failure.message == "bad luck");
        if stuck {
            // A source that said once that the settings can never work is not asked again, whatever it would say.
            return Ok(());
        }
        if !stored.manifest.adopted || ready != Some(Truth::True) {
            return broken(LAW, format!("{key} says {:?}", status.conditions));
        }
        let falls_back = status.conditions.iter().any(|told| told.kind == "Fallback" && told.status != Truth::False);
        if falls_back || status.health.values().any(|health| !health.happy) {
            return broken(LAW, format!("{key} says {:?} and {:?}", status.conditions, status.health));
        }
        if let Some(metric) = view.metrics.iter().find(|metric| metric.answer(self.now()).is_err()) {
            return broken(LAW, format!("{key} has no value of {}", metric.name));
        }
        let name = view.hpa.clone().unwrap_or_default();
        match self.cluster.hpas.get(&(key.clone(), name)) {
            Some(hpa) if Some(hpa.spec.bounds) == view.bounds => {}
            other => return broken(LAW, format!("the HPA of {key} is {other:?}")),
        }
        let replicas = self.cluster.replicas.get(&draft.target.name).copied().unwrap_or_default();
        let active = view.metrics.iter().any(|metric| metric.active);
        if active && replicas == 0 {
            return broken(LAW, format!("{key} is active and has no replicas"));
        }
        Ok(())
    }
}
