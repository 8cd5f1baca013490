//! Who owns which object: rendezvous hashing, so that a member that leaves moves its own objects only.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use crate::workload::ObjectKey;

/// Who shares the work. Without members, this process owns everything.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Membership {
    own: Option<Arc<str>>,
    members: Vec<Arc<str>>,
}

impl Membership {
    /// `own` among `members`.
    pub fn new(own: Arc<str>, members: Vec<Arc<str>>) -> Self {
        Self { own: Some(own), members }
    }

    /// Whether this process acts for the object.
    pub fn owns(&self, key: &ObjectKey) -> bool {
        let score = |member: &Arc<str>| {
            let mut hasher = DefaultHasher::new();
            (member, key).hash(&mut hasher);
            // Equal scores are settled by the name, so that all members agree.
            (hasher.finish(), member.clone())
        };
        let Some(own) = &self.own else { return true };
        self.members.iter().map(score).max().is_some_and(|(_, winner)| winner == *own)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn members(names: &[&str]) -> Vec<Arc<str>> {
        names.iter().map(|name| Arc::from(*name)).collect()
    }

    #[test]
    fn each_object_has_exactly_one_owner_and_a_leaver_moves_only_its_own() {
        let (three, two) = (members(&["a", "b", "c"]), members(&["a", "b"]));
        for index in 0..500 {
            let key = ObjectKey::new("default", format!("web-{index}"));
            let owners = |all: &Vec<Arc<str>>| -> Vec<Arc<str>> {
                all.iter().filter(|own| Membership::new((*own).clone(), all.clone()).owns(&key)).cloned().collect()
            };
            let (before, after) = (owners(&three), owners(&two));
            assert_eq!((before.len(), after.len()), (1, 1));
            assert!(before[0].as_ref() == "c" || before == after);
        }
    }

    #[test]
    fn a_process_alone_owns_everything_and_one_that_is_no_member_nothing() {
        let key = ObjectKey::new("default", "web");
        assert!(Membership::default().owns(&key));
        assert!(!Membership::new("x".into(), members(&["a"])).owns(&key));
    }
}
