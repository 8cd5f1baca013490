//! What a scaler may be over. A kind of source adds one line here: its questions, its answers, its parameters.

import { Http } from "./http.js";
import { Redis } from "./redis.js";

/** No connection at all: for a scaler that computes, such as one that follows the clock. */
class Nothing {
  static parameters = [];

  static source() {
    return () => [];
  }
}

const CONNECTIONS = { redis: Redis, http: Http, nothing: Nothing };

/** The kind of source that a scaler is over. */
export function connectionOf(scaler) {
  const found = Object.hasOwn(CONNECTIONS, scaler.over) ? CONNECTIONS[scaler.over] : undefined;
  if (found) return found;
  const known = Object.keys(CONNECTIONS).join(", ");
  throw new TypeError(`${scaler.name} is over ${scaler.over}, and the SDK for JavaScript knows ${known}`);
}
