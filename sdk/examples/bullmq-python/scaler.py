"""Jobs of a BullMQ queue that a worker could take: waiting, prioritised, and delayed ones that are due."""

from bellows import Problem, Scaler, above, average_value, cmd, setting


class BullMq(Scaler, type="bullmq", over="redis"):
    """Scales on the jobs of a BullMQ queue."""

    queue: str = setting("queueName", help="Name of the queue.")
    prefix: str = setting("prefix", "bull", help="Prefix of its keys.")
    busy: bool = setting("countActive", False, help="Whether jobs that workers are busy with count too.")
    target: float = setting("jobsPerReplica", 10.0, help="Jobs for each replica.")
    activation: float = setting(
        "activationJobs", 0.0, help="A stopped workload is started when there are more jobs than this."
    )

    def metric(self):
        return average_value(f"bullmq-{self.queue}", self.target)

    def problems(self):
        return [Problem("jobsPerReplica", "accepted is a number above 0")] if self.target <= 0 else []

    async def measure(self, at, redis):
        def key(part):
            return f"{self.prefix}:{self.queue}:{part}"

        # A score holds the millisecond above its lowest twelve bits, which keep the order of jobs of the same one.
        due = at.millis() * 0x1000 + 0xFFF
        waiting, prioritised, delayed, active = await redis.integers(
            cmd("LLEN", key("wait")),
            cmd("ZCARD", key("prioritized")),
            cmd("ZCOUNT", key("delayed"), "-inf", due),
            cmd("LLEN", key("active")),
        )
        return above(waiting + prioritised + delayed + (active if self.busy else 0), self.activation)
