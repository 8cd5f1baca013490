//! The rounds of a call: every trigger hands in its questions, one exchange answers all of them, and everybody goes on.
//!
//! A measurement is a generator, stepped by hand: what it yields is a question, and what the `yield` gives back is the
//! answer. It knows neither protocols nor settings.

import { failureOf, transient, unexpected } from "./failure.js";

/** How many exchanges one call may have, as in the SDK for Rust: 32 of 50 ms are 1.6 s. */
export const ROUNDS_MAX = 32;

/** What a generator yields: the parts that travel, and how their answers are read. */
export class Question {
  constructor(parts, read) {
    this.parts = parts;
    this.read = read;
  }
}

/** The parts of a round, each different one once. */
class Round {
  #places = new Map();
  parts = [];

  place(part) {
    const key = JSON.stringify(part);
    let place = this.#places.get(key);
    if (place === undefined) {
      place = this.parts.push(part) - 1;
      this.#places.set(key, place);
    }
    return place;
  }
}

/** One measurement under way. `result` is there when it is done: `{ value }` or `{ failure }`. */
class Seat {
  constructor(begin) {
    this.#try(() => {
      const begun = begin();
      // A scaler that asks nobody may answer at once.
      if (typeof begun?.next !== "function") return this.#end(begun);
      this.generator = begun;
      this.#go(() => begun.next());
    });
  }

  /** Goes on with what `read` makes of the answers, or with what it throws. */
  answer(read) {
    let value;
    try {
      value = read();
    } catch (failure) {
      return this.refuse(failure);
    }
    this.#try(() => this.#go(() => this.generator.next(value)));
  }

  /** Goes on with a failure, which the measurement may catch. */
  refuse(failure) {
    this.#try(() => this.#go(() => this.generator.throw(failure)));
  }

  fail(failure) {
    this.result = { failure };
  }

  #go(step) {
    const { done, value } = step();
    if (done) return this.#end(value);
    if (!(value instanceof Question)) throw stuck();
    this.question = value;
  }

  #end(value) {
    if (typeof value?.then === "function") throw stuck();
    this.result = { value };
  }

  #try(step) {
    try {
      step();
    } catch (thrown) {
      this.result = { failure: failureOf(thrown) };
    }
  }
}

/** Runs measurements side by side; `exchange` answers the parts of a round. One result for each, in order. */
export function together(beginnings, exchange) {
  const seats = beginnings.map((begin) => new Seat(begin));
  for (let turn = 0; ; turn++) {
    const waiting = seats.filter((seat) => seat.result === undefined);
    if (waiting.length === 0) return seats.map((seat) => seat.result);
    if (turn < ROUNDS_MAX) oneRound(waiting, exchange);
    // Those who still ask are told so; one who goes on all the same is ended.
    else if (turn === ROUNDS_MAX) waiting.forEach((seat) => seat.refuse(tooManyRounds()));
    else waiting.forEach((seat) => seat.fail(tooManyRounds()));
  }
}

function oneRound(waiting, exchange) {
  const round = new Round();
  const places = waiting.map((seat) => seat.question.parts.map((part) => round.place(part)));
  let answers;
  try {
    answers = round.parts.length === 0 ? [] : exchange(round.parts);
  } catch (thrown) {
    waiting.forEach((seat) => seat.refuse(failureOf(thrown)));
    return;
  }
  waiting.forEach((seat, index) => {
    const { read } = seat.question;
    seat.answer(() => read(places[index].map((place) => picked(answers, place))));
  });
}

function picked(answers, place) {
  if (place >= answers.length) throw unexpected("the source gave fewer answers than there were questions");
  return answers[place];
}

function stuck() {
  return transient("stuck", "the scaler waits for something that is no question to its connection");
}

function tooManyRounds() {
  return transient("too-many-rounds", `the scaler asked ${ROUNDS_MAX} times in a row and wanted more`);
}
