import pMap from 'p-map';
import type { ParsedConfig } from '../contract/config.ts';
import { COMPARED_FACETS, type Finding } from '../contract/report.ts';
import { alarmOf } from '../core/alarming.ts';
import {
  type Change,
  type EpisodeRules,
  retire,
  type Seen,
  type Step,
  type SubjectState,
  step,
  type Told,
} from '../core/episode.ts';
import { RefusedError } from '../core/errors.ts';
import { type FingerprintKey, fingerprintKey } from '../core/fingerprint.ts';
import type { PlaceId } from '../core/place.ts';
import type { Telemetry } from '../ports/telemetry.ts';
import type { Wake } from '../ports/wakes.ts';
import { concernedSubjects } from './concerned.ts';
import type { Concern } from './hear.ts';
import { type Look, type LookPorts, lookWith } from './look.ts';
import { expectationOf, rawRootOf } from './observe.ts';
import { paced } from './pace.ts';
import { scopeOfConfig, scopeOfSubjects } from './scope.ts';
import { type SettlePorts, settle } from './settle.ts';
import { type AlarmOn, failFirst, type Open, type Swept } from './swept.ts';
import { tellingOf } from './telling.ts';

/** For so long after the last change or movement another look is asked for; then the sweep alone looks. */
const LOOKED_AT_FOR_MS = 5 * 60_000;

/** Subjects whose states are read and swapped at once. */
const SUBJECTS_AT_ONCE = 10;

export interface VerifyPorts extends LookPorts, SettlePorts {
  /** The installation's own, so that roots of all looks can be compared. */
  readonly key: FingerprintKey;
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

/**
 * Looks at subjects that somebody asked for by name. That says nothing of what is expected of them, so what a deploy asked for
 * still stands.
 */
export async function verifyNamed(
  ports: VerifyPorts,
  config: ParsedConfig,
  change: Change,
  names: readonly string[],
): Promise<void> {
  failFirst(await verify(ports, config, () => ({ ...change, namesNobody: true }), names));
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

/**
 * Looks at all functions, whether or not an event told, and ends episodes of what is not watched any more.
 * @returns what is open, of subjects too that could not be read; and what failed for single subjects
 */
export async function verifyAll(ports: VerifyPorts, config: ParsedConfig): Promise<Swept> {
  const { seen, open, errors } = await verify(ports, config, undefined, undefined);
  const isUnread = ({ kind }: Finding) => kind === 'unobservable';
  const unread = seen.subjects.map(({ findings }) => findings.filter(isUnread));
  const refused = new Set(seen.refusals.map(({ replica }) => replica)).size;
  return { open, errors, unreadReplicas: Math.max(refused, sum(unread.map(replicasIn))) };
}

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
    const tell = (taken: Step) => publish(ports.telemetry, taken, alarmOn);
    if (subject) {
      const [told, looked] = [toldOf?.(subject), seenOf(subject, at)];
      return settle(ports, name, (state) => step(state, told, looked, rulesOf(config, subject)), tell);
    }
    const mayBeThere = seen.refusals.length > 0;
    return mayBeThere ? ports.ledger.read(name) : settle(ports, name, (state) => retire(state, at), tell);
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

function publish(telemetry: Telemetry, step: Step, alarmOn: AlarmOn): void {
  const tell = tellingOf(telemetry, step.state.subject);
  const { opened, closed, overdue, isFlap } = step;
  if (overdue && alarmOf(overdue.findings, alarmOn).isStalled) tell('PartialDeployCount', 1, overdue);
  if (isFlap) tell('FlapCount', 1);
  if (opened) tell('TimeToDetect', opened.firstSeenAt - opened.cause.at, opened);
  if (closed?.outcome === 'rolled-back') tell('RollbackCount', 1, closed);
  if (closed?.outcome === 'forward') {
    tell('ConvergenceTime', closed.convergenceMs, closed);
    tell('ExposureTime', closed.exposureMs, closed);
  }
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
    lookedAtForMs: LOOKED_AT_FOR_MS,
  };
}

function replicasIn(findings: readonly Finding[]): number {
  return new Set(findings.map(({ replica }) => replica)).size;
}

function sum(counts: readonly number[]): number {
  return counts.reduce((total, count) => total + count, 0);
}
