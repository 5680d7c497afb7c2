import { isDeepStrictEqual } from 'node:util';
import type { ComparedFacet, Facet, Finding, Hop, Outcome, Unexpected } from '../contract/report.ts';
import { alarmOf } from './alarming.ts';
import { fitting } from './fitting.ts';
import type { PlaceId } from './place.ts';
import type { SecretMemory } from './secret.ts';

/** A reason to look. Nothing more is believed of it than an identity and a time. */
export interface Change {
  readonly id: string;
  /** Who told: `aws.cloudformation`, `recohere.deploy`, `sweep` … */
  readonly source: string;
  /** Epoch milliseconds, by the clock of who told; never later than the look that it caused. */
  readonly at: number;
}

/** The code that all replicas are to have. */
export interface Expectation {
  /** What tells the code apart: `CodeSha256`, or the name of a tag or variable. */
  readonly key: string;
  /** The raw root of the facet `code` that has the wanted value, as `v1.<keyId>:<hash>`; the value itself is not kept. */
  readonly root: string;
}

/** Who tells of a deploy by an id that all its events have; others tell of single calls. */
const DEPLOY_SOURCES: readonly string[] = [
  'aws.cloudformation',
  'aws.codedeploy',
  'aws.codepipeline',
  'recohere.deploy',
];

/** Whether the id of a change is that of a deploy. */
export function namesDeploy({ source }: Pick<Change, 'source'>): boolean {
  return DEPLOY_SOURCES.includes(source);
}

/** A change as it is told, with what it asks for. */
export interface Told extends Change {
  readonly expected?: Expectation | undefined;
  /** Such as the end of a pipeline: a reason to look at everything, and no word on what is expected of this subject. */
  readonly namesNobody?: boolean | undefined;
  /** Where it happened, if whoever told says so. */
  readonly from?: { readonly region: string; readonly account: string } | undefined;
}

/** What the last change that names the subject asks for, last by the clocks of those who told. */
interface Asked {
  readonly by: Change;
  /** Absent if it asks for nothing, which ends what one before it asked for. */
  readonly expected?: Expectation | undefined;
  /** Whether nothing is to be looked for any more: replicas have agreed on it since, or it asks for nothing. */
  readonly isMet: boolean;
}

/** A facet that moves: those of functions, and the version of a secret. */
type RootFacet = ComparedFacet | 'version';

/** The raw root of each facet of one replica that moves, as `v1.<keyId>:<hash>`; of a secret, `v1:<version>`. */
type Roots = Readonly<Partial<Record<RootFacet, string>>>;
export type RootsByReplica = Readonly<Record<PlaceId, Roots>>;

/** How far a version of a secret has come. */
export interface Rotation {
  readonly versionId: string;
  /** Whether it is another one than replicas last agreed on. */
  readonly isMove: boolean;
  /** The version that was current before, in the same episode: it was rolled back. */
  readonly triedId?: string | undefined;
  readonly hops: readonly Hop[];
}

/** The time in which replicas of a subject do not agree. Times are epoch milliseconds. */
export interface Episode {
  /** The version of the state that opens it: two handlers that race to open it give it one name, and no other has it. */
  readonly id: string;
  /** The first change that joined. */
  readonly cause: Change;
  /** The first that names a deploy: a call that CloudTrail tells of is older than the deploy that made it. */
  readonly deploy?: Change | undefined;
  /** From when the longest rollout counts: the cause; or, if what was open did not alarm, when it began to. */
  readonly since: number;
  /** The last change that joined; the cause at first. */
  readonly lastChangeAt: number;
  /** When a replica last moved, as the looks saw it. */
  readonly lastMovedAt: number;
  /** When disagreement was first seen. */
  readonly firstSeenAt: number;
  /** When the last look began that was written, and saw disagreement. One that could read none of it says nothing of when it ended; before any, the cause's time. */
  readonly lastSeenAt: number;
  /** Looks since the last movement that were written; the delay to the next one grows with it. */
  readonly looks: number;
  /** Whether a deadline has passed. Stays so, unless what is open begins to alarm: that has a deadline of its own. */
  readonly isOverdue: boolean;
  readonly roots: RootsByReplica;
  /** What the last look found, from the first on as far as there is room. */
  readonly findings: readonly Finding[];
  /** When each replica was first seen with the roots that it has now, as far as it has moved. */
  readonly reached?: Readonly<Record<PlaceId, number>> | undefined;
  /** Of a secret: what the last look saw. */
  readonly rotation?: Rotation | undefined;
  /** When a notice named it. */
  readonly noticedAt?: number | undefined;
  /** When a pause of the rollout was asked for because of it. */
  readonly pausedAt?: number | undefined;
}

