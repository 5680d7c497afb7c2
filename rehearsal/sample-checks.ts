import { alarmOnAt } from '../functions/app/watched.ts';
import type { SubjectKind } from '../functions/contract/ledger.ts';
import { METRICS, type MetricName } from '../functions/contract/metrics.ts';
import { alarmOf } from '../functions/core/alarming.ts';
import type { Episode, Move, SubjectState } from '../functions/core/episode.ts';
import { GRACE_MS } from '../functions/core/moves.ts';
import type { PlaceId } from '../functions/core/place.ts';
import type { Invocation } from './hub.ts';
import type { View } from './truth.ts';
import {
  BLUR_MS,
  type Expect,
  endedIn,
  prefixesIn,
  rootsIn,
  ruleOf,
  settled,
  timestamp,
  timeText,
  type World,
} from './world.ts';

/** What is told of single episodes and moves, once each; a sweep tells a zero besides of what is counted. */
const SAMPLES: readonly MetricName[] = [
  'TimeToDetect',
  'ConvergenceTime',
  'ExposureTime',
  'PartialDeployCount',
  'RollbackCount',
  'SecretPropagationTime',
  'LostEventCount',
];

/** Holds the samples that are published of single episodes, and of lost events, against what they are due. */
export class SampleChecks {
  readonly #world: World;
  readonly #expect: Expect;
  /** Since when a subject has been known, without a break, and when the last move in a place was noted that nobody had told of. */
  readonly #knownSince = new Map<string, number>();
  readonly #notedAt = new Map<string, number>();
  /** Samples that episodes are due, and each that was published, as {@link sampleName}. */
  readonly #due = new Map<string, number>();
  readonly #dueOf = new Map<Invocation, string[]>();
  readonly #samples = new Set<string>();

  constructor(world: World, expect: Expect) {
    this.#world = world;
    this.#expect = expect;
  }

  swapped(kind: SubjectKind, before: SubjectState | undefined, next: SubjectState, by: Invocation): void {
    this.#noteSamples(kind, before, next, by);
    this.#noteMoves(kind, before, next, by);
  }

  published(metric: MetricName, value: number, properties: Readonly<Record<string, string | number>>): void {
    if (!SAMPLES.includes(metric) || (value === 0 && METRICS[metric].zeros)) return;
    const { subject, episode, replica, seenAt } = properties;
    const name = sampleName(metric, subject, episode ?? moveName(replica, seenAt));
    this.#expect(13, !this.#samples.has(name), () => `${name} is told twice`);
    this.#samples.add(name);
    const due = this.#due.get(name);
    this.#expect(13, value === due, () => `${name} is told as ${value}, and is ${due}`);
  }

  ended(invocation: Invocation, isUndisturbed: boolean): void {
    for (const name of (isUndisturbed && this.#dueOf.get(invocation)) || []) {
      this.#expect(13, this.#samples.has(name), () => `${name} is told nowhere`);
    }
    this.#dueOf.delete(invocation);
  }

  /** Whether a move was noted that nobody told of: the last one in each place, to what had never been there. */
  expectNoted(subject: string, places: readonly PlaceId[], view: View): void {
    const truth = this.#world.truth.function;
    const knownSince = this.#knownSince.get(subject) ?? Number.POSITIVE_INFINITY;
    const told = this.#world.toldAt(subject);
    for (const place of places) {
      const last = truth.moves(subject, [place], (content) => settled(view(content))).at(-1);
      if (last === undefined || !last.isNew || !last.isOfTwo || last.at < knownSince + BLUR_MS) continue;
      if (told.some((at) => at > last.at - GRACE_MS - BLUR_MS)) continue;
      const notedAt = this.#notedAt.get(`${subject} ${place}`) ?? 0;
      const words = () =>
        `nobody told that ${subject} moved in ${place} at ${timeText(last.at)}, nor noted it`;
      this.#expect(13, notedAt > last.at - BLUR_MS, words);
    }
  }

  /** Samples that the end of an episode, and its beginning, are due. */
  #noteSamples(
    kind: SubjectKind,
    before: SubjectState | undefined,
    next: SubjectState,
    by: Invocation,
  ): void {
    const { subject, open } = next;
    const due = (metric: MetricName, { id }: Pick<Episode, 'id'>, value: number) =>
      this.#expectSample(sampleName(metric, subject, id), value, by);
    const known = before?.open?.id;
    const ended = endedIn(before, next);
    if (open && open.id !== known) due('TimeToDetect', open, open.firstSeenAt - open.cause.at);
    if (ended && ended.id !== known) due('TimeToDetect', ended, ended.timeToDetectMs);
    if (kind === 'function' && ended?.outcome === 'forward') {
      due('ConvergenceTime', ended, ended.convergenceMs);
      due('ExposureTime', ended, ended.exposureMs);
    }
    if (ended?.outcome === 'rolled-back' && (kind === 'function' || ended.rotation?.triedId !== undefined))
      due('RollbackCount', ended, 1);
    if (ended?.outcome === 'forward' && ended.rotation?.isMove) {
      const [last = 0] = ended.rotation.hops.flatMap(({ at }) => at ?? []).sort((a, b) => b - a);
      due('SecretPropagationTime', ended, Math.max(0, last - ended.cause.at));
    }
    const wasOverdue = before?.open?.id === open?.id && before?.open?.isOverdue;
    if (kind !== 'function' || !open?.isOverdue || wasOverdue) return;
    const watched = ruleOf(by.config, kind, next);
    const isStalledAt = (at: number) => alarmOf(open.findings, alarmOnAt(watched, next, at)).isStalled;
    const [then, now] = [open.lastSeenAt, by.process.clock.now()].map(isStalledAt); // a silence may end in between
    if (then && now) due('PartialDeployCount', open, 1);
    else if (then || now) this.#due.set(sampleName('PartialDeployCount', subject, open.id), 1);
  }

