//! Reading what the machine did in a bench.

use std::sync::Arc;
use std::time::Duration;

use super::bench::Bench;
use crate::effect::{Effect, Poll};
use crate::metric::View;
use crate::status::{Condition, Notice, Report};
use crate::workload::Workload;

/// The name of an effect.
pub(super) fn name(effect: &Effect) -> &'static str {
    match effect {
        Effect::Adopt { .. } => "Adopt",
        Effect::Resolve { .. } => "Resolve",
        Effect::ApplyHpa { .. } => "ApplyHpa",
        Effect::Poll(_) => "Poll",
        Effect::Scale { .. } => "Scale",
        Effect::Publish { .. } => "Publish",
        Effect::Report { .. } => "Report",
        Effect::Tell { .. } => "Tell",
        Effect::Release { .. } => "Release",
        Effect::ReportAuthentication { .. } => "ReportAuthentication",
        Effect::ReleaseAuthentication { .. } => "ReleaseAuthentication",
        Effect::TellAuthentication { .. } => "TellAuthentication",
    }
}

impl Bench {
    /// Names of all effects that cost a request by default.
    pub(super) fn names(&self) -> Vec<&'static str> {
        let detail = |effect: &Effect| matches!(effect, Effect::Tell { notice, .. } if notice.detail);
        let asked = self.log.iter().filter(|(_, effect)| !detail(effect));
        asked.map(|(_, effect)| name(effect)).filter(|name| *name != "Publish").collect()
    }

    pub(super) fn count(&self, what: &str) -> usize {
        self.names().iter().filter(|name| **name == what).count()
    }

    /// Every scaling asked for.
    pub(super) fn scales(&self) -> Vec<(u32, u32)> {
        let scale =
            |effect: &Effect| if let Effect::Scale { from, to, .. } = effect { Some((*from, *to)) } else { None };
        self.log.iter().filter_map(|(_, effect)| scale(effect)).collect()
    }

    pub(super) fn polls(&self) -> Vec<(Duration, Poll)> {
        let poll = |(at, effect): &(Duration, Effect)| {
            if let Effect::Poll(poll) = effect { Some((*at, poll.clone())) } else { None }
        };
        self.log.iter().filter_map(poll).collect()
    }

    fn all_notices(&self) -> impl Iterator<Item = Notice> {
        let notice =
            |effect: &Effect| if let Effect::Tell { notice, .. } = effect { Some(notice.clone()) } else { None };
        self.log.iter().filter_map(move |(_, effect)| notice(effect))
    }

    /// Every Event that is sent by default.
    pub(super) fn notices(&self) -> Vec<Notice> {
        self.all_notices().filter(|notice| !notice.detail).collect()
    }

    /// Every Event that is sent only where all are asked for, as `REASON: MESSAGE`.
    pub(super) fn details(&self) -> Vec<String> {
        let details = self.all_notices().filter(|notice| notice.detail);
        details.map(|notice| format!("{}: {}", notice.reason, notice.message)).collect()
    }

    pub(super) fn told(&self) -> Vec<&'static str> {
        self.notices().iter().map(|notice| notice.reason).collect()
    }

    pub(super) fn report(&self) -> Report {
        let report =
            |effect: &Effect| if let Effect::Report { report, .. } = effect { Some((**report).clone()) } else { None };
        self.log.iter().rev().find_map(|(_, effect)| report(effect)).unwrap()
    }

    pub(super) fn condition(&self, kind: &str) -> Condition {
        self.report().conditions.into_iter().find(|condition| condition.kind == kind).unwrap()
    }

    /// What the HPA was last made to follow.
    pub(super) fn applied(&self) -> Arc<Workload> {
        let applied = |effect: &Effect| {
            if let Effect::ApplyHpa { workload, .. } = effect { Some(workload.clone()) } else { None }
        };
        self.log.iter().rev().find_map(|(_, effect)| applied(effect)).unwrap()
    }

    /// Why nothing more was done, or what was.
    pub(super) fn last_decision(&self) -> String {
        self.view().unwrap().decisions.back().unwrap().text.to_string()
    }

    /// What the HPA is answered for a metric.
    pub(super) fn answer(&self, metric: usize) -> Option<f64> {
        let now = crate::Now { steady: self.steady, wall: self.wall };
        self.view().unwrap().metrics[metric].answer(now).ok().map(|taken| taken.value)
    }

    pub(super) fn view(&self) -> Option<Arc<View>> {
        let view = |effect: &Effect| if let Effect::Publish { view, .. } = effect { Some(view.clone()) } else { None };
        self.log.iter().rev().find_map(|(_, effect)| view(effect)).flatten()
    }
}
