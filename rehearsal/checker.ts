import { isDeepStrictEqual } from 'node:util';
import type { SimulatedLedger } from '../functions/adapters/sim/ledger.ts';
import type { SweepEnd } from '../functions/app/sweep.ts';
import type { ParsedConfig } from '../functions/contract/config.ts';
import { SECRETS_SWEEP_EVERY_MINUTES, SWEEP_EVERY_MINUTES } from '../functions/contract/deployment.ts';
import { SUBJECT_KINDS, type SubjectKind } from '../functions/contract/ledger.ts';
import type { MetricName } from '../functions/contract/metrics.ts';
import type { Finding } from '../functions/contract/report.ts';
import type { DeadLetter } from '../functions/core/dead-letter.ts';
import {
  type ClosedEpisode,
  type Episode,
  EVENT_RESOLUTION_MS,
  type SubjectState,
} from '../functions/core/episode.ts';
import { groupedBy } from '../functions/core/grouped-by.ts';
import type { Notice, PauseRequest, Severity } from '../functions/core/notice.ts';
import type { PlaceId } from '../functions/core/place.ts';
import type { Invocation, Watcher } from './hub.ts';
import type { InvariantNumber, Violation } from './invariants.ts';
import { NoticeChecks } from './notice-checks.ts';
import { SKEW_MS_MAX } from './process.ts';
import { SampleChecks } from './sample-checks.ts';
import { ABSENT, type View } from './truth.ts';
import {
  BLUR_MS,
  type Expect,
  endedIn,
  MARKER,
  placesOf,
  prefixesIn,
  processName,
  type Roots,
  rootsIn,
  ruleOf,
  secretOf,
  settled,
  timeText,
  viewOf,
  type World,
} from './world.ts';

/** So often all functions are looked at. */
const FUNCTIONS_EVERY_MS = SWEEP_EVERY_MINUTES * 60_000;

/** So often all secrets are looked at, and not later than the next sweep after that. */
const SECRETS_EVERY_MS = SECRETS_SWEEP_EVERY_MINUTES * 60_000;

/** For so long after a change or movement looks follow each other. */
const LOOKED_AT_FOR_MS = 5 * 60_000;

/** What a sweep says of all subjects. */
const GAUGES = [
  'EpisodesOpen',
  'EpisodesStalled',
  'CriticalStalled',
  'ConfigDriftCount',
  'ExposureBurnRate',
  'UnobservableReplicas',
  'TelemetryCompleteness',
] as const;

