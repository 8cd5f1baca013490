//! How the next component of a Scaler takes the place of the one that serves: by which steps, what is known of the two by
//! then, and what follows from it.
//!
//! Asks nobody and reads no clock: `host/src/scalers/trial.rs` brings what was seen. The older component is kept until the
//! newer one has stood the last step, and whatever one of them says is held against the other's answer to the same
//! question, never against the past: a source that is down fails both, and so speaks against neither.

use std::time::Duration;

use crate::problem::Problem;
use crate::workload::ObjectKey;

/// Steps of one rollout.
const STEPS_MAX: usize = 16;
/// Seconds of a step, or of the time for which the older component is kept: a week.
const SECONDS_MAX: i64 = 604_800;
/// How long the older component is kept where nothing is said: twenty polls of KEDA's usual 30 seconds.
const WATCH_SECONDS: i64 = 600;
/// Answers that must have been lost before they count, and one in how many may be: one or two are a connection that broke
/// between two questions.
const LOST_MIN: u64 = 3;
const LOST_SHARE: u64 = 50;
/// The same for answers that differ, because what is counted goes on between two questions.
const DIFFERENT_MIN: u64 = 3;
const DIFFERENT_SHARE: u64 = 10;

/// `spec.rollout` as written.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RolloutDraft {
    /// Percent and seconds of each step.
    pub steps: Vec<(i64, i64)>,
    /// Seconds.
    pub watch: Option<i64>,
}

/// By which steps a component takes over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    steps: Vec<(u8, Duration)>,
    watch: Duration,
}

impl RolloutDraft {
    /// The plan, or all that is wrong with it; fields are named below `spec.rollout`.
    pub fn parse(&self) -> Result<Plan, Vec<Problem>> {
        let mut problems = Vec::new();
        if self.steps.len() > STEPS_MAX {
            problems.push(Problem::new("steps", format!("has more than {STEPS_MAX} entries")));
        }
        let (mut steps, mut least) = (Vec::with_capacity(self.steps.len()), 0);
        for (index, (percent, seconds)) in self.steps.iter().enumerate() {
            let field = |name: &str| format!("steps[{index}].{name}");
            match u8::try_from(*percent) {
                Ok(percent @ 0..=99) if percent >= least => {
                    least = percent + 1;
                    steps.push((percent, Duration::from_secs(u64::try_from(*seconds).unwrap_or_default())));
                }
                _ => problems.push(Problem::new(
                    field("percent"),
                    format!(
                        "is {percent}, must be from {least} to 99: each step takes more objects than the one before"
                    ),
                )),
            }
            if !(1..=SECONDS_MAX).contains(seconds) {
                problems.push(Problem::new(field("seconds"), format!("is {seconds}, must be from 1 to {SECONDS_MAX}")));
            }
        }
        let watch = self.watch.unwrap_or(WATCH_SECONDS);
        if !(0..=SECONDS_MAX).contains(&watch) {
            problems.push(Problem::new("watch", format!("is {watch}, must be from 0 to {SECONDS_MAX}")));
        }
        let watch = Duration::from_secs(u64::try_from(watch).unwrap_or_default());
        if problems.is_empty() { Ok(Plan { steps, watch }) } else { Err(problems) }
    }
}

impl Default for Plan {
    /// At once, and watched.
    fn default() -> Self {
        Self { steps: Vec::new(), watch: Duration::from_secs(WATCH_SECONDS.unsigned_abs()) }
    }
}

impl Plan {
    /// Whether there is nothing between the old and the new.
    pub fn is_nothing(&self) -> bool {
        self.steps.is_empty() && self.watch.is_zero()
    }
}

