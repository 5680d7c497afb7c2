import pMap from 'p-map';
import type { ParsedConfig } from '../contract/config.ts';
import { METRIC_NAMES, METRICS, type MetricName } from '../contract/metrics.ts';
import type { Finding } from '../contract/report.ts';
import {
  type Change,
  type Episode,
  type EpisodeRules,
  type NextLook,
  retire,
  type Seen,
  type Step,
  type SubjectState,
  step,
} from '../core/episode.ts';
import { RecohereError } from '../core/errors.ts';
import { type FingerprintKey, fingerprintKey } from '../core/fingerprint.ts';
import type { PlaceId } from '../core/place.ts';
import type { Ledger } from '../ports/ledger.ts';
import type { Random } from '../ports/random.ts';
import type { Telemetry } from '../ports/telemetry.ts';
import type { Wake, Wakes } from '../ports/wakes.ts';
import { concernedSubjects } from './concerned.ts';
import type { Concern } from './hear.ts';
import { type Look, type LookPorts, lookWith } from './look.ts';
import { paced } from './pace.ts';
import { scopeOfConfig, scopeOfSubjects } from './scope.ts';

/** Swaps that one look may try: each loss means that another handler has written, so more would be a live-lock. */
const SWAPS_MAX = 5;

/** For so long after the last change or movement a subject is woken for another look; then the sweep alone looks. */
const WAKES_FOR_MS = 5 * 60_000;
const DELAY_MAX_SECONDS = 60;

/** Subjects whose states are read and swapped at once. */
const SUBJECTS_AT_ONCE = 10;

export interface VerifyPorts extends LookPorts {
  /** The installation's own, so that roots of all looks can be compared. */
  readonly key: FingerprintKey;
  readonly random: Random;
  readonly ledger: Ledger;
  readonly wakes: Wakes;
  readonly telemetry: Telemetry;
}

type Subject = Look['subjects'][number];

/**
 * The key with which one installation fingerprints, until it is rotated.
 * @param secret 32 to 64 random bytes.
 */
export function installationKey(id: string, secret: Uint8Array): FingerprintKey {
  return fingerprintKey(id, secret);
}

/** Looks at what a change concerns, and takes what was seen into the ledger. Doing it twice changes nothing more. */
export async function verifyChange(
  ports: VerifyPorts,
  config: ParsedConfig,
  change: Change,
  concern: Concern,
): Promise<void> {
  const { source } = paced(ports.source, ports.clock, () => {});
  const wanted = await concernedSubjects(source, config, concern);
  if (wanted?.length === 0) return;
  failFirst(await verify(ports, config, change, wanted));
}

/** Looks once more at a subject that asked for it, unless it has been looked at since. */
export async function verifyWake(
  ports: VerifyPorts,
  config: ParsedConfig,
  { subject, wake }: Wake,
): Promise<void> {
  const state = await ports.ledger.read(subject);
  if (state.wake === wake) failFirst(await verify(ports, config, undefined, [subject]));
}

/** A message is tried again as a whole, so one reason is enough. */
function failFirst({ errors }: { readonly errors: readonly unknown[] }): void {
  if (errors.length > 0) throw errors[0];
}

/**
 * Looks at everything, whether or not an event told, and ends episodes of what is not watched any more. The gauges speak of
 * all open episodes, of subjects too that could not be read.
 * @throws AggregateError of what failed for single subjects, when all others are done and the gauges are published
 */
export async function sweep(ports: VerifyPorts, config: ParsedConfig): Promise<void> {
  const { seen, open, errors } = await verify(ports, config, undefined, undefined);
  const overdue = open.filter(({ isOverdue }) => isOverdue);
  const isUnread = ({ kind }: Finding) => kind === 'unobservable';
  const drifted = overdue.map(({ findings }) => findings.filter((finding) => !isUnread(finding)));
  const unread = seen.subjects.map(({ findings }) => findings.filter(isUnread));
  const refused = new Set(seen.refusals.map(({ replica }) => replica)).size;
  const gauges: Partial<Record<MetricName, number>> = {
    EpisodesOpen: open.length,
    EpisodesStalled: overdue.length,
    ConfigDriftCount: sum(drifted.map(replicasIn)),
    UnobservableReplicas: Math.max(refused, sum(unread.map(replicasIn))),
  };
  const tell = ports.telemetry.publish;
  for (const metric of METRIC_NAMES) if (METRICS[metric].zeros) tell(metric, gauges[metric] ?? 0);
  if (errors.length > 0)
    throw new AggregateError(errors, `${errors.length} subjects could not be taken into the ledger`);
  tell('SweepHeartbeat', 1);
}

