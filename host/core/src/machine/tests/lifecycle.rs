//! How objects come, change, change hands and go.

use std::sync::Arc;

use super::bench::{Bench, Source, draft, key, seconds};
use crate::effect::Effect;
use crate::event::{ApiFailure, Event, Manifest, Refusal, Remembered};
use crate::failure::FailureKind;
use crate::problem::Problem;
use crate::status::Truth;

#[test]
fn a_new_object_costs_one_request_of_each_kind_and_nothing_is_repeated_while_nothing_changes() {
    let mut bench = Bench::served(0, Source::Value(0.0), |draft| draft.polling_interval = Some(500));
    let mut names = bench.names();
    names.sort_unstable();
    assert_eq!(names, ["Adopt", "ApplyHpa", "Poll", "Report", "Resolve", "Tell"]);
    assert_eq!(bench.told(), ["ScaledObjectReady"]);
    let before = bench.log.len();
    let manifest = bench.manifest(&key(), draft());
    let told_again = Manifest { fingerprint: 1, ..manifest };
    bench.step(Event::Applied(Box::new(told_again)));
    let first_poll = bench.polls()[0].0;
    bench.run((first_poll + seconds(400) - bench.steady).as_secs_f64());
    let repeated: Vec<_> = bench.log[before..].iter().filter(|(_, effect)| !is_poll(effect)).collect();
    assert_eq!(repeated, Vec::<&(std::time::Duration, Effect)>::new());
}

fn is_poll(effect: &Effect) -> bool {
    matches!(effect, Effect::Poll(_) | Effect::Publish { .. })
}

#[test]
fn while_an_answer_is_awaited_the_machine_sleeps() {
    for held in ["Resolve", "Report", "ApplyHpa", "Poll", "Adopt"] {
        let mut bench = Bench::new();
        bench.holds.push(held);
        bench.apply(|_| {});
        bench.run(20.0);
        assert!(bench.machine.next_wake().is_none_or(|wake| wake > bench.steady), "{held}");
    }
}

#[test]
fn after_a_restart_the_cooldown_starts_anew_and_nobody_is_told_what_they_know() {
    let mut bench = Bench::new();
    bench.replicas.insert(key(), 4);
    let mut manifest = bench.manifest(&key(), draft());
    manifest.adopted = true;
    manifest.remembered = Remembered {
        last_active: Some(bench.wall - jiff::SignedDuration::from_hours(9)),
        original_replicas: Some(2),
        hpa_name: Some("keda-hpa-web".into()),
        ..Remembered::default()
    };
    bench.step(Event::Applied(Box::new(manifest)));
    bench.run(59.0);
    assert_eq!(bench.scales(), []);
    bench.run(20.0);
    assert_eq!(bench.scales(), [(4, 0)]);
    assert_eq!(bench.told(), ["KEDAScaleTargetDeactivated"]);
    assert_eq!(bench.report().original_replicas, Some(2));
}

#[test]
fn a_refused_edit_keeps_the_former_settings_in_force_and_says_so() {
    let mut bench = Bench::served(0, Source::Value(0.0), |_| {});
    bench.apply(|draft| draft.max_replicas = Some(0));
    bench.sources.insert("redis".into(), Source::Value(90.0));
    bench.run(31.0);
    assert_eq!(bench.scales(), [(0, 4)]);
    let ready = bench.condition("Ready");
    let message = "spec.maxReplicaCount: must be 1 or more; the settings before this change stay in force";
    assert_eq!((ready.status, &*ready.message), (Truth::False, message));
}

#[test]
fn an_edit_that_asks_for_a_pause_is_refused_and_yet_nothing_is_scaled_until_it_is_gone() {
    let mut bench = Bench::served(0, Source::Value(0.0), |_| {});
    bench.apply(|draft| _ = draft.annotations.insert("autoscaling.keda.sh/paused".into(), "true".into()));
    bench.sources.insert("redis".into(), Source::Value(90.0));
    let polls = bench.polls().len();
    bench.run(700.0);
    assert_eq!((bench.scales(), bench.polls().len()), (vec![], polls));
    let view = bench.view().unwrap();
    assert_eq!((view.metrics.len(), &*view.decisions.back().unwrap().text), (0, "hold: a pause is asked for"));
    assert_eq!(bench.condition("Paused").status, Truth::True);
    bench.apply(|_| {});
    bench.run(0.1);
    assert_eq!(bench.scales(), [(0, 4)]);
}

