//! Which namespaces a label selector of Kubernetes means: parsed once, so that matching cannot fail.
//!
//! Knows labels as a map. Who reads them, and what holds while nobody knows them, is the business of others.

use std::collections::BTreeMap;
use std::fmt;

use crate::name::is_name;
use crate::problem::Problem;

/// Labels of one namespace.
pub type Labels = BTreeMap<String, String>;

/// Requirements of one selector, `matchLabels` and `matchExpressions` each. Nobody writes more by hand, and 64 selectors of
/// a Scaler are then at most 64 × 2 × 16 look-ups in the labels of a namespace, made once for each change of them.
const REQUIREMENTS_MAX: usize = 16;
/// Values of one expression: 2,048 expressions with as many of 63 bytes are 8 MiB, more than an API server stores.
const VALUES_MAX: usize = 64;
/// Longest name of a label, behind its prefix, and longest value.
const LABEL_BYTES_MAX: usize = 63;

/// A label selector, as a person wrote it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SelectorDraft {
    /// Labels and the values that they must have.
    pub match_labels: BTreeMap<String, String>,
    /// What else must hold.
    pub match_expressions: Vec<RequirementDraft>,
}

/// One of `matchExpressions`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RequirementDraft {
    /// The label.
    pub key: String,
    /// `In`, `NotIn`, `Exists` or `DoesNotExist`.
    pub operator: String,
    /// Of `In` and `NotIn`.
    pub values: Vec<String>,
}

/// Which namespaces are meant: those for whose labels all of one requirement or more hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Selector(Vec<Requirement>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Requirement {
    key: String,
    holds: Holds,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Holds {
    In(Vec<String>),
    /// Also without the label, as everywhere in Kubernetes.
    NotIn(Vec<String>),
    Exists,
    DoesNotExist,
}

impl SelectorDraft {
    /// What it means. `instead` says what to write in the place of a selector that selects all.
    pub fn parse(&self, instead: &str) -> Result<Selector, Vec<Problem>> {
        let mut problems = Vec::new();
        if self.match_labels.is_empty() && self.match_expressions.is_empty() {
            // Whoever takes the last label away does not mean to let all in.
            problems.push(Problem::new("", format!("selects all namespaces: {instead}")));
        }
        let counts = [("matchLabels", self.match_labels.len()), ("matchExpressions", self.match_expressions.len())];
        for (field, count) in counts.into_iter().filter(|(_, count)| *count > REQUIREMENTS_MAX) {
            problems.push(Problem::new(field, format!("are {count}, of at most {REQUIREMENTS_MAX}")));
        }
        if !problems.is_empty() {
            return Err(problems);
        }
        let mut requirements = Vec::with_capacity(self.match_labels.len() + self.match_expressions.len());
        for (key, value) in &self.match_labels {
            problems.extend(key_problem(key).map(|why| Problem::new("matchLabels", why)));
            problems.extend(value_problem(value).map(|why| Problem::new(format!("matchLabels[{key}]"), why)));
            requirements.push(Requirement { key: key.clone(), holds: Holds::In(vec![value.clone()]) });
        }
        for (index, written) in self.match_expressions.iter().enumerate() {
            let place = format!("matchExpressions[{index}]");
            match written.parse() {
                Ok(requirement) => requirements.push(requirement),
                Err(wrong) => problems.extend(wrong.into_iter().map(|problem| problem.under(&place))),
            }
        }
        if problems.is_empty() { Ok(Selector(requirements)) } else { Err(problems) }
    }
}

impl RequirementDraft {
    fn parse(&self) -> Result<Requirement, Vec<Problem>> {
        let mut problems: Vec<Problem> =
            key_problem(&self.key).map(|why| Problem::new("key", why)).into_iter().collect();
        if self.values.len() > VALUES_MAX {
            let message = format!("are {}, of at most {VALUES_MAX}", self.values.len());
            return Err([problems, vec![Problem::new("values", message)]].concat());
        }
        for (index, value) in self.values.iter().enumerate() {
            problems.extend(value_problem(value).map(|why| Problem::new(format!("values[{index}]"), why)));
        }
        let holds = match (self.operator.as_str(), self.values.is_empty()) {
            ("In", false) => Some(Holds::In(self.values.clone())),
            ("NotIn", false) => Some(Holds::NotIn(self.values.clone())),
            ("Exists", true) => Some(Holds::Exists),
            ("DoesNotExist", true) => Some(Holds::DoesNotExist),
            ("In" | "NotIn", true) => {
                problems.push(Problem::new("values", format!("{} needs one or more", self.operator)));
                None
            }
            ("Exists" | "DoesNotExist", false) => {
                let message = format!("{} takes none: leave them out, or write In or NotIn", self.operator);
                problems.push(Problem::new("values", message));
                None
            }
            (other, _) => {
                let message = format!("is {other:?}, must be In, NotIn, Exists or DoesNotExist");
                problems.push(Problem::new("operator", message));
                None
            }
        };
        match holds {
            Some(holds) if problems.is_empty() => Ok(Requirement { key: self.key.clone(), holds }),
            _ => Err(problems),
        }
    }
}

