//! Counting pods of the namespace that all triggers of a call have in common. A guest names labels, never a namespace,
//! and is told a number, never a pod.

use std::collections::{BTreeMap, BTreeSet};

use bellows_core::failure::{Blame, Failure, FailureKind};
use futures::future::BoxFuture;
use tokio::time::Instant;

use crate::bindings::workload::Host;
use crate::bindings::{GuestFailure, failure_for_guest};
use crate::lending::Lending;
use crate::lift::MESSAGE_BYTES_MAX;
use crate::printable;
use crate::state::State;

/// Selectors of one question: ten for each trigger of a batch of a hundred. Equal ones count once.
const SELECTORS_MAX: usize = 1_000;
/// Bytes of a selector: what an API server takes in a request is some 8 KiB, and a selector grows to three times its size
/// where every letter has to be encoded.
const SELECTOR_BYTES_MAX: usize = 2_048;

/// What is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Counted {
    /// Pods that have not ended.
    Pods,
    /// Nodes that such pods run on.
    Nodes,
}

/// Counts by selector.
pub type Counts = BTreeMap<String, Result<u64, Failure>>;

/// Whoever knows the pods of a cluster, or the script of a test.
pub trait PodSource: Send + Sync + 'static {
    /// Counts what each of the selectors selects in a namespace, before `until`. A selector that is missing in the answer
    /// was not counted.
    fn count<'call>(
        &'call self,
        namespace: &'call str,
        selectors: BTreeSet<String>,
        counted: Counted,
        until: Instant,
    ) -> BoxFuture<'call, Counts>;
}

impl Lending {
    async fn count(&mut self, selectors: Vec<String>, counted: Counted) -> Vec<Result<u64, Failure>> {
        let failed = |failure: Failure| vec![Err(failure); selectors.len()];
        let Some(source) = self.pods.clone() else { return failed(no_cluster()) };
        let different: BTreeSet<String> = selectors.iter().cloned().collect();
        if let Err(failure) = judge(&different) {
            return failed(failure);
        }
        if different.is_empty() {
            return Vec::new();
        }
        let mut counts = source.count(&self.namespace, different, counted, self.until).await;
        for failure in counts.values_mut().filter_map(|count| count.as_mut().err()) {
            // It quotes the selector, which is a guest's text, and may end up in a condition as the host's own words.
            failure.message = printable::line(&failure.message, MESSAGE_BYTES_MAX);
        }
        self.saw(counts.values());
        selectors.iter().map(|selector| counts.get(selector).cloned().unwrap_or_else(|| Err(not_counted()))).collect()
    }
}

fn judge(selectors: &BTreeSet<String>) -> Result<(), Failure> {
    let refuse = |code: &str, message: String| Err(Failure::new(FailureKind::Invalid, Blame::Scaler, code, message));
    if selectors.len() > SELECTORS_MAX {
        let message = format!("{} selectors in one question, {SELECTORS_MAX} are allowed", selectors.len());
        return refuse("too-many-selectors", message);
    }
    match selectors.iter().map(String::len).max() {
        Some(bytes) if bytes > SELECTOR_BYTES_MAX => {
            refuse("selector-size", format!("a selector of {bytes} bytes; {SELECTOR_BYTES_MAX} are allowed"))
        }
        _ => Ok(()),
    }
}

fn no_cluster() -> Failure {
    Failure::new(FailureKind::Transient, Blame::Host, "no-cluster", "this host has no cluster to count pods in")
}

fn not_counted() -> Failure {
    Failure::new(FailureKind::Transient, Blame::Host, "not-counted", "the pods were not counted")
}

impl Host for State {
    async fn count_pods(&mut self, selectors: Vec<String>) -> wasmtime::Result<Vec<Result<u64, GuestFailure>>> {
        self.budget.host_call()?;
        Ok(for_guest(self.lending.count(selectors, Counted::Pods).await))
    }

    async fn count_nodes(&mut self, selectors: Vec<String>) -> wasmtime::Result<Vec<Result<u64, GuestFailure>>> {
        self.budget.host_call()?;
        Ok(for_guest(self.lending.count(selectors, Counted::Nodes).await))
    }
}

