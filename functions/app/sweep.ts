import type { ParsedConfig } from '../contract/config.ts';
import { SECRETS_SWEEP_EVERY_MINUTES, SWEEP_EVERY_MINUTES } from '../contract/deployment.ts';
import { METRIC_NAMES, METRICS, type MetricName, SECRET_GAUGES } from '../contract/metrics.ts';
import { alarmOf } from '../core/alarming.ts';
import { isOfConsumer, isOfReplica, isOfRotation, isPastTarget } from './past-target.ts';
import type { Open } from './swept.ts';
import { type VerifyPorts, verifyAll } from './verify.ts';
import { type VerifySecretPorts, verifyAllSecrets } from './verify-secrets.ts';

export interface SweepPorts extends VerifyPorts {
  /** What secrets are looked at with; they have a ledger and a queue of their own. */
  readonly rotation: VerifySecretPorts;
}

/**
 * Looks at everything, whether or not an event told: at functions each time, at secrets once an hour and while an episode of theirs
 * is open. The gauges speak of all open episodes; what is only learnt, or does not alarm, counts as open alone.
 * @throws AggregateError of what failed for single subjects, when all others are done and the gauges are published
 */
export async function sweep(ports: SweepPorts, config: ParsedConfig): Promise<void> {
  const isFull = isFirstOfHour(ports.clock.now());
  const [functions, secrets] = await Promise.all([
    verifyAll(ports, config),
    verifyAllSecrets(ports.rotation, config, isFull),
  ]);
  const open = [...functions.open, ...secrets.open];
  const gauges: Partial<Record<MetricName, number>> = {
    EpisodesOpen: open.length,
    EpisodesStalled: open.filter((each) => each.episode.isOverdue && alarmOfOpen(each).isStalled).length,
    ConfigDriftCount: sum(overdue(functions.open).map((each) => alarmOfOpen(each).driftedReplicas)),
    UnobservableReplicas: functions.unreadReplicas + secrets.unreadReplicas,
    ...secretGauges(secrets.open),
  };
  const tell = ports.telemetry.publish;
  for (const metric of METRIC_NAMES) {
    const isWatched = config.secrets.length > 0 || !SECRET_GAUGES.includes(metric);
    if (METRICS[metric].zeros && isWatched) tell(metric, gauges[metric] ?? 0);
  }
  tell('SweepHeartbeat', 1);
  const errors = [...functions.errors, ...secrets.errors];
  if (errors.length > 0)
    throw new AggregateError(errors, `${errors.length} subjects could not be taken into the ledger`);
}

/** The schedule keeps step with the clock: one sweep begins in each {@link SWEEP_EVERY_MINUTES} of the hour. */
function isFirstOfHour(now: number): boolean {
  const minute = Math.floor(now / 60_000) % SECRETS_SWEEP_EVERY_MINUTES;
  return minute < SWEEP_EVERY_MINUTES;
}

function secretGauges(open: readonly Open[]): Partial<Record<MetricName, number>> {
  const late = open.filter(isPastTarget).map(({ episode }) => episode.findings);
  const failed = open.filter(({ episode, alarmOn }) => alarmOn && episode.findings.some(isOfRotation));
  return {
    SecretsPastTarget: late.length,
    SecretReplicasStale: sum(
      late.map((found) => new Set(found.filter(isOfReplica).map(({ replica }) => replica)).size),
    ),
    SecretConsumersStale: sum(late.map((found) => found.filter(isOfConsumer).length)),
    SecretRotationsFailed: failed.length,
  };
}

function overdue(open: readonly Open[]): readonly Open[] {
  return open.filter(({ episode }) => episode.isOverdue);
}

function alarmOfOpen({ episode, alarmOn }: Open) {
  return alarmOf(episode.findings, alarmOn);
}

function sum(counts: readonly number[]): number {
  return counts.reduce((total, count) => total + count, 0);
}
