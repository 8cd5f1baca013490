//! Who is resolved anew when an authentication changes, what its status says, and how a rotated credential arrives.

use std::sync::Arc;

use super::bench::{Bench, draft};
use crate::authentication::{AuthenticationDraft, AuthenticationKey, AuthenticationKind, AuthenticationView};
use crate::draft::{Draft, TriggerDraft};
use crate::effect::Effect;
use crate::event::{ApiFailure, Event, Refusal};
use crate::problem::Problem;
use crate::status::Truth;
use crate::workload::ObjectKey;

fn login() -> AuthenticationKey {
    AuthenticationKey::new(AuthenticationKind::Namespaced, "shop", "login")
}

fn view(fingerprint: u64, users: &str) -> AuthenticationView {
    AuthenticationView {
        uid: "u1".into(),
        fingerprint,
        deleting: false,
        held: false,
        fresh: false,
        shared: false,
        users: users.into(),
    }
}

fn uses_login(draft: &mut Draft) {
    draft.triggers[0].authentication = Some(AuthenticationDraft { kind: None, name: "login".into() });
}

impl Bench {
    fn observe(&mut self, view: Option<AuthenticationView>) {
        match &view {
            Some(view) => _ = self.authentications.insert(login(), view.fingerprint),
            None => _ = self.authentications.remove(&login()),
        }
        self.step(Event::AuthenticationObserved { key: login(), view });
    }

    /// An object of this name that uses it.
    fn user(&mut self, name: &str) {
        let mut draft = draft();
        uses_login(&mut draft);
        let manifest = self.manifest(&ObjectKey::new("shop", name), draft);
        self.step(Event::Applied(Box::new(manifest)));
    }

    fn lists(&self) -> Vec<String> {
        let list = |effect: &Effect| match effect {
            Effect::ReportAuthentication { users, .. } => Some(users.to_string()),
            _ => None,
        };
        self.log.iter().filter_map(|(_, effect)| list(effect)).collect()
    }

    fn words(&self) -> Vec<(&'static str, String)> {
        let words = |effect: &Effect| match effect {
            Effect::TellAuthentication { notice, .. } => Some((notice.reason, notice.message.clone())),
            _ => None,
        };
        self.log.iter().filter_map(|(_, effect)| words(effect)).collect()
    }
}

#[test]
fn who_uses_one_that_changes_goes_or_comes_back_is_resolved_anew_at_once_and_nobody_else() {
    let mut bench = Bench::new();
    bench.authentications.insert(login(), 1);
    bench.user("api");
    bench.apply(|_| {});
    bench.observe(Some(view(1, "")));
    bench.run(30.0);
    assert_eq!(bench.count("Resolve"), 2);
    bench.observe(Some(view(2, "")));
    assert_eq!(bench.count("Resolve"), 3);
    bench.observe(Some(view(2, "")));
    assert_eq!(bench.count("Resolve"), 3);
    bench.observe(None);
    assert_eq!(bench.count("Resolve"), 4);
    bench.observe(Some(view(3, "")));
    assert_eq!(bench.count("Resolve"), 5);
}

#[test]
fn what_a_first_list_tells_was_read_already_and_is_not_read_again() {
    let mut bench = Bench::new();
    bench.authentications.insert(login(), 1);
    bench.user("done");
    bench.holds.push("Resolve");
    bench.user("under-way");
    bench.observe(Some(view(1, "")));
    bench.answer_held();
    bench.run(100.0);
    assert_eq!(bench.count("Resolve"), 2);
}

#[test]
fn a_change_while_a_resolution_is_under_way_is_not_missed() {
    let mut bench = Bench::new();
    bench.observe(Some(view(1, "")));
    bench.holds.push("Resolve");
    bench.user("web");
    bench.holds.clear();
    let effect = bench.unanswered.pop().unwrap();
    // What was read is the older one, and its answer comes after the news of the newer one.
    let answers = bench.answers(&effect);
    bench.observe(Some(view(2, "")));
    assert_eq!(bench.count("Resolve"), 1);
    answers.into_iter().for_each(|event| bench.step(event));
    assert_eq!(bench.count("Resolve"), 2);
    bench.run(100.0);
    assert_eq!(bench.count("Resolve"), 2);
}

