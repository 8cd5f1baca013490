//! What a test's log says: which steps came, which assertion failed, and whether that is of something not served.
//!
//! Owns the reading of `go test -v` and testify. Pure: text in, a verdict out. Refuses to excuse a failure that does not
//! speak of what is not served, in its message, its line, or the function around it.

use super::folder::NOT_SERVED;

/// How a test went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Every assertion held.
    Passed,
    /// Some did not: what each said.
    Failed(Vec<String>),
    /// Only such as speak of what is not served, or the test cannot be run here at all.
    CannotApply {
        /// Why.
        reason: String,
        /// The parts of the test without a failed assertion.
        held: Vec<String>,
    },
}

/// A Go source: its name, and its text.
pub(super) struct Source {
    pub(super) name: String,
    pub(super) text: String,
}

/// One failed assertion.
#[derive(Debug, Default, PartialEq, Eq)]
struct Failure {
    /// Files and lines, the innermost first.
    trace: Vec<(String, usize)>,
    message: String,
}

/// Judges a log; `succeeded` is how the process ended.
pub(super) fn judge(log: &str, succeeded: bool, sources: &[Source]) -> Verdict {
    if succeeded {
        return Verdict::Passed;
    }
    let failures = failures(log);
    let excuses: Vec<Option<&str>> = failures.iter().map(|failure| excuse(failure, sources)).collect();
    match excuses.first().copied().flatten() {
        Some(reason) if excuses.iter().all(Option::is_some) => {
            let failed: Vec<&str> = failures.iter().flat_map(|failure| parts(&failure.trace, sources)).collect();
            let mut held: Vec<String> = Vec::new();
            for part in reached(log, sources) {
                if !failed.contains(&part) && !held.iter().any(|known| known == part) {
                    held.push(part.to_owned());
                }
            }
            Verdict::CannotApply { reason: reason.to_owned(), held }
        }
        _ if failures.is_empty() => Verdict::Failed(vec![last_words(log)]),
        _ => {
            let unexcused = failures.iter().zip(&excuses).filter(|(_, excuse)| excuse.is_none());
            Verdict::Failed(unexcused.map(|(failure, _)| tell(failure)).collect())
        }
    }
}

/// Blocks of testify: a trace, an error, a message, each with lines that belong to it.
fn failures(log: &str) -> Vec<Failure> {
    let mut found: Vec<Failure> = Vec::new();
    let mut section = "";
    for line in log.lines() {
        let line = line.trim();
        let labelled = ["Error Trace:", "Error:", "Test:", "Messages:"]
            .into_iter()
            .find_map(|label| Some((label, line.strip_prefix(label)?.trim())));
        let (label, rest) = match labelled {
            Some(("Error Trace:", rest)) => {
                found.push(Failure::default());
                ("Error Trace:", rest)
            }
            Some(labelled) => labelled,
            // A line of its own, and what the runner says, end what a test says of a failure.
            None if ends_a_failure(line) || log_line(line).is_some() && section != "Error Trace:" => {
                section = "";
                continue;
            }
            None => (section, line),
        };
        section = label;
        let Some(failure) = found.last_mut() else { continue };
        match label {
            "Error Trace:" => failure.trace.extend(place(rest)),
            "Error:" | "Messages:" if !rest.is_empty() => {
                failure.message.push_str(if failure.message.is_empty() { "" } else { " " });
                failure.message.push_str(rest);
            }
            _ => {}
        }
    }
    found
}

fn ends_a_failure(line: &str) -> bool {
    line.is_empty() || line.starts_with("--- ") || line.starts_with("=== ") || ["FAIL", "PASS"].contains(&line)
}

/// `…/name.go:12`, as a file's name and a line.
fn place(text: &str) -> Option<(String, usize)> {
    let (path, line) = text.rsplit_once(':')?;
    let name = path.rsplit('/').next()?;
    name.ends_with(".go").then_some(())?;
    Some((name.to_owned(), line.trim().parse().ok()?))
}

/// `name.go:12: text`, which is how a test logs.
fn log_line(line: &str) -> Option<(String, usize)> {
    let (head, _) = line.split_once(": ")?;
    if head.contains(' ') { None } else { place(head) }
}

/// Why a failure is none of ours.
fn excuse(failure: &Failure, sources: &[Source]) -> Option<&'static str> {
    let lines = failure.trace.iter().filter_map(|place| line_of(place, sources));
    let mut speaks: Vec<String> = vec![failure.message.to_lowercase()];
    speaks.extend(lines.map(str::to_lowercase));
    speaks.extend(parts(&failure.trace, sources).iter().map(|part| part.to_lowercase()));
    let spoken = |word: &str| speaks.iter().any(|text| text.contains(&word.to_lowercase()));
    NOT_SERVED.iter().find(|(word, _)| spoken(word)).map(|(_, reason)| *reason)
}

