//! A world: one machine, the cluster and sources around it, and an agenda of what happens next. No clock, no thread.
//!
//! Every step delivers one event, hands each effect to whom it concerns, and has the oracle judge both.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use bellows_core::Now;
use bellows_core::effect::Effect;
use bellows_core::event::Event;
use bellows_core::machine::Machine;
use bellows_core::metric::View;
use bellows_core::workload::ObjectKey;

use crate::authentications::Authentications;
use crate::cluster::Cluster;
use crate::manifests::Taste;
use crate::oracle::{Oracle, Violation};
use crate::random::Random;
use crate::sources::Sources;

/// Events and effects that are printed when a law was broken.
const HISTORY_MAX: usize = 20;

/// Something that will happen.
#[derive(Debug, Clone)]
pub(crate) enum Item {
    /// The machine hears it.
    Hear(Event),
    /// The shell does it, and then answers.
    Do(Effect),
    /// Somebody or something else acts.
    Chance,
    /// The controller of HPAs makes its round.
    Round,
}

/// What happened, for people.
#[derive(Debug, Clone)]
enum Happened {
    Event(Event),
    Effect(Effect),
}

/// What kind of world it is.
#[derive(Debug, Clone)]
pub(crate) struct Nature {
    /// Keys of objects that may exist.
    pub(crate) keys: Vec<ObjectKey>,
    /// What manifests are drawn from.
    pub(crate) taste: Taste,
    /// Longest wait between two chances, in milliseconds.
    pub(crate) chance_ms: u64,
    /// Longest ordinary answer, in milliseconds, and how many of a thousand answers may take that long.
    pub(crate) slow_ms: u64,
    pub(crate) slow_per_mille: u64,
    /// Whether all objects are there from the beginning, and all hosts hang at once in the middle.
    pub(crate) full: bool,
    /// Whether the lateness of polls is judged: not where more wait than may be under way.
    pub(crate) judges_lateness: bool,
}

/// The world.
pub(crate) struct World {
    pub(crate) random: Random,
    pub(crate) nature: Nature,
    pub(crate) steady: Duration,
    pub(crate) wall: jiff::Timestamp,
    pub(crate) machine: Machine,
    pub(crate) cluster: Cluster,
    pub(crate) sources: Sources,
    pub(crate) authentications: Authentications,
    pub(crate) views: BTreeMap<ObjectKey, std::sync::Arc<View>>,
    pub(crate) members: Option<Vec<std::sync::Arc<str>>>,
    /// The API server refuses everything.
    pub(crate) api_down: bool,
    pub(crate) oracle: Oracle,
    /// All effects, where they are to be compared.
    pub(crate) effects: Option<Vec<Effect>>,
    agenda: BTreeMap<(Duration, u64), Item>,
    items: u64,
    /// What each object's watch told last, and when: it tells things in their order.
    pub(crate) watched: BTreeMap<ObjectKey, Duration>,
    history: VecDeque<(Duration, Happened)>,
}

impl World {
    /// The world of a seed.
    pub(crate) fn new(seed: u64, nature: Nature) -> Self {
        let mut world = Self {
            random: Random::new(seed),
            authentications: Authentications::new(seed),
            sources: Sources::new(&nature.taste.hosts, nature.slow_ms, nature.slow_per_mille),
            oracle: Oracle::new(nature.judges_lateness),
            nature,
            steady: Duration::from_secs(50),
            wall: jiff::Timestamp::from_second(1_800_000_000).unwrap_or_default(),
            machine: Machine::default(),
            cluster: Cluster::default(),
            views: BTreeMap::new(),
            members: None,
            api_down: false,
            effects: None,
            agenda: BTreeMap::new(),
            items: 0,
            watched: BTreeMap::new(),
            history: VecDeque::new(),
        };
        world.plan(Duration::ZERO, Item::Chance);
        world.plan(Duration::from_secs(1), Item::Round);
        if world.nature.full {
            world.fill();
        }
        world
    }

    /// The time by both clocks.
    pub(crate) fn now(&self) -> Now {
        Now { steady: self.steady, wall: self.wall }
    }

    /// Something will happen after `wait`.
    pub(crate) fn plan(&mut self, wait: Duration, item: Item) {
        self.items += 1;
        self.agenda.insert((self.steady + wait, self.items), item);
    }

