//! The rounds of a call: every trigger hands in its questions, one exchange answers all of them, and everybody goes on.
//!
//! It is a data loader for synchronous hosts: futures are polled in turn, with no waker and no thread, and an `await` on
//! the desk is the place where a batch is made. It knows neither protocols nor settings.

use std::cell::{OnceCell, RefCell};
use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use crate::failure::{Failure, Result};

/// How many exchanges one call may have. A scaler that needs two questions in a row needs 2, one that follows a cursor a
/// few more; 32 exchanges of 50 ms are 1.6 s, well within the time that a host gives a call.
pub const ROUNDS_MAX: usize = 32;

/// Where the triggers of a call hand in their questions.
#[derive(Debug)]
pub struct Desk<Q, A> {
    open: RefCell<Rc<Round<Q, A>>>,
}

#[derive(Debug)]
struct Round<Q, A> {
    questions: RefCell<Questions<Q>>,
    answers: OnceCell<Result<Vec<A>>>,
}

#[derive(Debug)]
struct Questions<Q> {
    in_order: Vec<Q>,
    /// The places of `in_order`, sorted by their questions.
    sorted: Vec<usize>,
}

impl<Q: Ord, A: Clone> Desk<Q, A> {
    /// A desk with an empty round.
    pub(crate) fn new() -> Self {
        Self { open: RefCell::new(Rc::new(Round::new())) }
    }

    /// Hands in questions and waits for the round to be answered: one answer for each, in order.
    ///
    /// # Errors
    /// The failure of the exchange as a whole; what a single answer says is for the caller to judge.
    pub async fn ask(&self, questions: Vec<Q>) -> Result<Vec<A>> {
        let round = Rc::clone(&self.open.borrow());
        let mut places = Vec::with_capacity(questions.len());
        for question in questions {
            places.push(round.questions.borrow_mut().place(question));
        }
        poll_fn(|_| match round.answers.get() {
            None => Poll::Pending,
            Some(Err(failure)) => Poll::Ready(Err(failure.clone())),
            Some(Ok(answers)) => Poll::Ready(picked(answers, &places)),
        })
        .await
    }

    /// Whether nobody waits for an answer of the round that is open.
    pub(crate) fn is_idle(&self) -> bool {
        self.open.borrow().questions.borrow().in_order.is_empty()
    }

    fn close(&self) -> Rc<Round<Q, A>> {
        self.open.replace(Rc::new(Round::new()))
    }

    /// Polls a future until it is done, answering a round whenever it waits.
    ///
    /// # Errors
    /// `stuck` where the future waits for something that is no question, `too-many-rounds` where it never stops asking.
    pub(crate) fn run<T>(
        &self,
        future: impl Future<Output = T>,
        mut answer: impl FnMut(&[Q]) -> Result<Vec<A>>,
    ) -> Result<T> {
        let mut future = pin!(future);
        let mut context = Context::from_waker(Waker::noop());
        // Two more turns than rounds: one in which those who still ask are told so, one in which they end.
        for turn in 0..ROUNDS_MAX + 2 {
            if let Poll::Ready(value) = future.as_mut().poll(&mut context) {
                return Ok(value);
            }
            let round = self.close();
            let questions = round.questions.borrow();
            if questions.in_order.is_empty() {
                return Err(stuck());
            }
            let answers = if turn < ROUNDS_MAX { answer(&questions.in_order) } else { Err(too_many_rounds()) };
            // The round was closed a moment ago and is filled here only, so this cannot find it filled.
            let _ = round.answers.set(answers);
        }
        Err(too_many_rounds())
    }

