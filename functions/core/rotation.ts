import { isDeepStrictEqual } from 'node:util';
import {
  EVIDENCE,
  type Evidence,
  type Finding,
  type Hop,
  type HopState,
  type Outcome,
  type Refusal,
} from '../contract/report.ts';
import {
  type Change,
  type Episode,
  type EpisodeRules,
  EVENT_RESOLUTION_MS,
  lastLookedAt,
  type Rotation,
  type Seen,
  type Step,
  type SubjectState,
  step,
  supersede,
} from './episode.ts';
import { besides, type PlaceId, regionOf } from './place.ts';
import type {
  KnownEnd,
  Load,
  RotationEnd,
  SecretDescription,
  SecretMemory,
  SecretObservation,
} from './secret.ts';

/**
 * Processes of one consumer at one replica that are remembered, the newest; and of all consumers together, so that the item stays
 * far below DynamoDB's 400 KB. If as many are known as are kept, there may be more.
 */
const PROCESSES_KEPT = { each: 20, all: 400 } as const;

/** What is agreed on already is news from one more process at most so often, where as many are known as are kept. */
const PROCESS_NEWS_MS = 3_600_000;

/** What a process says counts for at least so long, however short its cache: it has loaded what its replica does not hold. */
const SAID_FOR_MS = { known: 60_000, unknown: 3_600_000 } as const;

/** AWS rotates on the day of the date that it names, at any time. */
const ROTATION_GRACE_MS = 24 * 3_600_000;

/** A consumer of a secret, and where it runs. */
interface Consumer {
  readonly name: string;
  readonly cacheMs: number;
  /** Whether a function can be asked what it can use. */
  readonly isProbed: boolean;
  readonly replicas: readonly PlaceId[];
}

export interface RotationRules extends EpisodeRules {
  /** Where the secret is expected, each place once. Their order is the order of hops and findings. */
  readonly replicas: readonly PlaceId[];
  /** Which replica is the primary if AWS does not say. */
  readonly primary?: PlaceId | undefined;
  readonly consumers: readonly Consumer[];
  /** How long a replication may be under way. */
  readonly replicationMs: number;
}

/** What was told, by events or by probes. */
export interface Heard {
  readonly change?: Change | undefined;
  readonly loads: readonly Load[];
  readonly ended?: RotationEnd | undefined;
}

export interface SecretLook {
  readonly observations: ReadonlyMap<PlaceId, SecretObservation>;
  /** When the look began. */
  readonly at: number;
}

/** What a look at one secret comes to. */
export interface Judged {
  readonly outcome: Outcome;
  /** Unless the primary could not be read. */
  readonly rotation?: Rotation | undefined;
}

/** A look, with what it says of the primary. */
interface View extends SecretLook {
  readonly primary: PlaceId;
  /** `undefined` if the primary is not there or could not be read. */
  readonly described: SecretDescription | undefined;
  /** When the primary last changed; 0 if nobody knows. */
  readonly movedAt: number;
}

type Held = SecretMemory['held'];
const NOTHING: SecretMemory = { held: {}, loads: [] };

/**
 * Says what a look at a secret, and what was told of it, mean for its episode. Pure, like {@link step}, which it ends in: the
 * version that is current on the primary is the root that moves, and replicas and consumers that are behind are findings.
 */
export function rotate(before: SubjectState, heard: Heard, looked: SecretLook, rules: RotationRules): Step {
  const look = unsurpassed(looked, before);
  const view = viewOf(look, rules);
  const memory = remembered(before, heard, view, rules);
  const told = isDeepStrictEqual(memory, before.secret ?? NOTHING) ? before : { ...before, secret: memory };
  const { outcome, rotation } = judge(memory, view, rules, before);
  const roots: Record<PlaceId, { version: string }> = {};
  for (const [replica, { state }] of look.observations) {
    const version = memory.held[replica]?.versionId;
    if (state === 'present' && version !== undefined) roots[replica] = { version: rootOf(version) };
  }
  const { primary, movedAt } = view;
  const change = causeOf(before, heard, rotation?.isMove ?? false, movedAt);
  const seen: Seen = { outcome, roots, movedAt: { [primary]: movedAt }, at: look.at, rotation };
  const taken = step(told, change && { ...change, namesNobody: true }, seen, rules);
  const { open } = taken.state;
  const isInBetween = before.open !== undefined && open !== undefined && heard.loads.length > 0;
  return isInBetween ? inBetween(before, before.open, taken, open) : taken;
}

