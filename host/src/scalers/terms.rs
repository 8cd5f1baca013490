//! On which terms a namespace may use what a Scaler brings: whether at all, and with which rights.
//!
//! Judged at each poll, so that what a person takes away holds at the next one. What only labels could decide, and nobody
//! knows, is refused.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use bellows_core::rights::{Audience, Grants, Labels, Rights, Undecided};

use super::Namespaces;

/// Verdicts that are remembered for one Scaler, of some 150 bytes each: more namespaces than Kubernetes is made for.
const DECIDED_MAX: usize = 16_384;

/// Who may use what a Scaler brings, and what that may do there.
pub struct Terms {
    audience: Audience,
    grants: Grants,
    /// What the labels of a namespace decided. While they are the same, so is the verdict: up to 64 selectors are not matched
    /// anew at each poll.
    decided: Mutex<HashMap<String, (Arc<Labels>, Verdict)>>,
}

/// The rights of a namespace; none where it may not use the Scaler.
type Verdict = Option<Arc<Rights>>;

/// Why a namespace may not use what a Scaler brings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Withheld {
    /// It is not meant to, by which field.
    NotAllowed(String),
    /// Nobody knows whether it is, and why.
    Unknown(String),
}

impl PartialEq for Terms {
    fn eq(&self, other: &Self) -> bool {
        (&self.audience, &self.grants) == (&other.audience, &other.grants)
    }
}

impl Terms {
    /// As a Scaler has them.
    pub fn new(audience: Audience, grants: Grants) -> Self {
        Self { audience, grants, decided: Mutex::default() }
    }

    /// What it may do, namespace by namespace.
    pub fn grants(&self) -> &Grants {
        &self.grants
    }

    /// Whether labels decide of some namespaces.
    pub fn by_labels(&self) -> bool {
        self.audience.by_labels() || self.grants.by_labels()
    }

    /// The rights of a namespace.
    pub(super) fn of(&self, namespace: &str, namespaces: &Namespaces) -> Result<Arc<Rights>, Withheld> {
        let verdict = match self.judge(namespace, None) {
            // A name decided, and no label is needed.
            Ok(verdict) => verdict,
            Err(Undecided) => self.by_its_labels(namespace, &namespaces.of(namespace).map_err(Withheld::Unknown)?),
        };
        verdict.ok_or_else(|| Withheld::NotAllowed(self.audience.refusal(namespace)))
    }

    fn by_its_labels(&self, namespace: &str, labels: &Arc<Labels>) -> Verdict {
        let mut decided = self.decided.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((of, verdict)) = decided.get(namespace)
            && Arc::ptr_eq(of, labels)
        {
            return verdict.clone();
        }
        if decided.len() >= DECIDED_MAX {
            decided.clear();
        }
        // With labels everything is decided.
        let verdict = self.judge(namespace, Some(labels)).unwrap_or_default();
        decided.insert(namespace.to_owned(), (Arc::clone(labels), verdict.clone()));
        verdict
    }

