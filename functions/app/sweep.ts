import { hasCritical, type ParsedConfig } from '../contract/config.ts';
import { CRITICAL_EVERY_MINUTES } from '../contract/deployment.ts';
import {
  CRITICAL_GAUGES,
  METRIC_NAMES,
  METRICS,
  type MetricName,
  SECRET_GAUGES,
} from '../contract/metrics.ts';
import { RecohereError } from '../core/errors.ts';
import { type Due, dueAt, type SweepMemory, sweptBy } from '../core/sweep.ts';
import type { SweepLedger } from '../ports/sweep-ledger.ts';
import type { Turns } from '../ports/turns.ts';
import type { Standing } from './standing.ts';
import type { Swept } from './swept.ts';
import type { VerifyPorts } from './verify.ts';
import { verifyAll, verifyCritical } from './verify-all.ts';
import { type VerifySecretPorts, verifyAllSecrets, verifyCriticalSecrets } from './verify-secrets.ts';

export interface SweepPorts extends VerifyPorts {
  /** What secrets are looked at with; they have a ledger and a queue of their own. */
  readonly rotation: VerifySecretPorts;
  readonly turns: Turns;
  readonly sweeps: SweepLedger;
}

/** What a sweep came to, beside what it published. */
export interface SweepEnd {
  /** `functions`: not all secrets were due. `critical`: nothing else was due. `busy`: another sweep is under way. */
  readonly what: 'all' | 'functions' | 'critical' | 'busy';
  /** Subjects that are left for the next one. */
  readonly left: number;
  /** Subjects whose last look was in the future, by a clock that has been put back since. */
  readonly ahead: number;
}

/** A sweep reads for so long, where something is critical: by the time that the next one is due, it has written. */
const CRITICAL_SWEEP_MS = CRITICAL_EVERY_MINUTES * 60_000 - 10_000;

const ALL: Due = { functions: true, secrets: true };

/** What time a sweep has, in epoch milliseconds. */
export interface SweepTime {
  /** Until when it may read. */
  readonly until: number;
  /** When nothing of it can be alive any more. */
  readonly overAt: number;
  /** Called with when it reads no more. */
  readonly readUntil: (at: number) => void;
}

/**
 * Looks at everything that is due, whether or not an event told: each time at what is critical, every few minutes at all functions, once
 * an hour at all secrets, and more often at those with an open episode. One that cannot finish goes on the next time where it stopped.
 * The gauges speak of all subjects, looked at this time or not; what is only learnt, silenced, or does not alarm, counts as open alone.
 * Two sweeps never overlap.
 * @param isAskedFor Whether somebody asks for all, due or not.
 * @throws AggregateError of what failed for single subjects, when all others are done and the gauges are published
 */
export async function sweep(
  ports: SweepPorts,
  config: ParsedConfig,
  time: SweepTime,
  isAskedFor = false,
): Promise<SweepEnd> {
  const turn = await ports.turns.take('sweep', time.overAt);
  if (turn === undefined) return { what: 'busy', left: 0, ahead: 0 };
  try {
    const memory = await ports.sweeps.read();
    const now = ports.clock.now();
    const due = isAskedFor ? ALL : dueAt(memory, now);
    const isShort = hasCritical(config) && !memory.isSlow;
    const until = isShort ? Math.min(time.until, now + CRITICAL_SWEEP_MS) : time.until;
    time.readUntil(until);
    return await (due.functions
      ? sweepAll(ports, config, memory, due, until)
      : sweepCritical(ports, config, memory));
  } finally {
    await ports.turns.end(turn);
  }
}

async function sweepCritical(
  ports: SweepPorts,
  config: ParsedConfig,
  memory: SweepMemory,
): Promise<SweepEnd> {
  const [functions, secrets] = await both(
    verifyCritical(ports, config, memory.criticalFrom),
    verifyCriticalSecrets(ports.rotation, config),
  );
  const standings = [...functions.standings, ...secrets.standings];
  const errors = [...functions.errors, ...secrets.errors];
  // where some could not be found, the gauge stays as it was
  if (hasCritical(config) && functions.isWhole) {
    ports.telemetry.publish('CriticalStalled', criticalStalled(standings));
  }
  const { criticalFrom } = functions;
  if (criticalFrom !== memory.criticalFrom) {
    await remember(ports, { ...memory, criticalFrom, version: memory.version + 1 }, errors);
  }
  await end(ports, standings, errors);
  return { what: 'critical', left: 0, ahead: standings.filter(({ isAhead }) => isAhead).length };
}

