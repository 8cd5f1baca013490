//! Bellows on a real control plane, with the rights of its service account alone: what it does, and what it does not do
//! when something fails. Pods are played, everything else is real.
//!
//! Trials have a namespace each and run several at a time; those that stop Bellows or the API server come last, alone.

#[cfg(test)]
mod api;
#[cfg(test)]
mod authentication;
#[cfg(test)]
mod components;
#[cfg(test)]
mod connections;
#[cfg(test)]
mod environment;
#[cfg(test)]
mod explains;
#[cfg(test)]
mod face;
#[cfg(test)]
mod followers;
#[cfg(test)]
mod hpas;
#[cfg(test)]
mod labels;
#[cfg(test)]
mod life;
#[cfg(test)]
mod outages;
#[cfg(test)]
mod refusals;
#[cfg(test)]
mod resource;
#[cfg(test)]
mod restarts;
#[cfg(test)]
mod rights;
#[cfg(test)]
mod rollouts;
#[cfg(test)]
mod room;
#[cfg(test)]
mod scales;
#[cfg(test)]
mod shape;
#[cfg(test)]
mod stage;
#[cfg(test)]
mod supply;
#[cfg(test)]
mod tenants;
#[cfg(test)]
mod users;
#[cfg(test)]
mod writes;

use std::process::ExitCode;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Instant;

use anyhow::{Result, anyhow};
use libtest_mimic::{Arguments, Failed, Trial};

use stage::Stage;

/// A trial that leaves others alone, and one that does not.
#[derive(Clone, Copy)]
enum Proof {
    Beside(fn(&Stage) -> Result<()>),
    Alone(fn(&mut Stage) -> Result<()>),
}
use Proof::{Alone, Beside};

/// Trials wait for clocks most of the time, so there may be more at once than cores; with eight of them two cores are
/// busy for half of the time.
const AT_ONCE: usize = 8;

/// The longest first; those alone last.
const PROOFS: &[(&str, Proof)] = &[
    // keda#965, #1850, #2244: an outage is not zero.
    ("a_redis_that_is_away_for_a_minute_costs_no_worker_and_the_hpa_hears_why", Beside(outages::killed)),
    ("a_redis_that_is_stopped_in_its_tracks_costs_no_worker", Beside(outages::stopped)),
    ("a_redis_that_comes_back_empty_for_a_moment_costs_no_worker", Beside(outages::empty_for_a_moment)),
    // keda#5083: one unreachable source stalls every object.
    ("a_dark_redis_slows_no_healthy_object", Beside(outages::one_of_two)),
    ("processor_and_memory_are_measured_by_the_hpa_and_go_with_other_triggers", Beside(resource::measured_by_the_hpa)),
    ("a_list_takes_a_workload_from_zero_to_ten_and_back", Beside(scales::list)),
    ("a_workload_follows_the_pods_or_the_nodes_of_another_one_to_zero_too", Beside(followers::followed)),
    ("a_selector_that_nobody_can_read_is_refused_with_the_place_that_is_wrong", Beside(followers::unreadable_selector)),
    ("sets_sorted_sets_and_hashes_are_measured_like_lists", Beside(scales::other_types)),
    ("the_first_step_goes_as_far_as_the_policy_the_wish_or_the_behavior", Beside(scales::first_steps)),
    ("the_hpa_and_the_status_are_those_that_keda_makes", Beside(shape::golden)),
    ("people_see_columns_events_and_whole_messages", Beside(shape::for_people)),
    // keda#4413: one bad object or scaler takes all down.
    ("a_component_that_appears_is_served_and_a_bad_one_hurts_nothing", Beside(components::come_and_fail)),
    ("a_scaler_from_a_registry_serves_once_it_is_granted_what_it_imports_and_no_longer", Beside(supply::granted)),
    (
        "what_would_enter_a_component_is_granted_by_name_and_limits_stay_below_the_ceiling",
        Beside(rights::secrets_and_limits),
    ),
    ("a_label_of_a_namespace_gives_a_right_and_takes_it_with_it_and_nothing_is_scaled_down", Beside(labels::granted)),
    ("a_scaler_serves_the_namespaces_whose_labels_it_selects_and_no_longer", Beside(labels::allowed)),
    ("a_scaler_that_must_be_signed_serves_once_it_is_and_no_longer_when_it_is_revoked", Beside(supply::signed)),
    ("of_two_scalers_with_one_trigger_type_the_older_serves_it_and_then_the_other", Beside(supply::rivals)),
    ("a_tag_that_moves_brings_the_next_component_but_none_that_may_not_serve", Beside(supply::moved)),
    ("a_digest_takes_over_by_steps_and_no_answer_is_lost", Beside(rollouts::promoted)),
    ("a_digest_that_fails_goes_back_by_itself_and_no_answer_is_lost", Beside(rollouts::failing)),
    ("a_digest_that_counts_otherwise_or_refuses_settings_never_leaves_the_shadow", Beside(rollouts::shadowed)),
    ("an_object_pins_one_of_two_versions", Beside(rollouts::pinned)),
    ("each_bad_scaler_of_a_registry_says_what_is_wrong_and_hurts_nothing", Beside(supply::refused)),
    // keda#563, #7640: a rotated Secret is not noticed.
    ("a_wrong_password_is_told_and_a_corrected_one_is_used_without_a_restart", Beside(connections::password)),
    ("workers_of_two_brokers_have_an_authentication_for_each", Beside(authentication::two_brokers)),
    // keda's own answer is an empty credential and a line in a log.
    ("what_an_authentication_lacks_is_named_and_missed_no_longer_than_it_is_missing", Beside(authentication::missing)),
    ("an_authentication_reaches_into_no_other_namespace", Beside(tenants::reach)),
    ("an_authentication_says_who_uses_it_and_is_never_held", Beside(users::named)),
    ("tls_is_believed_by_ca_dir_or_unsafe_ssl_and_by_nothing_else", Beside(connections::tls)),
    ("a_short_name_is_looked_up_in_the_namespace_of_its_object", Beside(connections::short_name)),
    ("variables_come_from_secrets_config_maps_prefixes_and_each_other", Beside(environment::expanded)),
    ("a_missing_secret_or_container_is_told_and_missed_no_longer_than_it_is_missing", Beside(environment::missing)),
    ("a_hpa_of_another_is_never_overwritten", Beside(hpas::foreign)),
    ("our_hpa_is_repaired_when_edited_and_comes_back_when_deleted", Beside(hpas::kept)),
    ("what_is_not_supported_is_refused_by_name", Beside(refusals::unsupported)),
    ("metrics_are_for_the_api_server_and_those_with_the_right", Beside(face::guarded)),
    // keda#5475, #5577: nobody says why.
    ("why_tells_what_is_known_and_what_was_decided", Beside(explains::why)),
    // keda#5306, #6721: settings are checked by trying them.
    ("check_tells_what_would_be_made_or_where_the_problem_is", Beside(explains::check)),
    // These hold seconds that a hundred HPAs of other trials would take from them.
    ("a_secret_rotated_behind_an_authentication_is_used_within_one_poll", Alone(authentication::rotated)),
    // keda#1470, #7950: objects stay Terminating.
    ("a_deleted_object_is_gone_with_its_hpa_within_two_seconds", Alone(life::deleted)),
    // keda#1448: namespaces stay Terminating.
    ("a_deleted_namespace_leaves_nothing_terminating", Alone(life::namespace)),
    ("a_host_that_is_not_granted_is_refused_and_named_and_read_once_it_is", Alone(rights::hosts)),
    (
        "while_labels_of_namespaces_may_not_be_read_nobody_is_served_by_them_and_the_rule_is_named",
        Alone(labels::unread),
    ),
    ("an_object_that_cannot_be_read_stands_beside_good_ones", Alone(refusals::unreadable)),
    ("a_new_object_costs_four_writes_and_then_none_even_after_a_restart", Alone(writes::counted)),
    // keda#5490: a restart costs pods.
    ("a_killed_host_lowers_nothing_before_the_cooldown_is_proven_anew", Alone(restarts::killed)),
    ("a_host_that_returns_while_redis_is_down_lowers_nothing", Alone(restarts::in_the_dark)),
    ("a_host_that_returns_while_the_registry_is_away_serves_what_it_served", Alone(supply::registry_away)),
    ("an_object_deleted_while_the_host_is_down_is_restored_and_released", Alone(restarts::deleted_meanwhile)),
    ("a_restarted_api_server_is_followed_without_a_restart_of_ours", Alone(restarts::api_server)),
];

