//! A poll that was recorded, written as a case: the same settings and replies, and what came of them as what is expected.

use std::fmt::Write as _;

use bellows_core::failure::Failure;
use bellows_core::reading::Outcome;
use bellows_core::scaler::{Metric, Trigger};
use bellows_sdk::testing::cases::{self, Words};

use super::record::{Recorder, Recording, Said};

/// The case of a poll.
///
/// # Errors
/// A reply that a case cannot spell; the sentence says which.
pub fn case(
    name: &str,
    trigger: &Trigger,
    planned: &[Metric],
    recorder: &Recorder,
    outcome: &Outcome,
) -> Result<String, String> {
    let text = write(name, trigger, planned, &recorder.recording(), outcome)?;
    match cases::read(&text) {
        Ok(_) => Ok(text),
        Err(error) => Err(format!("what was recorded is no case: {error}")),
    }
}

fn write(
    name: &str,
    trigger: &Trigger,
    planned: &[Metric],
    recording: &Recording,
    outcome: &Outcome,
) -> Result<String, String> {
    // Writing to a string does not fail.
    let mut text = format!("[[case]]\nname = {}\ntrigger-type = {}\n", quoted(name), quoted(&trigger.trigger_type));
    if let Some(kind) = trigger.metric_type {
        _ = writeln!(text, "metric-type = \"{}\"", kind.label());
    }
    let settings: Vec<String> =
        trigger.settings.iter().map(|(name, value)| format!("{} = {}", quoted(name), quoted(value))).collect();
    _ = writeln!(text, "settings = {{ {} }}", settings.join(", "));
    match &recording.outage {
        Some(outage) => _ = writeln!(text, "outage = {}", failure(outage)),
        None if recording.replies.is_empty() => {}
        None => {
            text.push_str("replies = [\n");
            for (question, said) in &recording.replies {
                _ = writeln!(text, "  {{ to = {}, {} }},", words(question), answer(question, said)?);
            }
            text.push_str("]\n");
        }
    }
    if let [Metric::External { name, target, target_type }] = planned {
        let (name, kind) = (quoted(name), target_type.label());
        _ = writeln!(text, "metric = {{ name = {name}, target = {target:?}, target-type = \"{kind}\" }}");
    }
    match outcome {
        Ok(readings) => {
            if let [reading] = readings.as_slice() {
                _ = writeln!(text, "reading = {{ value = {:?}, active = {} }}", reading.value, reading.active);
            }
        }
        Err(told) => _ = writeln!(text, "failure = {}", failure(told)),
    }
    let round = |round: &Vec<Words>| format!("[{}]", round.iter().map(words).collect::<Vec<_>>().join(", "));
    _ = writeln!(text, "rounds = [{}]", recording.rounds.iter().map(round).collect::<Vec<_>>().join(", "));
    Ok(text)
}

fn answer(question: &Words, said: &Said) -> Result<String, String> {
    Ok(match said {
        Said::Text(value) => format!("text = {}", quoted(value)),
        Said::Integer(number) => format!("integer = {number}"),
        Said::Double(number) => format!("double = {number:?}"),
        Said::Nil => "nil = true".to_owned(),
        Said::Error(message) => format!("error = {}", quoted(message)),
        Said::Body(body) => format!("body = {}", quoted(body)),
        Said::Status(status) => format!("status = {status}"),
        Said::Ready(ready) => format!("ready = {ready}"),
        Said::Failure(told) => format!("failure = {}", failure(told)),
        Said::Other(what) => {
            return Err(format!("the reply to {} is {what}, which a case cannot spell", question.join(" ")));
        }
    })
}

fn failure(failure: &Failure) -> String {
    let (kind, code) = (failure.kind.label(), quoted(&failure.code));
    format!("{{ kind = \"{kind}\", code = {code}, message = {} }}", quoted(&failure.message))
}

fn words(words: &Words) -> String {
    format!("[{}]", words.iter().map(|word| quoted(word)).collect::<Vec<_>>().join(", "))
}

/// A text as TOML spells it.
fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for letter in text.chars() {
        match letter {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '\n' => quoted.push_str("\\n"),
            '\t' => quoted.push_str("\\t"),
            letter if letter.is_control() => _ = write!(quoted, "\\u{:04X}", u32::from(letter)),
            letter => quoted.push(letter),
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;
    use bellows_core::failure::{Blame, FailureKind};
    use bellows_core::reading::Reading;
    use bellows_core::scaler::TargetType;
    use bellows_sdk::testing::cases::{Answer, Kind, With};

    fn trigger() -> Trigger {
        let settings = vec![("listName".to_owned(), "a \"b\"\n\u{7f}".to_owned())];
        Trigger { id: "default/live/0".into(), trigger_type: "redis".into(), metric_type: None, settings }
    }

    fn question() -> Words {
        vec!["LLEN".to_owned(), "a".to_owned()]
    }

    fn read(recording: &Recording, outcome: &Outcome) -> cases::Case {
        let target_type = TargetType::AverageValue;
        let planned = [Metric::External { name: "redis-a".into(), target: 5.0, target_type }];
        let text = write("a poll", &trigger(), &planned, recording, outcome).unwrap();
        cases::read(&text).unwrap_or_else(|error| panic!("{text}\n{error}")).remove(0)
    }

    #[test]
    fn what_is_written_is_read_as_it_was() {
        let replies = [(question(), Said::Integer(7))].into();
        let recording = Recording { rounds: vec![vec![question()]], replies, outage: None };
        let case = read(&recording, &Ok(vec![Reading::new("redis-a", 7.0, true)]));
        assert_eq!(case.settings["listName"], "a \"b\"\n\u{7f}");
        assert_eq!(case.replies, [Answer { to: question(), with: With::Integer(7) }]);
        assert_eq!(case.metric.map(|metric| (metric.name, metric.target)), Some(("redis-a".to_owned(), 5.0)));
        assert_eq!(case.reading.map(|reading| (reading.value, reading.active)), Some((7.0, true)));
        assert_eq!(case.rounds, Some(vec![vec![question()]]));
    }

    #[test]
    fn an_outage_is_written_as_one() {
        let refused = Failure::new(FailureKind::Transient, Blame::Source, "refused", "cannot connect");
        let recording =
            Recording { rounds: vec![vec![question()]], outage: Some(refused.clone()), ..Recording::default() };
        let case = read(&recording, &Err(refused));
        let told = case.outage.map(|told| (told.kind, told.code));
        assert_eq!(told, Some((Kind::Transient, "refused".to_owned())));
        assert_eq!(case.failure.map(|told| told.message), Some("cannot connect".to_owned()));
    }

    #[test]
    fn a_reply_that_no_case_can_spell_is_named() {
        let replies = [(question(), Said::Other("a list"))].into();
        let recording = Recording { replies, ..Recording::default() };
        let told = write("a poll", &trigger(), &[], &recording, &Ok(Vec::new())).unwrap_err();
        assert_eq!(told, "the reply to LLEN a is a list, which a case cannot spell");
    }
}