/// Something that was seen of the newer component, beside the older one.
#[derive(Debug, Clone, PartialEq)]
pub enum Evidence {
    /// It answered for an object that it serves.
    Answered,
    /// Both were asked the same at the same time, and both answered.
    Compared {
        /// Whether they said the same.
        same: bool,
        /// What they said, for people, where they did not.
        said: String,
    },
    /// It failed where the older one answered.
    Lost {
        /// How.
        failure: String,
    },
    /// It takes no settings that the older one takes.
    Refused {
        /// The object, and what is wrong with it in the newer one's eyes.
        why: String,
    },
}

/// What was seen in one step.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    /// Answers that the newer one was asked for and that could be judged.
    pub asked: u64,
    /// Of these, those that it did not give and the older one did.
    pub lost: u64,
    /// Of these, those in which the two did not say the same.
    pub different: u64,
}

/// What follows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It goes on; there is something new to say by then at the latest.
    GoesOn(Duration),
    /// The newer component has the place.
    Promoted,
    /// The older component keeps it.
    Returned {
        /// One word for a condition.
        reason: &'static str,
        /// What spoke against the newer one.
        message: String,
    },
}

/// One component on its way into the place of another.
#[derive(Debug, Clone)]
pub struct Rollout {
    plan: Plan,
    /// The step; behind the last of them all objects are served by the newer component, and the older one is kept.
    at: usize,
    /// Since when, on the steady clock.
    since: Duration,
    tally: Tally,
    last: Last,
}

/// What speaks against it, the last of each kind.
#[derive(Debug, Clone, Default)]
struct Last {
    lost: String,
    different: String,
    refused: Option<String>,
}

impl Rollout {
    /// Begins at an instant of the steady clock.
    pub fn new(plan: Plan, now: Duration) -> Self {
        Self { plan, at: 0, since: now, tally: Tally::default(), last: Last::default() }
    }

    /// By which steps it goes.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// How many of a hundred objects the newer component serves.
    pub fn percent(&self) -> u8 {
        self.plan.steps.get(self.at).map_or(100, |(percent, _)| *percent)
    }

    /// Whether the newer component serves an object. One that was among the first stays among them.
    pub fn serves(&self, object: &ObjectKey) -> bool {
        bucket(object) < self.percent()
    }

    /// What was seen in this step.
    pub fn tally(&self) -> Tally {
        self.tally
    }

    /// Takes in what was seen. True if it decides something, so that nobody waits for the step to end.
    pub fn note(&mut self, evidence: Evidence) -> bool {
        let tally = &mut self.tally;
        match evidence {
            Evidence::Answered => tally.asked += 1,
            Evidence::Compared { same: true, .. } => tally.asked += 1,
            Evidence::Compared { same: false, said } => {
                (tally.asked, tally.different) = (tally.asked + 1, tally.different + 1);
                self.last.different = said;
            }
            Evidence::Lost { failure } => {
                (tally.asked, tally.lost) = (tally.asked + 1, tally.lost + 1);
                self.last.lost = failure;
            }
            Evidence::Refused { why } => self.last.refused = Some(why),
        }
        self.against().is_some()
    }

    /// What follows at an instant of the steady clock.
    pub fn advance(&mut self, now: Duration) -> Verdict {
        if let Some((reason, message)) = self.against() {
            return Verdict::Returned { reason, message };
        }
        let remaining = self.remaining(now);
        if !remaining.is_zero() {
            return Verdict::GoesOn(remaining);
        }
        if self.at == self.plan.steps.len() {
            return Verdict::Promoted;
        }
        // Each step is judged by what was seen in it: thousands of good answers in the first must not hide bad ones later.
        (self.at, self.since) = (self.at + 1, now);
        (self.tally, self.last) = (Tally::default(), Last::default());
        self.advance(now)
    }

    /// How long the step goes on from an instant of the steady clock.
    pub fn remaining(&self, now: Duration) -> Duration {
        let lasts = self.plan.steps.get(self.at).map_or(self.plan.watch, |(_, lasts)| *lasts);
        lasts.saturating_sub(now.saturating_sub(self.since))
    }