/** A look, without what another one has seen otherwise since: reports come between two looks, so that this one need not be an older one. */
function unsurpassed(look: SecretLook, { secret = NOTHING }: SubjectState): SecretLook {
  const fresh = [...look.observations].filter(([replica, observation]) => {
    const held = secret.held[replica];
    const isOlder = held !== undefined && held.since > look.at;
    return !isOlder || descriptionOf(observation)?.currentId === held.versionId;
  });
  return { ...look, observations: new Map(fresh) };
}

/**
 * The change that an episode counts from. A version that has moved counts from its move, if that is older than what is told now;
 * and one more process that has loaded it moves no deadline.
 */
function causeOf(
  { open, agreed }: SubjectState,
  { change, loads }: Heard,
  isMove: boolean,
  movedAt: number,
): Change | undefined {
  if (loads.length > 0 && (open || isMove)) return undefined;
  const isNew = isMove && agreed !== undefined && movedAt > agreed.at;
  if (change === undefined || !isNew) return change;
  // that a rotation has begun, or that another version was moved before, is older than the move, and caused nothing
  const isOlder = movedAt + EVENT_RESOLUTION_MS < change.at;
  return isOlder ? undefined : { ...change, at: Math.max(change.at, movedAt) };
}

/**
 * What consumers say comes between two looks. It changes nothing of when the next one is, nor of which look was the last: else each
 * of many processes would put the next look off.
 */
function inBetween(before: SubjectState, known: Episode, taken: Step, open: Episode): Step {
  const { lastSeenAt, lastMovedAt, looks } = known;
  // unless something has moved that the looks had not seen: they may have rested
  if (open.lastMovedAt !== lastMovedAt)
    return { ...taken, state: { ...taken.state, open: { ...open, lastSeenAt } } };
  const { next, ...rest } = taken;
  const state = { ...taken.state, wake: before.wake, open: { ...open, lastSeenAt, looks } };
  return { ...rest, state: isDeepStrictEqual(state, before) ? before : state };
}

/**
 * The end of what is open about a version, if by now another one is current: not if it is the one from before, for then the
 * episode has been rolled back.
 */
export function superseded(before: SubjectState, look: SecretLook, rules: RotationRules): Step | undefined {
  const { open, agreed } = before;
  const { primary, described } = viewOf(unsurpassed(look, before), rules);
  const current = described?.currentId;
  if (open?.rotation === undefined || current === undefined || look.at < lastLookedAt(before))
    return undefined;
  const isBack = agreed?.roots[primary]?.version === rootOf(current);
  if (open.rotation.versionId === current || isBack) return undefined;
  return supersede(before, open, look.at);
}

/** What a look alone says, without a memory: the first two hops. */
export function judgeOnce(look: SecretLook, rules: RotationRules): Judged {
  const state: SubjectState = { subject: '', version: 0, wake: 0 };
  const view = viewOf(look, rules);
  return judge(remembered(state, { loads: [] }, view, rules), view, { ...rules, consumers: [] }, state);
}

/** The weakest evidence on which it rests that consumers use a version; `unwatched` if nobody is named. */
export function gradeOf({ hops }: Rotation): Evidence | 'unwatched' {
  const third = hops.flatMap(({ hop, evidence }) => (hop === 3 && evidence ? [evidence] : []));
  return EVIDENCE.findLast((evidence) => third.includes(evidence)) ?? 'unwatched';
}

function rootOf(versionId: string): string {
  return `v1:${versionId}`;
}

function viewOf(look: SecretLook, rules: RotationRules): View {
  const primary = primaryOf(look.observations, rules);
  const described = descriptionOf(look.observations.get(primary));
  return { ...look, primary, described, movedAt: Math.min(look.at, described?.changedAt ?? 0) };
}

function descriptionOf(observation: SecretObservation | undefined): SecretDescription | undefined {
  return observation?.state === 'present' ? observation.description : undefined;
}

/**
 * The replica that the others follow: which most of them name; else the one that lists others; else the one that the config
 * names; else the first that is there. It need not be one of those expected, nor readable.
 */
