//! Texts become values as in the SDK for Rust, and every problem is told at once.

import assert from "node:assert/strict";
import { test } from "node:test";

import { flag, list, number, read, text, whole } from "../setting.js";

const parsed = (setting, given) => setting.parse(given);

test("whole numbers are JSON numbers without a point", () => {
  const any = whole("n", "");
  for (const [given, value] of [
    ["5", 5], ["0", 0], ["-3", -3], ["-0", 0], ["9007199254740991", 9007199254740991], ["9007199254740993", undefined],
    ["5.0", undefined], ["5e0", undefined], ["05", undefined], ["+5", undefined], ["0x5", undefined], ["five", undefined],
    ["-", undefined],
  ]) {
    assert.equal(parsed(any, given), value, given);
  }
  assert.equal(parsed(whole("n", "", { least: 1 }), "0"), undefined);
});

test("broken numbers are JSON numbers", () => {
  for (const [given, value] of [
    ["5", 5], ["5.0", 5], ["-0.5", -0.5], ["1e3", 1000], ["1.5E-1", 0.15], ["1e400", undefined], [".5", undefined],
    ["5.", undefined], ["5e", undefined], ["01.5", undefined], ["+1", undefined], ["NaN", undefined], ["1_000", undefined],
  ]) {
    assert.equal(parsed(number("n", ""), given), value, given);
  }
});

test("booleans are the words that Go reads, and items of a list are trimmed", () => {
  for (const given of ["1", "t", "T", "TRUE", "true", "True"]) assert.equal(parsed(flag("f", ""), given), true, given);
  for (const given of ["0", "f", "F", "FALSE", "false", "False"]) assert.equal(parsed(flag("f", ""), given), false, given);
  for (const given of ["yes", "no", "on", "tRUE", "2"]) assert.equal(parsed(flag("f", ""), given), undefined, given);
  assert.deepEqual(parsed(list("l", ""), "a, b ,c"), ["a", "b", "c"]);
});

test("what is left out gets its default, and every problem is told in the order of the declaration", () => {
  const settings = {
    text: text("text", "A text."),
    number: number("number", "A number.", { or: 10 }),
    flag: flag("switch", "A switch.", { optional: true }),
    secret: whole("secret", "A secret.", { least: 0, or: 1, from: ["authentication", "environment"] }),
  };
  const given = (texts) => read(settings, new Map(Object.entries(texts)));
  const good = given({ text: " t\n", number: "  " });
  assert.deepEqual(good, { values: { text: "t", number: 10, flag: undefined, secret: 1 }, problems: [] });
  const wrong = given({ number: "ten", switch: "yes", secret: "hunter2", stranger: "1" });
  assert.deepEqual(wrong.problems, [
    { parameter: "text", message: "is required; it is set in the trigger's metadata" },
    { parameter: "number", message: 'accepted is a number, such as 5 or 0.5, not "ten"' },
    { parameter: "switch", message: 'accepted is true or false, not "yes"' },
    { parameter: "secret", message: "accepted is a whole number from 0, and the value is something else" },
  ]);
  const long = given({ text: "t", number: "é".repeat(100) }).problems[0].message;
  assert.equal(long, `accepted is a number, such as 5 or 0.5, not "${"é".repeat(64)}…"`);
});

test("an option that there is not is told when the file is read", () => {
  assert.throws(() => text("a", "", { deflt: 1 }), /setting a: there is no option deflt/);
  assert.throws(() => text("a", "", { from: ["elsewhere"] }), /setting a: a value does not come from elsewhere/);
});
