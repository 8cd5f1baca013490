//! All that the machine asks for. Each variant is performed by exactly one file of the shell, and answered by the event
//! that its documentation names.

use std::sync::Arc;
use std::time::Duration;

use crate::authentication::AuthenticationKey;
use crate::batch::BatchKey;
use crate::draft::Draft;
use crate::event::PollId;
use crate::metric::View;
use crate::scaler::Trigger;
use crate::status::{Notice, Report};
use crate::workload::{ObjectKey, Target, Workload};

/// One thing to do.
#[derive(Debug, Clone, PartialEq)]
pub enum Effect {
    /// Put our finalizer on the object. Answered by `Adopted`.
    Adopt {
        /// Whose it is.
        key: ObjectKey,
    },
    /// Read target, environment and Secrets, and have the scalers plan. Never dials a source. Answered by `Resolved`.
    Resolve {
        /// Whose it is.
        key: ObjectKey,
        /// The number of the question.
        attempt: u64,
        /// What was asked for.
        draft: Arc<Draft>,
    },
    /// Make the HPA be as the workload says; never one that is not ours. Answered by `HpaApplied`.
    ApplyHpa {
        /// Whose it is.
        key: ObjectKey,
        /// What it follows from.
        workload: Arc<Workload>,
        /// An HPA under an older name, to be deleted.
        replaces: Option<Arc<str>>,
    },
    /// Ask a scaler. Answered by `Polled`.
    Poll(Poll),
    /// Read the target's replicas and, if they are `from` still, set them. Answered by `Scaled`, or by `ScaleRead` if
    /// they were others.
    Scale {
        /// Whose it is.
        key: ObjectKey,
        /// Of what.
        target: Target,
        /// The replicas that the decision rests on.
        from: u32,
        /// The replicas to set.
        to: u32,
    },
    /// Show the object, or no longer. Not answered.
    Publish {
        /// Whose it is.
        key: ObjectKey,
        /// What to show.
        view: Option<Arc<View>>,
    },
    /// Write the status. Answered by `Reported`.
    Report {
        /// Whose it is.
        key: ObjectKey,
        /// What it should be.
        report: Box<Report>,
    },
    /// Tell people by a Kubernetes Event. Not answered.
    Tell {
        /// Whose it is.
        key: ObjectKey,
        /// What to tell.
        notice: Notice,
    },
    /// Write who uses an authentication into its status. Answered by `AuthenticationReported`.
    ReportAuthentication {
        /// Which.
        key: AuthenticationKey,
        /// Names of ScaledObjects, joined by commas; may be empty.
        users: Arc<str>,
    },
    /// Take KEDA's finalizer off an authentication that is being deleted. Answered by `AuthenticationReleased`.
    ReleaseAuthentication {
        /// Which.
        key: AuthenticationKey,
    },
    /// Tell people of an authentication by a Kubernetes Event. Not answered.
    TellAuthentication {
        /// Which.
        key: AuthenticationKey,
        /// Its uid, by which people find the Event.
        uid: Arc<str>,
        /// What to tell.
        notice: Notice,
    },
    /// The object is being deleted: restore replicas if asked, then take our finalizer off. Answered by `Released`.
    Release {
        /// Whose it is.
        key: ObjectKey,
        /// Replicas to restore, and of what. A target that is gone is no obstacle.
        restore: Option<(Target, u32)>,
    },
}

/// One call of one component.
#[derive(Debug, Clone, PartialEq)]
pub struct Poll {
    /// Names it.
    pub id: PollId,
    /// Whom to ask, over which connections.
    pub batch: Arc<BatchKey>,
    /// What to ask for.
    pub triggers: Vec<Arc<Trigger>>,
    /// How much later than planned the latest of them is asked.
    pub late: Duration,
}
