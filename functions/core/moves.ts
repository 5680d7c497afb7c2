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

/**
 * Takes note of the moves that a step has seen, and of what events tell of them. An event tells of all moves at its place that were seen
 * since, or up to {@link GRACE_MS} before or after it; one that names no place tells of all replicas. What is asked for by hand is no event.
 * Of replicas that were not known before nothing is noted: a new function, region or installation is no lost event.
 * @param told What caused the look, if an event did.
 * @param at When the look began.
 */
export function heed(before: SubjectState, step: Step, told: Told | undefined, at: number): Heeded {
  const { state } = step;
  const known = before.untold ?? [];
  const pending = [...known, ...movesIn(before, step, at)];
  const untold = pending.filter((move) => !(told && isTold(move, told)));
  const lost = untold.filter(({ seenAt }) => at - seenAt >= GRACE_MS);
  const left = untold.filter((move) => !lost.includes(move)).slice(-MOVES_KEPT);
  const isSame = left.length === known.length && left.every((move, position) => move === known[position]);
  if (isSame && state === before) return { ...step, lost };
  const heard: Change | undefined = told ? { id: told.id, source: told.source, at: told.at } : before.heard;
  const { untold: _, ...rest } = state;
  return {
    ...step,
    state: { ...rest, ...(left.length > 0 && { untold: left }), ...(heard && { heard }) },
    lost,
  };
}

function isTold({ replica, seenAt }: Move, { from, at }: Told): boolean {
  const isThere =
    from === undefined || replica === from.region || replica === `${from.account}/${from.region}`;
  return isThere && at > seenAt - GRACE_MS;
}

/** What has moved from one state to the next. Of a secret only its primary counts: the others follow it, and nothing tells of them. */
function movesIn(before: SubjectState, { state, closed }: Step, at: number): Move[] {
  const [then, now] = [before, state].map(({ open, agreed }) => open?.roots ?? agreed?.roots);
  const rotation = (state.open ?? closed)?.rotation;
  const primary = rotation?.hops.find(({ hop }) => hop === 1)?.replica;
  const moved = [...movedReplicas(then, now ?? {}), ...vanished(then, before.open, state.open)];
  return moved
    .filter((replica) => primary === undefined || replica === primary)
    .map((replica) => ({ replica, seenAt: at }));
}

/** Replicas that were known, and are missing now. */
function vanished(
  known: RootsByReplica | undefined,
  before: Episode | undefined,
  after: Episode | undefined,
): PlaceId[] {
  const missingIn = (episode: Episode | undefined) =>
    (episode?.findings ?? [])
      .filter(({ facet, kind }) => facet === 'replica' && kind === 'missing')
      .map(({ replica }) => replica as PlaceId);
  const wasMissing = missingIn(before);
  return missingIn(after).filter(
    (replica) => known?.[replica] !== undefined && !wasMissing.includes(replica),
  );
}
