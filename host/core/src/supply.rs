//! A component that somebody else made, on its way from a registry into service: what it may do, how far it came, and the
//! conditions that say so.
//!
//! Pulls nothing and loads nothing; `host/src/supply.rs` does, and tells here what came of it.

use std::fmt;

use crate::problem::Problem;
use crate::rollout::Tally;
use crate::status::Truth;

/// What lies outside of a component and must be granted, in the order in which it is told.
pub const GRANTED: [&str; 4] = ["redis", "amqp", "http", "workload"];

/// The steps into service, in their order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Step {
    /// The reference names a digest.
    Resolved,
    /// Somebody whom the host trusts signed that digest, where that is asked for.
    Verified,
    /// The bytes of that digest are here.
    Pulled,
    /// The component is a scaler of this contract, and imports nothing but what a host lends.
    Compatible,
    /// It was translated for this processor.
    Compiled,
    /// It is granted all that it imports.
    Granted,
    /// Its trigger types are served by it.
    Ready,
}

impl Step {
    /// In their order.
    pub const ALL: [Self; 7] =
        [Self::Resolved, Self::Verified, Self::Pulled, Self::Compatible, Self::Compiled, Self::Granted, Self::Ready];

    /// Type of its condition.
    pub fn label(self) -> &'static str {
        match self {
            Self::Resolved => "Resolved",
            Self::Verified => "Verified",
            Self::Pulled => "Pulled",
            Self::Compatible => "Compatible",
            Self::Compiled => "Compiled",
            Self::Granted => "Granted",
            Self::Ready => "Ready",
        }
    }
}

/// Where it stopped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Halt {
    /// The first step that was not made.
    pub step: Step,
    /// One word for a condition.
    pub reason: String,
    /// What is wrong, and what to do about it.
    pub message: String,
    /// Whether trying again may help without a change of the manifest.
    pub retry: bool,
}

impl Halt {
    /// A halt that trying again may mend.
    pub fn passing(step: Step, reason: impl Into<String>, message: impl Into<String>) -> Self {
        Self { step, reason: reason.into(), message: message.into(), retry: true }
    }

    /// A halt that only a change mends.
    pub fn lasting(step: Step, reason: impl Into<String>, message: impl Into<String>) -> Self {
        Self { retry: false, ..Self::passing(step, reason, message) }
    }
}

impl fmt::Display for Halt {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}: {}", self.reason, self.message)
    }
}

/// How an attempt to bring a scaler into service ended.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Progress {
    /// The digest that the reference names, as far as anybody knows.
    pub digest: Option<String>,
    /// The digest that serves, which may be an older one.
    pub serving: Option<String>,
    /// Whether anybody asks for signatures.
    pub verifies: bool,
    /// Where the attempt stopped; it did not where absent.
    pub halt: Option<Halt>,
    /// What is not as it should be although the scaler serves: the registry is away, for one.
    pub degraded: Option<(String, String)>,
    /// The digest that is to take the place of the one that served until now, and how far it came.
    pub rollout: Option<Rolling>,
}

/// How far the next digest came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rolling {
    /// The digest.
    pub digest: String,
    /// How many of a hundred objects it serves.
    pub percent: u8,
    /// What was seen of it in this step.
    pub tally: Tally,
}

impl fmt::Display for Rolling {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.percent {
            0 => write!(out, "; {} is asked beside it, and the answers are compared", self.digest),
            100 => write!(out, "; the digest before {} is kept to return to", self.digest),
            percent => write!(out, "; {} serves {percent} of a hundred objects", self.digest),
        }
    }
}

/// One condition of a Scaler.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SupplyCondition {
    /// Its type.
    pub kind: &'static str,
    /// Whether it holds.
    pub status: Truth,
    /// One word.
    pub reason: String,
    /// A sentence for people.
    pub message: String,
}