function primaryOf(observations: SecretLook['observations'], { replicas, primary }: RotationRules): PlaceId {
  const present = replicas.filter((replica) => descriptionOf(observations.get(replica)) !== undefined);
  const [first] = replicas as readonly [PlaceId, ...PlaceId[]];
  const named = present.flatMap((replica) => {
    const region = descriptionOf(observations.get(replica))?.primaryRegion;
    return region === undefined || region === regionOf(replica) ? [] : [region];
  });
  const votes = (region: string) => named.filter((other) => other === region).length;
  const most = Math.max(...named.map(votes));
  const elected = named.find((region) => votes(region) === most);
  if (elected !== undefined) return besides(first, elected);
  const lists = present.find((replica) => descriptionOf(observations.get(replica))?.replicas.length);
  const isThere = primary !== undefined && present.includes(primary);
  return lists ?? (isThere ? primary : (present[0] ?? primary ?? first));
}

function remembered(
  before: SubjectState,
  { loads, ended }: Heard,
  view: View,
  rules: RotationRules,
): SecretMemory {
  const known = before.secret ?? NOTHING;
  const isOld = view.at < lastLookedAt(before);
  const held = isOld ? known.held : heldSince(known.held, view, rules);
  const end = ended && { ...ended, versionId: blamed(ended, held, view) };
  const lastEnd = end && (known.ended === undefined || isLater(end, known.ended)) ? end : known.ended;
  const unread = isOld ? known.unread : unreadIn(view);
  return {
    held,
    loads: loadsKept(known.loads, loads, held, view.at, rules),
    ...(lastEnd && { ended: lastEnd }),
    ...(unread && { unread }),
  };
}

/** The version that was current when a rotation ended: none that is known, if the label has moved since. */
function blamed(ended: RotationEnd, held: Held, { primary, movedAt }: View): string | undefined {
  const current = held[primary];
  return Math.min(current?.since ?? 0, movedAt) > ended.at + EVENT_RESOLUTION_MS
    ? undefined
    : current?.versionId;
}

/** Of two at one time, as AWS cuts it, the better one counts, in whatever order they are told. */
function isLater(one: RotationEnd, other: RotationEnd): boolean {
  return one.at > other.at || (one.at === other.at && one.event > other.event);
}

function unreadIn({ observations }: SecretLook): number {
  return [...observations.values()].filter(({ state }) => state === 'unobservable').length;
}

/** What is there when a replica is seen for the first time has been there since it last changed. */
function heldSince(known: Held, { observations, at, primary }: View, rules: RotationRules): Held {
  const held: Record<PlaceId, Held[PlaceId]> = {};
  for (const replica of new Set([...rules.replicas, primary])) {
    const before = known[replica];
    const { currentId, changedAt = at } = descriptionOf(observations.get(replica)) ?? {};
    const isKnown = currentId === undefined || currentId === before?.versionId;
    const since = before === undefined ? changedAt : Math.max(changedAt, at); // a look may take its time
    const now = isKnown ? before : { versionId: currentId, since };
    if (now !== undefined) held[replica] = now;
  }
  return held;
}

/**
 * The last word of each process and probe, at each consumer and replica from the newest on. What a process cannot hold any more,
 * and what consumers say that the config does not name, is forgotten. What a probe says stands until it is asked again.
 */
function loadsKept(
  known: readonly Load[],
  news: readonly Load[],
  held: Held,
  at: number,
  rules: RotationRules,
): readonly Load[] {
  return rules.consumers.flatMap((consumer) =>
    consumer.replicas.flatMap((replica) => {
      const isOwn = saidBy(consumer.name, replica);
      const current = held[replica];
      const latest = new Map(known.filter(isOwn).map((load) => [load.process, load]));
      for (const load of news.filter(isOwn)) {
        const last = latest.get(load.process);
        const timed = { ...load, at: Math.min(load.at, at) }; // the clock of a process may be ahead
        if (last === undefined || last.at < timed.at) latest.set(load.process, timed);
      }
      const probed = latest.get(undefined);
      latest.delete(undefined);
      const processes = [...latest.values()]
        .filter((load) => versionOf(load) === current?.versionId || at < keptUntil(load, current, consumer))
        .sort((one, other) => other.at - one.at)
        .slice(0, keptEach(rules));
      return probed && consumer.isProbed ? [probed, ...processes] : processes;
    }),
  );
}