async function sweepAll(
  ports: SweepPorts,
  config: ParsedConfig,
  memory: SweepMemory,
  due: Due,
  until: number,
): Promise<SweepEnd> {
  const startedAt = ports.clock.now();
  const from = { first: memory.criticalFrom, others: memory.from };
  const firstUntil = startedAt + (until - startedAt) / 2;
  const [functions, secrets] = await both(
    verifyAll(ports, config, { from, firstUntil }),
    verifyAllSecrets(ports.rotation, config, due.secrets),
  );
  const expected = functions.expected + secrets.expected;
  const read = functions.read + secrets.read;
  publishGauges(ports, config, functions, secrets);
  const tell = ports.telemetry.publish;
  const unread = [...functions.unread, ...secrets.unread];
  if (expected > 0 || unread.length > 0) tell('TelemetryCompleteness', (100 * read) / Math.max(1, expected));
  tell('SweepHeartbeat', 1);
  const next = sweptBy(memory, due, functions, {
    startedAt,
    endedAt: ports.clock.now(),
    expected,
    read,
    left: functions.left,
    unread,
    unreadSubjects: [...functions.unreadSubjects, ...secrets.unreadSubjects],
  });
  const errors = [...functions.errors, ...secrets.errors];
  await remember(ports, next, errors);
  const standings = [...functions.standings, ...secrets.standings];
  await end(ports, standings, errors);
  return {
    what: due.secrets ? 'all' : 'functions',
    left: functions.left,
    ahead: standings.filter(({ isAhead }) => isAhead).length,
  };
}

/** Both to their end, so that nothing is under way when the turn ends. @throws What the first that failed has thrown */
async function both<A, B>(one: Promise<A>, other: Promise<B>): Promise<readonly [A, B]> {
  await Promise.allSettled([one, other]);
  return [await one, await other];
}

async function remember({ sweeps }: SweepPorts, next: SweepMemory, errors: unknown[]): Promise<void> {
  if (await sweeps.swap(next)) return;
  errors.push(new RecohereError('CONTENDED', 'another sweep was under way', { retryable: true }));
}

function publishGauges(ports: SweepPorts, config: ParsedConfig, functions: Swept, secrets: Swept): void {
  const standings = [...functions.standings, ...secrets.standings];
  const open = standings.filter(({ isOpen }) => isOpen);
  const gauges: Partial<Record<MetricName, number>> = {
    EpisodesOpen: open.length,
    EpisodesStalled: open.filter(isStalled).length,
    ConfigDriftCount: sum(functions.standings, ({ driftedReplicas }) => driftedReplicas),
    CriticalStalled: criticalStalled(standings),
    ExposureBurnRate: burnRate(standings),
    UnobservableReplicas: functions.unreadReplicas + secrets.unreadReplicas,
    SecretReplicasStale: sum(secrets.standings, ({ staleReplicas }) => staleReplicas),
    SecretConsumersStale: sum(secrets.standings, ({ staleConsumers }) => staleConsumers),
    SecretRotationsFailed: secrets.standings.filter(({ hasFailedRotation }) => hasFailedRotation).length,
  };
  for (const metric of METRIC_NAMES) {
    const isOfNothing =
      (config.secrets.length === 0 && SECRET_GAUGES.includes(metric)) ||
      (!hasCritical(config) && CRITICAL_GAUGES.includes(metric));
    if (METRICS[metric].zeros && !isOfNothing) ports.telemetry.publish(metric, gauges[metric] ?? 0);
  }
}

/** @throws AggregateError of what failed */
async function end(
  { nudges }: SweepPorts,
  standings: readonly Standing[],
  failed: readonly unknown[],
): Promise<void> {
  const errors = [...failed];
  if (standings.some(({ isUntold }) => isUntold)) {
    await nudges.nudge().catch((error: unknown) => errors.push(error));
  }
  if (errors.length > 0) throw new AggregateError(errors, `${errors.length} things of a sweep failed`);
}

function isStalled({ isOverdue, isAlarming }: Standing): boolean {
  return isOverdue && isAlarming;
}

function criticalStalled(standings: readonly Standing[]): number {
  return standings.filter((standing) => standing.critical && isStalled(standing)).length;
}

/**
 * How fast the time is used up in which replicas may differ, of all subjects that may alarm: 1 if it is just used up when its period ends.
 * It is of this moment; its average over a window is the burn rate of the window.
 * @see https://sre.google/workbook/alerting-on-slos/
 */
function burnRate(standings: readonly Standing[]): number {
  const alerting = standings.filter(({ isAlerting }) => isAlerting);
  const burning = alerting.filter(({ isAlarming }) => isAlarming);
  return sum(burning, ({ exposurePercent }) => 100 / exposurePercent) / Math.max(1, alerting.length);
}

function sum(standings: readonly Standing[], of: (standing: Standing) => number): number {
  return standings.reduce((total, standing) => total + of(standing), 0);
}
