//! Jobs of a BullMQ queue that a worker could take: waiting, prioritised, and delayed ones that are due.

import { Scaler, above, averageValue, cmd, flag, number, problem, text } from "../../javascript/index.js";

export class BullMq extends Scaler {
  static type = "bullmq";
  static over = "redis";
  static summary = "Scales on the jobs of a BullMQ queue.";
  static settings = {
    queue: text("queueName", "Name of the queue."),
    prefix: text("prefix", "Prefix of its keys.", { or: "bull" }),
    busy: flag("countActive", "Whether jobs that workers are busy with count too.", { or: false }),
    target: number("jobsPerReplica", "Jobs for each replica.", { or: 10 }),
    activation: number("activationJobs", "A stopped workload is started when there are more jobs than this.", { or: 0 }),
  };

  metric() {
    return averageValue(`bullmq-${this.queue}`, this.target);
  }

  problems() {
    return this.target <= 0 ? [problem("jobsPerReplica", "accepted is a number above 0")] : [];
  }

  *measure(at, redis) {
    const key = (part) => `${this.prefix}:${this.queue}:${part}`;
    // A score holds the millisecond above its lowest twelve bits, which keep the order of jobs of the same one.
    const due = BigInt(at.millis()) * 0x1000n + 0xfffn;
    const [waiting, prioritised, delayed, active] = yield redis.integers([
      cmd("LLEN", key("wait")),
      cmd("ZCARD", key("prioritized")),
      cmd("ZCOUNT", key("delayed"), "-inf", due),
      cmd("LLEN", key("active")),
    ]);
    return above(waiting + prioritised + delayed + (this.busy ? active : 0), this.activation);
  }
}