    fn against(&self) -> Option<(&'static str, String)> {
        let Tally { asked, lost, different } = self.tally;
        let of = |count: u64, what: &str| format!("{count} of {asked} answers {what}; the last: ");
        let told = if let Some(why) = &self.last.refused {
            ("SettingsRefused", why.clone())
        } else if lost >= LOST_MIN && lost * LOST_SHARE > asked {
            ("AnswersLost", of(lost, "that the older one gives were not given") + &self.last.lost)
        } else if different >= DIFFERENT_MIN && different * DIFFERENT_SHARE > asked {
            ("AnswersDiffer", of(different, "were not those of the older one") + &self.last.different)
        } else {
            return None;
        };
        Some(told)
    }
}

/// From 0 to 99, the same on every machine and in every release: a rollout survives a restart of the host.
fn bucket(object: &ObjectKey) -> u8 {
    // FNV-1a of 32 bits; spread evenly enough over a hundred, and written in a line.
    let text = object.namespace.bytes().chain([b'/']).chain(object.name.bytes());
    let hash = text.fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
    u8::try_from(hash % 100).unwrap_or(99)
}

/// Whether two values of one metric are as good as equal: a tenth, or one, because the source goes on between two questions.
pub fn alike(one: f64, other: f64) -> bool {
    let apart = (one - other).abs();
    apart <= 1.0 || apart <= one.abs().max(other.abs()) / 10.0
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn plan(steps: &[(i64, i64)], watch: i64) -> Plan {
        RolloutDraft { steps: steps.to_vec(), watch: Some(watch) }.parse().unwrap()
    }

    fn lost() -> Evidence {
        Evidence::Lost { failure: "trap: unreachable".into() }
    }

    fn answered(rollout: &mut Rollout, count: u32) {
        for _ in 0..count {
            assert!(!rollout.note(Evidence::Answered), "an answer decides nothing");
        }
    }

    #[test]
    fn it_goes_by_its_steps_and_is_watched_at_the_end() {
        let mut rollout = Rollout::new(plan(&[(0, 10), (25, 20)], 30), SECOND);
        assert_eq!((rollout.percent(), rollout.advance(SECOND * 2)), (0, Verdict::GoesOn(SECOND * 9)));
        assert_eq!((rollout.advance(SECOND * 11), rollout.percent()), (Verdict::GoesOn(SECOND * 20), 25));
        assert_eq!((rollout.advance(SECOND * 31), rollout.percent()), (Verdict::GoesOn(SECOND * 30), 100));
        assert_eq!(rollout.advance(SECOND * 61), Verdict::Promoted);
    }

    #[test]
    fn without_steps_it_serves_all_at_once_and_without_a_watch_it_is_over() {
        let mut rollout = Rollout::new(Plan::default(), SECOND);
        assert_eq!((rollout.percent(), rollout.advance(SECOND)), (100, Verdict::GoesOn(SECOND * 600)));
        assert!(plan(&[], 0).is_nothing() && !Plan::default().is_nothing());
        assert_eq!(Rollout::new(plan(&[], 0), SECOND).advance(SECOND), Verdict::Promoted);
    }

    #[test]
    fn two_lost_answers_may_be_chance_and_three_of_few_are_not() {
        let mut rollout = Rollout::new(Plan::default(), SECOND);
        answered(&mut rollout, 20);
        assert!(!rollout.note(lost()) && !rollout.note(lost()));
        assert!(matches!(rollout.advance(SECOND * 2), Verdict::GoesOn(_)));
        assert!(rollout.note(lost()), "the third decides");
        let told = "3 of 23 answers that the older one gives were not given; the last: trap: unreachable";
        let returned = Verdict::Returned { reason: "AnswersLost", message: told.into() };
        assert_eq!(rollout.advance(SECOND * 2), returned);
    }

    #[test]
    fn three_lost_answers_of_thousands_do_not_count_but_good_ones_of_an_earlier_step_hide_nothing() {
        let mut rollout = Rollout::new(plan(&[(10, 10)], 30), SECOND);
        answered(&mut rollout, 1_000);
        assert!(!rollout.note(lost()) && !rollout.note(lost()) && !rollout.note(lost()));
        assert!(matches!(rollout.advance(SECOND * 11), Verdict::GoesOn(_)));
        assert!(!rollout.note(lost()) && !rollout.note(lost()) && rollout.note(lost()));
        assert!(matches!(rollout.advance(SECOND * 12), Verdict::Returned { reason: "AnswersLost", .. }));
    }

    #[test]
    fn answers_that_differ_now_and_then_are_the_source_and_many_are_the_component() {
        let compared = |same| Evidence::Compared { same, said: "12 where the older one says 3".into() };
        let mut rollout = Rollout::new(plan(&[(0, 10)], 30), SECOND);
        for _ in 0..40 {
            rollout.note(compared(true));
        }
        for _ in 0..4 {
            assert!(!rollout.note(compared(false)));
        }
        assert!(rollout.note(compared(false)), "5 of 45");
        let told = "5 of 45 answers were not those of the older one; the last: 12 where the older one says 3";
        assert_eq!(rollout.advance(SECOND * 2), Verdict::Returned { reason: "AnswersDiffer", message: told.into() });
    }

    #[test]
    fn one_object_whose_settings_are_refused_is_enough() {
        let mut rollout = Rollout::new(plan(&[(0, 10)], 30), SECOND);
        assert!(rollout.note(Evidence::Refused { why: "shop/web: metadata.queue: is gone".into() }));
        let told = "shop/web: metadata.queue: is gone".to_owned();
        assert_eq!(rollout.advance(SECOND * 2), Verdict::Returned { reason: "SettingsRefused", message: told });
    }

    #[test]
    fn objects_join_and_never_leave_while_the_share_grows() {
        let rollout = |percent| Rollout::new(plan(&[(percent, 10)], 30), SECOND);
        let (none, few, half) = (rollout(0), rollout(10), rollout(50));
        let mut served = (0, 0);
        for index in 0..1_000 {
            let object = ObjectKey::new("shop", format!("web-{index}"));
            assert!(!none.serves(&object));
            assert!(!few.serves(&object) || half.serves(&object), "{object} left");
            served = (served.0 + u32::from(few.serves(&object)), served.1 + u32::from(half.serves(&object)));
        }
        assert!((70..130).contains(&served.0) && (450..550).contains(&served.1), "{served:?}");
        // Whoever was among the first is so after a restart and with the next release.
        let first = (0..40).find(|index| few.serves(&ObjectKey::new("shop", format!("web-{index}"))));
        assert_eq!(first, Some(7));
    }

    #[test]
    fn all_that_is_wrong_with_a_plan_is_told_at_once() {
        let draft = RolloutDraft { steps: vec![(50, 0), (50, 10), (100, 10)], watch: Some(-1) };
        let told: Vec<String> = draft.parse().unwrap_err().iter().map(ToString::to_string).collect();
        assert_eq!(
            told,
            [
                "steps[0].seconds: is 0, must be from 1 to 604800",
                "steps[1].percent: is 50, must be from 51 to 99: each step takes more objects than the one before",
                "steps[2].percent: is 100, must be from 51 to 99: each step takes more objects than the one before",
                "watch: is -1, must be from 0 to 604800",
            ]
        );
        let long = RolloutDraft { steps: (0..17).map(|percent| (percent, 1)).collect(), watch: None };
        assert_eq!(long.parse().unwrap_err()[0].to_string(), "steps: has more than 16 entries");
    }

    #[test]
    fn values_a_moment_apart_are_alike() {
        for (one, other, same) in
            [(0.0, 1.0, true), (0.0, 2.0, false), (100.0, 109.0, true), (100.0, 120.0, false), (7.0, 7.0, true)]
        {
            assert_eq!(alike(one, other), same, "{one} {other}");
        }
    }
}
