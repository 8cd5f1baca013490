//! How a rotated credential arrives: at once for who was refused, with patience where it cannot be read, and to nobody
//! else's cost.

use std::time::Duration;

use super::bench::{Bench, Source, key, seconds};
use crate::draft::TriggerDraft;
use crate::event::Refusal;
use crate::failure::FailureKind;
use crate::problem::Problem;

// keda#563, #7640: a rotated Secret is not noticed.
#[test]
fn a_rotated_credential_of_one_trigger_is_used_at_once_and_disturbs_no_other() {
    let mut bench = Bench::new();
    bench.replicas.insert(key(), 3);
    bench.sources.insert("redis".into(), Source::Value(90.0));
    bench.passwords.insert("broker".into(), "old".into());
    bench.apply(|draft| {
        let metadata = [("host".to_owned(), "broker".to_owned())].into();
        draft.triggers.push(TriggerDraft { kind: "redis".into(), metadata, ..TriggerDraft::default() });
    });
    bench.run(40.0);
    let before = bench.polls();
    bench.sources.insert("broker".into(), Source::Down(FailureKind::Denied));
    bench.passwords.insert("broker".into(), "new".into());
    let of_broker = |bench: &Bench| {
        let polls = bench.polls();
        polls.into_iter().filter(|(_, poll)| poll.triggers.iter().any(|trigger| trigger.id == "shop/web/1")).count()
    };
    let polls = of_broker(&bench);
    while of_broker(&bench) == polls {
        bench.run(0.01);
    }
    let (denied, resolved) = (bench.steady, bench.count("Resolve"));
    bench.sources.remove("broker");
    bench.run(0.1);
    assert_eq!((of_broker(&bench), bench.count("Resolve")), (polls + 2, resolved));
    assert!(bench.steady - denied <= Duration::from_millis(110));
    // The other trigger goes on over its connection at its own pace.
    let others: Vec<_> = bench
        .polls()
        .into_iter()
        .filter(|(_, poll)| poll.triggers.iter().any(|trigger| trigger.id == "shop/web/0"))
        .collect();
    assert!(others.iter().all(|(_, poll)| poll.batch == others[0].1.batch) && !before.is_empty());
    assert!(others.windows(2).all(|pair| pair[1].0 - pair[0].0 <= seconds(15) + Duration::from_millis(50)));
}

#[test]
fn a_credential_that_cannot_be_read_again_is_asked_for_with_patience_although_polls_go_on() {
    let mut bench = Bench::served(0, Source::Value(0.0), |draft| draft.polling_interval = Some(1));
    bench.sources.insert("redis".into(), Source::Down(FailureKind::Denied));
    let problems = vec![Problem::new("spec.triggers[0].authenticationRef", "there is no Secret login")];
    bench.refusal = Some(Refusal { problems, retry: true });
    bench.run(60.0);
    // At most each 5 s, and what patience adds at the beginning: 1, 2 and 4 s.
    assert!((10..=15).contains(&bench.count("Resolve")), "{}", bench.count("Resolve"));
    let message = "spec.triggers[0].authenticationRef: there is no Secret login; the settings before this change stay \
                   in force";
    assert_eq!(&*bench.condition("Ready").message, message);
}
