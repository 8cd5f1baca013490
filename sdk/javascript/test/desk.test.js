//! Rounds of a call: as in the SDK for Rust.

import assert from "node:assert/strict";
import { test } from "node:test";

import { Question, ROUNDS_MAX, together } from "../desk.js";
import { transient } from "../failure.js";

const ask = (...parts) => new Question(parts, (answers) => answers);
const doubled = (parts) => parts.map((part) => part * 2);
const ends = (results) => results.map(({ value, failure }) => (failure ? failure.code : value));

test("measurements that wait together share one round, and equal questions travel once", () => {
  const rounds = [];
  const one = (first) => function* () { return (yield ask(first, 7)).reduce((sum, answer) => sum + answer); };
  const results = together([one(1), one(2)], (parts) => (rounds.push(parts), doubled(parts)));
  assert.deepEqual([ends(results), rounds], [[16, 18], [[1, 7, 2]]]);
});

test("a second question makes a second round for all", () => {
  let rounds = 0;
  const one = (first) => function* () { return (yield ask(...(yield ask(first))))[0]; };
  const results = together([one(1), one(2)], (parts) => (rounds++, doubled(parts)));
  assert.deepEqual([ends(results), rounds], [[4, 8], 2]);
});

test("one that waits for something else is stuck, and the others are not", () => {
  const others = [function* () { yield 5; }, async () => 5, function* () { return (yield ask(1))[0]; }, () => 3];
  assert.deepEqual(ends(together(others, doubled)), ["stuck", "stuck", 2, 3]);
});

test("one that never stops asking is ended, and the others are not", () => {
  let rounds = 0;
  const forever = function* () { for (;;) yield ask(1); };
  const stubborn = function* () { for (;;) try { yield ask(1); } catch {} };
  const results = together([forever, stubborn, function* () { yield ask(1); return 1; }], (parts) => (rounds++, doubled(parts)));
  assert.deepEqual([ends(results), rounds], [["too-many-rounds", "too-many-rounds", 1], ROUNDS_MAX]);
});

test("an exchange that fails fails everyone in it, and whoever wants to may go on", () => {
  const away = () => { throw transient("timeout", "no answer in 3 s"); };
  const careful = function* () { try { yield ask(1); } catch (failure) { return failure.code.toUpperCase(); } };
  assert.deepEqual(ends(together([function* () { yield ask(1); }, careful], away)), ["timeout", "TIMEOUT"]);
});

test("a missing answer is not a number, and what is thrown is its trigger's alone", () => {
  const broken = function* () { yield ask(1); undefined.oops; };
  const results = together([function* () { yield ask(1, 2); }, broken, () => 1], () => [1]);
  assert.deepEqual(ends(results), ["unexpected-reply", "exception", 1]);
  assert.match(results[1].failure.message, /^the scaler threw TypeError: /);
});
