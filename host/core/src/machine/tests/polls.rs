//! Who is asked when.

use std::collections::BTreeSet;
use std::time::Duration;

use super::bench::{Bench, Source, draft, key, seconds};
use crate::event::{Endpoint, Event};
use crate::failure::FailureKind;
use crate::workload::ObjectKey;

/// `count` objects, each with `triggers` at the host that `host` names.
fn many(bench: &mut Bench, count: usize, host: impl Fn(usize) -> String) {
    for index in 0..count {
        let mut draft = draft();
        draft.triggers[0].metadata.insert("host".into(), host(index));
        let manifest = bench.manifest(&ObjectKey::new("shop", format!("object-{index}")), draft);
        bench.step(Event::Applied(Box::new(manifest)));
    }
}

fn gaps(bench: &Bench) -> Vec<Duration> {
    bench.polls().windows(2).map(|pair| pair[1].0 - pair[0].0).collect()
}

#[test]
fn a_stopped_target_is_asked_about_once_in_its_interval() {
    let mut bench = Bench::served(0, Source::Value(0.0), |_| {});
    bench.run(3000.0);
    assert!(gaps(&bench).iter().skip(1).all(|gap| *gap == seconds(30)), "{:?}", gaps(&bench));
}

#[test]
fn a_running_target_is_asked_about_no_less_than_the_hpa_asks_us() {
    let mut bench = Bench::served(5, Source::Value(90.0), |_| {});
    bench.run(300.0);
    assert!(gaps(&bench).iter().skip(1).all(|gap| *gap == seconds(15)), "{:?}", gaps(&bench));
}

#[test]
fn a_shorter_interval_counts_from_now_on() {
    let mut bench = Bench::served(0, Source::Value(0.0), |draft| draft.polling_interval = Some(3600));
    let edited = bench.steady;
    bench.apply(|draft| draft.polling_interval = Some(5));
    bench.run(11.0);
    assert!(bench.polls()[1].0 - edited <= seconds(5) + Duration::from_millis(50));
}

#[test]
fn objects_that_come_together_with_one_endpoint_are_asked_about_together() {
    let mut bench = Bench::new();
    many(&mut bench, 90, |_| "redis".into());
    bench.run(0.1);
    assert_eq!(bench.polls().iter().map(|(_, poll)| poll.triggers.len()).collect::<Vec<_>>(), [90]);
    bench.run(30.5);
    assert_eq!(bench.polls().len(), 2);
}

#[test]
fn a_poll_that_comes_back_just_before_the_slot_is_not_repeated_in_it() {
    let mut bench = Bench::served(5, Source::Value(90.0), |_| {});
    bench.run(30.0);
    let before = bench.polls().len();
    // Something else happens within the batch window before the next slot.
    let slot = bench.machine.next_wake().unwrap();
    bench.run((slot - bench.steady).as_secs_f64() - 0.02);
    for _ in 0..5 {
        bench.step(Event::ScalersChanged);
        bench.run(0.003);
    }
    bench.run(1.0);
    assert_eq!(bench.polls().len(), before + 1);
}

#[test]
fn a_rotated_password_takes_effect_at_once() {
    let mut bench = Bench::served(0, Source::Value(0.0), |_| {});
    bench.sources.insert("redis".into(), Source::Down(FailureKind::Denied));
    bench.password = "second".into();
    let polls = bench.polls().len();
    while bench.polls().len() == polls {
        bench.run(0.01);
    }
    let denied = bench.polls()[polls].0;
    bench.sources.insert("redis".into(), Source::Value(90.0));
    bench.run(0.2);
    let (at, poll) = bench.polls()[polls + 1].clone();
    assert_ne!(poll.batch, bench.polls()[0].1.batch);
    assert!(at - denied <= Duration::from_millis(30), "{:?}", at - denied);
    assert_eq!(bench.scales(), [(0, 4)]);
}

#[test]
fn a_wrong_password_is_read_again_at_the_pace_of_polls_and_not_faster_than_each_five_seconds() {
    let mut bench = Bench::served(0, Source::Down(FailureKind::Denied), |draft| draft.polling_interval = Some(1));
    bench.run(60.0);
    assert!((12..=13).contains(&bench.count("Resolve")), "{}", bench.count("Resolve"));
}