#[test]
fn a_refusal_that_time_may_mend_is_asked_again_and_another_is_not() {
    for (retry, resolutions) in [(true, 6), (false, 1)] {
        let mut bench = Bench::new();
        bench.refusal = Some(Refusal { problems: vec![Problem::new("", "no Deployment worker")], retry });
        bench.apply(|_| {});
        bench.run(40.0);
        assert_eq!(
            (bench.count("Resolve"), bench.count("Tell"), bench.count("Report")),
            (resolutions, 1, 1),
            "{retry}"
        );
    }
}

#[test]
fn a_scaler_that_came_has_everything_resolved_again_one_at_a_time() {
    let mut bench = Bench::new();
    bench.refusal = Some(Refusal { problems: vec![Problem::new("", "no scaler serves redis")], retry: false });
    bench.apply(|_| {});
    (bench.refusal, bench.holds) = (None, vec!["Resolve"]);
    bench.step(Event::ScalersChanged);
    bench.step(Event::ScalersChanged);
    assert_eq!(bench.count("Resolve"), 2);
    bench.answer_held();
    bench.run(2.0);
    assert_eq!((bench.count("Resolve"), bench.condition("Ready").status), (3, Truth::True));
}

#[test]
fn labels_of_a_namespace_that_changed_have_its_objects_resolved_again_and_no_others() {
    let mut bench = Bench::new();
    bench.refusal = Some(Refusal { problems: vec![Problem::new("", "labels are not known yet")], retry: false });
    bench.apply(|_| {});
    bench.refusal = None;
    let relabelled = |namespace: &str| Event::NamespaceRelabelled(namespace.into());
    bench.step(relabelled("elsewhere"));
    assert_eq!((bench.count("Resolve"), bench.condition("Ready").status), (1, Truth::False));
    bench.step(relabelled(&key().namespace));
    bench.run(2.0);
    assert_eq!((bench.count("Resolve"), bench.condition("Ready").status), (2, Truth::True));
}

#[test]
fn deletion_while_a_poll_is_under_way_leaves_nothing_behind() {
    let mut bench = Bench::served(0, Source::Value(0.0), |_| {});
    bench.holds.push("Poll");
    bench.run(31.0);
    bench.delete(|_| {});
    assert_eq!(bench.told(), ["ScaledObjectReady", "ScaledObjectDeleted"]);
    bench.step(Event::Gone(key()));
    let before = bench.log.len();
    bench.sources.insert("redis".into(), Source::Value(90.0));
    bench.answer_held();
    bench.run(100.0);
    assert_eq!((bench.log.len(), bench.machine.in_flight(), bench.machine.next_wake()), (before, 0, None));
}

fn restored(bench: &Bench) -> Vec<Option<u32>> {
    let release = |effect: &Effect| match effect {
        Effect::Release { restore, .. } => Some(restore.as_ref().map(|(_, replicas)| *replicas)),
        _ => None,
    };
    bench.log.iter().filter_map(|(_, effect)| release(effect)).collect()
}

#[test]
fn original_replicas_are_restored_if_asked_and_a_failure_is_tried_again() {
    for (asked, replicas) in [(true, Some(3)), (false, None)] {
        let mut bench = Bench::served(3, Source::Value(90.0), |_| {});
        bench.refuses.insert("Release", ApiFailure { message: "timeout".into(), retry: true });
        bench.delete(|draft| draft.restore_original = asked);
        bench.run(0.5);
        bench.refuses.clear();
        bench.run(100.0);
        assert_eq!(restored(&bench), [replicas, replicas]);
        assert_eq!(bench.told(), ["ScaledObjectReady", "ScaledObjectDeleted"]);
    }
}

#[test]
fn a_host_that_finds_an_object_being_deleted_asks_what_to_restore_and_serves_it_no_more() {
    let mut bench = Bench::new();
    let mut deleted = bench.manifest(&key(), draft());
    let draft = crate::draft::Draft { restore_original: true, ..draft() };
    (deleted.draft, deleted.deleting, deleted.adopted) = (Arc::new(draft), true, true);
    deleted.remembered.original_replicas = Some(2);
    bench.step(Event::Applied(Box::new(deleted)));
    bench.run(100.0);
    assert_eq!(bench.names(), ["Resolve", "Release", "Tell"]);
    assert_eq!(restored(&bench), [Some(2)]);
}