/** Holds everything that the hub does against the truth. */
export class Checker implements Watcher {
  readonly violations: Violation[] = [];
  /** How often each invariant was held against something. */
  readonly judged = new Map<InvariantNumber, number>();
  readonly #world: World;
  readonly #ofSamples: SampleChecks;
  readonly #ofNotices: NoticeChecks;
  readonly #states: Record<SubjectKind, Map<string, SubjectState>> = {
    function: new Map(),
    secret: new Map(),
  };
  readonly #ended = new Set<string>();
  readonly #woken = new Set<string>();
  readonly #gauges = new Map<MetricName, number>();
  readonly #stale = new Set<Invocation>();
  /** Episodes in which roots were made that cannot be compared with those before: what moved then is not seen. */
  readonly #rekeyed = new Set<string>();
  /** When the look began that last read a place, of those that were written, by subject and place. */
  readonly #readAt = new Map<string, number>();
  /** By when a place had come to the root that it was last seen with. */
  readonly #movedBy = new Map<string, number>();
  /** Under which config an episode has opened. */
  readonly #openedUnder = new Map<string, ParsedConfig>();
  /** Rounds in which all was looked at, and nothing failed: when the first sweep of each began, and the last. */
  readonly #rounds: { readonly since: number; readonly startedAt: number }[] = [];
  /** When sweeps began that looked at all functions, or had no time for all, since one was disturbed. */
  readonly #round: number[] = [];
  /** Sweeps under way, and those that looked at all functions, or may have. */
  readonly #sweeping = new Set<Invocation>();
  readonly #sweeps: { readonly what: SweepEnd['what'] | undefined; readonly endedAt: number }[] = [];
  /** Is told, in a line each, of what has an effect that somebody outside could see. */
  onTrace: (words: string) => void = () => {};

  constructor(world: World) {
    this.#world = world;
    const expect: Expect = (...invariant) => this.#expect(...invariant);
    this.#ofSamples = new SampleChecks(world, expect);
    this.#ofNotices = new NoticeChecks(expect, (kind, subject) => this.#states[kind].get(subject));
  }

  swapped(kind: SubjectKind, next: SubjectState, by: Invocation): void {
    const { subject } = next;
    const before = this.#states[kind].get(subject);
    this.#states[kind].set(subject, next);
    this.onTrace(`${by.process.name} ${JSON.stringify(next)}`);
    this.#expectNoValue(next, `the state of ${subject}`);
    this.#expectGrowth(before, next);
    const isKept = isDeepStrictEqual(next.silence, before?.silence);
    this.#expect(6, isKept, () => `${subject} is silenced otherwise than somebody asked`);
    this.#expectOneEpisode(kind, before, next);
    if (isMoving(next, this.#world.now())) {
      const isLook = before?.open !== undefined && (next.open?.lastSeenAt ?? 0) > before.open.lastSeenAt;
      const asks = next.wake > (before?.wake ?? 0);
      this.#expect(12, asks || !isLook, () => `a look at ${subject}, which moves, asks for no other one`);
      if (asks) by.wakes.push({ kind, subject, wake: next.wake });
    }
    this.#expectTimes(before, next);
    this.#expectCause(kind, before, next, by.config);
    this.#expectLateness(kind, before, next, by.config);
    this.#ofSamples.swapped(kind, before, next, by);
    this.#ofNotices.swapped(kind, before, next, by);
    if (kind === 'function') this.#judgeFunction(before, next, by.config);
    else this.#judgeSecret(before, next, by.config);
  }

  raced(kind: SubjectKind, next: SubjectState): void {
    this.#states[kind].set(next.subject, next);
  }

  published(metric: MetricName, value: number, properties: Readonly<Record<string, string | number>>): void {
    this.#gauges.set(metric, value);
    this.onTrace(`${metric} ${value}`);
    this.#expectNoValue(properties, `a sample of ${metric}`);
    this.#ofSamples.published(metric, value, properties);
  }

  noticed(severity: Severity, notice: Notice, by: Invocation): void {
    this.#expectNoValue(notice, 'a notice');
    this.onTrace(`${severity} ${notice.title}`);
    this.#ofNotices.noticed(severity, notice, by);
  }

  paused(request: PauseRequest, by: Invocation): void {
    this.#expectNoValue(request, 'a request to pause');
    this.#ofNotices.paused(request, by);
  }

  woken(kind: SubjectKind, subject: string, wake: number): void {
    const name = `${kind} ${subject} ${wake}`;
    this.#expect(12, !this.#woken.has(name), () => `${subject} is woken twice with the number ${wake}`);
    this.#woken.add(name);
  }

  refused(letter: DeadLetter): void {
    this.#expectNoValue(letter, 'a dead letter');
    this.#expect(10, letter.reason !== 'DEFECT', () => 'a message met a defect, and became a dead letter');
  }

  said(words: string): void {
    this.#expectNoValue(words, 'a log');
  }

  began(invocation: Invocation): void {
    if (invocation.part === 'sweep') this.#sweeping.add(invocation);
    const isStale = invocation.batch.every(({ body }) => {
      const { kind, subject, wake } = JSON.parse(body) as Record<string, unknown>;
      if (kind !== 'recohere.wake') return false;
      const of = invocation.part === 'verify-deploy' ? 'function' : 'secret';
      return Number(wake) < (this.#states[of].get(String(subject))?.wake ?? 0);
    });
    if (isStale && invocation.batch.length > 0) this.#stale.add(invocation);
  }

  ended(invocation: Invocation): void {
    const { part, outcome, faults, looks, wakes, startedAt, swept, process } = invocation;
    if (this.#stale.delete(invocation)) {
      const words = () => `${process.name} looked because of a wake-up whose number had passed`;
      this.#expect(12, looks === 0, words);
    }
    const isUndisturbed = outcome === 'ok' && faults === 0;
    if (isUndisturbed) this.#judgeChains(invocation);
    for (const { kind, subject, wake } of isUndisturbed ? wakes : []) {
      const isWoken = this.#woken.has(`${kind} ${subject} ${wake}`);
      this.#expect(12, isWoken, () => `nobody wakes ${subject} with the number ${wake}`);
    }
    if (invocation.failed !== undefined) {
      const { broken, failed, letters } = invocation;
      const isKept = broken.size === 0 || failed.length + letters > 0;
      this.#expect(10, isKept, () => `all messages are handled, and these calls failed: ${[...broken]}`);
    }
    this.#ofSamples.ended(invocation, isUndisturbed);
    this.#ofNotices.ended(invocation);
    if (part !== 'sweep') return;
    this.#sweeping.delete(invocation);
    const isOfAll = swept?.what === 'all' || swept?.what === 'functions';
    if (!isUndisturbed) this.#round.length = 0;
    else if (isOfAll) {
      this.#round.push(startedAt);
      // what one sweep leaves the next one begins with
      const turns = swept.left === 0 ? 1 : this.#world.truth.function.subjects.length + 1;
      const since = this.#round.at(-turns);
      if (since !== undefined && this.#world.disturbedAt() < since - BLUR_MS)
        this.#judgeSweep(invocation, since);
    }
    if (isOfAll || outcome !== 'ok') this.#sweeps.push({ what: swept?.what, endedAt: this.#world.now() });
    if (this.#sweeping.size > 0) return; // it may be the one that looked
    const isRecent = (everyMs: number, whats: readonly unknown[]) =>
      this.#sweeps.some(({ what, endedAt }) => whats.includes(what) && startedAt - endedAt < everyMs);
    const areRecent =
      swept?.what !== 'critical' || isRecent(FUNCTIONS_EVERY_MS, ['all', 'functions', undefined]);
    this.#expect(2, areRecent, () => 'a sweep leaves functions out that none has looked at in its time');
    const isOfSecrets = swept?.what !== 'functions' || isRecent(SECRETS_EVERY_MS, ['all', undefined]);
    this.#expect(2, isOfSecrets, () => 'a sweep leaves secrets out that none has looked at for an hour');
  }

  /** Whether each wake-up of an episode that still moves was followed by another one. */
  #judgeChains({ part, batch, config, failed = [], letters, startedAt }: Invocation): void {
    if (letters > 0) return;
    const of = part === 'verify-deploy' ? 'function' : 'secret';
    const now = this.#world.now();
    for (const { body } of batch.filter(({ messageId }) => !failed.includes(messageId))) {
      const { kind, subject, wake } = JSON.parse(body) as Record<string, unknown>;
      const state = kind === 'recohere.wake' ? this.#states[of].get(String(subject)) : undefined;
      if (state === undefined || !isMoving(state, now)) continue;
      const mayBeNowhere = placesOf(config, of, state.subject).every((place) =>
        this.#world.truth[of].during(state.subject, place, startedAt - BLUR_MS, now).has(ABSENT),
      );
      if (mayBeNowhere) continue; // a sweep alone ends what is nowhere
      this.#expect(12, state.wake !== wake, () => `${subject} moves, and the wake-up ${wake} was the last`);
    }
  }

  /**
   * When all is calm: what is open must differ, and what differs must be open.
   * @param swept The last sweep, over everything, which nothing disturbed.
   */
  async end(
    swept: Invocation,
    ledgers: Readonly<Record<SubjectKind, Pick<SimulatedLedger, 'read'>>>,
  ): Promise<void> {
    this.#expect(13, swept.outcome === 'ok', () => `the last sweep ${swept.outcome}`);
    const { config } = swept;
    const now = this.#world.now();
    let [open, stalled, critical, drifted, stale, burning, alerting] = [0, 0, 0, 0, 0, 0, 0];
    for (const kind of SUBJECT_KINDS) {
      const truth = this.#world.truth[kind];
      for (const subject of truth.subjects) {
        const state = await ledgers[kind].read(subject);
        const places = placesOf(config, kind, subject);
        const view = viewOf(config, kind);
        const contents = truth.at(subject, places, now, view);
        const differs = new Set(contents).size > 1;
        const isOpen = state.open !== undefined;
        open += isOpen ? 1 : 0;
        const rule = ruleOf(config, kind, state);
        const isAlerting = rule?.mode === 'alert';
        const isStalled = isAlerting && state.open?.isOverdue === true;
        stalled += isStalled ? 1 : 0;
        critical += isStalled && rule.critical ? 1 : 0;
        const isGone = contents.every((content) => content === ABSENT);
        const isForgotten = !isGone || (state.agreed === undefined && !isOpen);
        this.#expect(13, isForgotten, () => `${subject} is nowhere, and is still known`);
        alerting += isAlerting && !isGone ? 1 : 0;
        burning += isAlerting && isOpen ? 100 / rule.targets.exposurePercent : 0;
        if (kind === 'function') {
          const blamed = this.#judgeBlame(subject, places, contents, state.open);
          drifted += isAlerting ? blamed : 0;
          this.#ofSamples.expectNoted(subject, places, view);
        } else {
          const [current] = contents; // the primary comes first
          stale += contents.filter((content) => content !== current).length;
          const { versionId = current } = state.open?.rotation ?? {};
          this.#expect(13, versionId === current, () => `an episode of ${subject} is about ${versionId}`);
        }
        this.#expect(13, !differs || isOpen, () => `${subject} differs, and nothing is open`);
        const isOverdue = state.open?.isOverdue ?? false;
        this.#expect(13, !differs || isOverdue, () => `${subject} differs, and is not overdue`);
        if (isAlerting) this.#ofNotices.expectTold(kind, state, rule.critical);
        // a consumer may be late, and AWS may call a replication under way or failed that has nothing left to do
        const isSaid = (finding: Finding) =>
          kind === 'secret' &&
          (finding.facet !== 'version' || finding.kind === 'failed' || finding.keys.includes('InProgress'));
        const mayBeOpen = differs || !isOpen || state.open?.findings.every(isSaid) === true;
        const found = () => JSON.stringify(state.open?.findings);
        this.#expect(13, mayBeOpen, () => `${subject} agrees, and an episode is open: ${found()}`);
      }
    }
    const expected = {
      EpisodesOpen: open,
      EpisodesStalled: stalled,
      CriticalStalled: config.functions.some((group) => group.critical) ? critical : undefined,
      ConfigDriftCount: drifted,
      ExposureBurnRate: burning / Math.max(1, alerting),
      UnobservableReplicas: 0,
      TelemetryCompleteness: 100,
    };
    // what AWS calls under way or failed counts too
    const isStale = (this.#gauges.get('SecretReplicasStale') ?? 0) >= stale;
    this.#expect(13, isStale, () => `SecretReplicasStale is less than ${stale}`);
    for (const gauge of GAUGES) {
      const said = this.#gauges.get(gauge);
      const words = () => `${gauge} is ${said}, and should be ${expected[gauge]}`;
      this.#expect(13, said === expected[gauge], words);
    }
  }

  /**
   * Holds against the truth which keys of which replicas are blamed: those that are not as most are.
   * @returns How many replicas are not there, are known to have failed, or are blamed by right
   */
  #judgeBlame(
    subject: string,
    places: readonly PlaceId[],
    contents: readonly string[],
    open: Episode | undefined,
  ): number {
    const there = places.flatMap((place, position) => {
      const content = contents[position] ?? ABSENT;
      return content === ABSENT
        ? []
        : [{ place, values: new Map(JSON.parse(content) as [string, string][]) }];
    });
    const odd = new Set(
      places.filter((place) => there.length > 0 && !there.some((each) => each.place === place)),
    );
    // lists do not show a failed update: one that no look has seen while it was new is not known
    for (const { replica, kind } of open?.findings ?? []) {
      if (kind !== 'failed') continue;
      const isSo = there.some(({ place, values }) => place === replica && values.has(''));
      this.#expect(4, isSo, () => `an update of ${subject} in ${replica} is said to have failed`);
      odd.add(replica as PlaceId);
    }
    for (const key of new Set(there.flatMap(({ values }) => [...values.keys()]))) {
      if (key === '') continue;
      const blamed = (open?.findings ?? []).flatMap(({ replica, facet, keys }) =>
        facet === 'env' && keys.includes(key) ? [replica as PlaceId] : [],
      );
      const groups = [...groupedBy(there, ({ values }) => values.get(key) ?? ABSENT).values()];
      const [most = [], next] = groups.sort((one, other) => other.length - one.length);
      const others = there.filter((each) => !most.includes(each)).map(({ place }) => place);
      const isSo =
        most.length > (next?.length ?? 0)
          ? isDeepStrictEqual(new Set(blamed), new Set(others))
          : blamed.length === others.length; // either may be the one to go by
      this.#expect(4, isSo, () => `${key} of ${subject} is blamed on ${blamed}, and others are ${others}`);
      for (const place of blamed) odd.add(place);
    }
    return odd.size;
  }

  #judgeFunction(before: SubjectState | undefined, next: SubjectState, config: ParsedConfig): void {
    const { subject, agreed, open } = next;
    const now = this.#world.now();
    const truth = this.#world.truth.function;
    const places = placesOf(config, 'function', subject);
    const view = viewOf(config, 'function');
    const since = (at: number) => at - BLUR_MS;
    if (agreed !== undefined && !isDeepStrictEqual(agreed, before?.agreed)) {
      const common = truth.common(subject, places, since(agreed.at), now, view);
      this.#expect(1, common.length > 0, () => `${subject} is called agreed at ${timeText(agreed.at)}`);
    }
    const isOpened = open !== undefined && open.id !== before?.open?.id;
    const isEqual = (from: number) =>
      truth.isUnmoved(subject, places, from, now, view) &&
      new Set(truth.at(subject, places, now, view)).size === 1;
    if (isOpened) {
      const isReal = !isEqual(since(before?.agreed?.at ?? open.firstSeenAt));
      this.#expect(4, isReal, () => `an episode of ${subject} opens, and nothing differed or moved`);
    }
    if (open !== undefined && !isDeepStrictEqual(open.findings, before?.open?.findings)) {
      this.#judgeFindings(subject, open, places, view);
    }
    if (isOpened) this.#openedUnder.set(`${subject} ${open.id}`, config);
    const ended = endedIn(before, next);
    // what another config does not compare any more ends an episode in which nothing came to agree
    const isOfConfig = (this.#openedUnder.get(`${subject} ${ended?.id}`) ?? config) === config;
    if (ended?.outcome === 'forward' && isOfConfig) this.#judgeTimes(ended, places, view);
  }

  #judgeFindings(subject: string, open: Episode, places: readonly PlaceId[], view: View): void {
    const truth = this.#world.truth.function;
    const [from, now] = [open.lastSeenAt - BLUR_MS, this.#world.now()];
    const isUnread = (replica: string) =>
      open.findings.some((finding) => finding.kind === 'unobservable' && finding.replica === replica);
    for (const { replica, kind, facet } of open.findings) {
      if (!['missing', 'extra', 'different'].includes(kind) || isUnread(replica)) continue;
      const own = truth.during(subject, replica as PlaceId, from, now, view);
      const others = places
        .filter((place) => place !== replica)
        .flatMap((place) => [...truth.during(subject, place, from, now, view)]);
      // what is nowhere is missing still, as long as one place where it was cannot be read
      const mayBeThere = own.has(ABSENT) && open.findings.some((finding) => finding.kind === 'unobservable');
      const differs = mayBeThere || [...own].some((one) => others.some((other) => other !== one));
      this.#expect(4, differs, () => `${facet} of ${subject} in ${replica} is ${kind}, and was not`);
    }
  }

  #judgeTimes(closed: ClosedEpisode, places: readonly PlaceId[], view: View): void {
    const { subject, closedAt, convergenceMs, resolutionMs } = closed;
    const truth = this.#world.truth.function;
    const now = this.#world.now();
    // whether it agreed is another one's to say; of what was read as it had been before, no time is true
    if (truth.common(subject, places, now, now, view).length === 0) return;
    const common = truth.common(subject, places, closedAt - BLUR_MS, now, view);
    const changedAt = closedAt - convergenceMs;
    const isTrue = common.some((content) => {
      const trueMs = Math.max(0, truth.reachedAt(subject, places, content, now, view) - changedAt);
      return (
        convergenceMs >= trueMs - BLUR_MS - (now - closedAt) &&
        convergenceMs - trueMs <= resolutionMs + BLUR_MS
      );
    });
    this.#expect(7, isTrue, () => {
      const reached = common.map(
        (content) => truth.reachedAt(subject, places, content, now, view) - changedAt,
      );
      return `${subject} took ${reached.join(' or ')} ms; said was ${convergenceMs}, give or take ${resolutionMs}`;
    });
  }

  #judgeSecret(before: SubjectState | undefined, next: SubjectState, config: ParsedConfig): void {
    const { subject, agreed, open } = next;
    const ended = endedIn(before, next);
    const truth = this.#world.truth.secret;
    const now = this.#world.now();
    if (agreed !== undefined && !isDeepStrictEqual(agreed, before?.agreed)) {
      const places = placesOf(config, 'secret', subject);
      const versions = new Set(places.map((place) => agreed.roots[place]?.version));
      this.#expect(
        1,
        versions.size === 1,
        () => `${subject} is called agreed on ${[...versions].join(', ')}`,
      );
      for (const place of places) {
        const version = agreed.roots[place]?.version;
        const held = truth.during(subject, place, agreed.at - BLUR_MS, now);
        const isHeld = version !== undefined && held.has(version.slice('v1:'.length));
        this.#expect(1, isHeld, () => `${subject} is called agreed on ${version} in ${place}`);
      }
    }
    if (ended?.outcome === 'forward') {
      const left = ended.rotation?.hops.find(({ state }) => state !== 'agreed' && state !== 'unwatched');
      this.#expect(8, left === undefined, () => `${subject} went forward, and hop ${left?.hop} did not`);
    }
    const { rotation } = open ?? ended ?? {};
    if (rotation === undefined || isDeepStrictEqual(rotation, before?.open?.rotation)) return;
    for (const { hop, replica, consumer, state, evidence, at } of rotation.hops) {
      if (state !== 'agreed' || at === null) continue;
      const held = truth.during(subject, replica as PlaceId, at - BLUR_MS, at + BLUR_MS);
      const words = () => `hop ${hop} of ${subject} in ${replica} ${consumer ?? ''} at ${timeText(at)}`;
      this.#expect(8, held.has(rotation.versionId), words);
      if (consumer === undefined || this.#world.processes === undefined) continue;
      const isUsed = this.#isUsed(config, subject, consumer, replica as PlaceId, rotation.versionId);
      if (evidence === 'reported' || evidence === 'bounded') this.#expect(8, isUsed[evidence], words);
    }
  }

  /** Whether a process has used a version by now, and whether all must have, since no cache is older. */
  #isUsed(config: ParsedConfig, secret: string, consumer: string, replica: PlaceId, version: string) {
    const { processes, truth } = this.#world;
    const now = this.#world.now();
    const own = processes?.subjects.filter((name) => name.startsWith(processName(consumer, ''))) ?? [];
    const reported = own.some((name) => processes?.during(name, replica, 0, now).has(version) ?? false);
    const { consumers = [] } = secretOf(config, secret) ?? {};
    const cacheSeconds = consumers.find(({ name }) => name === consumer)?.cacheSeconds ?? 0;
    const cameAt = truth.secret.reachedAt(secret, [replica], version, now);
    return { reported, bounded: now - cameAt >= cacheSeconds * 1000 - BLUR_MS };
  }

  /** @param since When what it ends began: this sweep, or one before it that had no time for all. */
  #judgeSweep({ config, startedAt, swept }: Invocation, since: number): void {
    this.#rounds.push({ since, startedAt });
    const now = this.#world.now();
    for (const kind of SUBJECT_KINDS) {
      const truth = this.#world.truth[kind];
      for (const subject of truth.subjects) {
        const state = this.#states[kind].get(subject);
        if (kind === 'secret' && swept?.what !== 'all' && state?.open === undefined) continue;
        const places = placesOf(config, kind, subject);
        const view = viewOf(config, kind);
        const from = since - BLUR_MS;
        if (!truth.isUnmoved(subject, places, from, now, view)) continue;
        if (new Set(truth.at(subject, places, now, view)).size === 1) continue;
        const lookedAt = Math.max(state?.open?.lastSeenAt ?? 0, state?.agreed?.at ?? 0);
        const isAhead = lookedAt > startedAt - 2 * SKEW_MS_MAX && state?.open === undefined; // by another clock
        if (isAhead) continue;
        const movedAt = truth.movedAt(subject, places, now, view);
        // what was never seen to agree, and is under way, may yet be new
        if (!state?.agreed && !state?.open && now - movedAt <= this.#world.deadlineMs(subject)) continue;
        this.#expect(2, state?.open !== undefined, () => `${subject} differs, and a sweep opened nothing`);
        if (state?.open === undefined) continue;
        const restedAt = Math.max(movedAt, ...this.#world.toldAt(subject));
        const seen = this.#rounds.find((round) => round.since > restedAt + BLUR_MS);
        if (startedAt - (seen?.startedAt ?? startedAt) <= this.#world.deadlineMs(subject) + BLUR_MS) continue;
        const words = () => `${subject} has differed since ${timeText(restedAt)}, and is not overdue`;
        this.#expect(3, state.open.isOverdue, words);
      }
    }
  }

  #expectGrowth(before: SubjectState | undefined, next: SubjectState): void {
    const { subject, version, wake } = next;
    const [last, lastWake] = [before?.version ?? 0, before?.wake ?? 0];
    this.#expect(6, version === last + 1, () => `${subject} goes from version ${last} to ${version}`);
    this.#expect(6, wake >= lastWake, () => `the wake number of ${subject} goes from ${lastWake} to ${wake}`);
  }

  #expectOneEpisode(kind: SubjectKind, before: SubjectState | undefined, next: SubjectState): void {
    const { subject, open, last } = next;
    const then = before?.open;
    const isThere = then === undefined || open?.id === then.id || last?.id === then.id;
    this.#expect(5, isThere, () => `the episode ${then?.id} of ${subject} is gone, and did not end`);
    const ended = endedIn(before, next);
    if (ended) this.#ended.add(`${kind} ${subject} ${ended.id}`);
    const isOver = open !== undefined && this.#ended.has(`${kind} ${subject} ${open.id}`);
    this.#expect(5, !isOver, () => `the episode ${open?.id} of ${subject} has ended, and is open`);
  }

  /** What an episode that has ended says of itself, held against what it was while it was open. */
  #expectTimes(before: SubjectState | undefined, next: SubjectState): void {
    const { subject, agreed } = next;
    const ended = endedIn(before, next);
    if (ended === undefined) return;
    const { outcome, cause, closedAt, exposureMs, convergenceMs, timeToDetectMs, resolutionMs } = ended;
    const open = before?.open;
    const words = (what: string) => () => `${what} of ${subject}, whose episode ended ${outcome}`;
    this.#expect(7, exposureMs === closedAt - cause.at, words('the exposure'));
    if (open !== undefined) {
      this.#expect(7, timeToDetectMs === open.firstSeenAt - cause.at, words('the time to detect'));
      this.#expect(7, closedAt - convergenceMs >= open.lastChangeAt, words('the convergence'));
    }
    const earliest = Math.min(cause.at, open?.lastSeenAt ?? cause.at) - SKEW_MS_MAX;
    this.#expect(7, resolutionMs <= closedAt - earliest, words('the resolution'));
    if ((outcome !== 'forward' && outcome !== 'rolled-back') || !agreed || !before?.agreed) return;
    const then: Roots = before.agreed.roots;
    const now: Roots = agreed.roots;
    const pairs = Object.entries(then).flatMap(([replica, roots]) =>
      Object.entries(roots).map(([facet, root]) => [root, now[replica]?.[facet]]),
    );
    const known = pairs.filter(([, root]) => root !== undefined);
    const isBack = known.length > 0 && known.every(([one, other]) => one === other);
    this.#expect(7, isBack === (outcome === 'rolled-back'), words('the outcome'));
  }

  /** What an episode counts from is something that was told, that moved, or that a look has seen. */
  #expectCause(
    kind: SubjectKind,
    before: SubjectState | undefined,
    next: SubjectState,
    config: ParsedConfig,
  ): void {
    const { subject, open } = next;
    const ended = endedIn(before, next);
    const episode = open ?? ended;
    if (episode === undefined || isDeepStrictEqual(episode.cause, before?.open?.cause)) return;
    const { cause } = episode;
    const isLook = cause.at === (open?.firstSeenAt ?? cause.at + (ended?.timeToDetectMs ?? 0));
    if (isLook && cause.id.startsWith('seen-')) return;
    // what happens while a look is at it counts from when the look began
    const isNear = (at: number) =>
      Math.abs(at - cause.at) <= BLUR_MS + EVENT_RESOLUTION_MS || (isLook && at > cause.at);
    const places = placesOf(config, kind, subject);
    const times =
      cause.source === 'look'
        ? this.#world.truth[kind].moves(subject, places).map(({ at }) => at)
        : this.#world.toldAt(subject);
    this.#expect(7, times.some(isNear), () => `the episode of ${subject} counts from ${timeText(cause.at)}`);
  }

  /** What is overdue stays so, and has rested for its deadline, or lasted for the longest rollout. */
  #expectLateness(
    kind: SubjectKind,
    before: SubjectState | undefined,
    { subject, open }: SubjectState,
    config: ParsedConfig,
  ): void {
    if (open === undefined) return;
    if (kind === 'function') this.#noteReads(before, open, subject);
    const isKnown = before?.open?.id === open.id;
    const was = isKnown && before.open.isOverdue;
    this.#expect(3, open.isOverdue || !was, () => `${subject} was overdue, and is not any more`);
    const episode = `${kind} ${subject} ${open.id}`;
    if (isKnown && prefixesIn(before.open.roots) !== prefixesIn(open.roots)) this.#rekeyed.add(episode);
    if (was || !open.isOverdue || this.#rekeyed.has(episode)) return;
    const now = this.#world.now();
    const all = placesOf(config, kind, subject);
    // the primary of a secret moves it; and what comes where nothing was is no move
    const moves = (kind === 'secret' ? all.slice(0, 1) : all).flatMap((place) => {
      const name = `${subject} ${place}`;
      const until =
        kind === 'secret'
          ? open.lastSeenAt - BLUR_MS
          : Math.min((this.#readAt.get(name) ?? 0) - BLUR_MS, this.#movedBy.get(name) ?? 0);
      return this.#world.truth[kind]
        .moves(subject, [place], (content) => settled(viewOf(config, kind)(content)))
        .flatMap(({ at, isOfTwo }) => (isOfTwo && at < until ? [at] : []));
    });
    const secret = kind === 'secret' ? secretOf(config, subject) : undefined;
    const longestMs = 1000 * (secret?.targetSeconds ?? config.maxRolloutSeconds); // of a secret, whatever joins
    const isLate =
      now - Math.max(0, ...moves) > (secret ? longestMs : this.#world.deadlineMs(subject)) - BLUR_MS ||
      now - open.cause.at > longestMs - BLUR_MS;
    this.#expect(3, isLate, () => `${subject} is overdue, and has moved ${now - Math.max(...moves)} ms ago`);
  }

  /** Which places the look has read that was written last, and which had moved: what is gone, or came back unseen, tells no date. */
  #noteReads(
    before: SubjectState | undefined,
    { roots, findings, lastSeenAt }: Episode,
    subject: string,
  ): void {
    const known = rootsIn(before);
    const unread = new Set(
      findings.flatMap(({ replica, kind }) =>
        kind === 'unobservable' || kind === 'missing' ? [replica] : [],
      ),
    );
    for (const [place, own] of Object.entries<Roots[string]>(roots)) {
      if (unread.has(place)) continue;
      this.#readAt.set(`${subject} ${place}`, lastSeenAt);
      if (!isDeepStrictEqual(own, known[place]))
        this.#movedBy.set(`${subject} ${place}`, lastSeenAt + BLUR_MS);
    }
  }

  #expectNoValue(given: unknown, where: string): void {
    this.#expect(11, !JSON.stringify(given).includes(MARKER), () => `a value is in ${where}`);
  }

  /** Whether an invariant holds: notes that it was judged, and if it does not, why. */
  #expect(invariant: InvariantNumber, holds: boolean, words: () => string): void {
    this.judged.set(invariant, (this.judged.get(invariant) ?? 0) + 1);
    if (!holds) this.violate(invariant, words());
  }

  /** Notes what does not hold, found here or elsewhere. */
  violate(invariant: InvariantNumber, words: string): void {
    this.violations.push({ invariant, at: this.#world.now(), words });
  }
}

/** Whether something has changed or moved lately, so that one look must follow the other. */
function isMoving({ open }: SubjectState, now: number): boolean {
  return (
    open !== undefined && now - Math.max(open.lastChangeAt, open.lastMovedAt) < LOOKED_AT_FOR_MS - BLUR_MS
  );
}
