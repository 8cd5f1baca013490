//! The edge of a component: what the contract calls, made of scalers. `bellows scaler build` writes the file that exports it.

import { connectionOf } from "./connection.js";
import { together } from "./desk.js";
import { Failure, invalid } from "./failure.js";
import { Instant } from "./scaler.js";
import { read } from "./setting.js";

/**
 * The plugin that the contract wants. `about` is the name, version and summary of the component; `lent` holds the
 * interfaces that the host lends, by their names.
 */
export function plugin(scalers, about, lent) {
  const find = (trigger) => scalers.find((scaler) => scaler.type === trigger.triggerType);
  return {
    describe: () => ({ ...about, triggerTypes: scalers.map(described), attributes: [] }),
    plan: (trigger) => plan(find(trigger), trigger),
    measure: (at, triggers) => {
      const results = new Map();
      for (const scaler of scalers) {
        const own = triggers.filter((trigger) => find(trigger) === scaler);
        measured(scaler, at, own, lent).forEach((result, index) => results.set(own[index], result));
      }
      return triggers.map((trigger) => results.get(trigger) ?? given({ failure: unserved([unknown(trigger)]) }));
    },
  };
}

/** What the scalers of a component need of the host, by the names of the interfaces. */
export function needs(scalers) {
  const needed = scalers.map((scaler) => connectionOf(scaler) && scaler.over).filter((over) => over !== "nothing");
  return [...new Set(needed)].sort();
}

function described(scaler) {
  const connection = connectionOf(scaler);
  const parameters = [...Object.values(scaler.settings), ...connection.parameters];
  return {
    name: scaler.type,
    summary: scaler.summary ?? "",
    parameters: parameters.map((parameter) => parameterOf(parameter, scaler.over)),
    connections: connection.protocol ? [{ name: scaler.over, protocols: [connection.protocol], attributes: [] }] : [],
    attributes: [],
  };
}

function parameterOf({ name, help, kind, required, or, from, feeds, deprecated }, connection) {
  const attributes = [{ name: "type", value: kind }];
  if (deprecated !== undefined) attributes.push({ name: "deprecated", value: deprecated });
  return {
    name,
    summary: help,
    required,
    defaultValue: or,
    sources: from,
    feeds: feeds === undefined ? undefined : `${connection}.${feeds}`,
    attributes,
  };
}

/** The metrics of a trigger; everything that is wrong with it is thrown, as the contract's bindings want it. */
function plan(scaler, trigger) {
  if (!scaler) throw [unknown(trigger)];
  const { settings, problems } = settingsOf(scaler, trigger);
  if (trigger.metricType === "utilization") {
    const message = "accepted are AverageValue and Value; Utilization is for metrics that Kubernetes measures itself";
    problems.push({ parameter: "metricType", message });
  }
  if (problems.length > 0) throw problems;
  const { name, target, targetType } = settings.metric();
  return [{ tag: "external", val: { name, target, targetType: trigger.metricType ?? targetType, attributes: [] } }];
}

function measured(scaler, at, triggers, lent) {
  if (triggers.length === 0) return [];
  const connection = connectionOf(scaler);
  const [now, source] = [new Instant(Number(at.seconds), at.nanoseconds), new connection()];
  const beginnings = triggers.map((trigger) => () => {
    const { settings, problems } = settingsOf(scaler, trigger);
    if (problems.length > 0) throw unserved(problems);
    return named(settings, settings.measure(now, source));
  });
  const exchange = connection.source(lent[scaler.over], failed);
  const results = together(beginnings, (parts) => {
    try {
      return exchange(parts);
    } catch (thrown) {
      // What the host answers with is thrown by the bindings, wrapped or as it is.
      throw failed(thrown?.payload ?? thrown);
    }
  });
  return results.map(given);
}

/** A measurement whose end has the name of its metric. */
function* named(settings, measuring) {
  const reading = typeof measuring?.next === "function" ? yield* measuring : measuring;
  if (typeof reading?.value !== "number") throw new TypeError("measure() came to no reading: return above(…)");
  return { metric: settings.metric().name, value: reading.value, active: Boolean(reading.active), attributes: [] };
}

function settingsOf(scaler, trigger) {
  const texts = new Map(trigger.settings.map(({ name, value }) => [name, value]));
  const { values, problems } = read(scaler.settings, texts);
  if (problems.length > 0) return { problems };
  const settings = Object.assign(new scaler(), values);
  return { settings, problems: [...settings.problems()] };
}

function unknown(trigger) {
  return { parameter: "type", message: `"${trigger.triggerType}" is not served by this component` };
}

/** The one failure that several problems are, for a call that can only say one thing. */
function unserved(problems) {
  const sentences = problems.map(({ parameter, message }) => (parameter ? `${parameter}: ${message}` : message));
  return invalid("settings", sentences.join("; "));
}

/** A result in the form of the contract. */
function given({ value, failure }) {
  if (!failure) return { tag: "ok", val: [value] };
  return { tag: "err", val: { tag: failure.kind, val: { code: failure.code, message: failure.message } } };
}

/** A failure of the host's in the form of the SDK; what is none stays as it is. */
function failed(thrown) {
  const detail = thrown?.val;
  return detail?.code === undefined ? thrown : new Failure(thrown.tag, detail.code, detail.message);
}
