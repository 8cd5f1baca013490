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

#[cfg(test)]
mod tests {
    use bellows_sdk::component::{Measured, trigger_type};
    use bellows_sdk::testing::{NEW_YEAR, Script, cases, measure, trigger};

    use super::*;

    type Server = Script<Vec<String>, Reply>;

    fn list(script: Server, key: &str, length: i64) -> Server {
        script.on(cmd("TYPE", [key]), Reply::Text("list".into())).on(cmd("LLEN", [key]), Reply::Integer(length))
    }

    #[test]
    fn the_cases_hold() {
        assert_eq!(cases::run::<Size>(include_str!("../cases.toml")), Ok(()));
    }

    #[test]
    fn all_triggers_of_a_call_share_two_round_trips_and_equal_keys_one_question() {
        let triggers = ["a", "b", "a", "gone"].map(|key| trigger::<Size>(&[("listName", key)]));
        let mut script =
            list(list(Script::new(), "a", 1), "b", 2).on(cmd("TYPE", ["gone"]), Reply::Text("none".into()));
        let values: Vec<f64> = measure::<Size>(NEW_YEAR, &triggers, &mut script)
            .into_iter()
            .map(|measured| measured.unwrap().reading.value)
            .collect();
        assert_eq!(values, [1.0, 2.0, 1.0, 0.0]);
        assert_eq!(
            script.rounds,
            [
                vec![cmd("TYPE", ["a"]), cmd("TYPE", ["b"]), cmd("TYPE", ["gone"])],
                vec![cmd("LLEN", ["a"]), cmd("LLEN", ["b"])],
            ]
        );
    }

    #[test]
    fn one_bad_trigger_costs_the_others_nothing() {
        let good = trigger::<Size>(&[("listName", "a")]);
        let unnamed = trigger::<Size>(&[]);
        let text = trigger::<Size>(&[("listName", "text")]);
        let mut script = list(Script::new(), "a", 1).on(cmd("TYPE", ["text"]), Reply::Text("string".into()));
        let measured = measure::<Size>(NEW_YEAR, &[unnamed, text, good], &mut script);
        assert_eq!(
            measured,
            [
                Err(Failure::invalid("settings", "listName: is required; it is set in the trigger's metadata")),
                Err(Failure::transient("wrong-type", wrong_type("text", "string"))),
                Ok(Measured { metric: "redis-a".into(), reading: Reading { value: 1.0, active: true } }),
            ]
        );
    }

    #[test]
    fn no_parameter_of_the_connection_reaches_the_scaler() {
        let seen: Vec<&str> = trigger_type::<Size>()
            .parameters
            .iter()
            .filter(|parameter| parameter.feeds.is_none())
            .map(|parameter| parameter.name)
            .collect();
        assert_eq!(seen, ["listName", "listLength", "activationListLength"]);
    }
}
