//! A number in the JSON that an HTTP API answers with.

import { Scaler, above, averageValue, number, problem, text, unexpected } from "./bellows/index.js";

export class Waiting extends Scaler {
  static type = "@name@";
  static over = "http";
  static summary = "@summary@";
  static settings = {
    url: text("url", "Address of what is asked for, path and query included.", { feeds: "uri" }),
    field: text("field", "Field of the answer that holds the number.", { or: "waiting" }),
    target: number("target", "What each replica is to have of it.", { or: 10 }),
    activation: number("activation", "A workload at zero is started when there is more than this.", { or: 0 }),
  };

  /** What the HorizontalPodAutoscaler watches: its name must not change from call to call. */
  metric() {
    return averageValue(`@name@-${this.field}`, this.target);
  }

  /** What is wrong with settings that are fine by their types. */
  problems() {
    return this.target <= 0 ? [problem("target", "accepted is a number above 0")] : [];
  }

  /** What all triggers of a call yield travels together, and a failure passes through: an outage is never a number. */
  *measure(_at, http) {
    const response = yield http.get(this.path());
    const found = response.json()?.[this.field];
    if (typeof found !== "number") throw unexpected(`the answer has no number ${JSON.stringify(this.field)}`);
    return above(found, this.activation);
  }

  /** What follows the origin. The host dials the origin itself, and adds the credentials. */
  path() {
    const rest = this.url.slice(this.url.indexOf("://") + 3);
    const start = rest.search(/[/?]/);
    const path = start < 0 ? "/" : rest.slice(start);
    return path.startsWith("/") ? path : `/${path}`;
  }
}
