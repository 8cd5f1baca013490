//! Replies by script, so that the file of a scaler runs natively in a unit test.

import { connectionOf } from "./connection.js";
import { plugin } from "./component.js";

/** The first second of 2026, for tests that do not care. */
export const NEW_YEAR = { seconds: 1_767_225_600n, nanoseconds: 0 };

/** A reply of a Redis server: a number, a text, `null`, or an `Error` for the server's own refusal. */
function piece(reply) {
  if (reply === null) return { tag: "nil" };
  if (reply instanceof Error) return { tag: "error", val: reply.message };
  return Number.isInteger(reply) ? { tag: "integer", val: BigInt(reply) } : { tag: "text", val: String(reply) };
}

/** What the host lends, answering by `replies`: what is asked, joined by blanks → the reply. */
function scripted(over, replies, rounds) {
  const look = (asked) => {
    if (!Object.hasOwn(replies, asked)) throw new Error(`the script has no reply to ${asked}`);
    return replies[asked];
  };
  const lend = (name) => ({ open: () => name });
  if (over === "redis") {
    return lend({
      pipeline: (commands) => {
        rounds.push(commands);
        return commands.map((command) => [piece(look(command.join(" ")))]);
      },
    });
  }
  return lend({
    send: (requests) => {
      rounds.push(requests.map(({ method, path }) => [method, path]));
      return requests.map(({ method, path }) => {
        const { status = 200, body = "" } = look(`${method} ${path}`);
        return { tag: "ok", val: { status, body: new TextEncoder().encode(body) } };
      });
    },
  });
}

function trigger(scaler, settings) {
  const given = Object.entries(settings).map(([name, value]) => ({ name, value: String(value) }));
  return { id: "test", triggerType: scaler.type, metricType: undefined, settings: given, attributes: [] };
}

/** The metric of a trigger with these settings, or `{ problems }`. */
export function plan(scaler, settings) {
  try {
    return plugin([scaler], {}, {}).plan(trigger(scaler, settings))[0].val;
  } catch (problems) {
    if (Array.isArray(problems)) return { problems };
    throw problems;
  }
}

/** Reads triggers with these settings in one call: their `results`, and the `rounds` that were asked. */
export function measure(scaler, triggers, replies, at = NEW_YEAR) {
  connectionOf(scaler);
  const rounds = [];
  const lent = { [scaler.over]: scripted(scaler.over, replies, rounds) };
  const results = plugin([scaler], {}, lent).measure(at, triggers.map((settings) => trigger(scaler, settings)));
  return { rounds, results: results.map(({ tag, val }) => (tag === "ok" ? { value: val[0].value, active: val[0].active } : { failure: val })) };
}