#[test]
fn an_edit_while_the_finalizer_cannot_be_taken_off_wakes_nobody_without_end() {
    let mut bench = Bench::new();
    let mut deleted = bench.manifest(&key(), draft());
    (deleted.deleting, deleted.adopted) = (true, true);
    deleted.remembered.original_replicas = Some(2);
    bench.refuses.insert("Release", ApiFailure { message: "no".into(), retry: false });
    bench.step(Event::Applied(Box::new(deleted.clone())));
    let draft = crate::draft::Draft { restore_original: true, ..draft() };
    (deleted.draft, deleted.fingerprint) = (Arc::new(draft), 99);
    bench.step(Event::Applied(Box::new(deleted)));
    bench.refuses.clear();
    bench.run(61.0);
    assert_eq!(restored(&bench), [None, Some(2)]);
}

#[test]
fn a_scaling_under_way_is_awaited_before_replicas_are_restored() {
    let mut bench = Bench::served(0, Source::Value(0.0), |_| {});
    bench.holds.push("Scale");
    bench.sources.insert("redis".into(), Source::Value(90.0));
    bench.run(31.0);
    bench.delete(|_| {});
    assert_eq!(bench.count("Release"), 0);
    bench.answer_held();
    assert_eq!(bench.count("Release"), 1);
}

#[test]
fn an_answer_to_an_object_that_was_deleted_is_not_heard_by_one_of_the_same_name() {
    let mut bench = Bench::new();
    bench.holds.push("Adopt");
    bench.apply(|_| {});
    bench.run(1.0);
    bench.step(Event::Gone(key()));
    let mut again = bench.manifest(&key(), draft());
    (again.uid, again.adopted) = ("another".into(), false);
    bench.step(Event::Applied(Box::new(again)));
    assert_eq!(bench.count("Adopt"), 1);
    bench.holds.clear();
    bench.unanswered.clear();
    bench.step(Event::Adopted { key: key(), result: Ok(()) });
    assert_eq!(bench.count("Adopt"), 2);
}

#[test]
fn only_the_owner_acts_and_a_successor_begins_with_a_new_cooldown() {
    let members = |names: &[&str]| names.iter().map(|name| Arc::from(*name)).collect::<Vec<_>>();
    let alone = Event::Membership { own: "a".into(), members: members(&["a"]) };
    let another = Event::Membership { own: "a".into(), members: members(&["b"]) };
    let mut bench = Bench::served(0, Source::Value(90.0), |_| {});
    bench.step(another);
    let before = bench.names().len();
    bench.run(700.0);
    assert_eq!((bench.names().len(), bench.view(), bench.machine.owned().count()), (before, None, 0));
    bench.sources.insert("redis".into(), Source::Value(0.0));
    bench.step(alone);
    bench.run(59.0);
    assert_eq!(bench.scales(), [(0, 4)]);
    bench.run(20.0);
    assert_eq!(bench.scales(), [(0, 4), (4, 0)]);
    assert_eq!((bench.report().original_replicas, bench.count("Adopt")), (Some(0), 1));
}

#[test]
fn an_unreadable_object_is_reported_once_and_served_when_it_can_be_read() {
    let mut bench = Bench::new();
    for _ in 0..3 {
        bench.step(Event::Unreadable { key: key(), message: "spec.triggers is missing".into() });
        bench.run(100.0);
    }
    assert_eq!(bench.names(), ["Tell", "Report"]);
    assert_eq!(&*bench.condition("Ready").message, "spec.triggers is missing");
    bench.apply(|_| {});
    bench.run(2.0);
    assert_eq!(bench.condition("Ready").status, Truth::True);
}

#[test]
fn an_edit_that_cannot_be_read_keeps_the_former_settings_in_force() {
    let mut bench = Bench::served(0, Source::Value(0.0), |_| {});
    bench.step(Event::Unreadable { key: key(), message: "spec.triggers is missing".into() });
    bench.sources.insert("redis".into(), Source::Fails(FailureKind::Denied));
    bench.run(31.0);
    bench.sources.insert("redis".into(), Source::Value(90.0));
    bench.run(31.0);
    assert_eq!((bench.scales(), bench.count("Resolve")), (vec![(0, 4)], 1));
    let message = "spec.triggers is missing; the settings before this change stay in force";
    assert_eq!(&*bench.condition("Ready").message, message);
    let manifest = bench.manifest(&key(), draft());
    bench.step(Event::Applied(Box::new(Manifest { fingerprint: 1, ..manifest })));
    bench.run(2.0);
    assert_eq!(bench.condition("Ready").status, Truth::True);
}