/** @param wanted The subjects concerned; `undefined` for all that are watched: only then is it known what is gone. */
async function verify(
  ports: VerifyPorts,
  config: ParsedConfig,
  change: Change | undefined,
  wanted: readonly string[] | undefined,
): Promise<{ seen: Look; open: readonly Episode[]; errors: readonly unknown[] }> {
  const at = ports.clock.now();
  const scope = wanted ? scopeOfSubjects(config, wanted) : scopeOfConfig(config, {});
  const seen = await lookWith(ports, ports.key, scope, () => {});
  const subjects = new Map(seen.subjects.map((subject) => [subject.subject, subject]));
  const names = new Set(wanted?.filter((name) => subjects.has(name)) ?? subjects.keys());
  if (wanted === undefined) for await (const subject of ports.ledger.subjects()) names.add(subject);

  const errors: unknown[] = [];
  const take = (name: string): Promise<SubjectState> => {
    const subject = subjects.get(name);
    if (subject) {
      const looked = seenOf(subject, at);
      return settle(ports, name, (state) => step(state, change, looked, rulesOf(config, subject)));
    }
    const mayBeThere = seen.refusals.length > 0;
    return mayBeThere ? ports.ledger.read(name) : settle(ports, name, (state) => retire(state, at));
  };
  const states = await pMap(
    [...names],
    (name) =>
      take(name).catch((error: unknown) => {
        errors.push(error); // one subject's trouble is not the others'
        return undefined;
      }),
    { concurrency: SUBJECTS_AT_ONCE },
  );
  return { seen, open: states.flatMap((state) => state?.open ?? []), errors };
}

/**
 * Takes a step into the ledger: the swap, then the metrics, the next wake-up and history, all of who swapped. If another
 * handler was faster, its state is read and the step is made again from there. History is what a state remembers as its
 * last episode, and is written once more before another one takes its place: a handler that dies in between loses none,
 * and one that lost its swap has written none.
 * @throws RecohereError `CONTENDED`, retryable
 */
async function settle(
  ports: VerifyPorts,
  subject: string,
  take: (state: SubjectState) => Step,
): Promise<SubjectState> {
  for (let swaps = 0; swaps < SWAPS_MAX; swaps++) {
    const before = await ports.ledger.read(subject);
    const taken = take(before);
    if (taken.state === before) return before;
    const next = { ...taken.state, version: before.version + 1 };
    if (taken.closed && before.last) await ports.ledger.record(before.last);
    if (!(await ports.ledger.swap(next))) continue;
    publish(ports.telemetry, taken); // first, for nothing tells of this step again
    if (taken.next) await askForNextLook(ports, next, taken.next);
    if (taken.closed) await ports.ledger.record(taken.closed);
    return next;
  }
  throw new RecohereError('CONTENDED', `${SWAPS_MAX} swaps of one subject were lost`, { retryable: true });
}

/** Delays double with each look that saw no movement, to a minute at most, and half of each is chance. */
async function askForNextLook(
  { wakes, random }: VerifyPorts,
  { subject, wake }: SubjectState,
  { looks, restedMs }: NextLook,
): Promise<void> {
  if (restedMs > WAKES_FOR_MS) return;
  const delay = Math.min(DELAY_MAX_SECONDS, 2 ** looks);
  const [chance = 0] = random.bytes(1);
  await wakes.send({ subject, wake }, Math.ceil(delay / 2 + (delay / 2) * (chance / 255)));
}

function publish(telemetry: Telemetry, { state, opened, closed, overdue, isFlap }: Step): void {
  const tell = (metric: MetricName, value: number) =>
    telemetry.publish(metric, value, { subject: state.subject });
  if (overdue) tell('PartialDeployCount', 1);
  if (isFlap) tell('FlapCount', 1);
  if (opened) tell('TimeToDetect', opened.firstSeenAt - opened.cause.at);
  if (closed?.outcome === 'rolled-back') tell('RollbackCount', 1);
  if (closed?.outcome === 'forward') {
    tell('ConvergenceTime', closed.convergenceMs);
    tell('ExposureTime', closed.exposureMs);
  }
}

function seenOf({ seen, ...outcome }: Subject, at: number): Seen {
  const roots: Record<PlaceId, Record<string, string>> = {};
  let movedAt = 0;
  for (const [replica, { observation }] of seen.sightings) {
    if (observation.state !== 'present') continue;
    movedAt = Math.max(movedAt, observation.movedAt);
    const facets = Object.entries(observation.facets).flatMap(([facet, observed]) =>
      'fingerprint' in observed
        ? [[facet, `${observed.fingerprint.prefix}:${observed.fingerprint.root.raw}`] as const]
        : [],
    );
    roots[replica] = Object.fromEntries(facets);
  }
  return { outcome, roots, movedAt, at };
}

function rulesOf(config: ParsedConfig, { seen }: Subject): EpisodeRules {
  const deadlineSeconds = seen.group.deadlineSeconds ?? config.deadlineSeconds;
  return { deadlineMs: deadlineSeconds * 1000, maxRolloutMs: config.maxRolloutSeconds * 1000 };
}

function replicasIn(findings: readonly Finding[]): number {
  return new Set(findings.map(({ replica }) => replica)).size;
}

function sum(counts: readonly number[]): number {
  return counts.reduce((total, count) => total + count, 0);
}
