//! Components that go wrong where no honest compiler leads: before and after their answers, and with answers that cannot
//! be held. Each costs itself only, and is told by its name.

use bellows_core::failure::{Blame, Failure};
use bellows_wasm::{LoadError, PlanError};

use super::bench::{Bench, call, failure, trigger};
use super::handmade::Handmade;

const FOREVER: &str = "(loop $again (br $again))";

/// Why a component does not describe itself.
async fn silent(bench: &Bench, made: Handmade) -> Failure {
    match bench.made(&made).await.map(drop) {
        Err(LoadError::Describe(failure)) => failure,
        other => panic!("{other:?}"),
    }
}

/// What is wrong with how a component describes itself.
async fn faults(bench: &Bench, made: Handmade) -> String {
    match bench.made(&made).await.map(drop) {
        Err(LoadError::Description(faults)) => faults.join("; "),
        other => panic!("{other:?}"),
    }
}

/// What a poll of a component fails with.
async fn missed(bench: &Bench, made: Handmade) -> Failure {
    let scaler = bench.made(&made).await.unwrap();
    failure(scaler.measure(call(None, vec![trigger(0, "odd", &[])])).await)
}

fn is_its_own(failure: &Failure, code: &str, says: &str, what: &str) {
    assert_eq!((failure.code.as_str(), failure.blame), (code, Blame::Scaler), "{what}: {failure}");
    assert!(failure.message.contains(says), "{what}: {failure}");
}

#[tokio::test]
async fn what_is_made_by_hand_is_honest_unless_it_is_said_otherwise() {
    let bench = Bench::new();
    for destructor in [None, Some("(drop (i32.const 0))")] {
        let scaler = bench.made(&Handmade { destructor, ..Handmade::default() }).await.unwrap();
        assert_eq!(scaler.plan(&trigger(0, "odd", &[])).await.unwrap().len(), 1);
        let measured = scaler.measure(call(None, vec![trigger(0, "odd", &[])])).await;
        assert_eq!(measured.outcomes, [Ok(Vec::new())]);
    }
}

#[tokio::test]
async fn who_traps_or_loops_at_the_start_or_describing_itself_is_not_let_in() {
    let bench = Bench::new();
    for (what, body, code, says) in
        [("trap", "unreachable", "trap", "unreachable"), ("loop", FOREVER, "deadline", "200ms")]
    {
        let start = silent(&bench, Handmade { start: body, ..Handmade::default() }).await;
        is_its_own(&start, code, says, &format!("{what} at the start"));
        let describe = silent(&bench, Handmade { describe: body, ..Handmade::default() }).await;
        is_its_own(&describe, code, says, &format!("{what} in describe"));
        let after = silent(&bench, Handmade { after_describe: body, ..Handmade::default() }).await;
        is_its_own(&after, code, says, &format!("{what} after describe"));
    }
}

#[tokio::test]
async fn who_traps_or_loops_after_its_answer_or_in_a_destructor_has_not_answered() {
    let bench = Bench::new();
    for (what, body, code, says) in
        [("trap", "unreachable", "trap", "unreachable"), ("loop", FOREVER, "deadline", "200ms")]
    {
        let after = missed(&bench, Handmade { after_measure: body, ..Handmade::default() }).await;
        is_its_own(&after, code, says, &format!("{what} after measure"));
        let dropping = missed(&bench, Handmade { destructor: Some(body), ..Handmade::default() }).await;
        is_its_own(&dropping, code, says, &format!("{what} in a destructor"));
    }
}

#[tokio::test]
async fn a_table_that_grows_beyond_its_bound_ends_the_call() {
    let beside = "(table $t 1 funcref)";
    let grown = |measure| Handmade { beside, measure, ..Handmade::default() };
    let bench = Bench::new();
    let refused = missed(&bench, grown("(drop (table.grow $t (ref.null func) (i32.const 50001)))")).await;
    is_its_own(&refused, "memory", "more than 50000 table elements", "a table");
    let scaler = bench.made(&grown("(drop (table.grow $t (ref.null func) (i32.const 49990)))")).await.unwrap();
    let measured = scaler.measure(call(None, vec![trigger(0, "odd", &[])])).await;
    assert_eq!(measured.outcomes, [Ok(Vec::new())], "what is within the bound is let through");
}

#[tokio::test]
async fn lists_without_end_in_a_description_are_named_or_not_read() {
    let bench = Bench::new();
    let told = faults(&bench, Handmade { trigger_types: 257, ..Handmade::default() }).await;
    assert!(told.contains("257 trigger types are declared, 256 are allowed"), "{told}");
    let told = faults(&bench, Handmade { parameters: 257, ..Handmade::default() }).await;
    assert!(told.contains("257 parameters are declared, 256 are allowed"), "{told}");
    // More than the guest's memory has room for, and as many as there are.
    for trigger_types in [1_000_000, u32::MAX] {
        let unread = silent(&bench, Handmade { trigger_types, ..Handmade::default() }).await;
        is_its_own(&unread, "trap", "broke the contract", "a list without end");
    }
    // All of it is there, and it is more than may cross.
    let describe = "(drop (memory.grow (i32.const 900)))";
    let made = Handmade { describe, parameters: 900_000, ..Handmade::default() };
    is_its_own(&silent(&bench, made).await, "trap", "broke the contract", "54 MB of parameters");
}

#[tokio::test]
async fn more_metrics_than_are_allowed_are_no_plan() {
    let bench = Bench::new();
    let scaler = bench.misbehaving().await;
    let Err(PlanError::Failed(many)) = scaler.plan(&trigger(0, "plan-many", &[])).await else { panic!("a plan") };
    is_its_own(&many, "too-many-metrics", "257 metrics planned, 256 are allowed", "many");
    let scaler = bench.made(&Handmade { metrics: u32::MAX, ..Handmade::default() }).await.unwrap();
    let Err(PlanError::Failed(endless)) = scaler.plan(&trigger(0, "odd", &[])).await else { panic!("a plan") };
    is_its_own(&endless, "trap", "broke the contract", "endless");
}

#[tokio::test]
async fn more_than_may_cross_at_once_is_not_read() {
    let bench = Bench::new();
    let measure = "(drop (memory.grow (i32.const 200)))";
    let large = |message| Handmade { measure, message, ..Handmade::default() };
    let refused = missed(&bench, large(9 << 20)).await;
    is_its_own(&refused, "trap", "broke the contract", "9 MiB");
    let told = missed(&bench, large(7 << 20)).await;
    assert_eq!(told.code, "odd", "7 MiB are read, and cut: {told}");
    assert!(told.message.len() <= 1024, "{}", told.message.len());
}

#[tokio::test]
async fn what_holds_many_memories_or_a_table_too_large_from_the_start_is_not_let_in() {
    let bench = Bench::new();
    let table = Handmade { beside: "(table 50001 funcref)", ..Handmade::default() };
    let memories = format!("(component (core module $m (memory 1)) {})", "(core instance (instantiate $m))".repeat(2));
    for refused in [
        bench.made(&table).await.map(drop).unwrap_err(),
        bench.bytes(&wat::parse_str(memories).unwrap()).await.map(drop).unwrap_err(),
    ] {
        assert!(matches!(&refused, LoadError::Link(why) if why.contains("cannot be mapped")), "{refused:?}");
    }
}
