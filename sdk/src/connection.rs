//! What a scaler may be lent: the seam between a kind of source and the rounds in which it is asked.
//!
//! A capability adds one type here (its questions, its answers, its parameters); no dialling, no credential.

use crate::desk::Desk;
use crate::failure::Result;
use crate::settings::Parameter;

/// What a connection speaks on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// The Redis protocol, versions 2 and 3.
    Redis,
    /// AMQP 0-9-1.
    Amqp,
    /// HTTP.
    Http,
}

/// A connection that the host is asked to hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConnectionType {
    /// The name by which parameters feed it and by which it is opened.
    pub name: &'static str,
    /// Those that it may turn out to speak, decided by its settings.
    pub protocols: &'static [Protocol],
}

/// A kind of source that questions can be put to.
pub trait Connection: Sized {
    /// One question. Equal questions of one round are sent once.
    type Question: Ord;
    /// One answer, which several triggers may share.
    type Answer: Clone;
    /// What the host has to hold; nothing for a scaler that asks nobody.
    const TYPE: Option<ConnectionType>;
    /// The parameters that configure it, none of which the scaler sees.
    const PARAMETERS: &'static [Parameter];

    /// The author's view of the desk at which questions are handed in.
    fn over(desk: Desk<Self::Question, Self::Answer>) -> Self;

    /// The desk again, by which the rounds are run.
    fn desk(&self) -> &Desk<Self::Question, Self::Answer>;
}

/// Whoever answers a round: the host, or a script in a test.
pub trait Source<C: Connection> {
    /// One answer for each question, in order, or the failure that befell all of them.
    fn answer(&mut self, questions: &[C::Question]) -> Result<Vec<C::Answer>>;
}

/// No connection at all: for a scaler that computes, such as one that follows the clock.
#[derive(Debug)]
pub struct Nothing(Desk<(), ()>);

impl Connection for Nothing {
    type Question = ();
    type Answer = ();
    const TYPE: Option<ConnectionType> = None;
    const PARAMETERS: &'static [Parameter] = &[];

    fn over(desk: Desk<(), ()>) -> Self {
        Self(desk)
    }

    fn desk(&self) -> &Desk<(), ()> {
        &self.0
    }
}

impl Source<Nothing> for () {
    fn answer(&mut self, questions: &[()]) -> Result<Vec<()>> {
        Ok(questions.to_vec())
    }
}