  /** Moves that wait to be told of: each was one, and is given up only if an event tells of it, or in time, and then it is counted. */
  #noteMoves(kind: SubjectKind, before: SubjectState | undefined, next: SubjectState, by: Invocation): void {
    const { subject, untold = [], heard, retiredAt } = next;
    const now = this.#world.now();
    // an event told of it while it could not be read, whenever it is seen
    for (const place of next.toldUnread ?? [])
      this.#notedAt.set(`${subject} ${place}`, Number.POSITIVE_INFINITY);
    const isAsBefore = prefixesIn(rootsIn(before)) === prefixesIn(rootsIn(next));
    if (retiredAt !== undefined || next.agreed === undefined) this.#knownSince.delete(subject);
    else if (!isAsBefore || !this.#knownSince.has(subject)) this.#knownSince.set(subject, now);
    const isIn = (moves: readonly Move[], { replica, seenAt }: Move) =>
      moves.some((other) => other.replica === replica && other.seenAt === seenAt);
    for (const move of untold.filter((each) => !isIn(before?.untold ?? [], each))) {
      const { replica, seenAt } = move;
      this.#notedAt.set(`${subject} ${replica}`, now); // a look that was frozen may say that it saw it before
      const { open, agreed } = before ?? {};
      const isUnread = open?.findings.some(
        (each) => each.replica === replica && each.kind === 'unobservable',
      );
      const from = isUnread ? 0 : Math.max(agreed?.at ?? 0, open?.lastSeenAt ?? 0);
      const moves = this.#world.truth[kind].moves(subject, [replica]);
      const hasMoved = moves.some(({ at }) => at > from - BLUR_MS && at <= now); // a look may take its time
      this.#expect(13, hasMoved, () => `${subject} did not move in ${replica} by ${timeText(seenAt)}`);
    }
    if (retiredAt !== undefined) return;
    for (const move of (before?.untold ?? []).filter((each) => !isIn(untold, each))) {
      const name = sampleName('LostEventCount', subject, moveName(move.replica, timestamp(move.seenAt)));
      const isLate = now - move.seenAt > GRACE_MS - BLUR_MS;
      const mayBeTold = heard !== undefined && heard.at > move.seenAt - GRACE_MS; // a repeated event leaves no other trace
      if (!mayBeTold) this.#expectSample(name, 1, by);
      else if (isLate) this.#due.set(name, 1);
      this.#expect(13, isLate || mayBeTold, () => `${name} is given up, and may still be told of`);
    }
  }

  /** A sample is to be published by whoever has just made it due. */
  #expectSample(name: string, value: number, by: Invocation): void {
    this.#due.set(name, value);
    this.#dueOf.set(by, [...(this.#dueOf.get(by) ?? []), name]);
  }
}

function sampleName(metric: MetricName, subject: unknown, episode: unknown): string {
  return `${metric} of episode ${episode} of ${subject}`;
}

/** A move, as a sample that counts it as lost names it. */
function moveName(replica: unknown, seenAt: unknown): string {
  return `${replica} ${seenAt}`;
}