/// The functions of a test around some places: those that a test calls its parts.
fn parts<'a>(trace: &[(String, usize)], sources: &'a [Source]) -> Vec<&'a str> {
    trace.iter().filter_map(|place| function_around(place, sources)).filter(|name| name.starts_with("test")).collect()
}

/// The parts of a test that logged something, in their order.
fn reached<'a>(log: &str, sources: &'a [Source]) -> Vec<&'a str> {
    let places: Vec<(String, usize)> = log.lines().filter_map(|line| log_line(line.trim())).collect();
    parts(&places, sources)
}

fn line_of<'a>((name, line): &(String, usize), sources: &'a [Source]) -> Option<&'a str> {
    let source = sources.iter().find(|source| source.name == *name)?;
    source.text.lines().nth(line.checked_sub(1)?)
}

fn function_around<'a>((name, line): &(String, usize), sources: &'a [Source]) -> Option<&'a str> {
    let source = sources.iter().find(|source| source.name == *name)?;
    let heads = source.text.lines().take(*line).filter_map(|line| line.strip_prefix("func "));
    heads.last().and_then(|head| head.split('(').next())
}

fn tell(failure: &Failure) -> String {
    let (name, line) = failure.trace.last().cloned().unwrap_or_default();
    format!("{name}:{line}: {}", failure.message)
}

/// Of a test that ended in another way: a panic, or a limit of time.
fn last_words(log: &str) -> String {
    let panic = log.lines().find(|line| line.starts_with("panic:"));
    let last = panic.or_else(|| log.lines().rev().find(|line| !line.trim().is_empty()));
    last.unwrap_or("it said nothing").trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOURCE: &str = "package x\nfunc TestIt(t *testing.T) {\n\ttestGood(t)\n\ttestScaledJob(t)\n}\n\
        func testGood(t *testing.T) {\n\tt.Log(\"--- good ---\")\n\tassert.True(t, ready())\n}\n\
        func testScaledJob(t *testing.T) {\n\tt.Log(\"--- job ---\")\n\tassert.True(t, ready())\n}\n";

    fn sources() -> Vec<Source> {
        vec![Source { name: "x_test.go".to_owned(), text: SOURCE.to_owned() }]
    }

    fn log(line: usize, from: usize, message: &str) -> String {
        format!(
            "=== RUN   TestIt\n    x_test.go:7: --- good ---\n    x_test.go:11: --- job ---\n    x_test.go:{line}: \n\
             \t\tError Trace:\t/somewhere/x_test.go:{line}\n\t\t            \t\t/somewhere/x_test.go:{from}\n\
             \t\tError:      \tShould be true\n\t\tTest:       \tTestIt\n\t\tMessages:   \t{message}\n\
             --- FAIL: TestIt (1.00s)\nFAIL\n"
        )
    }

    #[test]
    fn a_failure_inside_a_part_that_is_not_served_leaves_the_other_parts_standing() {
        let verdict = judge(&log(12, 4, "replica count should be 2"), false, &sources());
        let reason = "ScaledJob is not served by this release".to_owned();
        assert_eq!(verdict, Verdict::CannotApply { reason, held: vec!["testGood".to_owned()] });
    }

    #[test]
    fn any_other_failure_is_one_and_says_where() {
        let verdict = judge(&log(8, 3, "replica count should be 2"), false, &sources());
        assert_eq!(verdict, Verdict::Failed(vec!["x_test.go:3: Should be true replica count should be 2".to_owned()]));
        // Both together are a failure too, of which only the one is told.
        let both = log(12, 4, "replica count should be 2") + &log(8, 3, "replica count should be 2");
        assert_eq!(judge(&both, false, &sources()), verdict);
    }

    #[test]
    fn a_message_that_names_what_is_not_served_excuses_a_helper_that_both_parts_use() {
        let message = "cannot apply file - no matches for kind \"ScaledJob\" in version \"keda.sh/v1alpha1\"";
        let verdict = judge(&log(8, 3, message), false, &sources());
        assert!(matches!(verdict, Verdict::CannotApply { .. }), "{verdict:?}");
    }

    #[test]
    fn a_test_that_passed_passed_and_one_that_panicked_says_so() {
        assert_eq!(judge("PASS", true, &sources()), Verdict::Passed);
        let panicked = judge("x\npanic: test timed out after 15m0s\n\ngoroutine 1", false, &sources());
        assert_eq!(panicked, Verdict::Failed(vec!["panic: test timed out after 15m0s".to_owned()]));
    }
}