#[test]
fn one_that_appears_ends_the_wait_of_who_was_refused_for_the_lack_of_it() {
    let mut bench = Bench::new();
    let problems = vec![Problem::new("spec.triggers[0].authenticationRef", "there is none")];
    bench.refusal = Some(Refusal { problems, retry: true });
    bench.user("web");
    bench.run(100.0);
    let tried = bench.count("Resolve");
    bench.refusal = None;
    bench.observe(Some(view(1, "")));
    assert_eq!(bench.count("Resolve"), tried + 1);
    bench.run(2.0);
    assert_eq!(bench.condition("Ready").status, Truth::True);
}

#[test]
fn the_status_names_users_in_the_order_of_their_coming_until_they_go() {
    let mut bench = Bench::new();
    bench.observe(Some(view(1, "")));
    bench.refusal = Some(Refusal { problems: vec![Problem::new("", "the target is away")], retry: true });
    for name in ["web", "api"] {
        bench.user(name);
        bench.run(2.0);
    }
    // An edit that names another one leaves this one; a deletion does as soon as it begins.
    bench.step(Event::Gone(ObjectKey::new("shop", "web")));
    bench.run(2.0);
    let manifest = bench.manifest(&ObjectKey::new("shop", "api"), draft());
    bench.step(Event::Applied(Box::new(manifest)));
    bench.run(2.0);
    assert_eq!(bench.lists(), ["web", "web,api", "api", ""]);
    bench.user("late");
    let mut deleted = bench.manifest(&ObjectKey::new("shop", "late"), draft());
    uses_login(Arc::make_mut(&mut deleted.draft));
    deleted.deleting = true;
    bench.run(2.0);
    bench.step(Event::Applied(Box::new(deleted)));
    bench.run(2.0);
    assert_eq!(bench.lists()[4..], ["late", ""]);
}

#[test]
fn a_status_that_is_right_is_not_written_after_a_restart_whatever_its_order() {
    let mut bench = Bench::new();
    for name in ["api", "web"] {
        bench.user(name);
    }
    bench.observe(Some(view(1, "web,api")));
    bench.run(10.0);
    assert_eq!(bench.lists(), Vec::<String>::new());
    bench.user("late");
    bench.run(2.0);
    assert_eq!(bench.lists(), ["web,api,late"]);
    // An older echo of the watch is no reason to write again.
    bench.observe(Some(view(1, "web,api")));
    bench.run(10.0);
    assert_eq!(bench.lists().len(), 1);
}

#[test]
fn names_that_nobody_bears_any_more_are_removed_but_not_those_of_another_hosts_objects() {
    for (shared, expected) in [(false, "web"), (true, "gone,web")] {
        let mut bench = Bench::new();
        bench.user("web");
        bench.observe(Some(AuthenticationView { shared, ..view(1, "gone") }));
        bench.run(2.0);
        assert_eq!(bench.lists(), [expected]);
    }
}

#[test]
fn a_thousand_users_at_once_are_a_few_writes_and_one_that_fails_is_tried_again() {
    let mut bench = Bench::new();
    bench.observe(Some(view(1, "")));
    bench.refuses.insert("ReportAuthentication", ApiFailure { message: "timeout".into(), retry: true });
    for index in 0..1000 {
        bench.user(&format!("web-{index}"));
    }
    bench.run(0.5);
    assert_eq!(bench.lists().len(), 1);
    bench.refuses.clear();
    bench.run(2.0);
    assert_eq!(bench.lists().len(), 2);
    assert_eq!(bench.lists()[1].split(',').count(), 1000);
    bench.run(100.0);
    assert_eq!(bench.lists().len(), 2);
}

#[test]
fn users_of_one_name_in_two_namespaces_are_one_name_of_the_clusters_kind() {
    let mut bench = Bench::new();
    let cluster = AuthenticationKey::new(AuthenticationKind::Cluster, "", "login");
    for namespace in ["shop", "till"] {
        let mut draft = draft();
        let kind = Some("ClusterTriggerAuthentication".to_owned());
        draft.triggers[0].authentication = Some(AuthenticationDraft { kind, name: "login".into() });
        let manifest = bench.manifest(&ObjectKey::new(namespace, "web"), draft);
        bench.step(Event::Applied(Box::new(manifest)));
    }
    bench.step(Event::AuthenticationObserved { key: cluster.clone(), view: Some(view(1, "")) });
    bench.step(Event::Gone(ObjectKey::new("shop", "web")));
    bench.run(2.0);
    assert_eq!(bench.lists(), ["web"]);
    bench.step(Event::Gone(ObjectKey::new("till", "web")));
    bench.run(2.0);
    assert_eq!(bench.lists(), ["web", ""]);
}