function keptEach({ consumers }: RotationRules): number {
  const pairs = consumers.reduce((sum, { replicas }) => sum + replicas.length, 0);
  return Math.min(PROCESSES_KEPT.each, Math.floor(PROCESSES_KEPT.all / pairs));
}

/**
 * Whether what a process has loaded changes anything. That one more has loaded what is agreed on is remembered, for it may keep
 * that after the next rotation; but where as many are known as are kept, only once in {@link PROCESS_NEWS_MS}: each process
 * that begins tells of itself.
 */
export function isNews({ open, agreed, secret }: SubjectState, load: Load, rules: RotationRules): boolean {
  const version = versionOf(load);
  const isAgreed = version !== undefined && agreed?.roots[load.replica]?.version === rootOf(version);
  if (open || !isAgreed) return true;
  const known = (secret ?? NOTHING).loads.filter(saidBy(load.consumer, load.replica));
  const newest = Math.max(...known.map(({ at }) => at));
  return known.length < keptEach(rules) || load.at - newest > PROCESS_NEWS_MS;
}

function saidBy(consumer: string, replica: PlaceId): (load: Load) => boolean {
  return (load) => load.consumer === consumer && load.replica === replica;
}

function versionOf({ used }: Load): string | undefined {
  return 'versionId' in used ? used.versionId : undefined;
}

/** Until when a process can keep another version than its replica holds: it may have loaded that just before. */
function keptUntil(load: Load, current: Held[PlaceId] | undefined, { cacheMs }: Consumer): number {
  const isKnown = 'isKnown' in load.used && load.used.isKnown;
  const saidForMs = isKnown ? SAID_FOR_MS.known : SAID_FOR_MS.unknown;
  return Math.max(load.at, current?.since ?? 0) + Math.max(cacheMs, saidForMs);
}

/** What the observations and the memory of a secret mean. */
function judge(
  memory: SecretMemory,
  view: View,
  rules: RotationRules,
  { agreed, open }: SubjectState,
): Judged {
  const { observations, at: now, primary, described } = view;
  const target = described?.deletedAt === undefined ? described?.currentId : undefined;
  const before = agreed?.roots[primary]?.version;
  const isMove = target !== undefined && before !== undefined && before !== rootOf(target);
  const known = [...Object.values(memory.held), ...memory.loads.map(({ used }) => used)];
  const isOtherKnown = known.some((each) => 'versionId' in each && each.versionId !== target);
  const isAnyOff = rules.replicas.some((replica) => presenceOf(replica, observations.get(replica)));
  const isNews = open !== undefined || isOtherKnown || isAnyOff;
  const heldAt = (replica: PlaceId) => {
    // the label may have left and come back unseen: but while nothing says so, no other change of the secret puts anything off
    const changedAt = isNews ? descriptionOf(observations.get(replica))?.changedAt : undefined;
    return Math.max(memory.held[replica]?.since ?? 0, changedAt ?? 0);
  };
  const findings: Finding[] = [];
  const hops: Hop[] = [];
  const done = new Map<PlaceId, number>();

  for (const replica of new Set([primary, ...rules.replicas])) {
    const hop = replica === primary ? 1 : 2;
    const found =
      presenceOf(replica, observations.get(replica)) ??
      (hop === 2 && described && target !== undefined
        ? behindOf(replica, described, target, Math.max(heldAt(primary), described.changedAt), view, rules)
        : []);
    findings.push(...found);
    const isDone = found.length === 0 && target !== undefined && memory.held[replica]?.versionId === target;
    // a replica may have it from before, when it is rolled back
    if (isDone) done.set(replica, Math.max(heldAt(replica), heldAt(primary)));
    const at = done.get(replica);
    hops.push(hopOf({ hop, replica }, found, at === undefined ? undefined : { evidence: 'described', at }));
  }
  for (const { region } of described?.replicas ?? []) {
    const replica = besides(primary, region);
    if (!rules.replicas.includes(replica)) {
      findings.push({ replica, facet: 'replica', kind: 'extra', keys: [] });
    }
  }
  const third = rules.replicas.flatMap((replica) => {
    const own = rules.consumers.filter(({ replicas }) => replicas.includes(replica));
    if (rules.consumers.length === 0) {
      return [{ hop: 3, replica, state: 'unwatched', evidence: null, at: null } as const];
    }
    return own.map((consumer) => {
      const step = { hop: 3, replica, consumer: consumer.name } as const;
      const since = done.get(replica);
      if (since === undefined || target === undefined) return hopOf(step, [], undefined);
      const used = useOf(replica, consumer, target, { since, isMove, now }, memory, rules);
      findings.push(...used.findings);
      return hopOf(step, used.findings, used.proof);
    });
  });
  hops.push(...third);
  findings.push(...rotationFailures(view, memory));

  const rotation = target === undefined ? undefined : rotationOf(target, isMove, hops, open?.rotation);
  // nobody knows any more what is right, which mends nothing
  if (described === undefined) findings.push(...stillBehind(open, view));
  const [first, ...rest] = findings;
  if (first === undefined) return { outcome: { verdict: 'agreed', findings: [] }, rotation };
  const isUnread = findings.every(({ kind }) => kind === 'unobservable');
  const isLate = now - view.movedAt > rules.deadlineMs;
  const verdict = isUnread ? 'unobservable' : isLate ? 'diverged' : 'converging';
  return { outcome: { verdict, findings: [first, ...rest] }, rotation };
}