/**
 * - `forward`: all replicas agreed on new roots.
 * - `rolled-back`: they agreed on the roots from before.
 * - `superseded`: before replicas of a secret agreed on one version, another one became current.
 * - `retired`: the subject is gone, or is not watched any more.
 */
export const EPISODE_ENDS = ['forward', 'rolled-back', 'superseded', 'retired'] as const;
type EpisodeEnd = (typeof EPISODE_ENDS)[number];

/** An episode that has ended, as history keeps it. */
export interface ClosedEpisode {
  readonly id: string;
  readonly subject: string;
  readonly cause: Change;
  readonly deploy?: Change | undefined;
  readonly outcome: EpisodeEnd;
  readonly wasOverdue: boolean;
  /** First seen − the cause. */
  readonly timeToDetectMs: number;
  /** Agreement − the last joined change. */
  readonly convergenceMs: number;
  /** Agreement − the cause. */
  readonly exposureMs: number;
  /** How far apart the two last looks were: the agreement came between them. */
  readonly resolutionMs: number;
  readonly closedAt: number;
  readonly findings: readonly Finding[];
  /** When each replica came to what it had at the end, as far as it moved. */
  readonly reached?: Readonly<Record<PlaceId, number>> | undefined;
  readonly rotation?: Rotation | undefined;
}

/** What is remembered of one subject: one item, changed by compare-and-swap on `version`. */
export interface SubjectState {
  readonly subject: string;
  /** 0 before the first write. */
  readonly version: number;
  /** The last agreement: on which roots, and when the look that saw it began. */
  readonly agreed?: { readonly roots: RootsByReplica; readonly at: number } | undefined;
  readonly open?: Episode | undefined;
  readonly last?: ClosedEpisode | undefined;
  /** Remembered beside the episode: it may come with a look that can open none, and its repetitions after one has closed. */
  readonly asked?: Asked | undefined;
  /** Number of the message that may wake the subject; an older one is dropped. */
  readonly wake: number;
  /** Of a secret: what looks and consumers have told so far. */
  readonly secret?: SecretMemory | undefined;
  /** Replicas of which an event has told that could not be read since. */
  readonly toldUnread?: readonly PlaceId[] | undefined;
  /** Moves that no event has told of yet. */
  readonly untold?: readonly Move[] | undefined;
  /** The last change that somebody told, as far as it came with something that was written. */
  readonly heard?: Change | undefined;
  /** Nothing of the subject alarms until then. */
  readonly silence?: { readonly until: number; readonly reason: string } | undefined;
  /** Of a function: path of the group of the config that it was last seen to belong to. */
  readonly group?: string | undefined;
  /** All requests by hand that were made until then have been looked at. */
  readonly answeredUntil?: number | undefined;
  /** Since when it is gone, or not watched any more. */
  readonly retiredAt?: number | undefined;
}

/** A replica has other roots than before, or is gone. */
export interface Move {
  readonly replica: PlaceId;
  /** When the look began that saw it. */
  readonly seenAt: number;
}