#[test]
fn a_finalizer_of_keda_does_not_hold_one_that_is_being_deleted() {
    let mut bench = Bench::new();
    bench.user("web");
    bench.observe(Some(AuthenticationView { held: true, ..view(1, "web") }));
    assert_eq!(bench.count("ReleaseAuthentication"), 0);
    bench.refuses.insert("ReleaseAuthentication", ApiFailure { message: "timeout".into(), retry: true });
    bench.observe(Some(AuthenticationView { held: true, deleting: true, ..view(1, "web") }));
    bench.refuses.clear();
    bench.run(10.0);
    assert_eq!(bench.count("ReleaseAuthentication"), 2);
    bench.observe(None);
    bench.run(10.0);
    let told = ("TriggerAuthenticationDeleted", "TriggerAuthentication was deleted".to_owned());
    assert_eq!(bench.words(), [told]);
    assert_eq!(bench.lists(), Vec::<String>::new());
}

#[test]
fn people_hear_of_one_that_comes_changes_or_goes_in_kedas_words_and_not_of_those_that_were_there() {
    let mut bench = Bench::new();
    bench.observe(Some(view(1, "")));
    bench.observe(Some(AuthenticationView { uid: "u2".into(), fresh: true, ..view(2, "") }));
    bench.observe(Some(AuthenticationView { uid: "u2".into(), ..view(3, "") }));
    bench.observe(Some(AuthenticationView { uid: "u2".into(), ..view(3, "other") }));
    bench.observe(None);
    let words = [
        ("TriggerAuthenticationAdded", "New TriggerAuthentication configured"),
        ("ClusterTriggerAuthenticationUpdated", "ClusterTriggerAuthentication login is updated"),
        ("TriggerAuthenticationDeleted", "TriggerAuthentication was deleted"),
    ];
    assert_eq!(bench.words(), words.map(|(reason, message)| (reason, message.to_owned())));
}

#[test]
fn only_its_owner_writes_and_a_new_owner_writes_what_is_missing() {
    let members = |names: &[&str]| names.iter().map(|name| Arc::from(*name)).collect::<Vec<_>>();
    let mut bench = Bench::new();
    bench.step(Event::Membership { own: "a".into(), members: members(&["b"]) });
    bench.user("web");
    bench.observe(Some(AuthenticationView { fresh: true, ..view(1, "") }));
    bench.run(10.0);
    assert_eq!(bench.names(), Vec::<&str>::new());
    bench.step(Event::Membership { own: "a".into(), members: members(&["a"]) });
    bench.run(10.0);
    assert_eq!((bench.lists(), bench.words()), (vec!["web".to_owned()], Vec::new()));
}

#[test]
fn nothing_is_kept_of_one_that_is_gone_and_named_by_nobody() {
    let mut bench = Bench::new();
    bench.user("web");
    bench.observe(Some(view(1, "")));
    bench.observe(None);
    bench.step(Event::Gone(ObjectKey::new("shop", "web")));
    bench.run(100.0);
    assert_eq!(bench.machine.next_wake(), None);
    assert!(!format!("{:?}", bench.machine).contains("login"), "{:?}", bench.machine);
}

#[test]
fn the_status_of_an_object_names_its_authentications_once_as_written_even_if_it_is_refused() {
    let mut bench = Bench::new();
    bench.refusal = Some(Refusal { problems: vec![Problem::new("", "there is none")], retry: true });
    bench.apply(|draft| {
        let named = |name: &str| TriggerDraft {
            kind: "redis".into(),
            authentication: Some(AuthenticationDraft { kind: None, name: name.into() }),
            ..TriggerDraft::default()
        };
        draft.triggers.extend([named("b"), named("a"), named("b")]);
    });
    bench.run(2.0);
    assert_eq!(bench.report().authentications, "b,a");
}