    fn judge(&self, namespace: &str, labels: Option<&Labels>) -> Result<Verdict, Undecided> {
        if !self.audience.allows(namespace, labels)? {
            return Ok(None);
        }
        self.grants.of(namespace, labels).map(|rights| Some(Arc::clone(rights)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bellows_core::rights::{
        AudienceDraft, Ceiling, GrantsDraft, PartDraft, RequirementDraft, SelectorDraft, SomeNamespacesDraft,
    };

    fn labels(team: &str) -> Labels {
        Labels::from([("team".to_owned(), team.to_owned())])
    }

    fn selector(team: &str) -> Option<SelectorDraft> {
        Some(SelectorDraft { match_labels: labels(team), ..SelectorDraft::default() })
    }

    fn commands(command: &str) -> PartDraft {
        PartDraft { redis_commands: Some(vec![command.to_owned()]), ..PartDraft::default() }
    }

    /// `SMEMBERS` in namespace `named`, `HGETALL` in those of team shop, and neither elsewhere.
    fn grants() -> Grants {
        let some = |names: &[&str], selector, command| SomeNamespacesDraft {
            names: names.iter().map(|name| (*name).to_owned()).collect(),
            selector,
            part: commands(command),
        };
        let namespaces = vec![some(&[], selector("shop"), "HGETALL"), some(&["named"], None, "SMEMBERS")];
        GrantsDraft { namespaces, ..GrantsDraft::default() }.parse("queue", &Ceiling::NONE).unwrap()
    }

    fn nothing() -> Grants {
        GrantsDraft::default().parse("queue", &Ceiling::NONE).unwrap()
    }

    /// What a namespace may do by these terms: `HGETALL`, `SMEMBERS`, nothing of them, or why it may not use it.
    fn may(terms: &Terms, namespaces: &Namespaces, namespace: &str) -> Result<&'static str, Withheld> {
        let rights = terms.of(namespace, namespaces)?;
        let granted = ["HGETALL", "SMEMBERS"].into_iter().find(|command| rights.allows_command(command));
        Ok(granted.unwrap_or_default())
    }

    #[test]
    fn while_labels_are_not_known_a_namespace_that_no_name_decides_has_neither_the_wider_nor_the_general_rights() {
        let (terms, namespaces) = (Terms::new(Audience::default(), grants()), Namespaces::default());
        namespaces.failed("namespaces is forbidden".into(), None);
        let why = "labels of namespaces are not known yet: namespaces is forbidden".to_owned();
        assert_eq!(may(&terms, &namespaces, "shop"), Err(Withheld::Unknown(why)));
        assert_eq!(may(&terms, &namespaces, "named"), Ok("SMEMBERS"));
        // A namespace that is not among those that were listed is not one without labels.
        namespaces.listed(vec![("mail".into(), labels("mail"))]);
        assert!(matches!(may(&terms, &namespaces, "shop"), Err(Withheld::Unknown(_))));
        assert_eq!(may(&terms, &namespaces, "mail"), Ok(""));
        let everywhere = Terms::new(Audience::default(), nothing());
        assert_eq!(may(&everywhere, &Namespaces::default(), "shop"), Ok(""), "who selects none needs no label");
    }

    #[test]
    fn a_label_that_is_taken_away_takes_the_right_with_it_at_once() {
        let (terms, namespaces) = (Terms::new(Audience::default(), grants()), Namespaces::default());
        namespaces.listed(vec![("a".into(), labels("shop"))]);
        assert_eq!(may(&terms, &namespaces, "a"), Ok("HGETALL"));
        assert_eq!(may(&terms, &namespaces, "a"), Ok("HGETALL"), "remembered");
        namespaces.seen("a", labels("mail"));
        assert_eq!(may(&terms, &namespaces, "a"), Ok(""));
        namespaces.seen("a", labels("shop"));
        assert_eq!(may(&terms, &namespaces, "a"), Ok("HGETALL"));
        namespaces.gone("a");
        assert!(matches!(may(&terms, &namespaces, "a"), Err(Withheld::Unknown(_))));
    }

    #[test]
    fn who_may_use_it_at_all_is_decided_by_names_and_labels_too_and_closed_while_they_are_not_known() {
        let live = RequirementDraft { key: "team".into(), operator: "Exists".into(), values: Vec::new() };
        let selector = SelectorDraft { match_expressions: vec![live], ..SelectorDraft::default() };
        let audience = AudienceDraft { names: vec!["named".into()], selector: Some(selector) }.parse().unwrap();
        let (terms, namespaces) = (Terms::new(audience, nothing()), Namespaces::default());
        assert_eq!(may(&terms, &namespaces, "named"), Ok(""));
        assert!(matches!(may(&terms, &namespaces, "a"), Err(Withheld::Unknown(_))));
        namespaces.listed(vec![("a".into(), labels("shop")), ("b".into(), Labels::new())]);
        assert_eq!(may(&terms, &namespaces, "a"), Ok(""));
        let told = "its spec.allowedNamespaces does not name b and its spec.allowedNamespaceSelector, team, does not \
                    select it";
        assert_eq!(may(&terms, &namespaces, "b"), Err(Withheld::NotAllowed(told.into())));
    }

    #[test]
    fn what_is_remembered_stays_bounded() {
        let (terms, namespaces) = (Terms::new(Audience::default(), grants()), Namespaces::default());
        let names = (0..=DECIDED_MAX).map(|number| format!("n{number}"));
        namespaces.listed(names.clone().map(|name| (name, Labels::new())).collect());
        for name in names {
            assert_eq!(may(&terms, &namespaces, &name), Ok(""));
        }
        assert_eq!(terms.decided.lock().unwrap().len(), 1);
    }
}
