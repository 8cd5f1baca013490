//! A thousand triggers on one RabbitMQ, fifty in each object: how many connections that takes over AMQP, and how many
//! requests over its HTTP API.
//!
//! The broker itself is asked for its connections, and a relay before it counts requests. Owns its broker and its objects.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use bellows_tests::services::{Kind as QueueKind, RabbitMq, RabbitMqOptions, Relay};
use bellows_tests::wait::{self, Stop};
use serde_json::{Value, json};

use crate::crowd::{self, Key, Kind};
use crate::stand::Stand;
use crate::{figure, watch};

const TRIGGERS: usize = 1_000;
/// Triggers of one object.
const EACH: usize = 50;
/// Between two polls of an object.
const INTERVAL: Duration = Duration::from_secs(10);
/// Intervals that requests are counted over.
const INTERVALS: u32 = 3;
/// Longest wait for twenty objects of fifty triggers.
const SERVED_MAX: Duration = Duration::from_secs(120);
const CONNECTIONS_MAX: usize = 2;
const REQUESTS_MAX: f64 = 5.0;
/// One namespace, as that of a broker's users is.
const NAMESPACE: &str = "crowd-0";

/// A broker with a queue for each trigger.
fn broker() -> Result<RabbitMq> {
    let rabbitmq = RabbitMq::start(RabbitMqOptions::default())?;
    for number in 0..TRIGGERS {
        rabbitmq.declare("/", &queue(number), QueueKind::Classic)?;
    }
    Ok(rabbitmq)
}

fn queue(number: usize) -> String {
    format!("queue-{number}")
}

/// Objects with fifty triggers each, all on `uri`, once they are ready with their HPAs.
fn serve(stand: &Stand, name: &str, uri: &str) -> Result<Vec<Key>> {
    let keys: Vec<Key> = (0..TRIGGERS / EACH).map(|number| Key::new(NAMESPACE, &format!("{name}-{number}"))).collect();
    let client = &stand.client;
    stand.runtime.block_on(async {
        crowd::create_each(client, Kind::Deployment, &keys, |key| crowd::deployment(key, 1)).await?;
        for (index, key) in keys.iter().enumerate() {
            crowd::create(client, Kind::ScaledObject, object(key, index * EACH, uri)).await?;
        }
        let wanted = || keys.iter().cloned();
        tokio::try_join!(
            watch::until(client, Kind::ScaledObject, wanted(), watch::ready, SERVED_MAX),
            watch::until(client, Kind::Autoscaler, wanted(), watch::exists, SERVED_MAX),
        )?;
        anyhow::Ok(())
    })?;
    Ok(keys)
}

fn object(key: &Key, first: usize, uri: &str) -> Value {
    let trigger = |number: usize| {
        let metadata = json!({"host": uri, "queueName": queue(number), "mode": "QueueLength", "value": "10"});
        json!({"type": "rabbitmq", "metadata": metadata})
    };
    json!({
        "apiVersion": "keda.sh/v1alpha1", "kind": "ScaledObject",
        "metadata": {"name": key.name, "namespace": key.namespace},
        "spec": {
            "scaleTargetRef": {"name": key.name},
            "pollingInterval": INTERVAL.as_secs(), "minReplicaCount": 1, "maxReplicaCount": 10,
            "triggers": (first..first + EACH).map(trigger).collect::<Vec<_>>(),
        },
    })
}

/// Polls of these objects that were answered so far, triggers each.
fn read(stand: &Stand, name: &str) -> Result<f64> {
    let metrics = stand.metrics()?;
    let of_them = |(metric, _): &(&String, &f64)| {
        metric.starts_with("keda_scaler_metrics_value{") && metric.contains(&format!(r#"scaledObject="{name}-"#))
    };
    let metrics: Vec<_> = metrics.iter().filter(of_them).collect();
    Ok(metrics.len() as f64)
}

/// Waits until each trigger has been read once.
fn until_read(stand: &Stand, name: &str) -> Result<()> {
    wait::until(&Stop::default(), "every trigger was read", SERVED_MAX, || {
        let count = read(stand, name)?;
        ensure!(count >= TRIGGERS as f64, "{count} of {TRIGGERS} were");
        Ok(Some(()))
    })
}

/// Over AMQP.
pub(crate) fn connections(stand: &mut Stand) -> Result<()> {
    let rabbitmq = broker()?;
    serve(stand, "amqp", &rabbitmq.amqp_uri("/"))?;
    until_read(stand, "amqp")?;
    let mut most = 0;
    let end = Instant::now() + INTERVAL * 2;
    wait::until(&Stop::default(), "two intervals have passed", INTERVAL * 3, || {
        most = most.max(rabbitmq.connections()?.len());
        Ok((Instant::now() >= end).then_some(()))
    })?;
    figure::print("AMQP connections of 1000 triggers to one RabbitMQ", most, "");
    ensure!((1..=CONNECTIONS_MAX).contains(&most), "{most} connections: {:?}", rabbitmq.connections()?);
    let depth = scaled(stand, &rabbitmq, "amqp")?;
    figure::seconds("from messages in one of 50 queues to replicas, over AMQP", depth);
    Ok(())
}

/// Over HTTP.
pub(crate) fn requests(stand: &mut Stand) -> Result<()> {
    let rabbitmq = broker()?;
    let relay = Relay::to(rabbitmq.http())?;
    let uri = rabbitmq.http_uri("/").replace(&rabbitmq.http().to_string(), &relay.address().to_string());
    serve(stand, "http", &uri)?;
    until_read(stand, "http")?;
    let before = relay.requests();
    let (began, time) = (Instant::now(), INTERVAL * INTERVALS);
    let end = began + time;
    wait::until(
        &Stop::default(),
        "some intervals have passed",
        time * 2,
        || Ok((Instant::now() >= end).then_some(())),
    )?;
    let requests = u32::try_from(relay.requests() - before).context("a count fits")?;
    let each = f64::from(requests) / (began.elapsed().as_secs_f64() / INTERVAL.as_secs_f64());
    figure::print("HTTP requests for 1000 triggers on one RabbitMQ in one interval", format_args!("{each:.1}"), "");
    figure::print("HTTP connections of 1000 triggers to one RabbitMQ so far", relay.connections(), "");
    ensure!(requests > 0 && each <= REQUESTS_MAX, "{each:.1} requests in an interval");
    let depth = scaled(stand, &rabbitmq, "http")?;
    figure::seconds("from messages in one of 50 queues to replicas, over HTTP", depth);
    Ok(())
}

/// One queue of an object gets 45 messages, and its workload five replicas.
fn scaled(stand: &Stand, rabbitmq: &RabbitMq, name: &str) -> Result<Duration> {
    let began = Instant::now();
    rabbitmq.publish("/", &queue(TRIGGERS - 1), 45)?;
    let key = Key::new(NAMESPACE, &format!("{name}-{}", TRIGGERS / EACH - 1));
    let wait = watch::until(&stand.client, Kind::Deployment, [key], watch::five, SERVED_MAX);
    stand.runtime.block_on(wait)?;
    Ok(began.elapsed())
}
