//! Why there is no reading, by what the host has to do about it. An outage has no number: a scaler that could not read
//! throws one of these, never answers with a zero.

/** A word for machines (`code`, in lower case with hyphens), a sentence for people, and one of four kinds. */
export class Failure extends Error {
  constructor(kind, code, message) {
    super(message);
    this.name = "Failure";
    this.kind = kind;
    this.code = code;
  }
}

/** No answer, or no useful one: the last reading is kept, and the next poll asks again. */
export const transient = (code, message) => new Failure("transient", code, message);

/** The source refused who asked: the credentials are read again, then it is asked again. */
export const denied = (code, message) => new Failure("denied", code, message);

/** The source says that the thing measured does not exist. */
export const absent = (code, message) => new Failure("absent", code, message);

/** The settings can never work: nobody asks again until they change. */
export const invalid = (code, message) => new Failure("invalid", code, message);

/** The source answered, and not in the shape that was asked for. */
export const unexpected = (message) => transient("unexpected-reply", message);

/** Characters of somebody else's sentence that are repeated: enough to know it by. */
const SENTENCE_MAX = 300;

/** What was thrown, as a failure. What is none is a mistake of the scaler's, and its trigger's alone. */
export function failureOf(thrown) {
  if (thrown instanceof Failure) return thrown;
  return transient("exception", `the scaler threw ${String(thrown).slice(0, SENTENCE_MAX)}`);
}
