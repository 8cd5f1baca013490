//! Which requests to the cluster are under way, as the one who performs them would count.

use std::collections::{BTreeMap, BTreeSet};

use bellows_core::effect::Effect;
use bellows_core::event::Event;
use bellows_core::status::Report;
use bellows_core::workload::ObjectKey;

/// Requests under way.
#[derive(Debug, Default)]
pub(crate) struct Requests {
    under_way: BTreeSet<(ObjectKey, &'static str)>,
    /// Resolutions under way, and the epoch of the object in which each was asked for.
    resolving: BTreeMap<ObjectKey, (u64, u64)>,
    reporting: BTreeMap<ObjectKey, Report>,
}

/// The kind of an effect that is answered, but for polls.
pub(crate) fn kind(effect: &Effect) -> Option<(&ObjectKey, &'static str)> {
    Some(match effect {
        Effect::Adopt { key } => (key, "adopt"),
        Effect::Resolve { key, .. } => (key, "resolve"),
        Effect::ApplyHpa { key, .. } => (key, "hpa"),
        Effect::Scale { key, .. } => (key, "scale"),
        Effect::Report { key, .. } => (key, "report"),
        Effect::Release { key, .. } => (key, "release"),
        Effect::Poll(_)
        | Effect::Publish { .. }
        | Effect::Tell { .. }
        | Effect::ReportAuthentication { .. }
        | Effect::ReleaseAuthentication { .. }
        | Effect::TellAuthentication { .. } => return None,
    })
}

impl Requests {
    /// Whether one of that kind is under way for the object.
    pub(crate) fn is_under_way(&self, key: &ObjectKey, kind: &'static str) -> bool {
        self.under_way.contains(&(key.clone(), kind))
    }

    /// A request goes out.
    pub(crate) fn sent(&mut self, effect: &Effect, epoch: u64) {
        let Some((key, kind)) = kind(effect) else { return };
        self.under_way.insert((key.clone(), kind));
        match effect {
            Effect::Resolve { attempt, .. } => _ = self.resolving.insert(key.clone(), (*attempt, epoch)),
            Effect::Report { report, .. } => _ = self.reporting.insert(key.clone(), (**report).clone()),
            _ => {}
        }
    }

    /// An answer comes.
    pub(crate) fn answered(&mut self, event: &Event) {
        let (key, kind) = match event {
            Event::Adopted { key, .. } => (key, "adopt"),
            Event::Resolved { key, .. } => (key, "resolve"),
            Event::HpaApplied { key, .. } => (key, "hpa"),
            Event::ScaleRead { key, .. } | Event::Scaled { key, .. } => (key, "scale"),
            Event::Reported { key, .. } => (key, "report"),
            Event::Released { key, .. } => (key, "release"),
            _ => return,
        };
        self.under_way.remove(&(key.clone(), kind));
    }

    /// The epoch in which the resolution was asked for that is answered.
    pub(crate) fn resolved(&mut self, key: &ObjectKey, attempt: u64) -> Option<u64> {
        self.resolving.remove(key).filter(|(asked, _)| *asked == attempt).map(|(_, epoch)| epoch)
    }

    /// The report that is answered, if anybody stands behind it.
    pub(crate) fn take_report(&mut self, key: &ObjectKey) -> Option<Report> {
        self.reporting.remove(key)
    }

    /// What is under way for the object concerns nobody any more; it still is under way.
    pub(crate) fn disown(&mut self, key: &ObjectKey) {
        self.reporting.remove(key);
    }
}
