//! Alerts that teams have for KEDA, on a real Prometheus that scrapes a real Bellows: each fires when the fault is made,
//! says whose it is, and resolves when it is mended.
//!
//! The rules are in `rules.yaml` as they were published; what is run is a copy that waits for seconds where they wait for
//! minutes, and nothing else of it is changed. Trials run one after the other, in this order.

#![expect(clippy::indexing_slicing, reason = "a document without a field gives null, and a trial that says so")]

#[cfg(test)]
mod stage;

use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Result, anyhow, ensure};
use bellows_tests::paths;
use bellows_tests::services::Prometheus;
use libtest_mimic::{Arguments, Failed, Trial};

use stage::Stage;

const DOWN: &str = "KedaMetricsServerDown";
const SCALER: &str = "KedaScalerErrorsHigh";
const OBJECT: &str = "KedaScaledObjectErrorsHigh";

/// What promtool would have otherwise, and cannot: the names are KEDA's.
const NAMES_OF_KEDA: &[&str] = &[
    r#"keda_resource_registered_total non-counter metrics should not have "_total" suffix"#,
    r#"keda_trigger_registered_total non-counter metrics should not have "_total" suffix"#,
    r#"keda_metrics_adapter_scaler_errors_total non-counter metrics should not have "_total" suffix"#,
];

/// The end of what it says of labels such as `scaledObject`.
const CAMELS_OF_KEDA: &str = "label names should be written in 'snake_case' not 'camelCase'";

type Proof = fn(&mut Stage) -> Result<()>;

const PROOFS: &[(&str, Proof)] = &[
    ("a_redis_that_is_away_fires_the_alerts_of_its_object_alone", redis_away),
    ("an_object_that_is_refused_fires_its_alert_for_as_long_as_it_is", refused),
    ("a_host_that_is_gone_fires_its_alert", host_gone),
    ("promtool_complains_of_no_more_than_names_of_keda", exposition),
];

fn main() -> ExitCode {
    let mut arguments = Arguments::from_args();
    arguments.test_threads = Some(1);
    let stage: Arc<Mutex<Option<Result<Stage, String>>>> = Arc::default();
    let mut trials = vec![Trial::test("promtool_finds_nothing_wrong_with_the_rules", || told(rules()))];
    trials.extend(PROOFS.iter().map(|(name, proof)| {
        let (stage, proof) = (Arc::clone(&stage), *proof);
        Trial::test(*name, move || {
            let mut stage = stage.lock().unwrap_or_else(PoisonError::into_inner);
            let stage = stage.get_or_insert_with(|| Stage::start().map_err(|error| format!("{error:#}")));
            told(stage.as_mut().map_err(|error| anyhow!("{error}")).and_then(proof))
        })
    }));
    let conclusion = libtest_mimic::run(&arguments, trials);
    // What ran for the trials ends with them; leaving `main` would not drop it.
    drop(stage.lock().unwrap_or_else(PoisonError::into_inner).take());
    conclusion.exit_code()
}

fn told(outcome: Result<()>) -> Result<(), Failed> {
    outcome.map_err(|error| format!("{error:#}").into())
}

fn rules() -> Result<()> {
    Prometheus::check_rules(&paths::root().join("tests/tests/alerts/rules.yaml"))
}

fn redis_away(stage: &mut Stage) -> Result<()> {
    let began = stage.quiet()?;
    stage.redis.kill()?;
    let fired = stage.until_firing(SCALER, "victim")?;
    ensure!(fired.label("namespace") == "default" && fired.label("severity") == "critical", "it says {fired:?}");
    ensure!(fired.label("scaler") == "redisScaler" && fired.label("metric") == "s0-redis-victim", "it says {fired:?}");
    ensure!(
        fired.document["annotations"]["summary"] == "Keda scaler errors is high for default/victim redisScaler",
        "it says {fired:?}"
    );
    stage.until_firing(OBJECT, "victim")?;
    stage.alone("victim")?;
    stage.redis.start_again()?;
    stage.until_quiet("Redis is back")?;
    stage.same_process(began)
}

fn refused(stage: &mut Stage) -> Result<()> {
    stage.quiet()?;
    stage.workload("broken", "listNmae")?;
    stage.until_firing(OBJECT, "broken")?;
    stage.alone("broken")?;
    // Longer than the range over which the rule looks: one refusal would be forgotten by then.
    stage.until_grown(r#"keda_scaled_object_errors_total{scaledObject="broken"}"#, 15.0)?;
    stage.until_firing(OBJECT, "broken")?;
    stage.workload("broken", "listName")?;
    stage.until_quiet("the object is mended")
}

fn host_gone(stage: &mut Stage) -> Result<()> {
    stage.quiet()?;
    stage.bellows.sigkill()?;
    // The discovery of pods tells Prometheus of a pod that is gone.
    stage.prometheus.discover(&[])?;
    stage.until_firing(DOWN, "")?;
    stage.start_again()?;
    stage.until_quiet("the host is back")
}

fn exposition(stage: &mut Stage) -> Result<()> {
    stage.quiet()?;
    let (status, text) = stage.bellows.get("/metrics")?;
    ensure!(status == 200, "/metrics: {status} {text}");
    let complaints = Prometheus::check_metrics(&text)?;
    let known = |line: &&String| {
        NAMES_OF_KEDA.contains(&line.as_str()) || (line.starts_with("keda_") && line.ends_with(CAMELS_OF_KEDA))
    };
    let others: Vec<_> = complaints.iter().filter(|line| !known(line)).collect();
    ensure!(others.is_empty(), "promtool complains: {others:#?}\nof {text}");
    // Prometheus itself asked for OpenMetrics, in which this counter is called otherwise.
    // A rate takes two scrapes of the host that the trial before has started again.
    stage.until_grown(r#"sum(rate(bellows_polls_total{outcome="read"}[10s])) > 0"#, 0.0)
}
