//! What is known of the labels of namespaces, for whoever selects namespaces by them.
//!
//! Reads nothing: a watch tells what it saw, once somebody wants it. What is not known is never guessed.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};

use bellows_core::event::Event;
use bellows_core::rights::Labels;
use tokio::sync::watch;

/// Bytes of all labels that are kept: 10,000 namespaces, where Kubernetes' own limits end, with 6 KiB each, which is some
/// 40 labels. Namespaces beyond are not known.
const BYTES_MAX: usize = 64 * 1024 * 1024;
/// What one namespace costs besides its labels, and one label besides its text: the maps' nodes and the texts' heads.
const NAMESPACE_BYTES: usize = 160;
const LABEL_BYTES: usize = 64;

/// The labels of namespaces, as far as they are known.
#[derive(Default)]
pub struct Namespaces {
    known: RwLock<Known>,
    wanted: watch::Sender<bool>,
    refused: watch::Sender<Option<String>>,
}

#[derive(Default)]
struct Known {
    labels: HashMap<Arc<str>, Arc<Labels>>,
    bytes: usize,
    /// Whether all were listed once.
    listed: bool,
    /// Why they were not.
    why: Option<String>,
}

impl Known {
    /// Takes in the labels of one namespace. Whether they are others than before.
    fn put(&mut self, namespace: &str, labels: Labels) -> bool {
        if self.labels.get(namespace).is_some_and(|before| **before == labels) {
            return false;
        }
        let changed = self.remove(namespace);
        let bytes = bytes(namespace, &labels);
        if self.bytes + bytes > BYTES_MAX {
            tracing::error!(namespace, "labels of namespaces are more than {BYTES_MAX} bytes: these are not known");
            return changed;
        }
        self.bytes += bytes;
        self.labels.insert(namespace.into(), Arc::new(labels));
        true
    }

    fn remove(&mut self, namespace: &str) -> bool {
        let Some(labels) = self.labels.remove(namespace) else { return false };
        self.bytes -= bytes(namespace, &labels);
        true
    }
}

fn bytes(namespace: &str, labels: &Labels) -> usize {
    let texts: usize = labels.iter().map(|(key, value)| key.len() + value.len() + LABEL_BYTES).sum();
    namespace.len() + NAMESPACE_BYTES + texts
}

impl Namespaces {
    /// Somebody selects namespaces by labels: they are to be watched from now on.
    pub fn want(&self) {
        self.wanted.send_if_modified(|wanted| !std::mem::replace(wanted, true));
    }

    /// Until somebody does.
    pub async fn wanted(&self) {
        // It fails only when the sender is gone, which is ours.
        _ = self.wanted.subscribe().wait_for(|wanted| *wanted).await;
    }

    /// The labels of a namespace, or why they are not known.
    pub fn of(&self, namespace: &str) -> Result<Arc<Labels>, String> {
        let known = self.read();
        match known.labels.get(namespace) {
            Some(labels) => Ok(Arc::clone(labels)),
            None if known.listed => {
                Err(format!("labels of namespaces are not known yet: {namespace} was not seen among them"))
            }
            None => {
                let why = known.why.as_deref().unwrap_or("they are being listed");
                Err(format!("labels of namespaces are not known yet: {why}"))
            }
        }
    }

    /// All namespaces, with their labels: those that are not among them are gone. What follows for objects.
    pub fn listed(&self, all: Vec<(String, Labels)>) -> Vec<Event> {
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        let mut before: HashMap<Arc<str>, Arc<Labels>> = known.labels.clone();
        let mut changed = Vec::new();
        for (namespace, labels) in all {
            before.remove(&*namespace);
            if known.put(&namespace, labels) {
                changed.push(namespace.into());
            }
        }
        for gone in before.into_keys() {
            known.remove(&gone);
            changed.push(gone);
        }
        known.why = None;
        let first = !std::mem::replace(&mut known.listed, true);
        drop(known);
        self.heard();
        if first {
            tracing::info!(namespaces = changed.len(), "labels of namespaces are known");
            return vec![Event::ScalersChanged];
        }
        changed.into_iter().map(Event::NamespaceRelabelled).collect()
    }

    /// One namespace is there, or was changed.
    pub fn seen(&self, namespace: &str, labels: Labels) -> Option<Event> {
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        known.put(namespace, labels).then(|| Event::NamespaceRelabelled(namespace.into()))
    }

    /// One namespace is gone.
    pub fn gone(&self, namespace: &str) -> Option<Event> {
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        known.remove(namespace).then(|| Event::NamespaceRelabelled(namespace.into()))
    }

