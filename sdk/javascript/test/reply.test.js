//! What a source's answers mean: as in the SDK for Rust.

import assert from "node:assert/strict";
import { test } from "node:test";

import { Response, encoded } from "../http.js";
import { Reply, gathered } from "../redis.js";

const caught = (run) => {
  try {
    run();
  } catch ({ kind, code, message }) {
    return [kind, code, message];
  }
};

test("an error of Redis says what to do next", () => {
  for (const [message, kind, code] of [
    ["NOAUTH Authentication required.", "denied", "unauthorized"], ["WRONGPASS invalid", "denied", "unauthorized"],
    ["NOPERM no", "denied", "forbidden"], ["WRONGTYPE no", "transient", "wrong-type"],
    ["LOADING Redis is", "transient", "loading"], ["ERR unknown", "transient", "error"], ["", "transient", "error"],
  ]) {
    assert.deepEqual(caught(() => new Reply("error", message).integer()), [kind, code, message]);
  }
  const nothing = "the server answered with nothing instead of a whole number";
  assert.deepEqual(caught(() => new Reply("nil").integer()), ["transient", "unexpected-reply", nothing]);
});

test("pieces become a tree, or no reply", () => {
  const [items, pairs, number] = ["items", "pairs", "integer"].map((tag) => (val) => ({ tag, val }));
  const tree = gathered([items(2), pairs(1), number(1n), number(2n), items(0)]);
  assert.deepEqual(tree.value[0].value[0].map((reply) => reply.integer()), [1, 2]);
  assert.deepEqual(tree.value[1].value, []);
  for (const pieces of [[], [items(2), number(1n)], [number(1n), number(2n)], [items(4294967295)], Array(1000).fill(items(1))]) {
    assert.equal(caught(() => gathered(pieces))[1], "unexpected-reply");
  }
});

test("a status says what to do next, and its content is not repeated", () => {
  for (const [status, kind, code] of [
    [401, "denied", "unauthorized"], [403, "denied", "forbidden"], [404, "absent", "not-found"],
    [429, "transient", "too-many-requests"], [500, "transient", "server-error"], [302, "transient", "unexpected-status"],
  ]) {
    const told = caught(() => new Response(status, new TextEncoder().encode("secret")).ok());
    assert.deepEqual(told.slice(0, 2), [kind, code]);
    assert.ok(told[2].startsWith(`the server answered with status ${status}`) && !told[2].includes("secret"));
  }
  assert.equal(caught(() => new Response(200, new Uint8Array()).json())[1], "unexpected-reply");
});

test("a segment keeps nothing that a path or a query would read", () => {
  assert.equal(encoded("a b/c?d=e&f+g%h.i-j_k~l'(ä)*!"), "a%20b%2Fc%3Fd%3De%26f%2Bg%25h.i-j_k~l%27%28%C3%A4%29%2A%21");
});