/// Why `key` is no key of a label: a name, perhaps behind the subdomain of who gave it and a slash.
fn key_problem(key: &str) -> Option<String> {
    let (prefix, name) = key.split_once('/').map_or((None, key), |(prefix, name)| (Some(prefix), name));
    let sound = prefix.is_none_or(is_name) && !name.is_empty() && is_value(name);
    (!sound).then(|| {
        format!(
            "{key:?} is no key of a label: up to {LABEL_BYTES_MAX} letters, digits, dashes, underscores and dots that \
             begin and end with a letter or digit, such as team, perhaps behind a prefix, such as shop.example/team"
        )
    })
}

fn value_problem(value: &str) -> Option<String> {
    (!is_value(value)).then(|| {
        format!(
            "{value:?} is no value of a label: none, or up to {LABEL_BYTES_MAX} letters, digits, dashes, underscores and \
             dots that begin and end with a letter or digit"
        )
    })
}

fn is_value(text: &str) -> bool {
    let inside = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    let ends = [text.bytes().next(), text.bytes().next_back()];
    text.len() <= LABEL_BYTES_MAX
        && text.bytes().all(inside)
        && ends.into_iter().flatten().all(|byte| byte.is_ascii_alphanumeric())
}

impl Selector {
    /// Whether it means a namespace with these labels.
    pub fn matches(&self, labels: &Labels) -> bool {
        self.0.iter().all(|requirement| requirement.matches(labels))
    }
}

impl Requirement {
    fn matches(&self, labels: &Labels) -> bool {
        let value = labels.get(&self.key);
        match &self.holds {
            Holds::In(values) => value.is_some_and(|value| values.contains(value)),
            Holds::NotIn(values) => value.is_none_or(|value| !values.contains(value)),
            Holds::Exists => value.is_some(),
            Holds::DoesNotExist => value.is_none(),
        }
    }
}

impl fmt::Display for Requirement {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let key = &self.key;
        match &self.holds {
            Holds::In(values) => match values.as_slice() {
                [value] => write!(out, "{key}={value}"),
                values => write!(out, "{key} in ({})", values.join(", ")),
            },
            Holds::NotIn(values) => match values.as_slice() {
                [value] => write!(out, "{key}!={value}"),
                values => write!(out, "{key} notin ({})", values.join(", ")),
            },
            Holds::Exists => out.write_str(key),
            Holds::DoesNotExist => write!(out, "!{key}"),
        }
    }
}

/// As `kubectl get namespaces --selector` takes it.
impl fmt::Display for Selector {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, requirement) in self.0.iter().enumerate() {
            write!(out, "{}{requirement}", if index == 0 { "" } else { "," })?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expression(key: &str, operator: &str, values: &[&str]) -> RequirementDraft {
        let values = values.iter().map(|value| (*value).to_owned()).collect();
        RequirementDraft { key: key.into(), operator: operator.into(), values }
    }

    fn draft(labels: &[(&str, &str)], expressions: &[RequirementDraft]) -> SelectorDraft {
        let match_labels = labels.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        SelectorDraft { match_labels, match_expressions: expressions.to_vec() }
    }

    fn told(draft: &SelectorDraft) -> Vec<String> {
        draft.parse("name them").unwrap_err().iter().map(Problem::to_string).collect()
    }

