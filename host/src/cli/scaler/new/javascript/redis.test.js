//! The scaler natively, with replies by script; `bellows scaler test` runs cases.toml against the component.

import assert from "node:assert/strict";
import { test } from "node:test";

import { measure } from "./bellows/testing.js";
import { Length } from "./scaler.js";

test("the lists of one call are asked for in one round, and each different one once", () => {
  const lists = ["a", "b", "a"].map((listName) => ({ listName }));
  const { results, rounds } = measure(Length, lists, { "LLEN a": 7, "LLEN b": 0 });
  const a = { value: 7, active: true };
  assert.deepEqual(results, [a, { value: 0, active: false }, a]);
  assert.deepEqual(rounds, [[["LLEN", "a"], ["LLEN", "b"]]]);
});
