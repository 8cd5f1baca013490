//! One workload and what it is scaled on, reached by a relay of its own.
//!
//! Owns how each kind of source is filled, broken and mended. Refuses to share a user, a list or a queue with anybody.

use anyhow::{Context, Result};
use bellows_tests::services::{Kind as QueueKind, Relay, Way};
use serde_json::{Value, json};

use crate::rows::{Fault, Source};
use crate::stage::{NAMESPACE, Stage, VHOST};

/// Passwords, before and after they are rotated; with all that means something in a URI.
const PASSWORD: &str = "p@ss:w/o?r#d%1";
const ROTATED: &str = "an other";

pub(crate) struct Place<'stage> {
    pub(crate) stage: &'stage Stage,
    pub(crate) relay: Relay,
    /// Of the workload, the user, the list or queue, and the Secret.
    pub(crate) name: String,
    source: Source,
    tls: bool,
}

impl<'stage> Place<'stage> {
    /// With a user, and a list or queue with nothing in it.
    pub(crate) fn make(stage: &'stage Stage, name: &str, source: Source, tls: bool) -> Result<Self> {
        let target = match (source, tls) {
            (Source::Redis, false) => stage.redis.address(),
            (Source::Redis, true) => stage.secured.address(),
            (Source::Amqp, true) => stage.rabbitmq.amqp(),
            (Source::Http, true) => stage.rabbitmq.http(),
            (Source::Amqp, false) => stage.rabbitmq.amqp_in_the_clear(),
            (Source::Http, false) => stage.rabbitmq.http_in_the_clear(),
        };
        let place = Self { stage, relay: Relay::to(target)?, name: name.to_owned(), source, tls };
        match source {
            Source::Redis => {
                place.redis(&["DEL", name])?;
                place.redis(&["ACL", "SETUSER", name, "on", "resetpass", &format!(">{PASSWORD}"), "~*", "+@all"])?;
            }
            Source::Amqp | Source::Http => {
                stage.rabbitmq.add_user(name, PASSWORD, "monitoring", VHOST)?;
                stage.rabbitmq.declare(VHOST, name, QueueKind::Classic)?;
            }
        }
        place.secret(PASSWORD)?;
        Ok(place)
    }

    fn redis(&self, command: &[&str]) -> Result<()> {
        let redis = if self.tls { &self.stage.secured } else { &self.stage.redis };
        redis.cli(command).map(drop)
    }

    /// Puts this much more work there.
    pub(crate) fn fill(&self, count: usize) -> Result<()> {
        match self.source {
            Source::Redis if self.tls => self.stage.secured.push(&self.name, count),
            Source::Redis => self.stage.redis.push(&self.name, count),
            Source::Amqp | Source::Http => {
                self.stage.rabbitmq.publish(VHOST, &self.name, u64::try_from(count).context("a count fits")?)
            }
        }
    }

    /// Takes all work away.
    pub(crate) fn empty(&self) -> Result<()> {
        match self.source {
            Source::Redis => self.redis(&["DEL", &self.name]),
            Source::Amqp | Source::Http => self.stage.rabbitmq.purge(VHOST, &self.name),
        }
    }

    /// What the target's container is given: the URI of the broker, or the password of Redis.
    fn secret(&self, password: &str) -> Result<()> {
        let encoded = |text: &str| text.bytes().map(|byte| format!("%{byte:02X}")).collect::<String>();
        let scheme = match (self.source, self.tls) {
            (Source::Redis, _) => "",
            (Source::Amqp, false) => "amqp",
            (Source::Amqp, true) => "amqps",
            (Source::Http, false) => "http",
            (Source::Http, true) => "https",
        };
        let (name, address) = (&self.name, self.relay.address());
        let uri = format!("{scheme}://{name}:{}@{address}/{}", encoded(password), encoded(VHOST));
        let manifest = json!({
            "apiVersion": "v1", "kind": "Secret", "metadata": {"name": name, "namespace": NAMESPACE},
            "stringData": {"URI": uri, "PASSWORD": password},
        });
        self.stage.api.apply("secrets", &manifest).map(drop)
    }

    /// A trigger with 10 items for each replica.
    pub(crate) fn trigger(&self) -> Value {
        let name = &self.name;
        let metadata = match self.source {
            Source::Redis => json!({
                "address": self.relay.address().to_string(), "enableTLS": self.tls.to_string(), "listName": name,
                "listLength": "10", "username": name, "passwordFromEnv": variable(name, "PASSWORD"),
            }),
            Source::Amqp | Source::Http => json!({
                "hostFromEnv": variable(name, "URI"), "queueName": name, "mode": "QueueLength", "value": "10",
            }),
        };
        let kind = if self.source == Source::Redis { "redis" } else { "rabbitmq" };
        json!({"type": kind, "metadata": metadata})
    }

    /// The variables that the trigger reads.
    pub(crate) fn env(&self) -> Vec<Value> {
        let name = &self.name;
        let variable =
            |key: &str| json!({"name": variable(name, key), "valueFrom": {"secretKeyRef": {"name": name, "key": key}}});
        ["URI", "PASSWORD"].into_iter().map(variable).collect()
    }

    /// Does it.
    pub(crate) fn break_by(&self, fault: &Fault) -> Result<()> {
        let (name, rabbitmq) = (self.name.as_str(), &self.stage.rabbitmq);
        match (fault, self.source) {
            (Fault::Path(mode), _) => self.relay.set(mode.clone()),
            (Fault::Stranger, _) => self.relay.set(Way::Elsewhere(self.stage.stranger.address())),
            (Fault::Password, Source::Redis) => {
                self.redis(&["ACL", "SETUSER", name, "resetpass", &format!(">{ROTATED}")])?;
            }
            (Fault::Password, _) => rabbitmq.add_user(name, ROTATED, "monitoring", VHOST)?,
            (Fault::Permission, Source::Redis) => {
                self.redis(&["ACL", "SETUSER", name, "-@all", "+@connection"])?;
            }
            (Fault::Permission, _) => rabbitmq.forbid(VHOST, name)?,
            (Fault::Missing, _) => rabbitmq.delete(VHOST, name)?,
            // One command: were the list deleted first, it would be read as empty in between, which it would be.
            (Fault::Kind, _) => self.redis(&["SET", name, "no list any more"])?,
        }
        // Who is logged in stays so, whatever becomes of a password.
        if !matches!(fault, Fault::Path(_)) {
            self.relay.cut();
        }
        Ok(())
    }

    /// Makes it as it was, with as much work as there was.
    pub(crate) fn mend(&self, fault: &Fault, work: usize) -> Result<()> {
        let (name, rabbitmq) = (self.name.as_str(), &self.stage.rabbitmq);
        match (fault, self.source) {
            (Fault::Path(_) | Fault::Stranger, _) => self.relay.set(Way::Pass),
            // No restart, and nothing but the Secret.
            (Fault::Password, _) => self.secret(ROTATED)?,
            (Fault::Permission, Source::Redis) => self.redis(&["ACL", "SETUSER", name, "+@all"])?,
            (Fault::Permission, _) => rabbitmq.add_user(name, PASSWORD, "monitoring", VHOST)?,
            (Fault::Missing, _) => {
                rabbitmq.declare(VHOST, name, QueueKind::Classic)?;
                self.fill(work)?;
            }
            (Fault::Kind, _) => {
                self.redis(&["DEL", name])?;
                self.fill(work)?;
            }
        }
        Ok(())
    }
}

/// Variables of different places may be of one container.
fn variable(name: &str, key: &str) -> String {
    format!("{}_{key}", name.to_uppercase().replace('-', "_"))
}
