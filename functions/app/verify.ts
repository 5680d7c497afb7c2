import pMap from 'p-map';
import type { ParsedConfig } from '../contract/config.ts';
import { METRIC_NAMES, METRICS, type MetricName } from '../contract/metrics.ts';
import { COMPARED_FACETS, type Finding } from '../contract/report.ts';
import { alarmOf } from '../core/alarming.ts';
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
  type Told,
} from '../core/episode.ts';
import { RecohereError, RefusedError } from '../core/errors.ts';
import { type FingerprintKey, fingerprintKey } from '../core/fingerprint.ts';
import type { PlaceId } from '../core/place.ts';
import type { Ledger } from '../ports/ledger.ts';
import type { Random } from '../ports/random.ts';
import type { Telemetry } from '../ports/telemetry.ts';
import type { Wake, Wakes } from '../ports/wakes.ts';
import { concernedSubjects } from './concerned.ts';
import type { Concern } from './hear.ts';
import { type Look, type LookPorts, lookWith } from './look.ts';
import { expectationOf, rawRootOf } from './observe.ts';
import { paced } from './pace.ts';
import { scopeOfConfig, scopeOfSubjects } from './scope.ts';

/**
 * Swaps that one look may try. Each loss means that somebody else has written: two batches of ten messages that speak of
 * one subject, and a sweep. More would be a live-lock.
 */
const SWAPS_MAX = 21;

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

/**
 * Looks at what a change concerns, and takes what was seen into the ledger. Doing it twice changes nothing more.
 * @throws RefusedError retryable, if the change expects something of a subject that no place shows while some are unread:
 * nobody knows what its code is compared by, and the expectation must not be lost
 */
export async function verifyChange(
  ports: VerifyPorts,
  config: ParsedConfig,
  change: Change,
  concern: Concern,
): Promise<void> {
  const { source } = paced(ports.source, ports.clock, () => {});
  const wanted = await concernedSubjects(source, config, concern).catch(nobodyIfRefused);
  if (wanted?.length === 0) return;
  const taken = await verify(ports, config, (subject) => toldOf(ports.key, change, concern, subject), wanted);
  failFirst(taken);
  const { subjects, refusals } = taken.seen;
  const isSeen = (name: string) => subjects.some(({ subject }) => subject === name);
  const [unread] = refusals;
  if (unread && concern.kind === 'subjects' && concern.code && !concern.names.every(isSeen)) {
    throw new RefusedError(unread.refusal, { retryable: true });
  }
}

/**
 * Where tags are refused, nobody knows whom an event concerns, and no later try will: the sweep looks at all that can be read,
 * and says what cannot.
 */
function nobodyIfRefused(error: unknown): readonly string[] {
  if (error instanceof RefusedError && !error.retryable) return [];
  throw error;
}

