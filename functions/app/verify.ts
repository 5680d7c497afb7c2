import pMap from 'p-map';
import type { ParsedConfig } from '../contract/config.ts';
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
  unread,
} from '../core/episode.ts';
import { RefusedError } from '../core/errors.ts';
import { type FingerprintKey, fingerprintKey } from '../core/fingerprint.ts';
import { type Heeded, heed } from '../core/moves.ts';
import type { PlaceId } from '../core/place.ts';
import type { Telemetry } from '../ports/telemetry.ts';
import type { Wake } from '../ports/wakes.ts';
import { concernedSubjects } from './concerned.ts';
import type { Concern } from './hear.ts';
import { type Look, type LookPorts, type LookScope, lookWith } from './look.ts';
import { expectationOf, type Roots, rawRootsOf } from './observe.ts';
import { paced } from './pace.ts';
import { scopeOfConfig, scopeOfSubjects } from './scope.ts';
import { answering, nudged, remembering, type SettlePorts, settle } from './settle.ts';
import { type Standing, standingOf } from './standing.ts';
import { type AlarmOn, failFirst } from './swept.ts';
import { tellingOf, tellLost } from './telling.ts';
import { alarmOnAt, watchedBy, watchedGroup } from './watched.ts';

/** For so long after the last change or movement another look is asked for; then the sweep alone looks. */
const LOOKED_AT_FOR_MS = 5 * 60_000;

/** Subjects whose states are read and swapped at once. */
const SUBJECTS_AT_ONCE = 10;

export interface VerifyPorts extends LookPorts, SettlePorts {
  /** The installation's own, so that roots of all looks can be compared. */
  readonly key: FingerprintKey;
  readonly telemetry: Telemetry;
}

export type Subject = Look['subjects'][number];

/**
 * The key with which one installation fingerprints, until it is rotated.
 * @param secret 32 to 64 random bytes.
 */
export function installationKey(id: string, secret: Uint8Array): FingerprintKey {
  return fingerprintKey(id, secret);
}

/**
 * Looks at what a change concerns, and takes what was seen into the ledger. Doing it twice changes nothing more.
 * @param change `undefined` if nothing is believed of whoever told: then it is a reason to look, and no more.
 * @throws RefusedError retryable, if the change expects something of a subject that no place shows while some are unread:
 * nobody knows what its code is compared by, and the expectation must not be lost
 */
export async function verifyChange(
  ports: VerifyPorts,
  config: ParsedConfig,
  change: Change | undefined,
  concern: Concern,
): Promise<void> {
  const { source } = paced(ports.source, ports.clock, () => {});
  const wanted = await concernedSubjects(source, config, concern).catch(nobodyIfRefused);
  if (wanted?.length === 0) return;
  const taken = await verify(ports, config, {
    ...(change && { toldOf: (subject) => toldOf(ports.key, change, concern, subject) }),
    wanted,
  });
  failFirst(taken);
  if (change === undefined) return;
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
  if (concern.kind === 'all') return { ...change, namesNobody: true };
  if (concern.kind !== 'subjects')
    return { ...change, from: { region: concern.region, account: concern.account } };
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
  const toldOf = () => ({ ...change, namesNobody: true });
  failFirst(await verify(ports, config, { toldOf, wanted: names, byHand: change.at }));
}

/** Looks once more at a subject that asked for it, unless it has been looked at since; and asks again where none of its replicas could be read. */
export async function verifyWake(
  ports: VerifyPorts,
  config: ParsedConfig,
  { subject, wake }: Wake,
): Promise<void> {
  const state = await ports.ledger.read(subject);
  if (state.wake !== wake) return;
  const at = ports.clock.now();
  const taken = await verify(ports, config, { wanted: [subject] });
  failFirst(taken);
  const { subjects, refusals } = taken.seen;
  if (refusals.length === 0 || subjects.some((each) => each.subject === subject)) return;
  const again = (now: SubjectState): Step =>
    now.wake === wake ? unread(now, at, { lookedAtForMs: LOOKED_AT_FOR_MS }) : { state: now, isFlap: false };
  await settle(ports, subject, again, () => {});
}

/** What one look is to be. */
interface Asked {
  /** What its cause tells of a subject. @default it has none */
  readonly toldOf?: (subject: Subject) => Told;
  /** The subjects concerned. @default those of the scope */
  readonly wanted?: readonly string[] | undefined;
  /** @default what the subjects concerned need; without them, all that the config selects */
  readonly scope?: LookScope;
  /** All states as they were a while ago, of a look at all: only then is it known what is gone. */
  readonly known?: ReadonlyMap<string, SubjectState | undefined>;
  /** When the request by hand was made that it answers. */
  readonly byHand?: number;
}

/**
 * Looks, and takes what was seen of each subject into the ledger. Where no event caused it, what could not be read since time was up
 * stays as it was.
 */