    /// The watch failed. What is known already holds; `refused` says what to do where nobody lets us watch.
    pub fn failed(&self, why: String, refused: Option<String>) {
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        known.why = Some(why);
        drop(known);
        if refused.is_some() {
            self.refused.send_if_modified(|before| std::mem::replace(before, refused.clone()) != refused);
        }
    }

    /// The watch goes on, or says nothing yet of a list that is still to come.
    pub fn heard(&self) {
        if self.read().listed {
            self.refused.send_if_modified(|refused| refused.take().is_some());
        }
    }

    /// Why namespaces may not be watched, and what to do about it; nothing where they may, or nobody knows.
    pub fn refusals(&self) -> watch::Receiver<Option<String>> {
        self.refused.subscribe()
    }

    fn read(&self) -> RwLockReadGuard<'_, Known> {
        self.known.read().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn team(team: &str) -> Labels {
        Labels::from([("team".to_owned(), team.to_owned())])
    }

    fn all(teams: &[(&str, &str)]) -> Vec<(String, Labels)> {
        teams.iter().map(|(namespace, label)| ((*namespace).to_owned(), team(label))).collect()
    }

    fn concerned(events: &[Event]) -> Vec<&str> {
        let mut concerned: Vec<&str> = events
            .iter()
            .map(|event| match event {
                Event::ScalersChanged => "all",
                Event::NamespaceRelabelled(namespace) => namespace,
                other => panic!("{other:?}"),
            })
            .collect();
        concerned.sort_unstable();
        concerned
    }

    #[test]
    fn until_all_were_listed_no_label_is_known_and_the_reason_is_told() {
        let namespaces = Namespaces::default();
        let told = |namespaces: &Namespaces| namespaces.of("shop").unwrap_err();
        assert_eq!(told(&namespaces), "labels of namespaces are not known yet: they are being listed");
        namespaces.failed("connection refused".into(), Some("add the rule".into()));
        assert_eq!(told(&namespaces), "labels of namespaces are not known yet: connection refused");
        namespaces.heard();
        assert!(namespaces.refusals().borrow().is_some(), "silence is no list");
        assert_eq!(concerned(&namespaces.listed(all(&[("mail", "mail")]))), ["all"]);
        assert_eq!(told(&namespaces), "labels of namespaces are not known yet: shop was not seen among them");
        assert_eq!(*namespaces.of("mail").unwrap(), team("mail"));
    }

    #[test]
    fn objects_are_resolved_again_for_a_change_of_labels_and_for_nothing_else() {
        let namespaces = Namespaces::default();
        namespaces.listed(all(&[("a", "shop"), ("b", "shop"), ("c", "shop")]));
        let kept = namespaces.of("a").unwrap();
        assert!(namespaces.seen("a", team("shop")).is_none());
        let relisted = namespaces.listed(all(&[("a", "shop"), ("b", "mail"), ("d", "shop")]));
        assert_eq!(concerned(&relisted), ["b", "c", "d"]);
        assert!(Arc::ptr_eq(&kept, &namespaces.of("a").unwrap()), "what is equal is the same");
        assert_eq!(concerned(&namespaces.seen("a", Labels::new()).into_iter().collect::<Vec<_>>()), ["a"]);
        assert_eq!(concerned(&namespaces.gone("a").into_iter().collect::<Vec<_>>()), ["a"]);
        assert!(namespaces.gone("a").is_none());
        assert!(namespaces.of("a").is_err());
    }

    #[test]
    fn what_was_known_holds_while_the_watch_is_broken_and_a_refusal_is_told_until_it_goes_on() {
        let namespaces = Namespaces::default();
        namespaces.listed(all(&[("a", "shop")]));
        let refusals = namespaces.refusals();
        namespaces.failed("forbidden".into(), Some("add the rule".into()));
        assert_eq!((*namespaces.of("a").unwrap()).clone(), team("shop"));
        assert_eq!(refusals.borrow().as_deref(), Some("add the rule"));
        // A connection that breaks says nothing of rights.
        namespaces.failed("connection refused".into(), None);
        assert_eq!(refusals.borrow().as_deref(), Some("add the rule"));
        namespaces.heard();
        assert_eq!(*refusals.borrow(), None);
    }

    #[test]
    fn labels_without_end_are_not_kept_and_so_not_known() {
        let namespaces = Namespaces::default();
        let large = |letter: &str| Labels::from([("l".to_owned(), letter.repeat(BYTES_MAX / 2))]);
        namespaces.listed(vec![("a".into(), large("a")), ("b".into(), large("b")), ("c".into(), team("shop"))]);
        assert!(namespaces.of("a").is_ok() && namespaces.of("b").is_err() && namespaces.of("c").is_ok());
        namespaces.gone("a");
        namespaces.seen("b", large("b"));
        assert!(namespaces.of("b").is_ok());
    }
}
