"""A number in the JSON that an HTTP API answers with."""

import json

from bellows import Problem, Scaler, above, average_value, setting, unexpected


class Waiting(Scaler, type="@name@", over="http"):
    """@summary@"""

    url: str = setting("url", feeds="uri", help="Address of what is asked for, path and query included.")
    field: str = setting("field", "waiting", help="Field of the answer that holds the number.")
    target: float = setting("target", 10, help="What each replica is to have of it.")
    activation: float = setting("activation", 0, help="A workload at zero is started when there is more than this.")

    def metric(self):
        """What the HorizontalPodAutoscaler watches: its name must not change from call to call."""
        return average_value(f"@name@-{self.field}", self.target)

    def problems(self):
        """What is wrong with settings that are fine by their types."""
        return [Problem("target", "accepted is a number above 0")] if self.target <= 0 else []

    async def measure(self, at, http):
        """What all triggers of a call await travels together, and a failure passes through: an outage is never a number."""
        answer = (await http.get(self.path())).json()
        found = answer.get(self.field) if isinstance(answer, dict) else None
        if isinstance(found, bool) or not isinstance(found, (int, float)):
            raise unexpected(f"the answer has no number {json.dumps(self.field)}")
        return above(found, self.activation)

    def path(self):
        """What follows the origin. The host dials the origin itself, and adds the credentials."""
        rest = self.url.partition("://")[2] or self.url
        start = min((place for place in (rest.find("/"), rest.find("?")) if place >= 0), default=len(rest))
        path = rest[start:] or "/"
        return path if path.startswith("/") else f"/{path}"
