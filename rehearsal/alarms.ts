import {
  type AlarmDefinition,
  type AlarmSource,
  CAUSE_WITHIN_MINUTES,
  type Condition,
  type Measured,
} from '../functions/contract/alarms.ts';
import type { Severity } from '../functions/contract/deployment.ts';
import type { MetricName } from '../functions/contract/metrics.ts';
import { invariant } from '../functions/core/errors.ts';

/** What CloudWatch was told of a metric of ours. Times are epoch milliseconds. */
export interface MetricSample {
  readonly at: number;
  readonly metric: MetricName;
  readonly value: number;
}

/** What AWS has counted: of `dead-letters` how many wait from then until the next count; of the others, how many there were then. */
export interface SourceCount {
  readonly at: number;
  readonly source: AlarmSource;
  readonly value: number;
}

/** All that alarms are evaluated over, in any order. */
export interface Measurements {
  readonly samples: readonly MetricSample[];
  readonly counts: readonly SourceCount[];
}

/** What became of one alarm. */
export interface AlarmHistory {
  readonly name: string;
  readonly severity: Severity;
  /** When it was on, in order. */
  readonly times: readonly AlarmTime[];
}

/** A time in which an alarm was on. */
interface AlarmTime {
  readonly from: number;
  /** `null` if it still was at the end. */
  readonly until: number | null;
  /** When somebody was told that it had begun; `null` if nobody was: its cause was on, or it was over too soon. */
  readonly toldAt: number | null;
}

/** Longest time over which alarms are evaluated. */
const DAYS_MAX = 31;
const MINUTE_MS = 60_000;

/**
 * Periods before those that count, which are looked at if some are without a point. AWS does not say how many there are; its tables show two. So
 * an alarm on missing points begins later than its periods say.
 * @see https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarms-and-missing-data.html
 */
const PERIODS_BEFORE = 2;

/**
 * Evaluates alarms as CloudWatch does: each full minute after `from` and until `until`, over periods that end then. Nothing is on at `from`; what
 * was measured before counts. Left out are the minute or two that CloudWatch takes for it, and windows of maintenance.
 * @param definitions A cause before its symptoms.
 * @throws RecohereError `INVARIANT` for more than 31 days, or a symptom without its cause
 */
export function evaluateAlarms(
  definitions: readonly AlarmDefinition[],
  measurements: Measurements,
  { from, until }: { readonly from: number; readonly until: number },
): readonly AlarmHistory[] {
  invariant(until - from <= DAYS_MAX * 24 * 60 * MINUTE_MS, `alarms are evaluated over ${DAYS_MAX} days`);
  const minutes: number[] = [];
  for (let at = (Math.floor(from / MINUTE_MS) + 1) * MINUTE_MS; at <= until; at += MINUTE_MS)
    minutes.push(at);
  const known = new Map<string, readonly boolean[]>();
  return definitions.map(({ name, severity, conditions, silencedBy }) => {
    const parts = conditions.map((condition) =>
      statesOf(minutes, condition, new Points(condition, measurements)),
    );
    const isOn = minutes.map((_, position) => parts.every((part) => part[position]));
    known.set(name, isOn);
    const cause = silencedBy && known.get(silencedBy.name);
    invariant(!silencedBy || cause, `${name} comes after its cause`);
    return { name, severity, times: timesOf(minutes, isOn, cause && { ...silencedBy, isOn: cause }) };
  });
}

/** Whether a condition holds at each of some minutes. */
function statesOf(minutes: readonly number[], condition: Condition, points: Points): boolean[] {
  const { isBad, periods, missing, periodMinutes } = condition;
  const breaches = (value: number) => ('above' in isBad ? value > isBad.above : value < isBad.below);
  let isOn = false; // for all that follows, not to be known is not to be on
  return minutes.map((minute) => {
    const found: boolean[] = [];
    for (let back = 0; back < periods.of + PERIODS_BEFORE && found.length < periods.of; back++) {
      const value = points.at(minute - back * periodMinutes * MINUTE_MS);
      if (value !== undefined) found.push(breaches(value));
    }
    const bad = found.filter(Boolean).length;
    const filled = missing === 'breaching' ? periods.of - found.length : 0;
    if (bad + filled >= periods.bad) isOn = true;
    else if (missing !== 'ignore' || found.length > bad) isOn = false;
    return isOn;
  });
}

/** What one condition measures, period by period. */
class Points {
  readonly #ats: readonly number[];
  readonly #values: readonly number[];
  readonly #periodMs: number;
  readonly #measured: Measured;

  constructor({ measured, periodMinutes }: Condition, { samples, counts }: Measurements) {
    const own =
      'source' in measured
        ? counts.filter(({ source }) => source === measured.source)
        : samples.filter(({ metric }) => metric === measured.metric);
    const inOrder = own.toSorted((a, b) => a.at - b.at);
    this.#ats = inOrder.map(({ at }) => at);
    this.#values = inOrder.map(({ value }) => value);
    this.#periodMs = periodMinutes * MINUTE_MS;
    this.#measured = measured;
  }

  /** The point of the period that ends at a time; `undefined` if it is missing. */
  at(end: number): number | undefined {
    const before = this.#firstFrom(end - this.#periodMs);
    const values = this.#values.slice(before, this.#firstFrom(end));
    if ('metric' in this.#measured) {
      if (values.length === 0) return undefined;
      return this.#measured.statistic === 'Average'
        ? sum(values) / values.length
        : most(values, Number.NEGATIVE_INFINITY);
    }
    switch (this.#measured.source) {
      case 'dead-letters':
        return most(values, this.#values[before - 1] ?? 0); // those from before still wait
      case 'failures':
        return sum(values); // the alarm's expression fills it with 0
      case 'failed-executions':
        return values.length === 0 ? undefined : sum(values);
    }
  }

  /** Position of the first value that is not before a time. */
  #firstFrom(time: number): number {
    let [low, high] = [0, this.#ats.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#ats[middle] ?? 0) < time) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

/** The times in which an alarm is on. @param cause Whether what it is a symptom of is on, at the same minutes. */
function timesOf(
  minutes: readonly number[],
  isOn: readonly boolean[],
  cause: { readonly isOn: readonly boolean[]; readonly minutesAfter: number } | undefined,
): AlarmTime[] {
  const times: AlarmTime[] = [];
  let [began, causeEnds] = [0, Number.NEGATIVE_INFINITY];
  let toldAt: number | null = null;
  minutes.forEach((minute, position) => {
    if (cause?.isOn[position]) causeEnds = minute + (1 + cause.minutesAfter) * MINUTE_MS;
    if (isOn[position]) {
      if (!isOn[position - 1]) [began, toldAt] = [minute, null];
      const waitsUntil = causeEnds > began ? causeEnds : began + CAUSE_WITHIN_MINUTES * MINUTE_MS;
      if (!cause || minute >= waitsUntil) toldAt ??= minute;
      if (position === minutes.length - 1) times.push({ from: began, until: null, toldAt });
    } else if (isOn[position - 1]) times.push({ from: began, until: minute, toldAt });
  });
  return times;
}

function sum(values: readonly number[]): number {
  return values.reduce((all, value) => all + value, 0);
}

function most(values: readonly number[], least: number): number {
  return values.reduce((all, value) => Math.max(all, value), least);
}