/** What one look at one subject saw. */
export interface Seen {
  readonly outcome: Outcome;
  readonly roots: RootsByReplica;
  /** When each replica last moved, as AWS says, of those whose moves it dates. */
  readonly movedAt: Readonly<Record<PlaceId, number>>;
  /** When the look began. */
  readonly at: number;
  /** Of a secret, unless its primary could not be read. */
  readonly rotation?: Rotation | undefined;
}

export interface EpisodeRules {
  /** From the last joined change or movement. */
  readonly deadlineMs: number;
  /** From the cause. */
  readonly maxRolloutMs: number;
  /** Which facets alarm; `undefined` if the subject is only learnt. */
  readonly alarmOn: readonly Facet[] | undefined;
  /** For so long after the last change or movement another look is asked for; then the sweep alone looks. */
  readonly lookedAtForMs: number;
}

/** What a look does to a subject's state. Nothing is to be written if `state` is the one from before. */
export interface Step {
  readonly state: SubjectState;
  readonly opened?: Episode;
  readonly closed?: ClosedEpisode;
  /** Set by the look at which a deadline has passed: once, and once more if what did not alarm begins to. */
  readonly overdue?: Episode;
  /** Whether the subject opened again soon after it closed. */
  readonly isFlap: boolean;
  /** Set if another look is wanted: the state has a new wake number for it. */
  readonly next?: NextLook;
}

/** What the delay to the next look depends on. */
export interface NextLook {
  /** Looks since something last changed or moved. */
  readonly looks: number;
  /** How long ago something last changed or moved. */
  readonly restedMs: number;
}

/**
 * A change whose look begins so soon after another, and says nothing new, is that one told again: repeated events come in one
 * batch. The wake-up that is under way will look again.
 */
const ONE_LOOK_MS = 1000;

/** AWS gives the times of events in whole seconds, cut off: what has happened since an agreement may seem older than it. */
export const EVENT_RESOLUTION_MS = 1000;

/** Digits of an episode's id, so that ids sort as texts. */
const EPISODE_ID_LENGTH = 10;

/** Findings that an episode keeps, in number and in characters of JSON: its item stays far below DynamoDB's 400 KB. */
const FINDINGS_KEPT = 50;
const FINDINGS_KEPT_CHARS = 60_000;

/**
 * Says what a look means for a subject's episode. Pure: two handlers that saw the same make the same step, and one of
 * them loses the swap.
 *
 * What a change asks for is taken in even where the change itself is not: by a look that is older than another, by one that
 * could not read, and by a change that the last agreement has absorbed, for that took in what had moved, and not what was
 * asked. Every look judges it, until replicas agree and have it.
 * @param change Why the look was made; absent when a sweep or a wake-up made it.
 */
export function step(
  before: SubjectState,
  change: Told | undefined,
  looked: Seen,
  rules: EpisodeRules,
): Step {
  const told = change ? asking(before, change, looked.at) : before;
  const isIdle = !(before.asked?.expected || told.asked?.expected);
  const quiet = isIdle ? before : told; // what asks for nothing, where nothing is asked for, is not worth a write
  const news = change && newsOf(change, before, looked.at);
  if (looked.at < lastLookedAt(before)) return unseen(before, quiet, change, news, rules); // an older look says nothing new
  const seen = judged(looked, told);
  if (before.open !== undefined) {
    const isRepeated = change !== undefined && seen.at - before.open.lastSeenAt < ONE_LOOK_MS;
    return goOn(told, before.open, news, seen, rules, isRepeated);
  }

  const { verdict, findings } = seen.outcome;
  const isUnmoved = !hasMoved(before.agreed?.roots, seen.roots);
  const isUnread = findings.some(({ kind }) => kind === 'unobservable');
  const isSeen = before.agreed !== undefined || Object.keys(seen.roots).length > 0; // else it may be nowhere at all
  const saysNothing = verdict === 'unobservable' || (isUnread && !isSeen);
  if (saysNothing && isUnmoved) return { state: quiet, isFlap: false };
  if (verdict === 'agreed' && isUnmoved) return { state: baseline(met(quiet), seen), isFlap: false };
  const isUpdating = findings.every(({ kind }) => kind === 'unsettled' || kind === 'unobservable');
  const restedMs = Math.max(0, seen.at - lastMoveIn(before, seen));
  if (isUnmoved && isUpdating && restedMs <= rules.deadlineMs) {
    if (restedMs > rules.lookedAtForMs) return { state: quiet, isFlap: false }; // it hangs: the sweep alone looks
    const next = { looks: Math.ceil(Math.log2(2 + restedMs / 1000)), restedMs };
    return { state: { ...told, wake: before.wake + 1 }, isFlap: false, next }; // an update under way, so far of nothing
  }
  const isOnlyUnmet = isUnmoved && findings.some(({ kind }) => kind === 'unexpected');
  const cause = (isOnlyUnmet ? told.asked?.by : news) ?? inferredCause(before, seen);
  const episode = opened(before, cause, seen);
  const { last } = before;
  const isFlap = isSettled(last) && seen.at - last.closedAt <= rules.deadlineMs;
  const next =
    verdict === 'agreed' ? closing(told, episode, 'forward', seen) : waiting(told, episode, seen, rules);
  return { ...next, opened: episode, isFlap };
}