    /// The watch of one object tells something, after what it told before.
    pub(crate) fn tell(&mut self, key: &ObjectKey, event: Event) {
        let lag = if self.random.per_mille(100) { 2_000 } else { 20 };
        let at = self.steady + self.random.span(0, lag);
        let after = self.watched.entry(key.clone()).or_default();
        *after = at.max(*after);
        let wait = *after - self.steady;
        self.plan(wait, Item::Hear(event));
    }

    /// Everything that is not about the cluster or sources themselves ends: what the host was about to do is done or
    /// not, and nobody hears of it.
    pub(crate) fn end_process(&mut self) {
        for (_, item) in std::mem::take(&mut self.agenda) {
            match item {
                Item::Do(effect) => {
                    if self.random.per_mille(500) {
                        drop(self.perform(effect));
                    }
                }
                Item::Hear(_) => {}
                Item::Chance => self.plan(Duration::from_secs(1), Item::Chance),
                Item::Round => self.plan(Duration::from_secs(5), Item::Round),
            }
        }
        self.watched.clear();
        self.views.clear();
        self.machine = Machine::default();
        self.oracle.restarted();
    }

    /// One thing happens.
    pub(crate) fn step(&mut self) -> Result<(), Violation> {
        let next = self.agenda.first_key_value().map(|(at, _)| *at);
        let wake = self.machine.next_wake();
        if let Some(wake) = wake.filter(|wake| next.is_none_or(|(at, _)| *wake < at)) {
            // A process does not wake to the microsecond.
            let late = Duration::from_micros(self.random.below(3000));
            self.pass(wake.max(self.steady) + late);
            return self.deliver(Event::Tick);
        }
        let Some(((at, _), item)) = self.agenda.pop_first() else { return Ok(()) };
        self.pass(at);
        match item {
            Item::Hear(event) => self.deliver(event),
            Item::Do(effect) => {
                let wait = self.random.span(0, 5);
                if let Some(event) = self.perform(effect) {
                    self.plan(wait, Item::Hear(event));
                }
                Ok(())
            }
            Item::Chance => {
                let wait = self.random.span(1, self.nature.chance_ms);
                if !self.sources.calm {
                    self.act();
                    self.plan(wait, Item::Chance);
                }
                Ok(())
            }
            Item::Round => {
                self.rounds();
                self.plan(Duration::from_secs(15), Item::Round);
                Ok(())
            }
        }
    }

    fn pass(&mut self, to: Duration) {
        let span = to.saturating_sub(self.steady);
        self.steady += span;
        self.wall += jiff::SignedDuration::try_from(span).unwrap_or_default();
    }

    fn remember(&mut self, happened: Happened) {
        if self.history.len() == HISTORY_MAX {
            self.history.pop_front();
        }
        self.history.push_back((self.steady, happened));
    }

    fn deliver(&mut self, event: Event) -> Result<(), Violation> {
        let now = self.now();
        self.remember(Happened::Event(event.clone()));
        self.oracle.hears(&event, now);
        let tick = matches!(event, Event::Tick);
        let effects = self.machine.step(event, now);
        self.oracle.sleeps_while_it_waits(tick && effects.is_empty(), self.machine.next_wake(), now)?;
        for effect in effects {
            self.remember(Happened::Effect(effect.clone()));
            if let Some(effects) = &mut self.effects {
                effects.push(effect.clone());
            }
            self.oracle.sees(&effect, now)?;
            self.dispatch(effect);
        }
        self.oracle.judges(now)
    }

    fn dispatch(&mut self, effect: Effect) {
        let wait = match &effect {
            Effect::Publish { key, view: Some(view) } => {
                self.views.insert(key.clone(), view.clone());
                return;
            }
            Effect::Publish { key, view: None } => {
                self.views.remove(key);
                return;
            }
            Effect::Tell { .. } | Effect::TellAuthentication { .. } => return,
            Effect::Poll(poll) => self.sources.latency(&mut self.random, poll),
            _ if self.random.per_mille(100) => self.random.span(5, 3_000),
            _ => self.random.span(1, 20),
        };
        self.plan(wait, Item::Do(effect));
    }

    /// What happened last, for people.
    pub(crate) fn history(&self) -> String {
        let lines = self.history.iter().map(|(at, happened)| match happened {
            Happened::Event(event) => format!("{at:>14.3?} <- {event:?}"),
            Happened::Effect(effect) => format!("{at:>14.3?}    -> {effect:?}"),
        });
        lines.collect::<Vec<_>>().join("\n")
    }
}