/** What has been seen to be done stays as it was then. */
function rotationOf(
  versionId: string,
  isMove: boolean,
  hops: readonly Hop[],
  before: Rotation | undefined,
): Rotation {
  const isSame = (one: Hop, other: Hop) =>
    one.hop === other.hop && one.replica === other.replica && one.consumer === other.consumer;
  const settled = (hop: Hop): Hop => {
    const known =
      before?.versionId === versionId ? before.hops.find((other) => isSame(hop, other)) : undefined;
    return hop.state === 'agreed' && known?.state === 'agreed' ? known : hop;
  };
  const triedId = before === undefined || before.versionId === versionId ? before?.triedId : before.versionId;
  return { versionId, isMove, ...(triedId !== undefined && { triedId }), hops: hops.map(settled) };
}

/** What was known to be wrong with replicas that can be read, while the primary cannot. */
function stillBehind(open: Episode | undefined, { observations, primary }: View): Finding[] {
  return (open?.findings ?? []).filter(
    ({ replica, kind }) =>
      kind !== 'unobservable' &&
      replica !== primary &&
      observations.get(replica as PlaceId)?.state === 'present',
  );
}

const STATES: Partial<Record<Finding['kind'], HopState>> = {
  unobservable: 'unobservable',
  missing: 'missing',
  failed: 'failed',
  stale: 'stuck',
  standalone: 'stuck',
  unexpected: 'stuck',
};

function hopOf(
  step: Pick<Hop, 'hop' | 'replica' | 'consumer'>,
  findings: readonly Finding[],
  proof: Use['proof'],
): Hop {
  const [found] = findings;
  const state = found ? (STATES[found.kind] ?? 'converging') : proof ? 'agreed' : 'converging';
  return { ...step, state, evidence: proof?.evidence ?? null, at: proof?.at ?? null };
}

/** `undefined` if the secret can be used there. */
function presenceOf(replica: PlaceId, observation: SecretObservation | undefined): Finding[] | undefined {
  const unread = (refusal: Refusal): Finding => ({
    replica,
    facet: 'replica',
    kind: 'unobservable',
    keys: [],
    refusal,
  });
  const missing = (facet: 'replica' | 'version', keys: readonly string[]): Finding => ({
    replica,
    facet,
    kind: 'missing',
    keys,
  });
  if (observation === undefined) return [unread({ code: 'NOT_READ' })];
  if (observation.state === 'unobservable') return [unread(observation.refusal)];
  if (observation.state === 'absent') return [missing('replica', [])];
  const { deletedAt, currentId } = observation.description;
  if (deletedAt !== undefined) return [missing('replica', ['DeletedDate'])];
  return currentId === undefined ? [missing('version', [])] : undefined;
}

