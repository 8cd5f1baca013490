//! `Effect::Tell` and `Effect::TellAuthentication`: Kubernetes Events (`events.k8s.io/v1`), with KEDA's reasons.
//!
//! Never waited for and never repeated: who is told too much is told nothing. The machine decides what is worth telling.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::{Duration, Instant};

use bellows_core::status::{Notice, Tone};
use bellows_core::workload::ObjectKey;
use k8s_openapi::api::core::v1::ObjectReference;
use k8s_openapi::api::events::v1::Event;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;
use kube::api::{ObjectMeta, PostParams};
use kube::{Api, Client};

use super::REPORTING_CONTROLLER;
use super::call::call;

/// Longest note that the API server takes.
const NOTE_BYTES_MAX: usize = 1_024;
/// Ends a note that was cut.
const ELLIPSIS: &str = "…";
/// An object's name in the name of an Event: with a dot and 16 digits it stays within the 253 bytes of a name.
const NAME_BYTES_MAX: usize = 253 - 17;
/// The same words about the same object are said once in this time.
const QUIET: Duration = Duration::from_secs(5);
/// What was said is remembered for so many objects and reasons: 100 bytes each, 400 KiB. Beyond it all is forgotten.
const SAID_MAX: usize = 4_096;

/// One thing to tell.
#[derive(Debug, Clone)]
pub(super) struct Tale {
    /// Kind of the object, in the group keda.sh.
    pub(super) kind: &'static str,
    /// Which one; without a namespace if it is the cluster's.
    pub(super) key: ObjectKey,
    /// The object's uid when it was told: `kubectl describe` finds Events by it.
    pub(super) uid: Option<String>,
    pub(super) notice: Notice,
}

/// What was said lately.
#[derive(Debug, Default)]
pub(super) struct Said {
    last: HashMap<(ObjectKey, &'static str), (u64, Instant)>,
}

impl Said {
    /// Whether it is new: other words than before, or not said for a while. Takes note of it.
    pub(super) fn is_new(&mut self, tale: &Tale, now: Instant) -> bool {
        let mut hasher = DefaultHasher::new();
        (&tale.notice.message, &tale.uid).hash(&mut hasher);
        let words = hasher.finish();
        let about = (tale.key.clone(), tale.notice.reason);
        if let Some((before, at)) = self.last.get(&about)
            && *before == words
            && now.saturating_duration_since(*at) < QUIET
        {
            return false;
        }
        if self.last.len() >= SAID_MAX {
            self.last.retain(|_, (_, at)| now.saturating_duration_since(*at) < QUIET);
        }
        if self.last.len() >= SAID_MAX {
            self.last.clear();
        }
        self.last.insert(about, (words, now));
        true
    }
}

/// Sends one Event. `instance` names this process.
pub(super) async fn tell(client: &Client, instance: &str, tale: &Tale, now: jiff::Timestamp) {
    let events: Api<Event> = Api::namespaced(client.clone(), namespace(&tale.key));
    if let Err(error) = call(events.create(&PostParams::default(), &event(instance, tale, now))).await {
        let (object, reason) = (&tale.key, tale.notice.reason);
        tracing::warn!(%object, reason, "cannot send a Kubernetes Event: {}", error.reason());
    }
}

/// Where an Event is. One of an object without a namespace is in `default`, as Kubernetes has it.
fn namespace(key: &ObjectKey) -> &str {
    if key.namespace.is_empty() { "default" } else { &key.namespace }
}

fn event(instance: &str, tale: &Tale, now: jiff::Timestamp) -> Event {
    let Tale { kind: regarded, key, uid, notice } = tale;
    let kind = match notice.tone {
        Tone::Normal => "Normal",
        Tone::Warning => "Warning",
    };
    let regarding = ObjectReference {
        api_version: Some("keda.sh/v1alpha1".to_owned()),
        kind: Some((*regarded).to_owned()),
        namespace: Some(key.namespace.to_string()).filter(|namespace| !namespace.is_empty()),
        name: Some(key.name.to_string()),
        uid: uid.clone(),
        ..ObjectReference::default()
    };
    Event {
        metadata: ObjectMeta {
            name: Some(format!("{}.{:016x}", cut(&key.name, NAME_BYTES_MAX, ""), now.as_nanosecond())),
            namespace: Some(namespace(key).to_owned()),
            ..ObjectMeta::default()
        },
        event_time: Some(MicroTime(now)),
        type_: Some(kind.to_owned()),
        reason: Some(notice.reason.to_owned()),
        // The API server takes at most 128 characters here, so never the message.
        action: Some(notice.reason.to_owned()),
        note: Some(cut(&notice.message, NOTE_BYTES_MAX, ELLIPSIS)),
        regarding: Some(regarding),
        reporting_controller: Some(REPORTING_CONTROLLER.to_owned()),
        reporting_instance: Some(cut(instance, 128, "")),
        ..Event::default()
    }
}

/// `text` in at most `bytes_max` bytes, its end replaced by `mark` where something is missing.
fn cut(text: &str, bytes_max: usize, mark: &str) -> String {
    if text.len() <= bytes_max {
        return text.to_owned();
    }
    let end = text.floor_char_boundary(bytes_max.saturating_sub(mark.len()));
    format!("{}{mark}", text.get(..end).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tale(message: &str) -> Tale {
        let notice = Notice { tone: Tone::Warning, reason: "KEDAScalerFailed", message: message.into(), detail: false };
        Tale { kind: "ScaledObject", key: ObjectKey::new("shop", "web"), uid: Some("u1".into()), notice }
    }

    #[test]
    fn a_long_note_is_cut_between_two_characters() {
        let note = event("host", &tale(&"é".repeat(600)), jiff::Timestamp::UNIX_EPOCH).note.unwrap();
        assert_eq!(note, format!("{}…", "é".repeat(510)));
        assert!(note.len() <= NOTE_BYTES_MAX);
    }

    #[test]
    fn an_event_carries_the_reason_as_its_action_and_the_uid_of_its_object() {
        let event = event("host", &tale("x"), jiff::Timestamp::UNIX_EPOCH);
        let regarding = event.regarding.unwrap();
        assert_eq!(
            (event.action.as_deref(), event.reason.as_deref()),
            (Some("KEDAScalerFailed"), Some("KEDAScalerFailed"))
        );
        assert_eq!(
            (regarding.uid.as_deref(), event.metadata.name.as_deref()),
            (Some("u1"), Some("web.0000000000000000"))
        );
    }

    #[test]
    fn an_event_on_an_object_of_the_cluster_is_in_default() {
        let of_cluster = Tale { kind: "ClusterTriggerAuthentication", key: ObjectKey::new("", "login"), ..tale("x") };
        let event = event("host", &of_cluster, jiff::Timestamp::UNIX_EPOCH);
        let regarding = event.regarding.unwrap();
        assert_eq!((event.metadata.namespace.as_deref(), regarding.namespace), (Some("default"), None));
        assert_eq!(regarding.kind.as_deref(), Some("ClusterTriggerAuthentication"));
    }

    #[test]
    fn the_same_words_are_said_once_in_a_while_and_other_words_at_once() {
        let (mut said, start) = (Said::default(), Instant::now());
        assert!(said.is_new(&tale("a"), start));
        assert!(!said.is_new(&tale("a"), start + Duration::from_secs(4)));
        assert!(said.is_new(&tale("b"), start + Duration::from_secs(4)));
        assert!(said.is_new(&tale("b"), start + Duration::from_secs(9)));
    }
}
