//! Random manifests: most can be served, some are wrong, some ask for a pause.

use std::collections::BTreeMap;

use bellows_core::draft::{Draft, TargetDraft, TriggerDraft, WHEN_ABSENT_ANNOTATION};
use bellows_core::fallback::FallbackDraft;
use bellows_core::workload::{ObjectKey, Policy, ScaleUp, Select};

use crate::random::Random;

/// Trigger types: one that dials, one that does not, one that Kubernetes measures, and one that no scaler serves.
const KINDS: [&str; 12] =
    ["list", "list", "list", "list", "list", "list", "list", "list", "clock", "cpu", "cpu", "kafka"];
/// Lists that triggers look at.
pub(crate) const LISTS: [&str; 5] = ["q0", "q1", "q2", "q3", "q4"];

/// What a world draws its manifests from.
#[derive(Debug, Clone)]
pub(crate) struct Taste {
    /// Hosts of sources.
    pub(crate) hosts: Vec<String>,
    /// Polling intervals, in seconds.
    pub(crate) intervals: Vec<i64>,
    /// Whether manifests may be wrong or ask for a pause.
    pub(crate) odd: bool,
    /// Most triggers of an object; small numbers are drawn more often.
    pub(crate) triggers_max: u64,
}

/// A manifest's content for the object at `key`.
pub(crate) fn draft(random: &mut Random, key: &ObjectKey, taste: &Taste) -> Draft {
    let mut draft = Draft {
        target: TargetDraft { name: format!("worker-{}", key.name), ..TargetDraft::default() },
        polling_interval: Some(random.pick(&taste.intervals)),
        cooldown_period: Some(random.pick(&[0, 10, 60, 60, 120])),
        initial_cooldown_period: random.pick(&[None, None, Some(45), Some(300)]),
        min_replicas: random.pick(&[None, None, Some(0), Some(1), Some(3)]),
        max_replicas: random.pick(&[None, Some(3), Some(10)]),
        restore_original: random.per_mille(400),
        hpa_name: random.pick(&[None, None, None, Some(format!("mine-{}", key.name))]),
        scale_up: scale_up(random),
        triggers: triggers(random, taste),
        ..Draft::default()
    };
    if random.per_mille(250) {
        (draft.min_replicas, draft.idle_replicas) =
            random.pick(&[(Some(3), Some(1)), (Some(2), Some(0)), (Some(0), Some(0))]);
    }
    let step = random.pick(&[None, None, Some("policy"), Some("wanted"), Some("one")]);
    draft.annotations.extend(step.map(|step| ("bellows.dev/first-step".to_owned(), step.to_owned())));
    let absent = random.pick(&[None, None, Some("hold"), Some("zero"), Some("error")]);
    draft.annotations.extend(absent.map(|absent| (WHEN_ABSENT_ANNOTATION.to_owned(), absent.to_owned())));
    draft.fallback = fallback(random);
    if taste.odd {
        make_odd(random, key, &mut draft);
    }
    draft
}

fn fallback(random: &mut Random) -> Option<FallbackDraft> {
    if random.per_mille(600) {
        return None;
    }
    let behaviors = [
        None,
        Some("static"),
        Some("currentReplicas"),
        Some("currentReplicasIfHigher"),
        Some("currentReplicasIfLower"),
    ];
    Some(FallbackDraft {
        failure_threshold: random.pick(&[0, 1, 3]),
        replicas: random.pick(&[0, 0, 1, 2, 5]),
        behavior: random.pick(&behaviors).map(str::to_owned),
    })
}

fn scale_up(random: &mut Random) -> Option<ScaleUp> {
    if random.per_mille(600) {
        return None;
    }
    let select = random.pick(&[Select::Max, Select::Min, Select::Disabled]);
    let policies = random.pick(&[vec![], vec![Policy::Pods(2)], vec![Policy::Pods(3), Policy::Percent(900)]]);
    Some(ScaleUp { select, policies })
}

fn triggers(random: &mut Random, taste: &Taste) -> Vec<TriggerDraft> {
    let most = taste.triggers_max;
    (0..=random.below(most).min(random.below(most)))
        .map(|_| {
            let kind = if taste.odd { random.pick(&KINDS) } else { "list" };
            let metadata = BTreeMap::from([
                ("host".to_owned(), random.pick(&taste.hosts)),
                ("list".to_owned(), random.pick(&LISTS).to_owned()),
                ("per".to_owned(), random.pick(&["pod", "pod", "all"]).to_owned()),
            ]);
            TriggerDraft { kind: kind.to_owned(), metadata, ..TriggerDraft::default() }
        })
        .collect()
}

fn make_odd(random: &mut Random, key: &ObjectKey, draft: &mut Draft) {
    if random.per_mille(100) {
        draft.target.name = format!("other-{}", key.name);
    }
    if random.per_mille(100) {
        let wrong: [fn(&mut Draft); 5] = [
            |draft| draft.max_replicas = Some(0),
            |draft| draft.min_replicas = Some(1000),
            |draft| draft.polling_interval = Some(-1),
            |draft| draft.triggers.clear(),
            |draft| draft.fallback = Some(FallbackDraft { replicas: -1, ..FallbackDraft::default() }),
        ];
        random.pick(&wrong)(draft);
    }
    if random.per_mille(100) {
        let name = random.pick(&["paused", "paused-replicas", "paused-scale-in", "paused-scale-out"]);
        draft.annotations.insert(format!("autoscaling.keda.sh/{name}"), "true".to_owned());
    }
}
