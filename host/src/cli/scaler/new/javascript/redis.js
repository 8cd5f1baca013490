//! The length of a Redis list. A key that is missing is a list of no entries.

import { Scaler, above, averageValue, cmd, number, problem, text } from "./bellows/index.js";

export class Length extends Scaler {
  static type = "@name@";
  static over = "redis";
  static summary = "@summary@";
  static settings = {
    key: text("listName", "Key of the list."),
    target: number("listLength", "Entries for each replica.", { or: 5 }),
    activation: number(
      "activationListLength",
      "A workload at zero is started when there are more entries than this.",
      { or: 0 },
    ),
  };

  /** What the HorizontalPodAutoscaler watches: its name must not change from call to call. */
  metric() {
    return averageValue(`@name@-${this.key}`, this.target);
  }

  /** What is wrong with settings that are fine by their types. */
  problems() {
    return this.target <= 0 ? [problem("listLength", "accepted is a number above 0")] : [];
  }

  /** What all triggers of a call yield travels together, and a failure passes through: an outage is never a number. */
  *measure(_at, redis) {
    const length = yield redis.integer(cmd("LLEN", this.key));
    return above(length, this.activation);
  }
}