/// The conditions that tell of an attempt. Steps behind the one where it stopped are unknown: the true reason stands once.
/// `Ready` alone repeats it, because that is what people look at, and stays true while an older digest serves.
pub fn conditions(progress: &Progress) -> Vec<SupplyCondition> {
    let halt = progress.halt.as_ref();
    let of_step = |step: Step| match halt {
        Some(halt) if halt.step == step => condition(step.label(), Truth::False, &halt.reason, &halt.message),
        Some(halt) if halt.step < step => {
            condition(step.label(), Truth::Unknown, "NotReached", "an earlier step failed")
        }
        _ if step == Step::Verified && !progress.verifies => {
            condition(step.label(), Truth::Unknown, "NotAsked", "spec.verification asks for no signature")
        }
        _ => condition(step.label(), Truth::True, step.label(), ""),
    };
    let mut all: Vec<_> = Step::ALL.into_iter().filter(|step| *step != Step::Ready).map(of_step).collect();
    all.push(match (halt, &progress.serving) {
        (None, _) => {
            let rollout = progress.rollout.as_ref().map(ToString::to_string).unwrap_or_default();
            condition("Ready", Truth::True, "Serving", &format!("its trigger types are served{rollout}"))
        }
        // Labels that the host may not read, for one.
        (Some(halt), serving @ Some(_)) if halt.step == Step::Granted && *serving == progress.digest => condition(
            "Ready",
            Truth::True,
            "Serving",
            &format!("its trigger types are served, but not for all: {halt}"),
        ),
        (Some(halt), Some(older)) => {
            condition("Ready", Truth::True, "ServingOlder", &format!("{older} goes on serving: {halt}"))
        }
        (Some(halt), None) => condition("Ready", Truth::False, &halt.reason, &halt.message),
    });
    all.push(match (&progress.degraded, halt, &progress.serving) {
        (_, Some(halt), Some(_)) => condition("Degraded", Truth::True, &halt.reason, &halt.message),
        (Some((reason, message)), _, _) => condition("Degraded", Truth::True, reason, message),
        (None, ..) => condition("Degraded", Truth::False, "AsWished", ""),
    });
    all
}

fn condition(kind: &'static str, status: Truth, reason: &str, message: &str) -> SupplyCondition {
    SupplyCondition { kind, status, reason: reason.to_owned(), message: message.to_owned() }
}

/// What is written in `spec.grants.capabilities` that is no capability.
pub fn unknown_grants(granted: &[String]) -> impl Iterator<Item = Problem> {
    granted.iter().filter(|name| !GRANTED.contains(&name.as_str())).map(|unknown| {
        let message = format!("{unknown:?} is no capability; there are {}", GRANTED.join(", "));
        Problem::new("spec.grants.capabilities", message)
    })
}