    #[test]
    fn a_selector_means_the_namespaces_for_whose_labels_all_of_it_holds() {
        let shop = || vec![("team", "shop")];
        let stage = |operator, values: &[&str]| vec![expression("stage", operator, values)];
        let cases = [
            (shop(), vec![], "team=shop", [true, false, true, false]),
            (vec![], stage("In", &["test", "live"]), "stage in (test, live)", [true, true, false, false]),
            (vec![], stage("In", &["live"]), "stage=live", [false, true, false, false]),
            (vec![], stage("NotIn", &["live"]), "stage!=live", [true, false, true, true]),
            (vec![], stage("NotIn", &["live", "test"]), "stage notin (live, test)", [false, false, true, true]),
            (vec![], stage("Exists", &[]), "stage", [true, true, false, false]),
            (vec![], stage("DoesNotExist", &[]), "!stage", [false, false, true, true]),
            (shop(), stage("Exists", &[]), "team=shop,stage", [true, false, false, false]),
            (vec![("team", "")], vec![], "team=", [false, false, false, false]),
        ];
        let namespaces: [&[(&str, &str)]; 4] =
            [&[("team", "shop"), ("stage", "test")], &[("team", "mail"), ("stage", "live")], &[("team", "shop")], &[]];
        for (labels, expressions, written, expected) in cases {
            let selector = draft(&labels, &expressions).parse("").unwrap();
            let matched = namespaces.map(|labels| selector.matches(&draft(labels, &[]).match_labels));
            assert_eq!((selector.to_string().as_str(), matched), (written, expected));
        }
    }

    #[test]
    fn a_selector_without_requirements_is_not_all_namespaces_but_a_mistake() {
        assert_eq!(told(&SelectorDraft::default()), ["selects all namespaces: name them"]);
    }

    #[test]
    fn all_that_is_wrong_with_a_selector_is_told_by_its_field() {
        let expressions = [
            expression("stage", "in", &["a"]),
            expression("stage", "In", &[]),
            expression("", "Exists", &["a"]),
            expression("stage", "NotIn", &["a", "b c"]),
        ];
        let told = told(&draft(&[("-team", "shop"), ("team", "s/hop")], &expressions));
        let begins = [
            "matchLabels: \"-team\" is no key of a label: ",
            "matchLabels[team]: \"s/hop\" is no value of a label: ",
            "matchExpressions[0].operator: is \"in\", must be In, NotIn, Exists or DoesNotExist",
            "matchExpressions[1].values: In needs one or more",
            "matchExpressions[2].key: \"\" is no key of a label: ",
            "matchExpressions[2].values: Exists takes none: ",
            "matchExpressions[3].values[1]: \"b c\" is no value of a label: ",
        ];
        assert_eq!(told.len(), begins.len(), "{told:#?}");
        for (told, begin) in told.iter().zip(begins) {
            assert!(told.starts_with(begin), "{told}");
        }
    }

    #[test]
    fn keys_and_values_are_those_of_kubernetes() {
        let long = "x".repeat(63);
        let keys = ["team", "T", "a.b_c-d", &long, "shop.example/team", &format!("{}/{long}", "y".repeat(253))];
        for key in keys {
            assert_eq!(key_problem(key), None, "{key}");
        }
        let (longer, far) = ("x".repeat(64), format!("{}/a", "y".repeat(254)));
        for key in ["", "/", "/a", "a/", "a/b/c", "Shop/team", "-a", "a-", "a b", "tëam", &longer, &far] {
            assert!(key_problem(key).is_some(), "{key}");
        }
        for value in ["", "shop", "A.b_c-1", &long] {
            assert_eq!(value_problem(value), None, "{value}");
        }
        for value in ["-", "a-", ".a", "a/b", "a b", "a,b", "schön", &longer] {
            assert!(value_problem(value).is_some(), "{value}");
        }
    }

    #[test]
    fn more_than_anybody_writes_by_hand_is_not_matched_but_refused() {
        let labels: Vec<String> = (0..17).map(|number| format!("l{number}")).collect();
        let labels: Vec<(&str, &str)> = labels.iter().map(|label| (label.as_str(), "")).collect();
        assert_eq!(told(&draft(&labels, &[])), ["matchLabels: are 17, of at most 16"]);
        assert!(draft(&labels[..16], &[]).parse("").is_ok());
        let exists = vec![expression("a", "Exists", &[]); 17];
        assert_eq!(told(&draft(&[], &exists)), ["matchExpressions: are 17, of at most 16"]);
        assert!(draft(&[], &exists[..16]).parse("").is_ok());
        let values = |count| draft(&[], &[expression("a", "In", &vec!["v"; count])]);
        assert_eq!(told(&values(65)), ["matchExpressions[0].values: are 65, of at most 64"]);
        assert!(values(64).parse("").is_ok());
    }
}