/**
 * Ends what is open when a subject is gone or is not watched any more, and no later look has seen it. What it agreed on is forgotten: if
 * it comes back, it is new.
 */
export function retire(before: SubjectState, at: number): Step {
  const isUnknown = before.version === 0 || before.retiredAt !== undefined;
  if (isUnknown || at < lastLookedAt(before)) return { state: before, isFlap: false };
  const gone = {
    agreed: undefined,
    asked: undefined,
    untold: undefined,
    toldUnread: undefined,
    retiredAt: at,
  };
  if (before.open === undefined) return { state: { ...before, ...gone }, isFlap: false };
  const seen: Seen = { outcome: { verdict: 'agreed', findings: [] }, roots: {}, movedAt: {}, at };
  const { closed, state } = closing(before, before.open, 'retired', seen);
  return { state: { ...state, ...gone }, closed, isFlap: false };
}

/**
 * Ends what is open about one version of a secret when another one has become current, so that each has an episode of its own.
 * What replicas last agreed on stays.
 */
export function supersede(before: SubjectState, open: Episode, at: number): Step {
  const seen: Seen = { outcome: { verdict: 'agreed', findings: [] }, roots: {}, movedAt: {}, at };
  const { closed, state } = closing(before, open, 'superseded', seen);
  return { state: { ...state, agreed: before.agreed }, closed, isFlap: false };
}

/**
 * Takes in what a change asks for. Which of two counts does not depend on the order in which they come, nor on how often:
 * the later one, by the clock of who told; of two at one time, the one that asks for something. Movement that nobody told
 * ends nothing. One thing leaves no trace: a change that asks for nothing where nothing is asked for, and whose look opens no
 * episode and joins none. If it is heard before what an older one asks for, that one still counts.
 */
function asking(before: SubjectState, change: Told, seenAt: number): SubjectState {
  const { id, source, expected, namesNobody } = change;
  const at = Math.min(change.at, seenAt);
  const { asked } = before;
  const isSooner = asked !== undefined && at < asked.by.at;
  const isNoMore = at === asked?.by.at && (expected?.root ?? '') <= (asked.expected?.root ?? '');
  if (namesNobody || isSooner || isNoMore) return before;
  return { ...before, asked: { by: { id, source, at }, expected, isMet: expected === undefined } };
}

/**
 * Takes in a look that seems older than another one, be it only that the clock of who made it is behind. What it was made for is looked at
 * again: the change that told of it, and an episode that still moves, whose chain of wake-ups would end here.
 */
