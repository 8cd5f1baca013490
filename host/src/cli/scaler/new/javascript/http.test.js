//! The scaler natively, with replies by script; `bellows scaler test` runs cases.toml against the component.

import assert from "node:assert/strict";
import { test } from "node:test";

import { measure } from "./bellows/testing.js";
import { Waiting } from "./scaler.js";

test("triggers of one address ask once, and each reads its own field", () => {
  const url = "http://api.shop.svc/queue?name=jobs";
  const replies = { "GET /queue?name=jobs": { body: '{"waiting": 7.5, "ready": 0}' } };
  const { results, rounds } = measure(Waiting, [{ url }, { url, field: "ready" }], replies);
  assert.deepEqual(results, [{ value: 7.5, active: true }, { value: 0, active: false }]);
  assert.deepEqual(rounds, [[["GET", "/queue?name=jobs"]]]);
});
