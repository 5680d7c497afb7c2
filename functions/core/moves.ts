import {
  type Change,
  type Episode,
  type Move,
  movedReplicas,
  type RootsByReplica,
  type Step,
  type SubjectState,
  type Told,
} from './episode.ts';
import type { PlaceId } from './place.ts';

/** For so long an event may be under way: CloudTrail delivers minutes late. */
export const GRACE_MS = 15 * 60_000;

/** Moves of one subject that are remembered, the newest: each of its replicas moves once in a deploy. */
const MOVES_KEPT = 100;

/** A step, and the moves that it gives up: nobody has told of them in time. */
export interface Heeded extends Step {
  readonly lost: readonly Move[];
}

/** What caused a look, and what it saw, as far as moves go. */
export interface Heard {
  /** The event, if one did. What is asked for by hand is no event. */
  readonly told?: Told | undefined;
  /** Replicas that could not be read. */
  readonly unread: readonly PlaceId[];
  /** When the look began. */
  readonly at: number;
}

/**
 * Takes note of the moves that a step has seen, and of what events tell of them. An event tells of all moves at its place that were seen
 * up to {@link GRACE_MS} before it or later, and of those of replicas that could not be read then, whenever they are seen; one that names
 * no place tells of all replicas. Of replicas that were not known before nothing is noted: a new function, region or installation is no
 * lost event.
 */
export function heed(before: SubjectState, step: Step, { told, unread, at }: Heard): Heeded {
  const { state } = step;
  const { untold: known = [], toldUnread: owed = [] } = before;
  const news = movesIn(before, step, at).filter(({ replica }) => !owed.includes(replica));
  const untold = [...known, ...news].filter((move) => !(told && isTold(move, told)));
  const due = untold.filter(({ seenAt }) => at - seenAt < GRACE_MS);
  const left = due.slice(-MOVES_KEPT);
  const lost = untold.filter((move) => !left.includes(move));
  const toldNow = told ? unread.filter((replica) => isAt(replica, told)) : [];
  const stillOwed = [...new Set([...owed.filter((replica) => unread.includes(replica)), ...toldNow])];
  const isSame = areSame(left, known) && areSame(stillOwed, owed);
  if (isSame && state === before) return { ...step, lost };
  const heard: Change | undefined = told ? { id: told.id, source: told.source, at: told.at } : before.heard;
  const { untold: _untold, toldUnread: _owed, ...rest } = state;
  return {
    ...step,
    state: {
      ...rest,
      ...(left.length > 0 && { untold: left }),
      ...(stillOwed.length > 0 && { toldUnread: stillOwed }),
      ...(heard && { heard }),
    },
    lost,
  };
}

function areSame<T>(one: readonly T[], other: readonly T[]): boolean {
  return one.length === other.length && one.every((each, position) => each === other[position]);
}

function isTold({ replica, seenAt }: Move, told: Told): boolean {
  return isAt(replica, told) && told.at > seenAt - GRACE_MS;
}

function isAt(replica: PlaceId, { from }: Told): boolean {
  return from === undefined || replica === from.region || replica === `${from.account}/${from.region}`;
}

/** What has moved from one state to the next. Of a secret only its primary counts: the others follow it, and nothing tells of them. */
function movesIn(before: SubjectState, { state, closed }: Step, at: number): Move[] {
  if (state === before) return [];
  if (closed?.outcome === 'superseded') return []; // what comes next is seen by the step after it
  const [then, now] = [rootsOf(before), rootsOf(state)];
  const rotation = (state.open ?? closed)?.rotation;
  const primary = rotation?.hops.find(({ hop }) => hop === 1)?.replica;
  const isOfFollowers = state.secret !== undefined && primary === undefined; // nobody could read what they follow
  const moved = [
    ...(isOfFollowers ? [] : movedReplicas(then, now)),
    ...vanished(then, before.open, state.open),
  ];
  return moved
    .filter((replica) => primary === undefined || replica === primary)
    .map((replica) => ({ replica, seenAt: at }));
}

/** The roots that each replica was last seen with. */
function rootsOf({ agreed, open }: SubjectState): RootsByReplica {
  return { ...agreed?.roots, ...open?.roots };
}

/** Replicas that were known, and are missing now. */
function vanished(known: RootsByReplica, before: Episode | undefined, after: Episode | undefined): PlaceId[] {
  const missingIn = (episode: Episode | undefined) =>
    (episode?.findings ?? [])
      .filter(({ facet, kind }) => facet === 'replica' && kind === 'missing')
      .map(({ replica }) => replica as PlaceId);
  const wasMissing = missingIn(before);
  return missingIn(after).filter((replica) => known[replica] !== undefined && !wasMissing.includes(replica));
}