function unseen(
  before: SubjectState,
  told: SubjectState,
  change: Change | undefined,
  news: Change | undefined,
  rules: EpisodeRules,
): Step {
  const open = before.open && joined(before.open, news);
  const isNews = told !== before || !isDeepStrictEqual(open, before.open);
  if (isNews || (change && open === undefined)) return lookedAtAgain({ ...told, open }, 1);
  return change ? { state: before, isFlap: false } : unread(before, lastSeenAt(before), rules);
}

/**
 * What is open and moves is looked at again, though a look says nothing of it, be it that it could read no replica. An update under way
 * that has opened nothing is left to the sweep.
 * @param at The latest time, in epoch milliseconds, of which a look has said something, or at which this one began.
 */
export function unread(
  before: SubjectState,
  at: number,
  { lookedAtForMs }: Pick<EpisodeRules, 'lookedAtForMs'>,
): Step {
  const { open } = before;
  const isResting = open === undefined || at - Math.max(open.lastChangeAt, open.lastMovedAt) > lookedAtForMs;
  if (isResting) return { state: before, isFlap: false };
  const looks = open.looks + 1;
  return lookedAtAgain({ ...before, open: { ...open, looks } }, looks);
}

function lookedAtAgain(state: SubjectState, looks: number): Step {
  return { state: { ...state, wake: state.wake + 1 }, isFlap: false, next: { looks, restedMs: 0 } };
}

/**
 * Completes what a look found by what was asked for and is not there; then replicas do not agree. A replica that could not be
 * read counts as it was when it last could. A root of another fingerprint key says nothing, nor does code that is not compared.
 */
function judged(seen: Seen, { asked, open }: SubjectState): Seen {
  if (asked?.expected === undefined || asked.isMet) return seen;
  const { key, root: wanted } = asked.expected;
  const unread = unreadIn(seen);
  const rootOf = (replica: PlaceId) =>
    seen.roots[replica]?.code ?? (unread.has(replica) ? open?.roots[replica]?.code : undefined);
  const replicas = new Set([...Object.keys(seen.roots), ...unread] as PlaceId[]);
  const unexpected = [...replicas].flatMap((replica): Unexpected[] => {
    const root = rootOf(replica);
    const isOther = root !== undefined && root !== wanted && prefixOf(root) === prefixOf(wanted);
    return isOther ? [{ replica, facet: 'code', kind: 'unexpected', keys: [key] }] : [];
  });
  const [first, ...rest] = unexpected;
  if (first === undefined) return seen;
  // whether it is past its deadline, the episode says
  return {
    ...seen,
    outcome: { verdict: 'converging', findings: [first, ...rest, ...seen.outcome.findings] },
  };
}

/** The same, when replicas agree and what was asked for is there, or cannot be told any more. */
function met(state: SubjectState): SubjectState {
  return state.asked && !state.asked.isMet ? { ...state, asked: { ...state.asked, isMet: true } } : state;
}

function goOn(
  before: SubjectState,
  episode: Episode,
  news: Change | undefined,
  seen: Seen,
  rules: EpisodeRules,
  isRepeated: boolean,
): Step {
  const now = joined(episode, news);
  if (seen.outcome.verdict !== 'agreed')
    return { ...waiting(before, now, seen, rules, isRepeated), isFlap: false };
  const outcome = isBack(before.agreed?.roots, seen.roots) ? 'rolled-back' : 'forward';
  return { ...closing(before, now, outcome, seen), isFlap: false };
}

/** The episode with a change that joins it. Changes come in any order: the first of them is the cause. */
function joined(episode: Episode, news: Change | undefined): Episode {
  if (news === undefined) return episode;
  const cause = news.at < episode.cause.at ? news : episode.cause;
  const { deploy } = episode;
  const isFirstDeploy = namesDeploy(news) && (deploy === undefined || news.at < deploy.at);
  return {
    ...episode,
    cause,
    ...(isFirstDeploy && { deploy: news }),
    lastChangeAt: Math.max(episode.lastChangeAt, news.at),
  };
}