fn for_guest(counts: Vec<Result<u64, Failure>>) -> Vec<Result<u64, GuestFailure>> {
    counts.into_iter().map(|count| count.map_err(|failure| failure_for_guest(&failure))).collect()
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};
    use std::time::Duration;

    use super::*;
    use crate::lending::{Seen, Sources};
    use crate::scaler::Endpoint;

    /// Counts the letters of a selector, but for `lost`, `bad` and `down`; keeps what it was asked.
    #[derive(Default)]
    struct Letters(Mutex<Vec<(String, BTreeSet<String>)>>);

    impl PodSource for Letters {
        fn count<'call>(
            &'call self,
            namespace: &'call str,
            selectors: BTreeSet<String>,
            _counted: Counted,
            _until: Instant,
        ) -> BoxFuture<'call, Counts> {
            self.0.lock().unwrap().push((namespace.to_owned(), selectors.clone()));
            let fails = |kind, code| Err(Failure::new(kind, Blame::Source, code, "\u{1b}[2J".repeat(1_000)));
            let count = |selector: String| {
                let count = match selector.as_str() {
                    "bad" => fails(FailureKind::Invalid, "selector"),
                    "down" => fails(FailureKind::Transient, "timeout").map_err(Failure::of_endpoint),
                    _ => Ok(selector.len() as u64),
                };
                (selector, count)
            };
            let counts = selectors.into_iter().filter(|selector| selector != "lost").map(count).collect();
            Box::pin(std::future::ready(counts))
        }
    }

    fn asked(source: Option<Arc<Letters>>, selectors: &[&str]) -> (Vec<Result<u64, String>>, Endpoint) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(async {
            let mut lending = Lending {
                sources: Sources::silent(),
                pods: source.map(|source| source as Arc<dyn PodSource>),
                namespace: "shop".into(),
                connections: Arc::default(),
                rights: None,
                until: Instant::now() + Duration::from_secs(1),
                seen: Seen::default(),
            };
            let selectors = selectors.iter().map(|selector| (*selector).to_owned()).collect();
            let counts = lending.count(selectors, Counted::Pods).await;
            (counts.into_iter().map(|count| count.map_err(|failure| failure.code)).collect(), lending.seen.endpoint)
        })
    }

    #[test]
    fn equal_selectors_are_counted_once_and_every_place_gets_its_count() {
        let source = Arc::new(Letters::default());
        let (counts, endpoint) = asked(Some(source.clone()), &["app=a", "x", "app=a", "lost", "bad"]);
        let failed = |code: &str| Err(code.to_owned());
        assert_eq!(counts, [Ok(5), Ok(1), Ok(5), failed("not-counted"), failed("selector")]);
        assert_eq!(endpoint, Endpoint::Answered, "a bad selector says nothing of the cluster");
        let once = ["app=a", "bad", "lost", "x"].map(str::to_owned).into();
        assert_eq!(*source.0.lock().unwrap(), [("shop".to_owned(), once)]);
    }

    #[test]
    fn a_cluster_that_does_not_answer_is_seen_by_the_host() {
        let (_, endpoint) = asked(Some(Arc::default()), &["down"]);
        let Endpoint::Failed(failure) = endpoint else { panic!("{endpoint:?}") };
        assert_eq!(failure.code, "timeout");
        crate::fuzz::assert_printable(&failure.message, MESSAGE_BYTES_MAX);
    }

    #[test]
    fn without_a_cluster_nothing_is_counted_and_nothing_is_zero() {
        let (counts, endpoint) = asked(None, &["x"]);
        assert_eq!((counts, endpoint), (vec![Err("no-cluster".to_owned())], Endpoint::Unused));
    }

    #[test]
    fn a_question_beyond_the_bounds_is_refused() {
        let long = "x".repeat(SELECTOR_BYTES_MAX + 1);
        assert_eq!(asked(Some(Arc::default()), &[&long]).0, [Err("selector-size".to_owned())]);
        let many: Vec<String> = (0..=SELECTORS_MAX).map(|number| number.to_string()).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        assert_eq!(asked(Some(Arc::default()), &many).0.pop(), Some(Err("too-many-selectors".to_owned())));
    }

    #[test]
    fn whatever_is_selected_is_asked_for_once_and_within_the_bounds() {
        use proptest::prelude::*;

        let selector = prop_oneof![20 => crate::fuzz::text(), 1 => Just("x".repeat(SELECTOR_BYTES_MAX + 1))];
        crate::fuzz::target("selectors", prop::collection::vec(selector, 0..6), |selectors| {
            let source = Arc::new(Letters::default());
            let texts: Vec<&str> = selectors.iter().map(String::as_str).collect();
            let (counts, _) = asked(Some(source.clone()), &texts);
            assert_eq!(counts.len(), selectors.len());
            for (_, asked) in source.0.lock().unwrap().iter() {
                assert!(
                    asked.iter().all(|selector| selector.len() <= SELECTOR_BYTES_MAX && selectors.contains(selector))
                );
            }
        });
    }
}
