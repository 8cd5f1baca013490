//! The size of a Redis key: a list, a set, a sorted set or a hash. A key that is missing is 0.
//!
//! Two questions, each asked once for all triggers of a call: what the keys are, then how large. No script runs on the
//! server, so a user with read access is enough.

use std::num::NonZeroU64;

use bellows_sdk::prelude::*;

settings! {
    /// Scales on the size of a Redis list, set, sorted set or hash.
    pub struct Size("redis") over redis {
        /// The key whose size is the metric.
        key: String = "listName",
        /// Entries for each replica.
        target: NonZeroU64 = "listLength" or 5,
        /// A workload at zero is started when there are more entries than this.
        activation: i64 = "activationListLength" or 0,
    }
}

impl Scaler for Size {
    fn metric(&self) -> Metric {
        Metric::average_value(format!("redis-{}", self.key), self.target)
    }

    async fn measure(&self, _at: Instant, redis: &Redis) -> Result<Reading> {
        let kind = redis.text(cmd("TYPE", [&self.key])).await?;
        let count = match kind.as_str() {
            "none" => return Ok(Reading::above(0, self.activation)),
            "list" => "LLEN",
            "set" => "SCARD",
            "zset" => "ZCARD",
            "hash" => "HLEN",
            // Not `invalid`: the key may be replaced at any time, and nobody would ask again.
            other => return Err(Failure::transient("wrong-type", wrong_type(&self.key, other))),
        };
        Ok(Reading::above(redis.integer(cmd(count, [&self.key])).await?, self.activation))
    }
}

fn wrong_type(key: &str, kind: &str) -> String {
    format!("\"{key}\" is of type {kind}; measured are list, set, zset and hash")
}

scaler!(Size);
