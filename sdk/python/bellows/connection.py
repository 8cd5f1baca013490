"""What a scaler may be over. A kind of source adds one line here: its questions, its answers, its parameters."""

from .http import Http
from .redis import Redis


class Nothing:
    """No connection at all: for a scaler that computes, such as one that follows the clock."""

    protocol = None
    parameters = ()

    @staticmethod
    def source(lent, failed):
        """There is nothing to ask."""
        return lambda parts: []


CONNECTIONS = {"redis": Redis, "http": Http, "nothing": Nothing}
