"""Hours of the day, by UTC: it asks nobody, and uses the time that it is given."""

from bellows import Problem, Scaler, above, average_value, setting


class Hours(Scaler, type="@name@", over="nothing"):
    """@summary@"""

    start: int = setting("start", least=0, help="Hour at which the time begins, from 0 to 23.")
    end: int = setting(
        "end", least=0, help="Hour at which it ends, from 0 to 23; before the start, it is that of the next day."
    )
    replicas: int = setting("replicas", 1, least=0, help="Replicas in between.")

    def metric(self):
        """What the HorizontalPodAutoscaler watches: its name must not change from call to call."""
        return average_value(f"@name@-{self.start}-{self.end}", 1)

    def problems(self):
        """What is wrong with settings that are fine by their types."""
        wrong = [name for name in ("start", "end") if getattr(self, name) > 23]
        return [Problem(name, "accepted is an hour from 0 to 23") for name in wrong]

    async def measure(self, at, nothing):
        hour = at.seconds // 3600 % 24
        after, before = hour >= self.start, hour < self.end
        within = after and before if self.start <= self.end else after or before
        return above(self.replicas if within else 0, 0)