/// The stage once a trial came, or why there is none.
type Shared = Arc<RwLock<Option<Result<Stage, String>>>>;

fn main() -> ExitCode {
    let mut arguments = Arguments::from_args();
    arguments.test_threads = arguments.test_threads.or(Some(AT_ONCE));
    let stage = Shared::default();
    let trials = PROOFS.iter().map(|(name, proof)| {
        let (stage, proof) = (Arc::clone(&stage), *proof);
        // Darkness is made of a network namespace.
        Trial::test(*name, move || on(&stage, name, proof)).with_ignored_flag(!bellows_tests::setup::is_root())
    });
    let conclusion = libtest_mimic::run(&arguments, trials.collect());
    let stage = stage.write().unwrap_or_else(PoisonError::into_inner).take();
    if let Some(Ok(stage)) = stage.filter(|_| conclusion.has_failed()) {
        match stage.keep_log() {
            Ok(kept) => eprintln!("what Bellows wrote: {}", kept.display()),
            Err(error) => eprintln!("the log of Bellows is lost: {error:#}"),
        }
    }
    conclusion.exit_code()
}

fn on(shared: &Shared, name: &str, proof: Proof) -> Result<(), Failed> {
    let none = || anyhow!("there is no stage");
    start(shared);
    let began = Instant::now();
    // A trial that panicked left processes, and they are whole.
    let outcome = match proof {
        Beside(proof) => match &*shared.read().unwrap_or_else(PoisonError::into_inner) {
            Some(Ok(stage)) => proof(stage),
            Some(Err(error)) => Err(anyhow!("{error}")),
            None => Err(none()),
        },
        Alone(proof) => match &mut *shared.write().unwrap_or_else(PoisonError::into_inner) {
            Some(Ok(stage)) => proof(stage),
            Some(Err(error)) => Err(anyhow!("{error}")),
            None => Err(none()),
        },
    };
    // With the wait for those beside it, where it is to be alone.
    eprintln!("{:>6.1} s {name}", began.elapsed().as_secs_f64());
    outcome.map_err(|error| format!("{error:#}").into())
}

/// Sets the stage up for the first trial that comes.
fn start(shared: &Shared) {
    // Whoever only looks does not wait for those that run.
    if shared.read().unwrap_or_else(PoisonError::into_inner).is_none() {
        let mut stage = shared.write().unwrap_or_else(PoisonError::into_inner);
        stage.get_or_insert_with(|| Stage::start().map_err(|error| format!("{error:#}")));
    }
}