/** What a change tells of one subject. Of the code that it asks for, only the root goes on. */
function toldOf(key: FingerprintKey, change: Change, concern: Concern, { seen }: Subject): Told {
  if (concern.kind !== 'subjects') return { ...change, namesNobody: concern.kind === 'all' };
  return { ...change, expected: concern.code && expectationOf(key, seen.group, concern.code) };
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
 * all open episodes, of subjects too that could not be read; what is only learnt, or does not alarm, counts as open alone.
 * @throws AggregateError of what failed for single subjects, when all others are done and the gauges are published
 */
export async function sweep(ports: VerifyPorts, config: ParsedConfig): Promise<void> {
  const { seen, open, errors } = await verify(ports, config, undefined, undefined);
  const alarms = open
    .filter(({ episode }) => episode.isOverdue)
    .map(({ episode, alarmOn }) => alarmOf(episode.findings, alarmOn));
  const isUnread = ({ kind }: Finding) => kind === 'unobservable';
  const unread = seen.subjects.map(({ findings }) => findings.filter(isUnread));
  const refused = new Set(seen.refusals.map(({ replica }) => replica)).size;
  const gauges: Partial<Record<MetricName, number>> = {
    EpisodesOpen: open.length,
    EpisodesStalled: alarms.filter(({ isStalled }) => isStalled).length,
    ConfigDriftCount: sum(alarms.map(({ driftedReplicas }) => driftedReplicas)),
    UnobservableReplicas: Math.max(refused, sum(unread.map(replicasIn))),
  };
  const tell = ports.telemetry.publish;
  for (const metric of METRIC_NAMES) if (METRICS[metric].zeros) tell(metric, gauges[metric] ?? 0);
  tell('SweepHeartbeat', 1);
  if (errors.length > 0)
    throw new AggregateError(errors, `${errors.length} subjects could not be taken into the ledger`);
}

/** An open episode, and which facets of its subject alarm; `undefined` if it is only learnt. */
interface Open {
  readonly episode: Episode;
  readonly alarmOn: AlarmOn;
}

type AlarmOn = EpisodeRules['alarmOn'];

/**
 * @param toldOf What the cause of the look tells of a subject; `undefined` if it has none.
 * @param wanted The subjects concerned; `undefined` for all that are watched: only then is it known what is gone.
 */
async function verify(
  ports: VerifyPorts,
  config: ParsedConfig,
  toldOf: ((subject: Subject) => Told) | undefined,
  wanted: readonly string[] | undefined,
): Promise<{ seen: Look; open: readonly Open[]; errors: readonly unknown[] }> {
  const at = ports.clock.now();
  const scope = wanted ? scopeOfSubjects(config, wanted) : scopeOfConfig(config, {});
  const seen = await lookWith(ports, ports.key, scope, () => {});
  const subjects = new Map(seen.subjects.map((subject) => [subject.subject, subject]));
  const names = new Set(wanted?.filter((name) => subjects.has(name)) ?? subjects.keys());
  if (wanted === undefined) for await (const subject of ports.ledger.subjects()) names.add(subject);

  const errors: unknown[] = [];
  const take = (name: string): Promise<SubjectState> => {
    const subject = subjects.get(name);
    const alarmOn = alarmOnOf(config, subject);
    if (subject) {
      const [told, looked] = [toldOf?.(subject), seenOf(subject, at)];
      return settle(ports, name, alarmOn, (state) => step(state, told, looked, rulesOf(config, subject)));
    }
    const mayBeThere = seen.refusals.length > 0;
    return mayBeThere ? ports.ledger.read(name) : settle(ports, name, alarmOn, (state) => retire(state, at));
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
  const open = states.flatMap((state) =>
    state?.open ? [{ episode: state.open, alarmOn: alarmOnOf(config, subjects.get(state.subject)) }] : [],
  );
  return { seen, open, errors };
}

/** Which facets of a subject alarm. One that no place shows may be of any group that is not only learnt. */
function alarmOnOf({ functions, mode }: ParsedConfig, subject: Subject | undefined): AlarmOn {
  const groups = subject ? [subject.seen.group] : functions;
  const alerting = groups.filter((group) => (group.mode ?? mode) === 'alert');
  return alerting.length > 0 ? alerting.flatMap(({ alarmOn }) => alarmOn) : undefined;
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
  alarmOn: AlarmOn,
  take: (state: SubjectState) => Step,
): Promise<SubjectState> {
  for (let swaps = 0; swaps < SWAPS_MAX; swaps++) {
    const before = await ports.ledger.read(subject);
    const taken = take(before);
    if (taken.state === before) return before;
    const next = { ...taken.state, version: before.version + 1 };
    if (taken.closed && before.last) await ports.ledger.record(before.last);
    if (!(await ports.ledger.swap(next))) continue;
    publish(ports.telemetry, taken, alarmOn); // first, for nothing tells of this step again
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
  { looks }: NextLook,
): Promise<void> {
  const delay = Math.min(DELAY_MAX_SECONDS, 2 ** looks);
  const [chance = 0] = random.bytes(1);
  await wakes.send({ subject, wake }, Math.ceil(delay / 2 + (delay / 2) * (chance / 255)));
}

/** Of a sample's findings, so many stand in its log line. */
const FINDINGS_TOLD = 10;

function publish(
  telemetry: Telemetry,
  { state, opened, closed, overdue, isFlap }: Step,
  alarmOn: AlarmOn,
): void {
  const { subject } = state;
  const tell = (metric: MetricName, value: number, of?: Pick<Episode, 'id' | 'findings'>) =>
    telemetry.publish(metric, value, {
      subject,
      ...(of && { episode: of.id, findings: of.findings.slice(0, FINDINGS_TOLD).map(wordsOf).join('; ') }),
    });
  if (overdue && alarmOf(overdue.findings, alarmOn).isStalled) tell('PartialDeployCount', 1, overdue);
  if (isFlap) tell('FlapCount', 1);
  if (opened) tell('TimeToDetect', opened.firstSeenAt - opened.cause.at, opened);
  if (closed?.outcome === 'rolled-back') tell('RollbackCount', 1, closed);
  if (closed?.outcome === 'forward') {
    tell('ConvergenceTime', closed.convergenceMs, closed);
    tell('ExposureTime', closed.exposureMs, closed);
  }
}

/** `eu-west-1 env different DB_HOST`, for who looks in the log. */
function wordsOf({ replica, facet, kind, keys }: Finding): string {
  return [replica, facet, kind, ...keys].join(' ');
}

function seenOf({ seen, ...outcome }: Subject, at: number): Seen {
  const roots: Record<PlaceId, Record<string, string>> = {};
  let movedAt = 0;
  for (const [replica, { observation }] of seen.sightings) {
    if (observation.state !== 'present') continue;
    movedAt = Math.max(movedAt, observation.movedAt);
    const facets = COMPARED_FACETS.flatMap((facet) => {
      const observed = observation.facets[facet];
      const isRead = observed !== undefined && 'fingerprint' in observed;
      return isRead ? [[facet, rawRootOf(seen.group, facet, observed.fingerprint)] as const] : [];
    });
    roots[replica] = Object.fromEntries(facets);
  }
  return { outcome, roots, movedAt, at };
}

function rulesOf(config: ParsedConfig, subject: Subject): EpisodeRules {
  const deadlineSeconds = subject.seen.group.deadlineSeconds ?? config.deadlineSeconds;
  return {
    deadlineMs: deadlineSeconds * 1000,
    maxRolloutMs: config.maxRolloutSeconds * 1000,
    alarmOn: alarmOnOf(config, subject),
  };
}

function replicasIn(findings: readonly Finding[]): number {
  return new Set(findings.map(({ replica }) => replica)).size;
}

function sum(counts: readonly number[]): number {
  return counts.reduce((total, count) => total + count, 0);
}
