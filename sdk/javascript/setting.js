//! The declaration of a setting, and how its text becomes a value, as KEDA reads it: numbers by JSON's grammar, booleans
//! by Go's words. From it come parsing, defaults, every problem at once and the description of the component.

const JSON_NUMBER = /^-?(?:0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?$/;
const TRUE = ["1", "t", "T", "TRUE", "true", "True"];
const FALSE = ["0", "f", "F", "FALSE", "false", "False"];
/** What a text may be trimmed of: blanks of ASCII, as in the SDK for Rust. */
const BLANKS = /^[ \t\n\f\r]+|[ \t\n\f\r]+$/g;
/** Characters of a refused value that are shown: enough to recognise one's own by. */
const SHOWN_MAX = 64;

const ORIGINS = {
  metadata: "in the trigger's metadata",
  environment: "by a variable of the container",
  authentication: "in a TriggerAuthentication",
};

/** A text. */
export const text = (name, help, options) => declared(name, help, options, "string", "any text", (given) => given);

/** True or false. */
export const flag = (name, help, options) =>
  declared(name, help, options, "boolean", "true or false", (given) =>
    TRUE.includes(given) ? true : FALSE.includes(given) ? false : undefined,
  );

/** A number. */
export const number = (name, help, options) =>
  declared(name, help, options, "number", "a number, such as 5 or 0.5", (given) => {
    const read = JSON_NUMBER.test(given) ? Number(given) : NaN;
    return Number.isFinite(read) ? read : undefined;
  });

/** A whole number that a double holds exactly; with `{ least: 0 }` or `{ least: 1 }` none below. */
export const whole = (name, help, { least, ...options } = {}) => {
  const accepted = least === undefined ? "a whole number, such as 5" : `a whole number from ${least}`;
  return declared(name, help, options, "integer", accepted, (given) => {
    const [shape, point, power] = JSON_NUMBER.exec(given) ?? [];
    const read = shape === undefined || point || power ? NaN : Number(given);
    return Number.isSafeInteger(read) && !(read < least) ? read + 0 : undefined;
  });
};

/** Texts with commas between, each trimmed. */
export const list = (name, help, options) =>
  declared(name, help, options, "list", "a list, separated by commas", (given) =>
    given.split(",").map((item) => item.trim()),
  );

/**
 * A setting. `or` is its default; without one it is required, unless it is `optional`. `from` says where a value may come
 * from, in order of precedence; `feeds` names the field of the connection that it configures besides.
 */
function declared(name, help, options = {}, kind, accepted, parse) {
  const { or, optional = false, from = ["metadata"], feeds, deprecated, ...unknown } = options;
  for (const option of Object.keys(unknown)) throw new TypeError(`setting ${name}: there is no option ${option}`);
  for (const origin of from) {
    if (!(origin in ORIGINS)) throw new TypeError(`setting ${name}: a value does not come from ${origin}`);
  }
  const standard = or === undefined ? undefined : String(or);
  const required = standard === undefined && !optional;
  return { name, help, kind, accepted, parse, required, or: standard, from, feeds, deprecated };
}

/** What a trigger's settings are, by the names of the declaration, and everything that is wrong with them, in its order. */
export function read(declarations, given) {
  const [values, problems] = [{}, []];
  for (const [field, setting] of Object.entries(declarations)) {
    const told = given.get(setting.name)?.replace(BLANKS, "") || setting.or;
    const found = told === undefined ? undefined : setting.parse(told);
    if (found === undefined && (told !== undefined || setting.required)) {
      problems.push({ parameter: setting.name, message: told === undefined ? missing(setting) : refused(setting, told) });
    }
    values[field] = found;
  }
  return { values, problems };
}

function missing({ from }) {
  return `is required; it is set ${from.map((origin) => ORIGINS[origin]).join(" or ")}`;
}

/** A value that may come from a TriggerAuthentication is not repeated, because it may be a secret. */
function refused({ accepted, from }, told) {
  if (from.includes("authentication")) return `accepted is ${accepted}, and the value is something else`;
  const letters = [...told];
  const shown = letters.length > SHOWN_MAX ? `${letters.slice(0, SHOWN_MAX).join("")}…` : told;
  return `accepted is ${accepted}, not "${shown}"`;
}
