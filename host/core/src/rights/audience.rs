//! Which namespaces may use a Scaler: those that it names, and those whose labels it selects.

use super::Grants;
use super::draft::Refused;
use super::selector::{Labels, Selector, SelectorDraft};
use crate::problem::Problem;

/// `spec.allowedNamespaces` and `spec.allowedNamespaceSelector`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AudienceDraft {
    /// Namespaces by name.
    pub names: Vec<String>,
    /// Namespaces by their labels.
    pub selector: Option<SelectorDraft>,
}

/// Who may use a Scaler: all namespaces where neither names nor a selector were given.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Audience {
    names: Vec<String>,
    selector: Option<Selector>,
}

/// The labels of a namespace would decide, and nobody knows them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Undecided;

impl AudienceDraft {
    /// What it means, or what is wrong with it by the field of the Scaler.
    pub fn parse(&self) -> Result<Audience, Vec<Problem>> {
        let instead = "leave it out, and allowedNamespaces too, to let all use it, or say which label selects them";
        let selector = self.selector.as_ref().map(|selector| selector.parse(instead)).transpose();
        let under = |problem: Problem| problem.under("spec.allowedNamespaceSelector");
        let selector = selector.map_err(|problems| problems.into_iter().map(under).collect::<Vec<_>>())?;
        Ok(Audience { names: self.names.clone(), selector })
    }

    /// The same beside the grants of a Scaler, with all that is wrong with either.
    pub fn beside(&self, grants: Result<Grants, Refused>) -> Result<(Audience, Grants), Refused> {
        match (self.parse(), grants) {
            (Ok(audience), Ok(grants)) => Ok((audience, grants)),
            (Ok(_), Err(refused)) => Err(refused),
            (Err(wrong), Ok(_)) => Err(Refused { wrong, above: Vec::new() }),
            (Err(wrong), Err(refused)) => Err(Refused { wrong: [refused.wrong, wrong].concat(), above: refused.above }),
        }
    }
}

impl Audience {
    /// Whether a namespace is among them. Its labels are needed only where no name decides.
    pub fn allows(&self, namespace: &str, labels: Option<&Labels>) -> Result<bool, Undecided> {
        match &self.selector {
            _ if self.names.iter().any(|name| name == namespace) => Ok(true),
            None => Ok(self.names.is_empty()),
            Some(selector) => labels.map(|labels| selector.matches(labels)).ok_or(Undecided),
        }
    }

    /// Whether labels decide of some namespaces.
    pub fn by_labels(&self) -> bool {
        self.selector.is_some()
    }

    /// Why a namespace is not among them, in the words of the fields.
    pub fn refusal(&self, namespace: &str) -> String {
        let by_name = format!("its spec.allowedNamespaces does not name {namespace}");
        match &self.selector {
            None => by_name,
            Some(selector) if self.names.is_empty() => {
                format!("its spec.allowedNamespaceSelector, {selector}, does not select {namespace}")
            }
            Some(selector) => {
                format!("{by_name} and its spec.allowedNamespaceSelector, {selector}, does not select it")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rights::{Ceiling, GrantsDraft, PartDraft};
    use crate::supply::{Halt, Step};

    fn audience(names: &[&str], label: Option<(&str, &str)>) -> Audience {
        let labels = |(key, value): (&str, &str)| Labels::from([(key.to_owned(), value.to_owned())]);
        let selector = label.map(|label| SelectorDraft { match_labels: labels(label), ..SelectorDraft::default() });
        AudienceDraft { names: names.iter().map(|name| (*name).to_owned()).collect(), selector }.parse().unwrap()
    }

    #[test]
    fn a_namespace_that_is_named_or_selected_may_use_it_and_all_may_where_nobody_is_meant() {
        let shop = Labels::from([("team".to_owned(), "shop".to_owned())]);
        let (all, named) = (audience(&[], None), audience(&["a"], None));
        let (selected, both) = (audience(&[], Some(("team", "shop"))), audience(&["a"], Some(("team", "shop"))));
        for labels in [None, Some(&shop)] {
            assert_eq!((all.allows("b", labels), named.allows("b", labels)), (Ok(true), Ok(false)));
            assert_eq!((named.allows("a", labels), both.allows("a", labels)), (Ok(true), Ok(true)));
        }
        for audience in [&selected, &both] {
            assert_eq!(audience.allows("b", Some(&shop)), Ok(true));
            assert_eq!(audience.allows("b", Some(&Labels::new())), Ok(false));
            assert_eq!(audience.allows("b", None), Err(Undecided), "labels that nobody knows let nobody in");
        }
        assert_eq!([&all, &named, &selected, &both].map(Audience::by_labels), [false, false, true, true]);
    }

    #[test]
    fn who_is_not_among_them_hears_by_which_field() {
        let selector = Some(("team", "shop"));
        let told = [audience(&["a"], None), audience(&[], selector), audience(&["a"], selector)];
        assert_eq!(
            told.map(|audience| audience.refusal("b")),
            [
                "its spec.allowedNamespaces does not name b",
                "its spec.allowedNamespaceSelector, team=shop, does not select b",
                "its spec.allowedNamespaces does not name b and its spec.allowedNamespaceSelector, team=shop, does not \
                 select it",
            ]
        );
    }

    #[test]
    fn all_that_is_wrong_with_who_may_use_it_and_with_the_grants_is_told_at_once() {
        let draft = AudienceDraft { names: Vec::new(), selector: Some(SelectorDraft::default()) };
        let hosts = |hosts: &[&str]| {
            let all = PartDraft {
                hosts: Some(hosts.iter().map(|host| (*host).to_owned()).collect()),
                ..PartDraft::default()
            };
            GrantsDraft { all, ..GrantsDraft::default() }.parse("queue", &Ceiling::NONE)
        };
        let halt = Halt::from(draft.beside(hosts(&["redis:6379"])).unwrap_err());
        assert_eq!((halt.step, halt.reason.as_str(), halt.retry), (Step::Granted, "InvalidGrants", false));
        let told = "spec.allowedNamespaceSelector: selects all namespaces: leave it out";
        assert!(halt.message.starts_with("spec.grants.hosts[0]: ") && halt.message.contains(told), "{halt}");
        let halt = Halt::from(draft.beside(hosts(&["*"])).unwrap_err());
        assert!(halt.message.starts_with(told), "{halt}");
        assert!(AudienceDraft::default().beside(hosts(&["*"])).is_ok());
    }
}
