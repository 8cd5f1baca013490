//! What an author writes: the metric of a trigger, and how it is read. Everything here is about one trigger; the batch is
//! made behind the connection, and costs nothing to whoever ignores it.

/**
 * A scaler: `static type`, `static over` (`redis`, `http` or `nothing`), `static summary` and `static
 * settings`, whose values are fields of the instance.
 */
export class Scaler {
  static settings = {};

  /** The metric that a HorizontalPodAutoscaler is to watch. The user's `metricType` overrides its kind. */
  metric() {
    throw new TypeError(`${this.constructor.name} has no metric()`);
  }

  /** What is wrong between settings that are each fine by themselves. */
  problems() {
    return [];
  }

  /** Reads one trigger. What all triggers of a call `yield` at the same time travels together. */
  *measure(_at, _connection) {
    throw new TypeError(`${this.constructor.name} has no *measure(at, connection)`);
  }
}

/** A metric whose target is meant for each replica. The host makes the name fit for Kubernetes. */
export const averageValue = (name, target) => ({ name, target, targetType: "average-value" });

/** A metric whose target is meant for the workload as a whole. */
export const value = (name, target) => ({ name, target, targetType: "value" });

/** A reading that is work when it is strictly above the activation. */
export const above = (value, activation) => ({ value, active: value > activation });

/** One thing wrong with the settings; `parameter` is as the user spells it, and empty where it is about several. */
export const problem = (parameter, message) => ({ parameter, message });

/** The time of a poll, by the host's clock. */
export class Instant {
  constructor(seconds, nanoseconds) {
    this.seconds = seconds;
    this.nanoseconds = nanoseconds;
  }

  /** Milliseconds since the Unix epoch. */
  millis() {
    return this.seconds * 1000 + Math.floor(this.nanoseconds / 1_000_000);
  }
}
