//! A number of replicas within a window of time, and none outside of it. Nobody is asked: the instant of the poll decides.
//!
//! The window is open where its end comes no later than its next start, so one that spans midnight, or a month, needs no
//! rule of its own.

mod calendar;
mod field;
mod schedule;
mod zone;

use std::num::NonZeroU32;

use bellows_sdk::prelude::*;

use schedule::Schedule;
use zone::Zone;

settings! {
    /// Scales to a number of replicas within a window of time.
    pub struct Window("cron") over nothing {
        /// IANA time zone of the two expressions, such as Europe/Berlin.
        timezone: String = "timezone",
        /// Cron expression of five fields that opens the window.
        start: String = "start",
        /// Cron expression of five fields that closes it.
        end: String = "end",
        /// Replicas while it is open.
        replicas: NonZeroU32 = "desiredReplicas",
    }
}

/// The settings, understood.
struct Opening {
    zone: &'static Zone,
    start: Schedule,
    end: Schedule,
}

impl Scaler for Window {
    fn metric(&self) -> Metric {
        let name = ["cron", &self.timezone, &spelt(&self.start), &spelt(&self.end)].join("-");
        Metric::average_value(name, 1.0)
    }

    fn problems(&self) -> Vec<Problem> {
        self.opening().err().unwrap_or_default()
    }

    async fn measure(&self, at: Instant, _nobody: &Nothing) -> Result<Reading> {
        let opening = self.opening().map_err(|_| Failure::invalid("settings", "the settings were never planned"))?;
        let open = opening.is_open(at).ok_or_else(|| Failure::invalid("settings", "start or end never comes"))?;
        let replicas = if open { f64::from(self.replicas.get()) } else { 0.0 };
        Ok(Reading { value: replicas, active: open })
    }
}

impl Window {
    /// What the settings mean, or everything that is wrong with them.
    fn opening(&self) -> Result<Opening, Vec<Problem>> {
        let mut problems = Vec::new();
        let zone = Zone::named(&self.timezone);
        if zone.is_none() {
            let message =
                ["accepted is an IANA time zone, such as Europe/Berlin, not ", &field::quoted(&self.timezone)];
            problems.push(Problem::of("timezone", message.concat()));
        }
        let mut read = |parameter, expression| match Schedule::parse(expression) {
            Ok(schedule) => Some(schedule),
            Err(message) => {
                problems.push(Problem::of(parameter, message));
                None
            }
        };
        let (start, end) = (read("start", &self.start), read("end", &self.end));
        if self.start == self.end {
            problems.push(Problem::of("end", "is the same as start, so the window would have no length"));
        }
        match (zone, start, end) {
            (Some(zone), Some(start), Some(end)) if problems.is_empty() => Ok(Opening { zone, start, end }),
            _ => Err(problems),
        }
    }
}

impl Opening {
    /// Nothing where one of both never comes.
    fn is_open(&self, at: Instant) -> Option<bool> {
        // The time of a host is far from where an i64 ends.
        let at = i64::try_from(at.seconds).ok()?;
        Some(self.end.next(at, self.zone)? <= self.start.next(at, self.zone)?)
    }
}

/// An expression as KEDA spells it in the name of a metric.
fn spelt(expression: &str) -> String {
    let mut spelt = String::with_capacity(expression.len());
    for letter in expression.chars() {
        match letter {
            '*' => spelt.push('x'),
            '/' => spelt.push_str("Sl"),
            '?' => spelt.push_str("Qm"),
            ',' => spelt.push_str("Cm"),
            _ if letter.is_ascii_whitespace() => (),
            _ => spelt.push(letter),
        }
    }
    spelt
}

scaler!(Window);

#[cfg(test)]
mod tests {
    use bellows_sdk::testing::cases;

    use super::*;

    #[test]
    fn the_cases_hold() {
        assert_eq!(cases::run::<Window>(include_str!("../cases.toml")), Ok(()));
    }
}
