"""What an author writes: the metric of a trigger, and how it is read. Everything here is about one trigger; the batch is
made behind the connection, and costs nothing to whoever ignores it.
"""

import typing
from dataclasses import dataclass

from .connection import CONNECTIONS
from .setting import Declared


@dataclass(frozen=True)
class Metric:
    """A metric, and where it should be."""

    name: str
    target: float
    target_type: str


@dataclass(frozen=True)
class Reading:
    """What a metric was found to be, and whether there is work, so that a workload at zero is to be started."""

    value: float
    active: bool


@dataclass(frozen=True)
class Instant:
    """The time of a poll, by the host's clock."""

    seconds: int
    nanoseconds: int

    def millis(self):
        """Milliseconds since the Unix epoch."""
        return self.seconds * 1000 + self.nanoseconds // 1_000_000


class Scaler:
    """A scaler: `class Mine(Scaler, type="mine", over="redis")`. Its docstring says what it scales on; its settings are
    its annotated fields, and their values those of the instance.
    """

    settings: typing.ClassVar[dict] = {}

    def __init_subclass__(cls, *, type, over, **rest):
        super().__init_subclass__(**rest)
        if over not in CONNECTIONS:
            known = ", ".join(CONNECTIONS)
            raise TypeError(f"{cls.__name__} is over {over}, and the SDK for Python knows {known}")
        cls.trigger_type, cls.over = type, over
        annotated = typing.get_type_hints(cls)
        cls.settings = {}
        for field, declared in vars(cls).items():
            if isinstance(declared, Declared):
                if field not in annotated:
                    raise TypeError(f"{cls.__name__}.{field} has no type: write `{field}: str = setting(…)`")
                cls.settings[field] = declared.typed(annotated[field])

    @classmethod
    def read(cls, given):
        """The settings of a trigger, or nothing; and everything that is wrong, in the order of the declaration."""
        scaler, problems = cls(), []
        for field, declared in cls.settings.items():
            value, problem = declared.read(given)
            setattr(scaler, field, value)
            if problem:
                problems.append(problem)
        return (None, problems) if problems else (scaler, list(scaler.problems()))

    def metric(self):
        """The metric that a HorizontalPodAutoscaler is to watch. The user's `metricType` overrides its kind."""
        raise NotImplementedError(f"{type(self).__name__} has no metric(self)")

    def problems(self):
        """What is wrong between settings that are each fine by themselves."""
        return []

    async def measure(self, at, connection):
        """Reads one trigger. What all triggers of a call await at the same time travels together."""
        raise NotImplementedError(f"{type(self).__name__} has no measure(self, at, connection)")


def average_value(name, target):
    """A metric whose target is meant for each replica. The host makes the name fit for Kubernetes."""
    return Metric(name, float(target), "AVERAGE_VALUE")


def value(name, target):
    """A metric whose target is meant for the workload as a whole."""
    return Metric(name, float(target), "VALUE")


def above(value, activation):
    """A reading that is work when it is strictly above the activation."""
    return Reading(float(value), value > activation)
