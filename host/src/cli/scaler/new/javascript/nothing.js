//! Hours of the day, by UTC: it asks nobody, and uses the time that it is given.

import { Scaler, above, averageValue, problem, whole } from "./bellows/index.js";

export class Hours extends Scaler {
  static type = "@name@";
  static over = "nothing";
  static summary = "@summary@";
  static settings = {
    start: whole("start", "Hour at which the time begins, from 0 to 23.", { least: 0 }),
    end: whole("end", "Hour at which it ends, from 0 to 23; before the start, it is that of the next day.", { least: 0 }),
    replicas: whole("replicas", "Replicas in between.", { least: 0, or: 1 }),
  };

  /** What the HorizontalPodAutoscaler watches: its name must not change from call to call. */
  metric() {
    return averageValue(`@name@-${this.start}-${this.end}`, 1);
  }

  /** What is wrong with settings that are fine by their types. */
  problems() {
    const wrong = ["start", "end"].filter((name) => this[name] > 23);
    return wrong.map((name) => problem(name, "accepted is an hour from 0 to 23"));
  }

  measure(at) {
    const hour = Math.floor(at.seconds / 3600) % 24;
    const [after, before] = [hour >= this.start, hour < this.end];
    const within = this.start <= this.end ? after && before : after || before;
    return above(within ? this.replicas : 0, 0);
  }
}
