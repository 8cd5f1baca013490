"""The edge of a component: what the contract calls, made of scalers. `bellows scaler build` writes the file that exports
it, and hands over the generated bindings.
"""

import inspect

from .connection import CONNECTIONS
from .desk import together
from .failure import Failure, invalid
from .problem import Problem
from .scaler import Instant, Scaler


def scalers_of(module):
    """The scalers that a module declares, in its order."""
    declared = [one for one in vars(module).values() if inspect.isclass(one) and issubclass(one, Scaler)]
    return [one for one in declared if one.__module__ == module.__name__]


def needs(scalers):
    """What the scalers of a component need of the host, by the names of the interfaces."""
    return sorted({scaler.over for scaler in scalers} - {"nothing"})


class Component:
    """What the contract calls. `bindings` are the modules `plugin` and `types` and the class `Err`; `lent` holds the
    interfaces that the host lends, by their names.
    """

    def __init__(self, scalers, about, bindings, lent):
        self._scalers = {scaler.trigger_type: scaler for scaler in scalers}
        self._about, self._bindings, self._lent = about, bindings, lent

    def describe(self):
        """What this component is."""
        types = [self._described(scaler) for scaler in self._scalers.values()]
        return self._bindings.plugin.Description(*self._about, types, [])

    def plan(self, trigger):
        """The metric of a trigger; everything that is wrong with it is raised."""
        plugin = self._bindings.plugin
        scaler = self._scalers.get(trigger.trigger_type)
        if scaler is None:
            raise self._wrong([unknown(trigger)])
        settings, problems = settings_of(scaler, trigger)
        if trigger.metric_type == plugin.TargetType.UTILIZATION:
            message = "accepted are AverageValue and Value; Utilization is for metrics that Kubernetes measures itself"
            problems.append(Problem("metricType", message))
        if problems:
            raise self._wrong(problems)
        metric = settings.metric()
        target_type = trigger.metric_type or plugin.TargetType[metric.target_type]
        return [plugin.Metric_External(plugin.ExternalMetric(metric.name, metric.target, target_type, []))]

    def measure(self, at, triggers):
        """One result for each trigger, in order."""
        results = {}
        for scaler in self._scalers.values():
            own = [index for index, trigger in enumerate(triggers) if trigger.trigger_type == scaler.trigger_type]
            measured = self._measured(scaler, at, [triggers[index] for index in own]) if own else []
            results.update(zip(own, measured))
        return [
            results[index] if index in results else self._failed(problem_of([unknown(trigger)]))
            for index, trigger in enumerate(triggers)
        ]

    def _measured(self, scaler, at, triggers):
        connection = CONNECTIONS[scaler.over]
        now, source = Instant(at.seconds, at.nanoseconds), connection()
        exchange = connection.source(self._lent.get(scaler.over), own_failure)

        def answer(parts):
            try:
                return exchange(parts)
            except self._bindings.Err as raised:
                raise own_failure(raised.value) from None

        def beginning(trigger):
            settings, problems = settings_of(scaler, trigger)
            if problems:
                raise problem_of(problems)
            return named(settings, now, source)

        seats = together([lambda trigger=trigger: beginning(trigger) for trigger in triggers], answer)
        return [self._failed(seat.failure) if seat.failure else self._reading(*seat.value) for seat in seats]

    def _reading(self, metric, reading):
        reading = self._bindings.plugin.Reading(metric, float(reading.value), bool(reading.active), [])
        return self._bindings.Ok([reading])

    def _failed(self, failure):
        types = self._bindings.types
        case = getattr(types, f"Failure_{failure.kind.capitalize()}")
        return self._bindings.Err(case(types.Detail(failure.code, failure.message)))

    def _wrong(self, problems):
        problem = self._bindings.plugin.Problem
        return self._bindings.Err([problem(one.parameter, one.message) for one in problems])

    def _described(self, scaler):
        plugin, connection = self._bindings.plugin, CONNECTIONS[scaler.over]
        parameters = [*scaler.settings.values(), *connection.parameters]
        connections = []
        if connection.protocol:
            connections.append(plugin.Connection(scaler.over, [plugin.Protocol[connection.protocol]], []))
        return plugin.TriggerType(
            scaler.trigger_type,
            " ".join((scaler.__doc__ or "").split()),
            [self._parameter(parameter, scaler.over) for parameter in parameters],
            connections,
            [],
        )

    def _parameter(self, parameter, connection):
        plugin, attribute = self._bindings.plugin, self._bindings.types.Attribute
        attributes = [attribute("type", parameter.kind)]
        if parameter.deprecated:
            attributes.append(attribute("deprecated", parameter.deprecated))
        return plugin.Parameter(
            parameter.name,
            parameter.help,
            parameter.required,
            parameter.default,
            [plugin.Source[origin.upper()] for origin in parameter.source],
            f"{connection}.{parameter.feeds}" if parameter.feeds else None,
            attributes,
        )


async def named(settings, now, source):
    """A measurement whose end has the name of its metric."""
    reading = settings.measure(now, source)
    if inspect.iscoroutine(reading):
        reading = await reading
    if not hasattr(reading, "value") or not hasattr(reading, "active"):
        raise TypeError("measure() came to no reading: return above(…)")
    return settings.metric().name, reading


def settings_of(scaler, trigger):
    """The settings of a trigger, or nothing; and everything that is wrong with them."""
    return scaler.read({setting.name: setting.value for setting in trigger.settings})


def unknown(trigger):
    """What becomes of a trigger that no scaler here serves."""
    return Problem("type", f'"{trigger.trigger_type}" is not served by this component')


def problem_of(problems):
    """The one failure that several problems are, for a call that can only say one thing."""
    sentences = [f"{one.parameter}: {one.message}" if one.parameter else one.message for one in problems]
    return invalid("settings", "; ".join(sentences))


def own_failure(failure):
    """A failure of the host's in the form of the SDK."""
    # The bindings call the cases Failure_Transient, Failure_Denied and so on.
    kind = type(failure).__name__.removeprefix("Failure_").lower()
    return Failure(kind, failure.value.code, failure.value.message)