export async function verify(
  ports: VerifyPorts,
  config: ParsedConfig,
  asked: Asked,
): Promise<{
  readonly seen: Look;
  readonly left: ReadonlySet<Subject>;
  readonly standings: readonly Standing[];
  readonly errors: readonly unknown[];
}> {
  const { toldOf, wanted, known } = asked;
  const { scope = wanted ? scopeOfSubjects(config, wanted) : scopeOfConfig(config, {}) } = asked;
  const at = ports.clock.now();
  const seen = await lookWith(ports, ports.key, scope, () => {});
  const isLeft = (subject: Subject) => !(toldOf || wanted) && isOutOfTime(subject);
  const left = new Set(seen.subjects.filter(isLeft));
  const subjects = new Map(seen.subjects.map((subject) => [subject.subject, subject]));
  const names = new Set(wanted?.filter((name) => subjects.has(name)) ?? subjects.keys());
  for (const name of known?.keys() ?? []) names.add(name);

  const isByLists = wanted?.length !== 1;
  const watched = watchedBy(config);
  const errors: unknown[] = [];
  let isNews = false;
  const tell = (taken: Taken) => {
    const { state, overdue } = taken;
    const alarmOn = alarmOnAt(watched.function(state), state, at);
    const isStalled = overdue !== undefined && alarmOf(overdue.findings, alarmOn).isStalled;
    publish(ports.telemetry, taken, isStalled);
    isNews ||= isStalled;
  };
  const take = async (name: string): Promise<SubjectState> => {
    const subject = subjects.get(name);
    const read = known?.get(name);
    const before = read ?? (await ports.ledger.read(name));
    const isDoubted = isByLists && read === undefined && doubtedIn([before]).size > 0;
    const own = subject && isDoubted ? ((await alone(ports, config, name)) ?? subject) : subject;
    if (own && !isLeft(own)) return settle(ports, name, taking(config, asked, own, at), tell, before);
    if (own || seen.refusals.length > 0) return before;
    return settle(ports, name, (state) => ({ ...retire(state, at), lost: [] }), tell, before);
  };
  const standings = await pMap(
    [...names],
    (name) =>
      take(name).then(
        (state) => (state.retiredAt === undefined ? [standingOf(state, watched.function(state), at)] : []),
        (error: unknown) => {
          errors.push(error); // one subject's trouble is not the others'
          return [];
        },
      ),
    { concurrency: SUBJECTS_AT_ONCE },
  );
  if (isNews) await nudged(ports.nudges);
  return { seen, left, standings: standings.flat(), errors };
}

/** A subject, looked at by its name: lists do not show that an update is under way, or has failed. */
async function alone(ports: VerifyPorts, config: ParsedConfig, name: string): Promise<Subject | undefined> {
  const { subjects } = await lookWith(ports, ports.key, scopeOfSubjects(config, [name]), () => {});
  return subjects.find(({ subject }) => subject === name);
}

/** Replicas whose last look saw an update under way or failed, which lists do not show. */
export function doubtedIn(states: readonly SubjectState[]): ReadonlySet<string> {
  return new Set(
    states.flatMap(({ subject, open }) =>
      (open?.findings ?? [])
        .filter(({ facet, kind }) => facet === 'replica' && (kind === 'unsettled' || kind === 'failed'))
        .map(({ replica }) => `${replica} ${subject}`),
    ),
  );
}

/** What a look at a subject does to its state. */
function taking(
  config: ParsedConfig,
  { toldOf, byHand }: Asked,
  subject: Subject,
  at: number,
): (state: SubjectState) => Taken {
  const { group } = subject.seen;
  const [told, looked] = [toldOf?.(subject), seenOf(subject, at)];
  return (state) => {
    const alarmOn = alarmOnAt(watchedGroup(config, group), state, at);
    const taken = step(state, told, looked, rulesOf(config, group, alarmOn));
    const event = byHand === undefined ? told : undefined; // who asks by hand tells of no move
    const beside = { group: group.path, retiredAt: undefined, ...answering(state, byHand) };
    return remembering(heed(state, taken, { told: event, unread: unreadIn(subject), at }), beside);
  };
}

function unreadIn({ findings }: Subject): PlaceId[] {
  const unread = findings.filter(({ kind }) => kind === 'unobservable');
  return [...new Set(unread.map(({ replica }) => replica as PlaceId))];
}

/** Whether a replica of the subject was not read since time was up. */
function isOutOfTime({ findings }: Subject): boolean {
  return findings.some((finding) => finding.kind === 'unobservable' && finding.refusal.code === 'NOT_READ');
}

type Taken = Step & Pick<Heeded, 'lost'>;

function publish(telemetry: Telemetry, step: Taken, isStalled: boolean): void {
  const tell = tellingOf(telemetry, step.state.subject);
  const { opened, closed, overdue, isFlap } = step;
  if (isStalled) tell('PartialDeployCount', 1, overdue);
  if (isFlap) tell('FlapCount', 1);
  if (opened) tell('TimeToDetect', opened.firstSeenAt - opened.cause.at, opened);
  if (closed?.outcome === 'rolled-back') tell('RollbackCount', 1, closed);
  if (closed?.outcome === 'forward') {
    tell('ConvergenceTime', closed.convergenceMs, closed);
    tell('ExposureTime', closed.exposureMs, closed);
  }
  tellLost(telemetry, step);
}

function seenOf({ seen, ...outcome }: Subject, at: number): Seen {
  const roots: Record<PlaceId, Roots> = {};
  const movedAt: Record<PlaceId, number> = {};
  for (const [replica, { observation }] of seen.sightings) {
    if (observation.state !== 'present') continue;
    movedAt[replica] = observation.movedAt;
    roots[replica] = rawRootsOf(seen.group, observation.facets);
  }
  return { outcome, roots, movedAt, at };
}

function rulesOf(
  config: ParsedConfig,
  group: Pick<ParsedConfig['functions'][number], 'deadlineSeconds'>,
  alarmOn: AlarmOn,
): EpisodeRules {
  const deadlineSeconds = group.deadlineSeconds ?? config.deadlineSeconds;
  return {
    deadlineMs: deadlineSeconds * 1000,
    maxRolloutMs: config.maxRolloutSeconds * 1000,
    alarmOn,
    lookedAtForMs: LOOKED_AT_FOR_MS,
  };
}
