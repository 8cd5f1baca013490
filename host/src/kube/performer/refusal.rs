//! **Pure**: what an effect that was asked for too often is answered with, and whose turn it takes.

use bellows_core::authentication::AuthenticationKey;
use bellows_core::effect::Effect;
use bellows_core::event::{ApiFailure, Event, Refusal};
use bellows_core::problem::Problem;
use bellows_core::workload::ObjectKey;

/// The answer to an effect that was not taken in; none where nobody waits for one.
pub(super) fn refusal(effect: Effect, failure: ApiFailure) -> Option<Event> {
    let result = Err(failure.clone());
    match effect {
        Effect::Resolve { key, attempt, .. } => {
            let problems = vec![Problem::new("", failure.message)];
            Some(Event::Resolved { key, attempt, result: Err(Refusal { problems, retry: true }) })
        }
        Effect::Scale { key, to, .. } => Some(Event::Scaled { key, to, result }),
        Effect::Adopt { key } => Some(Event::Adopted { key, result }),
        Effect::ApplyHpa { key, .. } => Some(Event::HpaApplied { key, result: Err(failure) }),
        Effect::Report { key, .. } => Some(Event::Reported { key, result }),
        Effect::Release { key, .. } => Some(Event::Released { key, result }),
        Effect::ReportAuthentication { key, .. } => Some(Event::AuthenticationReported { key, result }),
        Effect::ReleaseAuthentication { key } => Some(Event::AuthenticationReleased { key, result }),
        Effect::Poll(_) | Effect::Publish { .. } | Effect::Tell { .. } | Effect::TellAuthentication { .. } => None,
    }
}

/// Writes of one authentication are done in order too.
pub(super) fn lane(key: &AuthenticationKey) -> ObjectKey {
    ObjectKey { namespace: key.namespace.clone(), name: key.name.clone() }
}