#[test]
fn settings_that_can_never_work_are_not_asked_about_until_they_change() {
    let mut bench = Bench::served(0, Source::Fails(FailureKind::Invalid), |_| {});
    bench.run(3000.0);
    assert_eq!(bench.polls().len(), 1);
    bench.apply(|draft| _ = draft.triggers[0].metadata.insert("host".into(), "other".into()));
    bench.run(1.0);
    assert_eq!(bench.polls().len(), 2);
}

#[test]
fn an_endpoint_that_is_down_is_probed_by_one_poll_and_all_are_asked_when_it_is_up() {
    let mut bench = Bench::new();
    bench.sources.insert("redis".into(), Source::Down(FailureKind::Transient));
    many(&mut bench, 250, |_| "redis".into());
    bench.run(120.0);
    let polls = bench.polls();
    assert!(polls.len() <= 12, "{}", polls.len());
    bench.sources.insert("redis".into(), Source::Value(90.0));
    let before = polls.len();
    while bench.polls().len() == before {
        bench.run(0.1);
    }
    bench.run(0.1);
    let asked: BTreeSet<String> = bench.polls()[before..]
        .iter()
        .flat_map(|(_, poll)| poll.triggers.iter().map(|trigger| trigger.id.clone()))
        .collect();
    assert_eq!((asked.len(), bench.scales().len()), (250, 250));
}

#[test]
fn two_thousand_dark_endpoints_never_keep_a_healthy_one_waiting() {
    let mut bench = Bench::new();
    bench.sources.extend((0..2000).map(|index| (format!("dark-{index}"), Source::Silent)));
    many(&mut bench, 2000, |index| format!("dark-{index}"));
    bench.run(0.1);
    assert_eq!(bench.machine.in_flight(), 128);
    let mut stuck: Vec<u64> = bench.polls().iter().map(|(_, poll)| poll.id).collect();
    // One that is dark comes back each second, as deadlines would have it; a healthy one joins after it.
    let mut draft = draft();
    draft.triggers[0].metadata.insert("host".into(), "redis".into());
    draft.polling_interval = Some(1);
    bench.sources.insert("redis".into(), Source::Value(0.0));
    let healthy = bench.manifest(&key(), draft);
    bench.step(Event::Applied(Box::new(healthy)));
    for _ in 0..2100 {
        bench.run(1.0);
        let failure =
            crate::failure::Failure::new(FailureKind::Transient, crate::failure::Blame::Source, "timeout", "dark");
        let id = stuck.remove(0);
        let before = bench.polls().len();
        let event = Event::Polled { id, endpoint: Endpoint::Failed(failure.clone()), outcomes: vec![Err(failure)] };
        bench.step(event);
        let dark = |poll: &crate::effect::Poll| poll.triggers.iter().any(|trigger| trigger.id.contains("object-"));
        stuck.extend(bench.polls()[before..].iter().filter(|(_, poll)| dark(poll)).map(|(_, poll)| poll.id));
        assert_eq!(bench.machine.in_flight(), 128);
    }
    let of = |prefix: &str| {
        let polls = bench.polls();
        let times: Vec<Duration> = polls
            .iter()
            .filter(|(_, poll)| poll.triggers.iter().any(|trigger| trigger.id.starts_with(prefix)))
            .map(|(at, _)| *at)
            .collect();
        times
    };
    let times = of("shop/web/");
    // Its first poll waits for its turn among those that nobody knows, and no other does.
    assert!(times.windows(2).all(|pair| pair[1] - pair[0] <= Duration::from_millis(1050)));
    let asked: BTreeSet<String> =
        bench.polls().iter().flat_map(|(_, poll)| poll.triggers.iter().map(|trigger| trigger.id.clone())).collect();
    assert_eq!(asked.len(), 2001);
}

#[test]
fn a_slow_answer_is_not_asked_for_twice() {
    let mut bench = Bench::served(5, Source::Silent, |_| {});
    bench.run(300.0);
    assert_eq!(bench.polls().len(), 1);
}

#[test]
fn a_poll_that_comes_back_short_is_a_failure_of_ours_and_not_an_idle_reading() {
    let mut bench = Bench::served(5, Source::Silent, |draft| draft.cooldown_period = Some(0));
    let id = bench.polls()[0].1.id;
    bench.step(Event::Polled { id, endpoint: Endpoint::Answered, outcomes: Vec::new() });
    bench.run(2.0);
    assert_eq!(bench.scales(), []);
    assert!(bench.condition("Ready").message.contains("unanswered"));
}