    /// Waits for several futures at once: what they ask travels together. One that waits for something that is no question ends as `stuck`, and the
    /// others keep their results.
    pub async fn join<T>(&self, futures: impl IntoIterator<Item = impl Future<Output = Result<T>>>) -> Vec<Result<T>> {
        let mut seats = Vec::new();
        for future in futures {
            seats.push(Seat::Waiting(Box::pin(future)));
        }
        poll_fn(|context| {
            let mut waiting = 0;
            for seat in &mut seats {
                waiting += usize::from(!seat.poll(context));
            }
            if waiting == 0 || self.is_idle() { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
        let mut results = Vec::with_capacity(seats.len());
        for seat in seats {
            results.push(seat.leave());
        }
        results
    }
}

enum Seat<F, T> {
    Waiting(Pin<Box<F>>),
    Done(Result<T>),
}

impl<F: Future<Output = Result<T>>, T> Seat<F, T> {
    /// Whether it is done.
    fn poll(&mut self, context: &mut Context<'_>) -> bool {
        if let Self::Waiting(future) = self {
            match future.as_mut().poll(context) {
                Poll::Pending => return false,
                Poll::Ready(result) => *self = Self::Done(result),
            }
        }
        true
    }

    fn leave(self) -> Result<T> {
        match self {
            Self::Waiting(_) => Err(stuck()),
            Self::Done(result) => result,
        }
    }
}

impl<Q, A> Round<Q, A> {
    fn new() -> Self {
        let questions = Questions { in_order: Vec::new(), sorted: Vec::new() };
        Self { questions: RefCell::new(questions), answers: OnceCell::new() }
    }
}

impl<Q: Ord> Questions<Q> {
    /// Where the answer will be; an equal question shares its place.
    fn place(&mut self, question: Q) -> usize {
        let in_order = &self.in_order;
        let found = self.sorted.binary_search_by(|place| in_order.get(*place).cmp(&Some(&question)));
        match found {
            Ok(rank) => self.sorted.get(rank).copied().unwrap_or_default(),
            Err(rank) => {
                let place = self.in_order.len();
                self.sorted.insert(rank, place);
                self.in_order.push(question);
                place
            }
        }
    }
}

fn picked<A: Clone>(answers: &[A], places: &[usize]) -> Result<Vec<A>> {
    let mut picked = Vec::with_capacity(places.len());
    for place in places {
        picked.push(answers.get(*place).cloned().ok_or_else(too_few)?);
    }
    Ok(picked)
}

fn too_few() -> Failure {
    Failure::transient("unexpected-reply", "the source gave fewer answers than there were questions")
}

fn stuck() -> Failure {
    Failure::transient("stuck", "the scaler waits for something that is no question to its connection")
}

fn too_many_rounds() -> Failure {
    Failure::transient("too-many-rounds", format!("the scaler asked {ROUNDS_MAX} times in a row and wanted more"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn doubled(questions: &[u32]) -> Result<Vec<u32>> {
        Ok(questions.iter().map(|question| question * 2).collect())
    }

    #[test]
    fn futures_that_wait_together_share_one_round() {
        let desk = Desk::new();
        let mut rounds = Vec::new();
        let both = desk.join([1, 2].map(|first| {
            let desk = &desk;
            async move { Ok(desk.ask(vec![first, 7]).await?.iter().sum::<u32>()) }
        }));
        let results = desk.run(both, |questions| {
            rounds.push(questions.to_vec());
            doubled(questions)
        });
        assert_eq!(results, Ok(vec![Ok(16), Ok(18)]));
        assert_eq!(rounds, [vec![1, 7, 2]], "the seven that both wanted travels once");
    }

    #[test]
    fn a_second_question_makes_a_second_round_for_all() {
        let desk = Desk::new();
        let mut rounds = 0;
        let both = desk.join([1, 2].map(|first| {
            let desk = &desk;
            async move {
                let answers = desk.ask(vec![first]).await?;
                Ok(desk.ask(answers).await?.iter().sum::<u32>())
            }
        }));
        let results = desk.run(both, |questions| {
            rounds += 1;
            doubled(questions)
        });
        assert_eq!((results, rounds), (Ok(vec![Ok(4), Ok(8)]), 2));
    }

    #[test]
    fn a_future_that_waits_for_nothing_is_stuck_and_the_others_are_not() {
        let desk: Desk<u32, u32> = Desk::new();
        let both = desk.join([true, false].map(|asks| {
            let desk = &desk;
            async move { if asks { desk.ask(vec![1]).await } else { std::future::pending().await } }
        }));
        assert_eq!(desk.run(both, doubled), Ok(vec![Ok(vec![2]), Err(stuck())]));
    }

    #[test]
    fn a_future_that_never_stops_asking_is_ended_and_the_others_are_not() {
        let desk: Desk<u32, u32> = Desk::new();
        let both = desk.join([true, false].map(|forever| {
            let desk = &desk;
            async move {
                desk.ask(vec![1]).await?;
                if forever {
                    loop {
                        desk.ask(vec![1]).await?;
                    }
                }
                Ok(())
            }
        }));
        assert_eq!(desk.run(both, doubled), Ok(vec![Err(too_many_rounds()), Ok(())]));
    }

    #[test]
    fn an_exchange_that_fails_fails_everyone_in_it() {
        let desk: Desk<u32, u32> = Desk::new();
        let away = Failure::transient("timeout", "no answer in 3 s");
        let results = desk.run(desk.join([desk.ask(vec![1]), desk.ask(vec![2])]), |_| Err(away.clone()));
        assert_eq!(results, Ok(vec![Err(away.clone()), Err(away)]));
    }

    #[test]
    fn a_missing_answer_is_not_a_number() {
        let desk: Desk<u32, u32> = Desk::new();
        assert_eq!(desk.run(desk.ask(vec![1, 2]), |_| Ok(vec![1])), Ok(Err(too_few())));
    }
}