/** Agreement without movement: remembered the first time, and when replicas, facets or the fingerprint key are new. */
function baseline(before: SubjectState, { roots, at }: Seen): SubjectState {
  const isKnown =
    before.agreed !== undefined && holds(before.agreed.roots, roots) && holds(roots, before.agreed.roots);
  return isKnown ? before : { ...before, agreed: { roots, at } };
}

/** A look that began before something was asked for says nothing new either, until that is met; nor one before the last joined change. */
export function lastLookedAt(state: SubjectState): number {
  const { asked, open } = state;
  const askedAt = asked && !asked.isMet ? asked.by.at : 0;
  return Math.max(lastSeenAt(state), open?.lastChangeAt ?? 0, askedAt);
}

/** When the look began that counts, in epoch milliseconds; 0 if there was none. */
export function lastSeenAt({ agreed, open, last }: SubjectState): number {
  return Math.max(agreed?.at ?? 0, open?.lastSeenAt ?? 0, last?.closedAt ?? 0);
}

/**
 * The cause of what no event told: the movement that AWS dates. What is not dated, such as a deletion or an alias that
 * moved, counts from when it was seen, and so does a difference that is older than the installation. A date says nothing where no root
 * has left the agreed one: something was written that changed nothing.
 */
function inferredCause(before: SubjectState, seen: Seen): Change {
  const { agreed } = before;
  const { at } = seen;
  const last = lastMoveIn(before, seen);
  const isOfDate = updatingIn(seen).size > 0 || hasMoved(agreed?.roots, seen.roots);
  const isDated = agreed !== undefined && isOfDate && last > agreed.at && last <= at;
  return { id: isDated ? `moved-${last}` : `seen-${at}`, source: 'look', at: isDated ? last : at };
}

/**
 * The last date of what may have moved since the agreement; 0 if there is none. What was written where roots are as agreed changed
 * nothing, unless it is still under way or has failed. Replicas of a secret have no date of their own: the primary's is theirs.
 */
function lastMoveIn({ agreed }: SubjectState, seen: Seen): number {
  const { roots, movedAt } = seen;
  const read = Object.keys(roots) as PlaceId[];
  const moving = new Set<string>([
    ...updatingIn(seen),
    ...read.filter((replica) => !isBack({ [replica]: agreed?.roots[replica] ?? {} }, roots)),
  ]);
  const isDated = [...moving].every((replica) => replica in movedAt);
  const own = Object.entries(movedAt).filter(([replica]) => moving.has(replica));
  return lastOf(isDated ? Object.fromEntries(own) : movedAt);
}

/** Replicas with an update that is under way, or has failed. */
function updatingIn({ outcome }: Seen): ReadonlySet<string> {
  return new Set(
    outcome.findings
      .filter(({ kind }) => kind === 'unsettled' || kind === 'failed')
      .map(({ replica }) => replica),
  );
}

/** The last of such dates; 0 if there is none. */
function lastOf(movedAt: Seen['movedAt']): number {
  return Math.max(0, ...Object.values(movedAt));
}

/** `undefined` for what the last agreement has already taken in. */
function newsOf(change: Change, { agreed }: SubjectState, seenAt: number): Change | undefined {
  const at = Math.min(change.at, seenAt); // the clock of who told may be ahead
  const isOld = agreed !== undefined && at + EVENT_RESOLUTION_MS <= agreed.at;
  return isOld ? undefined : { id: change.id, source: change.source, at };
}

/** Whether replicas had come to agree; else what opens goes on where the last one was cut off. */
function isSettled(last: ClosedEpisode | undefined): last is ClosedEpisode {
  return last !== undefined && last.outcome !== 'superseded';
}

