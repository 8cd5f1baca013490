//! `bellows why NAMESPACE/NAME`: asks the host, through the API server and with the rights of who asks, and prints what
//! it answers.
//!
//! Owns the question and the words around the answer. Nothing is read of the cluster but that one answer.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, bail};
use clap::ValueEnum;
use jiff::Timestamp;
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::core::Status;
use kube::{Client, Config};

use crate::serve::why::{KIND, Metric, Why};
use crate::serve::{GROUP, OBJECT_LABEL, VERSION, WHY};

/// How long the answer may take: the API server has it in milliseconds or is in trouble.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(20);

/// Arguments of `bellows why`.
#[derive(Debug, clap::Args)]
pub struct WhyArguments {
    /// The ScaledObject: NAMESPACE/NAME, or NAME in the namespace of the current context
    #[arg(value_name = "NAMESPACE/NAME")]
    object: String,
    /// Kubeconfig; what kubectl would use where absent
    #[arg(long, value_name = "FILE")]
    kubeconfig: Option<PathBuf>,
    /// Context of the kubeconfig; the current one where absent
    #[arg(long, value_name = "NAME")]
    context: Option<String>,
    /// Form of the answer
    #[arg(long, short, value_name = "FORM", default_value = "text")]
    output: Output,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Output {
    /// For people
    Text,
    /// For programs
    Json,
}

/// Asks and prints.
pub fn run(arguments: WhyArguments) -> anyhow::Result<ExitCode> {
    super::runtime()?.block_on(answer(arguments))
}

async fn answer(arguments: WhyArguments) -> anyhow::Result<ExitCode> {
    let config = config(arguments.kubeconfig.as_deref(), arguments.context).await?;
    let (namespace, name) = match arguments.object.split_once('/') {
        Some((namespace, name)) => (namespace.to_owned(), name.to_owned()),
        None => (config.default_namespace.clone(), arguments.object.clone()),
    };
    let text = ask(config, &namespace, &name).await?;
    let why = parse(&text)?;
    match arguments.output {
        Output::Text => print!("{}", render(&why)),
        Output::Json => println!("{}", serde_json::to_string_pretty(&why).context("cannot print the answer as JSON")?),
    }
    Ok(ExitCode::SUCCESS)
}

async fn config(kubeconfig: Option<&Path>, context: Option<String>) -> anyhow::Result<Config> {
    let options = KubeConfigOptions { context, ..KubeConfigOptions::default() };
    let config = match kubeconfig {
        Some(path) => {
            let file = Kubeconfig::read_from(path).with_context(|| format!("cannot read {}", path.display()))?;
            Config::from_custom_kubeconfig(file, &options).await
        }
        None if options.context.is_some() => Config::from_kubeconfig(&options).await,
        None => return Config::infer().await.context("cannot find a cluster to ask: name one by --kubeconfig"),
    };
    config.context("cannot use the kubeconfig")
}

async fn ask(config: Config, namespace: &str, name: &str) -> anyhow::Result<String> {
    let selector = OBJECT_LABEL.replace('/', "%2F");
    let uri = format!("/apis/{GROUP}/{VERSION}/namespaces/{namespace}/{WHY}?labelSelector={selector}%3D{name}");
    let request = http::Request::get(uri).body(Vec::new()).context("that is no name of a ScaledObject")?;
    let client = Client::try_from(config).context("cannot make a client of the kubeconfig")?;
    let answer = tokio::time::timeout(ANSWER_TIMEOUT, client.request_text(request)).await;
    match answer.context("the API server did not answer in time")? {
        Ok(text) => Ok(text),
        Err(kube::Error::Api(status)) => bail!(explain(&status, namespace, name)),
        Err(error) => Err(error).context("cannot ask the API server"),
    }
}

/// A refusal in words that say what to do.
fn explain(status: &Status, namespace: &str, name: &str) -> String {
    let kind = status.details.as_ref().map(|details| details.kind.as_str());
    match status.code {
        404 if kind == Some("ScaledObject") => {
            format!("no ScaledObject {namespace}/{name} is served by this cluster's Bellows: does it exist?")
        }
        404 => format!("this cluster has no {GROUP}: is Bellows installed?"),
        403 => format!(
            "you may not ask: it takes the right to list {WHY:?} of {GROUP} in namespace {namespace} ({})",
            status.message
        ),
        503 => format!("Bellows cannot be reached by the API server: {}", status.message),
        code => format!("the API server answered {code}: {}", status.message),
    }
}

fn parse(text: &str) -> anyhow::Result<Why> {
    let value: serde_json::Value = serde_json::from_str(text).context("the answer is no JSON")?;
    if value.get("kind").and_then(serde_json::Value::as_str) != Some(KIND) {
        bail!("the external metrics of this cluster are served by somebody else, who does not explain");
    }
    serde_json::from_value(value).context("the answer is of a Bellows of another version: use its own `bellows why`")
}

/// The answer for people, the last decision first.
fn render(why: &Why) -> String {
    let mut text = format!("{}/{}", why.namespace, why.name);
    _ = match &why.hpa {
        Some(hpa) => writeln!(text, "  (HPA {hpa})"),
        None => writeln!(text, "  (no HPA yet)"),
    };
    let replicas = why.replicas.map_or_else(|| "not known yet".to_owned(), |replicas| replicas.to_string());
    let bounds = why.bounds.as_ref().map(|bounds| {
        let idle = bounds.idle.map(|idle| format!(", {idle} while idle")).unwrap_or_default();
        format!(" within {} to {}{idle}", bounds.min, bounds.max)
    });
    _ = writeln!(text, "replicas   {replicas}{}", bounds.unwrap_or_default());
    if let Some(says) = &why.hpa_says {
        _ = writeln!(text, "HPA says   {says}");
    }
    for (position, metric) in why.metrics.iter().enumerate() {
        let title = if position == 0 { "metrics" } else { "" };
        _ = writeln!(text, "{title:<10} {}", line(metric));
    }
    for (position, decision) in why.decisions.iter().rev().enumerate() {
        let title = if position == 0 { "decisions" } else { "" };
        _ = writeln!(text, "{title:<10} {:>8} ago  {}", age(why.date, decision.date), decision.text);
    }
    text
}

fn line(metric: &Metric) -> String {
    let mut text = format!("{}  ", metric.name);
    let target = format!("target {} ({})", metric.target, metric.target_type);
    _ = match (metric.value, metric.age_seconds) {
        (Some(value), Some(age)) if metric.stands => {
            let active = if metric.active { "active" } else { "inactive" };
            write!(text, "{value}, {target}, read {age} s ago, {active}")
        }
        (Some(value), Some(age)) => write!(
            text,
            "nothing to rely on: the last, {value}, is {age} s old and stood for {} s; {target}",
            metric.stands_for_seconds
        ),
        _ => write!(text, "never read; {target}"),
    };
    if let Some(failure) = &metric.failure {
        _ = write!(text, "\n{:<13}last poll failed ({}, {}): {}: ", "", failure.kind, failure.blame, failure.code);
        text.push_str(&failure.message);
    }
    if let Some(fallback) = &metric.fallback {
        _ = write!(text, "\n{:<13}the fallback answers {}, for {} replicas", "", fallback.value, fallback.replicas);
    }
    text
}

/// `12 s`, `3 min`, `5 h`, `2 d`.
fn age(now: Timestamp, then: Timestamp) -> String {
    let seconds = now.duration_since(then).as_secs().max(0);
    match seconds {
        0..120 => format!("{seconds} s"),
        120..7200 => format!("{} min", seconds / 60),
        7200..172_800 => format!("{} h", seconds / 3600),
        _ => format!("{} d", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::serve::why::{Bounds, Decision, Failure, Fallback};

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn metric(name: &str) -> Metric {
        Metric {
            name: name.to_owned(),
            trigger: "redis".to_owned(),
            value: Some(90.0),
            age_seconds: Some(4),
            stands_for_seconds: 95,
            stands: true,
            active: true,
            target: 10.0,
            target_type: "AverageValue".to_owned(),
            failure: None,
            fallback: None,
        }
    }

    fn why() -> Why {
        let failure = Failure {
            kind: "transient".to_owned(),
            blame: "source".to_owned(),
            code: "refused".to_owned(),
            message: "redis:6379 refused".to_owned(),
        };
        let fallback = Some(Fallback { value: 30.0, replicas: 3 });
        let stale = Metric { stands: false, age_seconds: Some(200), failure: Some(failure), ..metric("s1-redis-mail") };
        let stale = Metric { fallback, ..stale };
        Why {
            kind: KIND.to_owned(),
            api_version: "bellows.dev/v1alpha1".to_owned(),
            namespace: "shop".to_owned(),
            name: "web".to_owned(),
            date: at(1000),
            hpa: Some("keda-hpa-web".to_owned()),
            hpa_says: Some("the HPA was able to compute the replica count".to_owned()),
            bounds: Some(Bounds { min: 1, max: 10, idle: Some(0) }),
            replicas: Some(9),
            metrics: vec![metric("s0-redis-jobs"), stale],
            decisions: vec![
                Decision { date: at(400), text: "started: s0 is active".to_owned() },
                Decision { date: at(990), text: "held".to_owned() },
            ],
        }
    }

    #[test]
    fn people_read_replicas_metrics_and_the_last_decision_first() {
        let expected = "\
shop/web  (HPA keda-hpa-web)
replicas   9 within 1 to 10, 0 while idle
HPA says   the HPA was able to compute the replica count
metrics    s0-redis-jobs  90, target 10 (AverageValue), read 4 s ago, active
           s1-redis-mail  nothing to rely on: the last, 90, is 200 s old and stood for 95 s; target 10 (AverageValue)
             last poll failed (transient, source): refused: redis:6379 refused
             the fallback answers 30, for 3 replicas
decisions      10 s ago  held
             10 min ago  started: s0 is active
";
        assert_eq!(render(&why()), expected);
    }

    #[test]
    fn what_was_written_is_read_again() {
        let text = serde_json::to_string(&why()).unwrap();
        assert_eq!(parse(&text).unwrap(), why());
    }

    #[test]
    fn each_refusal_says_what_to_do() {
        let status = |code, message: &str| Status { code, message: message.to_owned(), ..Status::default() };
        let mut unknown = status(404, "no");
        unknown.details = Some(serde_json::from_str(r#"{"kind":"ScaledObject"}"#).unwrap());
        for (status, told) in [
            (unknown, "no ScaledObject shop/web is served by this cluster's Bellows: does it exist?"),
            (status(404, "404 page not found"), "this cluster has no external.metrics.k8s.io: is Bellows installed?"),
            (
                status(403, "no"),
                "you may not ask: it takes the right to list \"why.bellows.dev\" of external.metrics.k8s.io in \
                 namespace shop (no)",
            ),
        ] {
            assert_eq!(explain(&status, "shop", "web"), told);
        }
    }

    #[test]
    fn the_answer_of_another_adapter_is_not_taken_for_ours() {
        let error = parse(r#"{"kind":"ExternalMetricValueList","items":[]}"#).unwrap_err();
        assert_eq!(
            error.to_string(),
            "the external metrics of this cluster are served by somebody else, who does not explain"
        );
    }
}
