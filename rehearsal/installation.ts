import { SimulatedConsumers } from '../functions/adapters/sim/simulated-consumers.ts';
import { OWN_ACCOUNT, SimulatedRegions } from '../functions/adapters/sim/simulated-regions.ts';
import { SimulatedSecrets } from '../functions/adapters/sim/simulated-secrets.ts';
import { VirtualClock } from '../functions/adapters/sim/virtual-clock.ts';
import { overview, wholeOverview } from '../functions/app/overview.ts';
import { placesOfConfig } from '../functions/app/scope.ts';
import { placesOfSecret, subjectOfSecret } from '../functions/app/secret-scope.ts';
import { LOGICAL_ID_TAG, STACK_TAG } from '../functions/app/survey.ts';
import type { ParsedConfig, WatchedSecret } from '../functions/contract/config.ts';
import { SWEEP_EVERY_MINUTES } from '../functions/contract/deployment.ts';
import type { SubjectKind } from '../functions/contract/ledger.ts';
import type { Overview } from '../functions/contract/overview.ts';
import { invariant, RefusedError } from '../functions/core/errors.ts';
import { fingerprintKey } from '../functions/core/fingerprint.ts';
import { type Place, placeId } from '../functions/core/place.ts';
import type { Measurements } from './alarms.ts';
import { Checker } from './checker.ts';
import { labelUpdated, resourceEvent, versionLoaded } from './events.ts';
import type { Fate } from './fate.ts';
import { Hub } from './hub.ts';
import { allOf, type Change, Recorder } from './recorder.ts';
import { type Copy, type Release, release, type StandIn, standInsFor } from './stand-ins.ts';
import { Truth } from './truth.ts';

const SECOND_MS = 1_000;
const MINUTE_MS = 60 * SECOND_MS;
const DAY_MS = 24 * 60 * MINUTE_MS;
/** Monday morning. */
const START = Date.UTC(2026, 0, 5, 9);
/** Sweeps come and go before anything happens. */
const CALM_MS = 12 * MINUTE_MS;
/** Between two places of one deploy; and from the first to the last. */
const GAP_MS_MAX = 30 * SECOND_MS;
const ROLL_MS_MAX = 2 * MINUTE_MS;
/** When things begin to happen, in epoch milliseconds. */
export const BEGIN = START + CALM_MS;
/** How often a process of a consumer uses its secret. */
const USED_EVERY_MS = 10 * SECOND_MS;

/** The version that every secret has at first. */
export const FIRST_VERSION = 'version-1';

/** A secret of the config, and where it is. */
export interface StandInSecret {
  readonly subject: string;
  readonly secret: WatchedSecret;
  readonly primary: Place;
  readonly replicas: readonly Place[];
}

/** What a user's config would have Recohere watch, made up, with Recohere itself. */
export class Installation {
  readonly clock = new VirtualClock(START - DAY_MS);
  readonly config: ParsedConfig;
  readonly standIns: readonly StandIn[];
  readonly secrets: readonly StandInSecret[];
  readonly recorder: Recorder;
  readonly checker: Checker;
  readonly hub: Hub;
  readonly #fate: Fate;
  readonly #places: readonly Place[];
  readonly #truth = { function: new Truth(), secret: new Truth() };
  readonly #regions: SimulatedRegions;
  readonly #vault: SimulatedSecrets;
  readonly #consumers = new Map<string, SimulatedConsumers>();
  readonly #restarting = new Set<string>();
  readonly #toldAt = new Map<string, number[]>();
  readonly #unreachable = new Set<string>();
  #disturbedAt = 0;
  #events = 0;