function opened(before: SubjectState, cause: Change, seen: Seen): Episode {
  const { version, agreed } = before;
  return {
    id: String(version + 1).padStart(EPISODE_ID_LENGTH, '0'),
    cause,
    ...(namesDeploy(cause) && { deploy: cause }),
    since: cause.at,
    lastChangeAt: cause.at,
    lastMovedAt: lastMoveIn(before, seen),
    firstSeenAt: seen.at,
    lastSeenAt: hasSeen(seen) ? seen.at : cause.at,
    looks: 0,
    isOverdue: false,
    roots: seen.roots,
    findings: kept(seen.outcome.findings),
    ...reachedIn(undefined, agreed?.roots, seen),
    ...(seen.rotation && { rotation: seen.rotation }),
  };
}

/**
 * The episode stays open, and asks for another look while something may still move. A look that says nothing new then is not
 * written: an episode that lasts costs a read a sweep.
 */
function waiting(
  before: SubjectState,
  episode: Episode,
  seen: Seen,
  { deadlineMs, maxRolloutMs, alarmOn, lookedAtForMs }: EpisodeRules,
  isRepeated = false,
): Pick<Step, 'state' | 'next' | 'overdue'> {
  const isMoving = hasMoved(episode.roots, seen.roots);
  const firstRead = Object.entries(seen.movedAt).filter(([replica]) => !(replica in episode.roots)); // nobody saw when it moved
  const datedAt = Math.min(lastOf(Object.fromEntries(firstRead)), seen.at);
  const lastMovedAt = isMoving ? seen.at : Math.max(episode.lastMovedAt, datedAt);
  const restedMs = seen.at - Math.max(episode.lastChangeAt, lastMovedAt);
  const findings = kept([...seen.outcome.findings, ...stillUnread(episode, seen)]);
  const alarms = (found: readonly Finding[]) => alarmOf(found, alarmOn).isStalled;
  const beginsToAlarm = alarms(findings) && !alarms(episode.findings);
  const since = beginsToAlarm ? seen.at : episode.since;
  const wasOverdue = episode.isOverdue && !beginsToAlarm;
  const lastedMs = seen.at - since;
  const isOverdue = wasOverdue || Math.min(restedMs, lastedMs) > deadlineMs || lastedMs > maxRolloutMs;
  const now = {
    ...episode,
    since,
    lastMovedAt,
    isOverdue,
    roots: { ...episode.roots, ...seen.roots },
    findings,
    ...reachedIn(episode.reached, episode.roots, seen),
    ...(seen.rotation && { rotation: seen.rotation }),
  };
  const isRested = restedMs > lookedAtForMs;
  if ((isRested || isRepeated) && isDeepStrictEqual(now, before.open)) return { state: before };

  const lastSeenAt = hasSeen(seen) ? seen.at : episode.lastSeenAt;
  const open = { ...now, lastSeenAt, looks: isMoving ? 1 : episode.looks + 1 };
  const state = { ...before, open, wake: before.wake + 1 };
  return {
    state,
    ...(!isRested && { next: { looks: open.looks, restedMs } }),
    ...(isOverdue && !wasOverdue && { overdue: open }),
  };
}

/**
 * What was known of replicas that this look could not read: not being read mends nothing. Each look judges anew what was
 * asked for, and whatever else of such a replica it could read.
 */
function stillUnread({ findings }: Episode, seen: Seen): Finding[] {
  const unread = unreadIn(seen);
  const isRead = ({ replica, facet }: Finding) => {
    const own = seen.roots[replica as PlaceId];
    return own !== undefined && (facet === 'replica' || facet === 'traffic' || facet in own);
  };
  return findings.filter(
    (finding) =>
      finding.kind !== 'unobservable' &&
      finding.kind !== 'unexpected' &&
      unread.has(finding.replica) &&
      !isRead(finding),
  );
}

/** Whether a look has seen disagreement, and not only what it could not read. */
function hasSeen({ outcome }: Seen): boolean {
  return outcome.findings.some(({ kind }) => kind !== 'unobservable');
}

function unreadIn({ outcome }: Seen): ReadonlySet<string> {
  return new Set(
    outcome.findings.filter(({ kind }) => kind === 'unobservable').map(({ replica }) => replica),
  );
}

