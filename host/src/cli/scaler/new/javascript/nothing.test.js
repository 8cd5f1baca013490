//! The scaler natively; `bellows scaler test` runs cases.toml against the component.

import assert from "node:assert/strict";
import { test } from "node:test";

import { measure } from "./bellows/testing.js";
import { Hours } from "./scaler.js";

test("a night begins on one day and ends on the next", () => {
  const at = (hour) => ({ seconds: BigInt(hour * 3600), nanoseconds: 0 });
  const active = (hour) => measure(Hours, [{ start: 22, end: 6 }], {}, at(hour)).results[0].active;
  assert.deepEqual([21, 22, 23, 0, 5, 6].map(active), [false, true, true, true, true, false]);
});
