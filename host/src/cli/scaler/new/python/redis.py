"""The length of a Redis list. A key that is missing is a list of no entries."""

from bellows import Problem, Scaler, above, average_value, cmd, setting


class Length(Scaler, type="@name@", over="redis"):
    """@summary@"""

    key: str = setting("listName", help="Key of the list.")
    target: float = setting("listLength", 5, help="Entries for each replica.")
    activation: float = setting(
        "activationListLength", 0, help="A workload at zero is started when there are more entries than this."
    )

    def metric(self):
        """What the HorizontalPodAutoscaler watches: its name must not change from call to call."""
        return average_value(f"@name@-{self.key}", self.target)

    def problems(self):
        """What is wrong with settings that are fine by their types."""
        return [Problem("listLength", "accepted is a number above 0")] if self.target <= 0 else []

    async def measure(self, at, redis):
        """What all triggers of a call await travels together, and a failure passes through: an outage is never a number."""
        length = await redis.integer(cmd("LLEN", self.key))
        return above(length, self.activation)