/// Whether all that `imports` names is granted; else a halt with the very patch that would grant it.
pub fn judge_grants(scaler: &str, imports: &[String], granted: &[String]) -> Result<(), Halt> {
    let wanted = |name: &&str| imports.iter().any(|import| import == name);
    let missing: Vec<_> =
        GRANTED.into_iter().filter(wanted).filter(|name| !granted.iter().any(|given| given == name)).collect();
    if missing.is_empty() {
        return Ok(());
    }
    // In the order of the list, so that the patch keeps what was granted before.
    let all: Vec<_> = GRANTED
        .into_iter()
        .filter(|name| missing.contains(name) || granted.iter().any(|given| given == name))
        .map(|name| format!("\"{name}\""))
        .collect();
    let message = format!(
        "it imports {}, which spec.grants.capabilities does not grant; to grant it: kubectl patch scaler {scaler} \
         --type merge --patch '{{\"spec\":{{\"grants\":{{\"capabilities\":[{}]}}}}}}'",
        missing.join(" and "),
        all.join(",")
    );
    Err(Halt::lasting(Step::Granted, "GrantMissing", message))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(progress: &Progress) -> Vec<String> {
        let word = |condition: SupplyCondition| {
            format!("{}={} {}", condition.kind, condition.status.label(), condition.reason)
        };
        conditions(progress).into_iter().map(word).collect()
    }

    #[test]
    fn the_first_failure_is_told_once_and_what_comes_after_is_unknown() {
        let halt = Some(Halt::passing(Step::Pulled, "Unauthorized", "401 from the registry"));
        assert_eq!(
            told(&Progress { halt, ..Progress::default() }),
            [
                "Resolved=True Resolved",
                "Verified=Unknown NotAsked",
                "Pulled=False Unauthorized",
                "Compatible=Unknown NotReached",
                "Compiled=Unknown NotReached",
                "Granted=Unknown NotReached",
                "Ready=False Unauthorized",
                "Degraded=False AsWished",
            ]
        );
    }

    #[test]
    fn an_artifact_that_nobody_signed_is_not_even_pulled() {
        let halt = Some(Halt::lasting(Step::Verified, "Unsigned", "nobody signed it"));
        let told = told(&Progress { halt, verifies: true, ..Progress::default() });
        assert!(told.starts_with(&["Resolved=True Resolved".into(), "Verified=False Unsigned".into()]), "{told:?}");
        assert!(told.contains(&"Pulled=Unknown NotReached".to_owned()), "{told:?}");
        let signed = super::conditions(&Progress { verifies: true, ..Progress::default() });
        assert_eq!((signed[1].kind, signed[1].status), ("Verified", Truth::True));
    }

    #[test]
    fn an_older_digest_goes_on_serving_when_the_newer_one_is_refused() {
        let halt = Some(Halt::lasting(Step::Compatible, "NoScaler", "it exports no plugin"));
        let progress = Progress { halt, serving: Some("sha256:0ld".into()), ..Progress::default() };
        let told = told(&progress);
        assert!(told.contains(&"Ready=True ServingOlder".to_owned()), "{told:?}");
        assert!(told.contains(&"Degraded=True NoScaler".to_owned()), "{told:?}");
    }

    #[test]
    fn what_serves_those_alone_of_whom_names_decide_is_no_older_digest() {
        let halt = Some(Halt::lasting(Step::Granted, "NamespacesUnread", "namespaces is forbidden"));
        let digest = Some("sha256:now".to_owned());
        let progress = Progress { halt, digest: digest.clone(), serving: digest, ..Progress::default() };
        let told = told(&progress);
        for condition in ["Compiled=True Compiled", "Granted=False NamespacesUnread", "Ready=True Serving"] {
            assert!(told.contains(&condition.to_owned()), "{told:?}");
        }
        assert!(told.contains(&"Degraded=True NamespacesUnread".to_owned()), "{told:?}");
    }

    #[test]
    fn a_registry_that_is_away_degrades_what_serves_and_nothing_else() {
        let degraded = Some(("RegistryUnreachable".to_owned(), "connection refused".to_owned()));
        let told = told(&Progress { degraded, ..Progress::default() });
        assert!(told.contains(&"Ready=True Serving".to_owned()), "{told:?}");
        assert!(told.contains(&"Degraded=True RegistryUnreachable".to_owned()), "{told:?}");
    }

    #[test]
    fn a_missing_grant_comes_with_the_patch_that_gives_it() {
        let imports = ["types", "http", "redis", "log"].map(str::to_owned);
        let halt = judge_grants("queue", &imports, &["redis".to_owned()]).unwrap_err();
        assert_eq!((halt.step, halt.reason.as_str(), halt.retry), (Step::Granted, "GrantMissing", false));
        assert!(halt.message.starts_with("it imports http, which"), "{halt}");
        assert!(
            halt.message.ends_with(
                "kubectl patch scaler queue --type merge --patch \
                 '{\"spec\":{\"grants\":{\"capabilities\":[\"redis\",\"http\"]}}}'"
            ),
            "{halt}"
        );
        assert_eq!(judge_grants("queue", &imports, &["http".to_owned(), "redis".to_owned()]), Ok(()));
    }

    #[test]
    fn what_every_component_has_needs_no_grant() {
        assert_eq!(judge_grants("queue", &["types", "memo", "log"].map(str::to_owned), &[]), Ok(()));
        let granted = ["http".to_owned(), "files".to_owned()];
        let unknown: Vec<String> = unknown_grants(&granted).map(|problem| problem.to_string()).collect();
        let told = "spec.grants.capabilities: \"files\" is no capability; there are redis, amqp, http, workload";
        assert_eq!(unknown, [told]);
    }
}
