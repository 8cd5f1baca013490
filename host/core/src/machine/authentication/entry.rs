//! One authentication as the machine remembers it, what it asks for, and what people hear of it.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use crate::Now;
use crate::authentication::{AuthenticationKey, AuthenticationKind, AuthenticationView};
use crate::effect::Effect;
use crate::event::ApiFailure;
use crate::machine::ask::Ask;
use crate::machine::report::SPACING;
use crate::status::{Notice, Tone};
use crate::workload::ObjectKey;

/// Longest list of users in a status: an object of 1.5 MiB is more than a cluster stores. At 50 bytes a name these are
/// 5,000 users; further ones are left out.
const USERS_BYTES_MAX: usize = 256 << 10;

/// One of them.
#[derive(Debug, Default)]
pub(super) struct Entry {
    /// Who names it, the first to do so first.
    pub(super) users: Vec<ObjectKey>,
    pub(super) seen: Option<AuthenticationView>,
    /// Names in its status that were there before us and are another host's to remove.
    strangers: BTreeSet<String>,
    /// Its status may not say what it should.
    pub(super) unsure: bool,
    pub(super) report: Ask,
    /// What is being written.
    writing: Option<Arc<str>>,
    pub(super) release: Ask,
    /// People were told that it is being deleted.
    parted: bool,
    pub(super) timer: Option<Duration>,
}

impl Entry {
    /// Takes in what the cluster has, and gives what people should hear of it.
    pub(super) fn observe(
        &mut self,
        key: &AuthenticationKey,
        view: Option<AuthenticationView>,
        owned: bool,
    ) -> Option<Effect> {
        self.unsure = true;
        match (self.seen.take(), view) {
            (None, None) => None,
            (Some(gone), None) => {
                self.start_anew();
                (!std::mem::take(&mut self.parted)).then(|| deleted(key, &gone.uid))
            }
            (Some(before), Some(view)) if before.uid == view.uid => {
                let updated =
                    (before.fingerprint != view.fingerprint && !view.deleting).then(|| updated(key, &view.uid));
                // Where we write the status we know it better than a watch that is behind.
                let users = if owned { before.users } else { view.users.clone() };
                self.seen = Some(AuthenticationView { users, ..view });
                updated
            }
            (_, Some(view)) => {
                self.start_anew();
                self.parted = false;
                if view.shared {
                    self.strangers = names(&view.users).filter(|name| !self.is_user(name)).map(str::to_owned).collect();
                }
                let added = view.fresh.then(|| added(key, &view.uid));
                self.seen = Some(view);
                added
            }
        }
    }

    /// What is under way is about another object of that name.
    fn start_anew(&mut self) {
        self.report.disown();
        self.release.disown();
        self.writing = None;
        self.strangers.clear();
    }

    fn is_user(&self, name: &str) -> bool {
        self.users.iter().any(|user| *user.name == *name)
    }

    pub(super) fn reported(&mut self, result: &Result<(), ApiFailure>, now: Now) {
        let written = self.writing.take();
        match result {
            Ok(()) => {
                self.report.succeeded(now.steady + SPACING);
                if let (Some(seen), Some(written)) = (&mut self.seen, written) {
                    seen.users = written;
                }
            }
            Err(failure) => {
                self.report.failed(now.steady, failure.retry);
                self.unsure = true;
            }
        }
    }

    /// Asks for what is to be done, and says when to look again although nothing happens.
    pub(super) fn settle(&mut self, key: &AuthenticationKey, now: Now, effects: &mut Vec<Effect>) -> Option<Duration> {
        let seen = self.seen.as_ref()?;
        if seen.deleting {
            if !seen.held || !self.release.may(now.steady) {
                return self.release.at().filter(|_| seen.held);
            }
            self.release.sent();
            effects.push(Effect::ReleaseAuthentication { key: key.clone() });
            if !std::mem::replace(&mut self.parted, true) {
                effects.push(deleted(key, &seen.uid));
            }
            return None;
        }
        if !self.unsure {
            return None;
        }
        if !self.report.may(now.steady) {
            return self.report.at();
        }
        self.unsure = false;
        let users = self.list(&seen.users);
        if *users != *seen.users {
            let users: Arc<str> = users.into();
            self.report.sent();
            self.writing = Some(users.clone());
            effects.push(Effect::ReportAuthentication { key: key.clone(), users });
        }
        None
    }

    /// What the status should say: those that it names stay where they are, and others follow, the first to name it
    /// first. Objects of one name in two namespaces are one name, as in KEDA.
    fn list(&self, present: &str) -> String {
        let mut left: BTreeSet<&str> = self.users.iter().map(|user| &*user.name).collect();
        left.extend(self.strangers.iter().map(String::as_str));
        let stay = names(present);
        let follow = self.users.iter().map(|user| &*user.name);
        let mut list = String::new();
        for name in stay.chain(follow) {
            if left.remove(name) && list.len() + name.len() < USERS_BYTES_MAX {
                if !list.is_empty() {
                    list.push(',');
                }
                list.push_str(name);
            }
        }
        list
    }
}

fn names(list: &str) -> impl Iterator<Item = &str> {
    list.split(',').filter(|name| !name.is_empty())
}

fn tell(key: &AuthenticationKey, uid: &Arc<str>, reason: &'static str, message: String) -> Effect {
    let notice = Notice { tone: Tone::Normal, reason, message, detail: false };
    Effect::TellAuthentication { key: key.clone(), uid: uid.clone(), notice }
}

fn added(key: &AuthenticationKey, uid: &Arc<str>) -> Effect {
    let reason = match key.kind {
        AuthenticationKind::Namespaced => "TriggerAuthenticationAdded",
        AuthenticationKind::Cluster => "ClusterTriggerAuthenticationAdded",
    };
    tell(key, uid, reason, format!("New {} configured", key.kind.label()))
}

fn updated(key: &AuthenticationKey, uid: &Arc<str>) -> Effect {
    // KEDA has this reason and these words for both kinds, and people filter by them.
    tell(
        key,
        uid,
        "ClusterTriggerAuthenticationUpdated",
        format!("ClusterTriggerAuthentication {} is updated", key.name),
    )
}

fn deleted(key: &AuthenticationKey, uid: &Arc<str>) -> Effect {
    let reason = match key.kind {
        AuthenticationKind::Namespaced => "TriggerAuthenticationDeleted",
        AuthenticationKind::Cluster => "ClusterTriggerAuthenticationDeleted",
    };
    tell(key, uid, reason, format!("{} was deleted", key.kind.label()))
}