  /** @param config Without windows of maintenance: whoever rehearses wants to see what would be told. */
  constructor(config: ParsedConfig, fate: Fate) {
    this.config = { ...config, maintenance: [] };
    this.#fate = fate;
    this.#places = placesOfConfig(config);
    this.standIns = standInsFor(config);
    const { clock } = this;
    const now = () => clock.now();
    const latency = fate.random('latency');
    const callMs = () => 20 + latency.below(180);
    const own = config.hub.account ?? OWN_ACCOUNT;
    this.#regions = new OwnRegions(clock, callMs, own);
    const lag = fate.random('replication');
    this.#vault = new SimulatedSecrets(clock, callMs, () => {
      const lagMs = SECOND_MS + lag.below(6 * SECOND_MS);
      void clock.sleep(lagMs).then(() => this.#noteSecrets());
      return lagMs;
    });
    this.secrets = config.secrets.map((secret) => {
      const places = placesOfSecret(config, secret);
      const primary = places.find(({ region }) => region === config.primary?.region) ?? places[0];
      invariant(primary, 'a secret of a config is somewhere');
      const replicas = places.filter((place) => place !== primary);
      return { subject: subjectOfSecret(config, secret), secret, primary, replicas };
    });
    this.recorder = new Recorder(now);
    this.checker = new Checker({
      truth: this.#truth,
      disturbedAt: () => this.#disturbedAt,
      toldAt: (subject) => this.#toldAt.get(subject) ?? [],
      deadlineMs: (subject) => {
        const own = this.standIns.find((standIn) => standIn.subject === subject)?.group.deadlineSeconds;
        return (own ?? config.deadlineSeconds) * SECOND_MS;
      },
      now,
    });
    const watched = {
      functions: this.#regions,
      secrets: this.#vault,
      probes: {
        probe: (place: Place, name: string, secret: string) => {
          const consumers = this.#consumers.get(`${place.account ?? ''} ${secret}`);
          invariant(consumers, 'only secrets of the config are probed');
          return consumers.probe(place, name, secret);
        },
      },
    };
    this.hub = new Hub({
      clock,
      fate,
      config: this.config,
      key: fingerprintKey('rehearsal', fate.random('key').bytes(32)),
      watched: this.recorder.counting(watched),
      watcher: allOf(this.checker, this.recorder),
    });
    for (const call of ['list', 'read', 'alias', 'tagged'] as const) {
      this.#regions.inject(call, (place) => this.#refuse(place));
    }
    for (const call of ['describe', 'hasVersion'] as const) {
      this.#vault.inject(call, (place) => this.#refuse(place));
    }
  }

  /**
   * Lets things happen to what has been calm, within a run of the clock.
   * @param play What happens, from `from` on.
   * @param lengthMs How long; longer than `play` takes.
   */
  async live<T>(
    lengthMs: number,
    play: () => Promise<T>,
  ): Promise<{ readonly from: number; readonly until: number; readonly played: T }> {
    const { clock, hub, recorder } = this;
    this.#settle();
    await clock.sleep(START - clock.now());
    await hub.sweep(true);
    const from = BEGIN;
    const until = from + lengthMs;
    const living = Promise.all([hub.live(until), this.#useSecrets(until)]);
    await clock.sleep(from - clock.now());
    recorder.begin();
    const [played] = await Promise.all([play(), living]);
    return { from, until, played };
  }

  /** What CloudWatch would know, of a day before in which nothing happened too. */
  get measurements(): Measurements {
    const { samples, counts } = this.recorder.measurements;
    const everyMs = SWEEP_EVERY_MINUTES * MINUTE_MS;
    const calm = Array.from({ length: DAY_MS / everyMs }, (_, sweep) => START - DAY_MS + sweep * everyMs);
    const before = calm.flatMap((at) => [
      { at, metric: 'ExposureBurnRate', value: 0 } as const,
      { at, metric: 'SweepHeartbeat', value: 1 } as const,
    ]);
    return { samples: [...before, ...samples], counts };
  }

  /** What is known of everything, now. */
  overview(): Promise<Overview> {
    const { clock, hub } = this;
    const ports = { clock, ledgers: hub.ledgers, sweeps: hub.sweeps, runs: async () => [] };
    return wholeOverview((after) => overview(ports, this.config, after === undefined ? {} : { after }));
  }

  /** A deploy that goes from place to place. @returns That it happened. */
  async roll(standIn: StandIn, what: Release, copies: readonly Copy[] = standIn.copies): Promise<Change> {
    const chance = this.#fate.random('waves', `${standIn.subject} ${this.clock.now()}`);
    const change = this.recorder.changed('function', standIn.subject);
    const gapMs = Math.min(GAP_MS_MAX, ROLL_MS_MAX / copies.length);
    for (const copy of copies) {
      this.deploy(standIn, copy, what);
      await this.clock.sleep(chance.below(gapMs));
    }
    return change;
  }

  /** A deploy to one place, of which CloudFormation tells; from a region that cannot be reached, nobody hears. */
  deploy(standIn: StandIn, copy: Copy, what: Release): void {
    const { subject } = standIn;
    const { place, name, tags } = copy;
    const now = this.clock.now();
    const updateMs = this.#fate.random('update', `${placeId(place)} ${name} ${now}`).below(8 * SECOND_MS);
    const isPublished = standIn.group.qualifier !== undefined; // a version is there at once
    this.#deployQuietly(standIn, copy, what, isPublished ? 0 : updateMs);
    if (this.#unreachable.has(place.region)) return;
    const event = resourceEvent(this.#happened(place), name);
    const [stack, logicalId] = [tags[STACK_TAG], tags[LOGICAL_ID_TAG]];
    const detail = {
      ...event.detail,
      ...(stack !== undefined && {
        'stack-id': event.detail['stack-id'].replace(`stack/${name}/`, `stack/${stack}/`),
      }),
      ...(logicalId !== undefined && { 'logical-resource-id': logicalId }),
    };
    this.#tell('function', subject, { ...event, detail });
  }

  /** `AWSCURRENT` moves to a new version. */
  rotate({ subject, secret, primary }: StandInSecret, versionId: string): Change {
    const change = this.recorder.changed('secret', subject);
    this.#vault.rotate(primary, secret.name, versionId);
    this.#noteSecrets();
    this.#tell('secret', subject, labelUpdated(this.#happened(primary), secret.name));
    return change;
  }

  /** A replica follows its primary no more, or does again. */
  follow(replica: Place, { secret }: StandInSecret, isStuck: boolean): void {
    if (isStuck) this.#vault.follow(replica, secret.name, 'stuck');
    else this.#vault.heal(replica, secret.name);
  }

  /** A consumer keeps the version that it has, or loads the current one again. */
  keep(
    place: Place,
    { subject, secret }: StandInSecret,
    consumer: string,
    versionId: string | undefined,
  ): void {
    const key = `${subject} ${placeId(place)} ${consumer}`;
    if (versionId === undefined) this.#restarting.delete(key);
    else this.#restarting.add(key);
    const probe = secret.consumers.find(({ name }) => name === consumer)?.probe;
    if (probe === undefined) return;
    const consumers = this.#consumers.get(`${place.account ?? ''} ${secret.name}`);
    consumers?.behave(place, probe, versionId === undefined ? 'loads' : { claims: versionId });
  }

  /** No call to a region is answered until it can be reached again. */
  cut(region: string, isReachable: boolean): void {
    if (isReachable) this.#unreachable.delete(region);
    else this.#unreachable.add(region);
  }

  #settle(): void {
    for (const standIn of this.standIns) {
      for (const copy of standIn.copies) this.#deployQuietly(standIn, copy, { code: '1', env: '1' }, 0);
    }
    for (const { subject, secret, primary, replicas } of this.secrets) {
      const { name } = secret;
      this.#vault.create(primary, name, replicas, FIRST_VERSION);
      const report = (place: Place, loaded: Parameters<typeof versionLoaded>[1]) =>
        this.#tell('secret', subject, versionLoaded(this.#happened(place), loaded));
      const latency = this.#fate.random('probes', name);
      const consumers = new SimulatedConsumers(
        this.clock,
        this.#vault,
        report,
        () => 50 + latency.below(1_000),
      );
      for (const { name: consumer, cacheSeconds } of secret.consumers) {
        consumers.add({ name: consumer, secret: name, cacheMs: cacheSeconds * SECOND_MS });
      }
      this.#consumers.set(`${primary.account ?? ''} ${name}`, consumers);
    }
    this.#noteSecrets();
  }

  #deployQuietly(standIn: StandIn, copy: Copy, what: Release, updateMs: number): void {
    const { facets } = standIn;
    release(this.#regions, standIn, copy, what, updateMs);
    if (facets.length === 0) return; // nobody could tell
    const content = JSON.stringify([
      [' ', facets.map((facet) => what[facet === 'code' ? 'code' : 'env']).join()],
    ]);
    this.#note(standIn, copy, updateMs === 0 ? content : JSON.stringify([[' ', `${content} under way`]]));
    if (updateMs === 0) return;
    const revision = this.#truth.function.revision(standIn.subject, placeId(copy.place));
    void this.clock.sleep(updateMs).then(() => {
      const isStill = this.#truth.function.revision(standIn.subject, placeId(copy.place)) === revision;
      if (isStill) this.#note(standIn, copy, content);
    });
  }

  /** Where a subject is not expected, nothing contradicts its first copy. */
  #note({ subject, copies }: StandIn, copy: Copy, content: string): void {
    const own = new Set(copies.map(({ place }) => placeId(place)));
    const others = copy === copies[0] ? this.#places.map(placeId).filter((place) => !own.has(place)) : [];
    for (const place of [placeId(copy.place), ...others]) {
      this.#truth.function.note(subject, place, content, this.clock.now());
    }
  }

  #noteSecrets(): void {
    for (const { subject, secret, primary, replicas } of this.secrets) {
      for (const place of [primary, ...replicas]) {
        const version = this.#vault.valueOf(place, secret.name);
        this.#truth.secret.note(subject, placeId(place), version, this.clock.now());
      }
    }
  }

  /** Those without a probe tell which version they load; the others are asked. */
  async #useSecrets(until: number): Promise<void> {
    for (; this.clock.now() < until; await this.clock.sleep(USED_EVERY_MS)) {
      for (const { subject, secret, primary, replicas } of this.secrets) {
        for (const { name, probe, regions } of secret.consumers) {
          if (probe !== undefined) continue;
          for (const place of [primary, ...replicas]) {
            const isThere = regions?.includes(place.region) ?? true;
            if (!isThere || this.#restarting.has(`${subject} ${placeId(place)} ${name}`)) continue;
            this.#consumers.get(`${place.account ?? ''} ${secret.name}`)?.use(place, name, `${name}-1`);
          }
        }
      }
    }
  }

  #refuse(place: Place): void {
    if (!this.#unreachable.has(place.region)) return;
    this.#disturbedAt = this.clock.now();
    throw new RefusedError({ code: 'REGION_UNREACHABLE' }, { retryable: true });
  }

  #tell(kind: SubjectKind, subject: string, event: object): void {
    this.recorder.events++;
    this.#toldAt.set(subject, [...(this.#toldAt.get(subject) ?? []), this.clock.now()]);
    this.hub.tell(kind, event);
  }

  #happened({ region, account = OWN_ACCOUNT }: Place) {
    return { id: `event-${++this.#events}`, region, account, at: this.clock.now() };
  }
}

/** Regions in which the caller is of the account that the config says. */
class OwnRegions extends SimulatedRegions {
  readonly #own: string;

  constructor(clock: VirtualClock, latencyMs: () => number, own: string) {
    super(clock, latencyMs);
    this.#own = own;
  }

  override async ownAccount(): Promise<string> {
    return this.#own;
  }
}