/** What keeps a replica from having the primary's version, as both of them say. */
function behindOf(
  replica: PlaceId,
  described: SecretDescription,
  target: string,
  changedAt: number,
  { observations, at, primary }: View,
  { replicationMs }: RotationRules,
): Finding[] {
  const own = descriptionOf(observations.get(replica));
  const status = described.replicas.find(({ region }) => region === regionOf(replica))?.status;
  const found = (kind: 'unsettled' | 'stale' | 'failed' | 'standalone'): Finding[] => [
    { replica, facet: 'version', kind, keys: kind === 'stale' && status ? [status] : [] },
  ];
  if (status === undefined && own?.primaryRegion !== regionOf(primary)) return found('standalone');
  if (status === 'Failed') return found('failed');
  if (status === 'InSync') return own?.currentId === target ? [] : found('stale');
  if (status === undefined && own?.currentId === target) return [];
  return found(at - changedAt > replicationMs ? 'stale' : 'unsettled');
}

interface Use {
  readonly findings: readonly Finding[];
  readonly proof?: { readonly evidence: Evidence; readonly at: number } | undefined;
}

/**
 * Whether a consumer uses the version that its replica holds, and what says so. What contradicts it counts before what proves it;
 * of proofs, the strongest. Nobody knows all processes: that none reports is no proof until no cache can hold another version, and
 * until a probe, if there is one, was asked.
 * @param since Since when the replica holds it, at the latest.
 */
function useOf(
  replica: PlaceId,
  consumer: Consumer,
  target: string,
  { since, isMove, now }: { readonly since: number; readonly isMove: boolean; readonly now: number },
  memory: SecretMemory,
  rules: RotationRules,
): Use {
  const own = memory.loads.filter(saidBy(consumer.name, replica));
  const processes = own.filter(({ process }) => process !== undefined);
  const probe = own.find(({ process, at }) => process === undefined && at >= since);
  const said = probe ? [...processes, probe] : processes;
  const others = said.filter((load) => 'versionId' in load.used && versionOf(load) !== target);
  const refusal = probe && 'refusal' in probe.used ? probe.used.refusal : undefined;
  const boundAt = since + consumer.cacheMs;
  const found = (kind: 'unsettled' | 'stale' | 'unexpected' | 'failed'): Use => ({
    findings: [
      {
        replica,
        facet: 'consumer',
        kind,
        keys: [consumer.name],
        ...(kind === 'failed' && refusal && { refusal }),
      },
    ],
  });
  const proven = (evidence: Evidence, at: number): Use => ({ findings: [], proof: { evidence, at } });

  if (others.some(({ used }) => 'isKnown' in used && !used.isKnown)) return found('unexpected');
  if (others.length > 0) return found('stale');
  if (refusal && CONTRADICTIONS.includes(refusal.code)) return found('failed');
  const users = processes.filter((load) => versionOf(load) === target);
  const isAll = processes.length < keptEach(rules);
  if (users.length > 0 && (isAll || now >= boundAt)) {
    const last = Math.max(since, ...users.map(({ at }) => at)); // its clock may be behind
    return proven('reported', isAll ? last : Math.max(last, boundAt));
  }
  if (probe && versionOf(probe) === target) return proven('probed', now);
  const isAsked = probe !== undefined || !consumer.isProbed || !isMove;
  if (now >= boundAt && isAsked) return proven('bounded', boundAt);
  return found(refusal ? 'failed' : 'unsettled');
}

/** That a probe could not use the secret says something of the secret; that it could not be asked says nothing. */
const CONTRADICTIONS: readonly Refusal['code'][] = ['PROBE_FAILED', 'PROBE_UNREADABLE'];

function rotationFailures({ primary, described, at }: View, { held, ended }: SecretMemory): Finding[] {
  if (described === undefined) return [];
  const failed = (key: string): Finding[] => [
    { replica: primary, facet: 'rotation', kind: 'failed', keys: [key] },
  ];
  const isOver = (end: KnownEnd) =>
    end.event === 'RotationSucceeded' ||
    end.at <= (described.rotatedAt ?? 0) ||
    end.versionId !== held[primary]?.versionId;
  if (ended && !isOver(ended)) return failed(ended.event);
  const isOverdue = at > (described.nextRotationAt ?? at) + ROTATION_GRACE_MS;
  return isOverdue ? failed('NextRotationDate') : [];
}
