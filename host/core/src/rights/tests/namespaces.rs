//! Rights of namespaces, by their names and by their labels.

use super::*;

/// Other hosts for the namespaces with a label.
pub(super) fn with(key: &str, value: &str, hosts: &[&str]) -> SomeNamespacesDraft {
    let match_labels = labels(&[(key, value)]);
    let selector = Some(SelectorDraft { match_labels, ..SelectorDraft::default() });
    let part = PartDraft { hosts: words(hosts), ..PartDraft::default() };
    SomeNamespacesDraft { names: Vec::new(), selector, part }
}

fn labels(labels: &[(&str, &str)]) -> Labels {
    labels.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

#[test]
fn a_name_counts_before_any_selector_and_of_selectors_the_first_that_matches() {
    let mut draft = shop(PartDraft { hosts: words(&["named"]), ..PartDraft::default() });
    draft.namespaces.insert(0, with("team", "shop", &["team"]));
    draft.namespaces.push(with("stage", "live", &["stage"]));
    let grants = granted(&draft);
    let (team, stage) = (("team", "shop"), ("stage", "live"));
    let mail = ("team", "mail");
    let cases = [
        ("shop", vec![team, stage], "named"),
        ("other", vec![team, stage], "team"),
        ("other", vec![stage, mail], "stage"),
        ("other", vec![mail], "*.shop.svc"),
        ("other", vec![], "*.shop.svc"),
    ];
    for (namespace, given, hosts) in cases {
        let rights = grants.of(namespace, Some(&labels(&given))).unwrap();
        assert_eq!(rights.hosts.as_ref().unwrap().told(), hosts, "{namespace} {given:?}");
        // What is not given for some is as for all.
        assert!(rights.judge_place(&redis("redis.shop.svc:1")).is_err());
    }
    let why = grants.of("other", Some(&labels(&[team]))).unwrap().judge_place(&redis("elsewhere:6379")).unwrap_err();
    assert!(why.contains("\"path\":\"/spec/grants/namespaces/0/hosts/-\""), "{why}");
}

#[test]
fn where_labels_decide_and_nobody_knows_them_there_are_neither_the_wider_nor_the_general_rights() {
    let mut draft = shop(PartDraft::default());
    assert!(!granted(&draft).by_labels() && granted(&draft).of("other", None).is_ok());
    draft.namespaces.push(with("team", "shop", &["team"]));
    let grants = granted(&draft);
    assert!(grants.by_labels());
    assert_eq!(grants.of("other", None), Err(Undecided));
    assert!(grants.of("shop", None).is_ok(), "a name needs no label");
}

#[test]
fn an_entry_has_names_or_a_selector_and_one_that_selects_all_is_refused_with_the_fix() {
    let mut draft = GrantsDraft { namespaces: vec![with("team", "shop", &["team"]); 3], ..GrantsDraft::default() };
    draft.namespaces[0].names.push("shop".into());
    draft.namespaces[1].selector = Some(SelectorDraft::default());
    draft.namespaces[2].selector = None;
    let (wrong, _) = refused(&draft);
    let told = [
        "spec.grants.namespaces[0].selector: stands beside names: give one of both, and the other in an entry of its own",
        "spec.grants.namespaces[1].selector: selects all namespaces: use the fields of spec.grants above, or say which \
         label selects them",
        "spec.grants.namespaces[2].names: names no namespace: give names or a selector",
    ];
    assert_eq!(wrong, told);
    draft.namespaces = vec![with("te am", "shop", &["team"])];
    let (wrong, _) = refused(&draft);
    assert!(wrong[0].starts_with("spec.grants.namespaces[0].selector.matchLabels: \"te am\" is no key"), "{wrong:?}");
    draft.namespaces = vec![with("team", "shop", &["team"]); 65];
    assert_eq!(refused(&draft).0, ["spec.grants.namespaces: are 65, of at most 64"]);
}
