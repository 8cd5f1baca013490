"""Replies by script, so that the file of a scaler runs natively in a unit test."""

from dataclasses import dataclass
from types import SimpleNamespace

from .component import Component
from .scaler import Instant

# The first second of 2026, for tests that do not care.
NEW_YEAR = Instant(1_767_225_600, 0)


def record(name, *fields):
    """A stand-in for a record or a case of the generated bindings."""
    return type(name, (SimpleNamespace,), {
        "__init__": lambda self, *values: SimpleNamespace.__init__(self, **dict(zip(fields, values))),
    })


def cases(prefix, *names):
    """Stand-ins for the cases of a variant."""
    return {f"{prefix}_{name}": record(f"{prefix}_{name}", "value") for name in names}


class Err(Exception):
    """A result that is a failure."""

    def __init__(self, value):
        super().__init__(value)
        self.value = value


class Words(dict):
    """An enumeration that knows every word."""

    def __missing__(self, word):
        return word


TARGET_TYPES = Words()
TARGET_TYPES.UTILIZATION = "UTILIZATION"
BINDINGS = SimpleNamespace(
    plugin=SimpleNamespace(
        TargetType=TARGET_TYPES,
        Problem=record("Problem", "parameter", "message"),
        Reading=record("Reading", "metric", "value", "active", "attributes"),
        ExternalMetric=record("ExternalMetric", "name", "target", "target_type", "attributes"),
        **cases("Metric", "External"),
    ),
    types=SimpleNamespace(
        Detail=record("Detail", "code", "message"), **cases("Failure", "Transient", "Denied", "Absent", "Invalid")
    ),
    Ok=record("Ok", "value"),
    Err=Err,
)
VALUES = SimpleNamespace(**cases("Value", "Nil", "Integer", "Text", "Error"))


@dataclass(frozen=True)
class Outcome:
    """What a trigger came to: a `value` and whether it is `active`, or the kind and code of a `failure`."""

    value: float | None = None
    active: bool | None = None
    failure: tuple | None = None
    message: str | None = None


class Scripted:
    """What the host lends, answering by `replies`: what is asked, joined by blanks → the reply. That is a number, a text,
    `None` or an exception (the server's own refusal) of Redis, and a status with a body of HTTP.
    """

    Request = record("Request", "method", "path", "headers", "body")

    def __init__(self, replies):
        self.replies, self.rounds = replies, []

    def open(self, _name):
        """Lends itself."""
        return self

    def pipeline(self, commands):
        """Answers commands of Redis."""
        self.rounds.append(commands)
        return [[piece(self._look(" ".join(command)))] for command in commands]

    def send(self, requests):
        """Answers requests of HTTP."""
        self.rounds.append([[request.method, request.path] for request in requests])
        found = [self._look(f"{request.method} {request.path}") for request in requests]
        return [SimpleNamespace(value=SimpleNamespace(status=status, body=body.encode())) for status, body in found]

    def _look(self, asked):
        if asked not in self.replies:
            raise KeyError(f"the script has no reply to {asked}")
        return self.replies[asked]


def piece(reply):
    """A reply in the form of the bindings."""
    if reply is None:
        return VALUES.Value_Nil()
    if isinstance(reply, Exception):
        return VALUES.Value_Error(str(reply))
    return VALUES.Value_Integer(reply) if isinstance(reply, int) else VALUES.Value_Text(reply)


def trigger(scaler, settings):
    """A trigger with these settings."""
    given = [SimpleNamespace(name=name, value=str(value)) for name, value in settings.items()]
    return SimpleNamespace(trigger_type=scaler.trigger_type, metric_type=None, settings=given)


def plan(scaler, settings):
    """The metric of a trigger with these settings, or the list of `(parameter, message)` that is wrong."""
    try:
        return Component([scaler], (), BINDINGS, {}).plan(trigger(scaler, settings))[0].value
    except Err as wrong:
        return [(problem.parameter, problem.message) for problem in wrong.value]


def measure(scaler, triggers, replies, at=NEW_YEAR):
    """Reads triggers with these settings in one call: an `Outcome` for each, and the rounds that were asked."""
    scripted = Scripted(replies)
    component = Component([scaler], (), BINDINGS, {scaler.over: scripted})
    results = component.measure(at, [trigger(scaler, settings) for settings in triggers])
    return [outcome(result) for result in results], scripted.rounds


def outcome(result):
    """A result in a form that compares."""
    if isinstance(result, Err):
        kind = type(result.value).__name__.removeprefix("Failure_").lower()
        return Outcome(failure=(kind, result.value.value.code), message=result.value.value.message)
    reading = result.value[0]
    return Outcome(reading.value, reading.active)