function kept(findings: readonly Finding[]): readonly Finding[] {
  return fitting(
    findings.slice(0, FINDINGS_KEPT),
    FINDINGS_KEPT_CHARS,
    (finding) => JSON.stringify(finding).length,
  );
}

function closing(
  before: SubjectState,
  episode: Episode,
  outcome: EpisodeEnd,
  seen: Seen,
): { state: SubjectState; closed: ClosedEpisode } {
  const isOneLook = episode.firstSeenAt === seen.at;
  const rotation = seen.rotation ?? episode.rotation;
  const closed: ClosedEpisode = {
    id: episode.id,
    subject: before.subject,
    cause: episode.cause,
    ...(episode.deploy && { deploy: episode.deploy }),
    outcome,
    wasOverdue: episode.isOverdue,
    timeToDetectMs: episode.firstSeenAt - episode.cause.at,
    convergenceMs: seen.at - episode.lastChangeAt,
    exposureMs: seen.at - episode.cause.at,
    resolutionMs: seen.at - (isOneLook ? episode.lastChangeAt : episode.lastSeenAt),
    closedAt: seen.at,
    findings: episode.findings,
    ...reachedIn(episode.reached, episode.roots, seen),
    ...(rotation && { rotation }),
  };
  return {
    state: { ...met(before), open: undefined, last: closed, agreed: { roots: seen.roots, at: seen.at } },
    closed,
  };
}

/**
 * Whether a facet of a replica has another root than before. Roots of another fingerprint key, and replicas or facets
 * that only one of the two knows, say nothing: neither a new key nor a new region is movement.
 */
function hasMoved(before: RootsByReplica | undefined, after: RootsByReplica): boolean {
  return movedReplicas(before, after).length > 0;
}

/** The replicas that have moved, in that sense. */
export function movedReplicas(before: RootsByReplica | undefined, after: RootsByReplica): PlaceId[] {
  return (Object.keys(after) as PlaceId[]).filter((replica) => {
    const [known = {}, own] = [before?.[replica], after[replica]];
    return (Object.keys(known) as RootFacet[]).some((facet) => {
      const [then, now] = [known[facet], own?.[facet]];
      return then !== undefined && now !== undefined && then !== now && prefixOf(then) === prefixOf(now);
    });
  });
}

/** When each replica that has moved was first seen with the roots that it has now. */
function reachedIn(
  known: Episode['reached'],
  before: RootsByReplica | undefined,
  { roots, at }: Seen,
): Pick<Episode, 'reached'> {
  const moved = movedReplicas(before, roots).map((replica) => [replica, at] as const);
  const reached: Episode['reached'] = { ...known, ...Object.fromEntries(moved) };
  return Object.keys(reached).length === 0 ? {} : { reached };
}

/** Whether all that both know is as it was. What cannot be compared any more may have moved. */
function isBack(before: RootsByReplica | undefined, after: RootsByReplica): boolean {
  const roots = commonRoots(before, after);
  return roots.length > 0 && roots.every(([then, now]) => then === now);
}

/** The roots, before and after, of each facet that both know. */
function commonRoots(before: RootsByReplica | undefined, after: RootsByReplica): [string, string][] {
  return Object.entries(before ?? {}).flatMap(([replica, facets]) =>
    Object.entries(facets).flatMap(([facet, then]): [string, string][] => {
      const now = after[replica as PlaceId]?.[facet as RootFacet];
      return now === undefined ? [] : [[then, now]];
    }),
  );
}

function prefixOf(root: string): string {
  return root.slice(0, root.indexOf(':'));
}

/** Whether all roots of the one are roots of the other. */
function holds(one: RootsByReplica, other: RootsByReplica): boolean {
  return (Object.entries(other) as [PlaceId, Roots][]).every(([replica, roots]) =>
    (Object.keys(roots) as RootFacet[]).every((facet) => one[replica]?.[facet] === roots[facet]),
  );
}
