import { SimulatedConsumers } from '../../functions/adapters/sim/simulated-consumers.ts';
import {
  OWN_ACCOUNT,
  SimulatedRegions,
  STALE_MS_MAX,
} from '../../functions/adapters/sim/simulated-regions.ts';
import { type Following, SimulatedSecrets } from '../../functions/adapters/sim/simulated-secrets.ts';
import { VirtualClock } from '../../functions/adapters/sim/virtual-clock.ts';
import { placesOfConfig } from '../../functions/app/scope.ts';
import { placesOfSecret } from '../../functions/app/secret-scope.ts';
import { type ParsedConfig, parseConfig } from '../../functions/contract/config.ts';
import { invariant, RefusedError } from '../../functions/core/errors.ts';
import { fingerprintKey } from '../../functions/core/fingerprint.ts';
import { type Place, placeId } from '../../functions/core/place.ts';
import { Checker } from '../checker.ts';
import { deployFinished, labelUpdated, resourceEvent, versionLoaded } from '../events.ts';
import { Fate, type Odds } from '../fate.ts';
import { FAULT_NAMES, type Fault } from '../faults.ts';
import { Hub, type Spoil } from '../hub.ts';
import type { InvariantNumber, Violation } from '../invariants.ts';
import { skewOf } from '../process.ts';
import { Truth } from '../truth.ts';
import { MARKER, processName } from '../world.ts';

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const START = Date.UTC(2026, 0, 5, 9);
/** People deploy, and things go wrong, for so long. */
const ACTIVE_MS = 40 * MINUTE;
/** Then nothing is done any more, and sweeps go on for so long: longer than a process is frozen. */
const CALM_MS = 25 * MINUTE;
/** Until all messages are handled it takes at most: the latest event, and all tries of the last one. */
const DRAIN_MS_MAX = 5 * 3600_000;
const DRAIN_STEP_MS = 10 * MINUTE;
const DEADLINE_SECONDS = 120;
/** In less, a sweep may come to no function at all. */
const SWEEP_MS_LEAST = 700;
const OUTAGE_SLOT_MS = 10 * MINUTE;
const OUTAGE_MS_MAX = 12 * MINUTE;

const FUNCTIONS = ['critical-pay', 'cart', 'search'];
const ALIAS = 'live';
const DB = 'db';
const TOKEN = 'token';
const CONSUMER = 'api';
const PROBE = 'api-probe';
const PROCESSES = ['p1', 'p2'];

/** How often each fault strikes, of a million chances, where it strikes at all. */
const USUAL_ODDS: Readonly<Record<Fault, number>> = {
  'event lost': 150_000,
  'event late': 100_000,
  'event repeated': 150_000,
  'message repeated': 100_000,
  'message failed': 50_000,
  'call throttled': 10_000,
  'call failed': 6_000,
  'answer lost': 20_000,
  'process killed': 2_000,
  'process frozen': 2_000,
  'swap lost': 60_000,
  'read stale': 60_000,
  'region unreachable': 60_000,
  'clock skewed': 500_000,
  'metrics refused': 20_000,
  'replication stuck': 120_000,
  'replication slow': 150_000,
  'replication overtaken': 120_000,
  'probe lying': 150_000,
  'config changed': 400_000,
  'key changed': 400_000,
  'release newer': 300_000,
};

/** What was played. */
export interface Played {
  readonly violations: readonly Violation[];
  /** How often each invariant was held against something. */
  readonly judged: ReadonlyMap<InvariantNumber, number>;
  /** Names of the chances that struck, in order. */
  readonly struck: readonly string[];
  /** What there was to see: the same for the same seed, to the byte. */
  readonly trace: readonly string[];
}

export interface PlayOptions {
  readonly seed: number;
  /** Chances that strike, and no others. @default what the odds of the seed say */
  readonly only?: readonly string[] | undefined;
  /** Where to note what strikes; see {@link Fate}. */
  readonly struck?: string[];
  /** A mistake that the system is to have, given the places that it watches. */
  readonly spoil?: ((places: readonly Place[]) => Spoil) | undefined;
}

/** Forty minutes of deploys and rotations in three regions, in which everything may go wrong; and then calm. */
export async function playSystem({ seed, only, struck, spoil }: PlayOptions): Promise<Played> {
  const fate = new Fate(seed, oddsOf(seed), only, struck);
  const stage = new Stage(fate, spoil);
  await stage.play();
  const { violations, judged } = stage.checker;
  return { violations, judged, struck: fate.struck, trace: stage.trace };
}

/** Of each seed, some faults strike often, some seldom, some not at all: what hides one from the other is not there in another seed. */
function oddsOf(seed: number): Odds {
  const chance = new Fate(seed, {}).random('odds');
  return Object.fromEntries(
    FAULT_NAMES.map((fault) => [fault, USUAL_ODDS[fault] * chance.pick([0, 0, 0.3, 1, 1, 2])]),
  );
}

class Stage {
  readonly checker: Checker;
  readonly trace: string[] = [];
  readonly #fate: Fate;
  readonly #clock = new VirtualClock(START);
  readonly #config: ParsedConfig;
  readonly #processes = new Truth();
  readonly #truth = { function: new Truth(), secret: new Truth() };
  readonly #functions: SimulatedRegions;
  readonly #secrets: SimulatedSecrets;
  readonly #consumers: SimulatedConsumers;
  readonly #hub: Hub;
  readonly #places: readonly Place[];
  readonly #toldAt = new Map<string, number[]>();
  /** Functions that are watched by an alias. */
  readonly #aliased: ReadonlySet<string>;
  readonly #outages = new Map<string, number>();
  readonly #skews = new Map<string, number>();
  #disturbedAt = 0;
  #events = 0;
  #values = 0;

  constructor(fate: Fate, spoil: PlayOptions['spoil']) {
    this.#fate = fate;
    const clock = this.#clock;
    this.#config = configOf(fate);
    this.#places = placesOfConfig(this.#config);
    this.#aliased = new Set(
      this.#config.functions.flatMap(({ qualifier, select }) =>
        qualifier && select.name ? [select.name] : [],
      ),
    );
    const latency = fate.random('latency of the world');
    const callMs = () => 20 + latency.below(180);
    this.#functions = new SimulatedRegions(clock, callMs, (place) => {
      if (!fate.strikes(['read stale'], placeId(place))) return 0;
      this.#disturbedAt = clock.now();
      return 1 + fate.random('stale', `${placeId(place)} ${clock.now()}`).below(STALE_MS_MAX);
    });
    const lag = fate.random('replication');
    this.#secrets = new SimulatedSecrets(clock, callMs, (place) => {
      const isSlow = fate.strikes(['replication slow'], placeId(place)) !== undefined;
      const lagMs = 300 + lag.below(isSlow ? 8 * MINUTE : 4 * SECOND);
      void clock.sleep(lagMs).then(() => this.#noteSecrets());
      return lagMs;
    });
    this.#consumers = new SimulatedConsumers(
      clock,
      this.#secrets,
      (place, report) => {
        this.#noteTold(DB);
        this.#hub.tell('secret', versionLoaded(this.#happened(place), report));
      },
      () => 50 + latency.below(2_000),
    );
    for (const call of ['list', 'read', 'alias', 'tagged'] as const) {
      this.#functions.inject(call, (place) => this.#refuseIfOut(place));
    }
    for (const call of ['describe', 'hasVersion'] as const) {
      this.#secrets.inject(call, (place) => this.#refuseIfOut(place));
    }
    this.checker = new Checker({
      truth: this.#truth,
      processes: this.#processes,
      disturbedAt: () => this.#disturbedAt,
      toldAt: (subject) => [...(this.#toldAt.get(subject) ?? []), ...(this.#toldAt.get('*') ?? [])],
      deadlineMs: () => DEADLINE_SECONDS * SECOND,
      now: () => clock.now(),
    });
    const { checker, trace } = this;
    this.#hub = new Hub({
      clock,
      fate,
      config: this.#config,
      key: keyOf('k1'),
      watched: { functions: this.#functions, secrets: this.#secrets, probes: this.#consumers },
      watcher: checker,
      ...(spoil && { spoil: spoil(this.#places) }),
    });
    checker.onTrace = (words) => trace.push(`${clock.now() - START} ${words}`);
  }

  async play(): Promise<void> {
    await this.#clock.run(async () => {
      this.#settle();
      await this.#clock.sleep(MINUTE);
      await this.#hub.sweep(true);
      const end = this.#clock.now() + ACTIVE_MS;
      const acting = [
        ...FUNCTIONS.map((name) => this.#liveFunction(name, end)),
        ...[DB, TOKEN].map((name) => this.#liveSecret(name, end)),
        this.#useSecrets(end + CALM_MS),
        this.#breakRegions(end),
        this.#redeploy(end),
        this.#silence(end),
        this.#tryLaterRelease(end),
      ];
      const sweepMs = sweepMsOf(this.#fate, this.#config);
      const sweeping = this.#hub.live(end + CALM_MS, sweepMs);
      await Promise.all(acting);
      this.#fate.end();
      this.#outages.clear();
      await sweeping;
      await this.#drain();
      await this.#clock.sleep(DEADLINE_SECONDS * SECOND + MINUTE);
      // one that was killed has its turn until its time is over
      while ((await this.#hub.sweep(true)).swept?.what === 'busy') await this.#clock.sleep(MINUTE);
      await this.#clock.sleep(6 * MINUTE);
      const last = await this.#hub.sweep(true);
      await this.checker.end(last, this.#hub.ledgers);
    });
  }

  /** Everything is the same everywhere. */
  #settle(): void {
    for (const name of FUNCTIONS) {
      const environment = { A: this.#value(), NOISE: this.#value() };
      for (const place of this.#places) this.#deploy(place, name, environment);
    }
    for (const secret of this.#config.secrets) {
      const [primary, ...others] = placesOfSecret(this.#config, secret);
      invariant(primary, 'a secret has a primary');
      this.#secrets.create(primary, secret.name, others, `${secret.name}-v1`);
    }
    this.#consumers.add({ name: CONSUMER, secret: DB, cacheMs: 30 * SECOND });
    this.#noteSecrets();
  }

  /** Deploys of one function, until then; some are left half done. */
  async #liveFunction(name: string, end: number): Promise<void> {
    const chance = this.#fate.random('deploys', name);
    let good = { A: this.#value(), NOISE: this.#value() };
    let before = good;
    for (;;) {
      await this.#clock.sleep(chance.below(12 * MINUTE));
      if (this.#clock.now() >= end) return;
      const place = chance.pick(this.#places);
      switch (chance.below(9)) {
        case 0: // by hand, and nobody tells
          this.#deploy(place, name, { ...good, A: this.#value() });
          break;
        case 1: // does not count under every config
          this.#deploy(place, name, { ...good, NOISE: this.#value() });
          break;
        case 2: // here, or everywhere
          for (const each of chance.below(3) === 0 ? this.#places : [place]) this.#remove(each, name);
          break;
        case 3:
          this.#deploy(place, name, { ...good, A: this.#value() }, true);
          break;
        case 4: // back to what was before
          [good, before] = [before, good];
          await this.#roll(name, good, this.#places, chance.below(40));
          break;
        case 5: {
          [before, good] = [good, { ...good, A: this.#value() }];
          const reached = this.#places.filter((each) => each !== place);
          await this.#roll(name, good, reached, chance.below(40));
          break;
        }
        case 6:
          this.#noteTold('*');
          this.#hub.ask('function', [name], `look-${++this.#events}`);
          this.#hub.tell('function', { source: 'unknown', detail: { password: this.#value() } });
          this.#hub.tell('secret', { source: 'unknown', detail: { password: this.#value() } });
          this.#hub.tell(
            'function',
            deployFinished(this.#happened(place), chance.below(2) === 0 ? [name] : undefined),
          );
          break;
        default:
          [before, good] = [good, { A: this.#value(), NOISE: good.NOISE }];
          await this.#roll(name, good, this.#places, chance.below(40));
      }
    }
  }

  /** A deploy that goes from place to place. @param gapSeconds Between two of them, at most. */
  async #roll(
    name: string,
    environment: Readonly<Record<string, string>>,
    places: readonly Place[],
    gapSeconds: number,
  ): Promise<void> {
    const chance = this.#fate.random('waves', `${name} ${this.#events}`);
    for (const place of places) {
      this.#deploy(place, name, environment);
      this.#noteTold(name);
      this.#hub.tell('function', resourceEvent(this.#happened(place), name));
      await this.#clock.sleep(chance.below(1 + gapSeconds * SECOND));
    }
  }

  async #liveSecret(name: string, end: number): Promise<void> {
    const chance = this.#fate.random('rotations', name);
    const secret = this.#config.secrets.find((each) => each.name === name);
    const [primary, ...replicas] = secret ? placesOfSecret(this.#config, secret) : [];
    invariant(primary, 'a secret has a primary');
    const versions = [`${name}-v1`];
    for (;;) {
      await this.#clock.sleep(chance.below(18 * MINUTE));
      if (this.#clock.now() >= end) return;
      for (const replica of replicas) {
        const fault = this.#fate.strikes(
          ['replication stuck', 'replication overtaken'],
          `${name} ${replica.region}`,
        );
        if (fault) this.#follow(replica, name, fault);
        else if (chance.below(2) === 0) this.#secrets.heal(replica, name);
      }
      const isLying = this.#fate.strikes(['probe lying'], name) !== undefined;
      const lie = { claims: chance.pick([`${MARKER}-lie`, versions[0] ?? '']) };
      for (const place of this.#places) this.#consumers.behave(place, PROBE, isLying ? lie : 'loads');
      if (chance.below(4) === 0) this.#secrets.move(primary, name, chance.pick(versions));
      else {
        versions.push(`${name}-v${versions.length + 1}`);
        this.#secrets.rotate(primary, name, versions.at(-1) ?? '');
      }
      this.#noteSecrets();
      this.#noteTold(name);
      this.#hub.tell('secret', labelUpdated(this.#happened(primary), name));
    }
  }

  #follow(replica: Place, name: string, fault: 'replication stuck' | 'replication overtaken'): void {
    const chance = this.#fate.random('following', `${name} ${replica.region} ${this.#clock.now()}`);
    const ways: readonly Exclude<Following, 'ordered'>[] =
      fault === 'replication stuck' ? ['stuck', 'lying', 'failed'] : ['overtaking'];
    this.#secrets.follow(replica, name, chance.pick(ways));
  }

  /** Processes of the consumer use the secret, again and again. */
  async #useSecrets(end: number): Promise<void> {
    for (; this.#clock.now() < end; await this.#clock.sleep(MINUTE)) {
      for (const place of this.#places) {
        for (const process of PROCESSES) {
          const used = this.#consumers.use(place, CONSUMER, process);
          this.#processes.note(processName(CONSUMER, process), placeId(place), used, this.#clock.now());
        }
      }
    }
  }

  async #breakRegions(end: number): Promise<void> {
    for (; this.#clock.now() < end; await this.#clock.sleep(OUTAGE_SLOT_MS)) {
      for (const place of this.#places) {
        if (!this.#fate.strikes(['region unreachable'], placeId(place))) continue;
        const chance = this.#fate.random('outage', `${placeId(place)} ${this.#clock.now()}`);
        this.#outages.set(placeId(place), this.#clock.now() + chance.below(OUTAGE_MS_MAX));
      }
    }
  }

  #refuseIfOut(place: Place): void {
    if ((this.#outages.get(placeId(place)) ?? 0) <= this.#clock.now()) return;
    this.#disturbedAt = this.#clock.now();
    throw new RefusedError({ code: 'REGION_UNREACHABLE' }, { retryable: true });
  }

  /** Somebody deploys Recohere itself anew, with another config or another key. */
  async #redeploy(end: number): Promise<void> {
    const chance = this.#fate.random('installation');
    let { config, key } = { config: this.#config, key: keyOf('k1') };
    for (const fault of ['config changed', 'key changed'] as const) {
      await this.#clock.sleep(chance.below((end - START) / 3));
      if (!this.#fate.strikes([fault], 'the installation')) continue;
      if (fault === 'key changed') key = keyOf('k2');
      else {
        const functions = config.functions.map((group) => ({
          ...group,
          ignore: ['NOISE'],
          mode: 'alert' as const,
        }));
        config = { ...config, functions };
      }
      this.#hub.deploy(config, key);
    }
  }

  /** Somebody does not want to hear of a subject for a while, or wants to again. */
  async #silence(end: number): Promise<void> {
    const chance = this.#fate.random('silences');
    if (chance.below(3) > 0) return;
    for (;;) {
      await this.#clock.sleep(chance.below(15 * MINUTE));
      if (this.#clock.now() >= end) return;
      await this.#hub.silence(chance.pick([...FUNCTIONS, DB, TOKEN]), 60 * chance.below(16));
    }
  }

  /** A later release writes a state, and is taken back some minutes later. */
  async #tryLaterRelease(end: number): Promise<void> {
    const chance = this.#fate.random('later release');
    await this.#clock.sleep(chance.below(end - this.#clock.now()));
    if (!this.#fate.strikes(['release newer'], 'the installation')) return;
    const subject = chance.pick(FUNCTIONS);
    this.#hub.belongsToLaterRelease('function', subject, true);
    await this.#clock.sleep(chance.below(10 * MINUTE));
    this.#hub.belongsToLaterRelease('function', subject, false);
  }

  async #drain(): Promise<void> {
    const { queues } = this.#hub;
    const left = () => queues.function.left + queues.secret.left;
    const bound = this.#clock.now() + DRAIN_MS_MAX;
    while (left() > 0 && this.#clock.now() < bound) await this.#clock.sleep(DRAIN_STEP_MS);
    for (const [kind, { sent, handled, aside, left }] of Object.entries(queues)) {
      if (left > 0 || sent !== handled + aside.length) {
        this.checker.violate(10, `${left} of ${sent} messages of the ${kind} queue are left`);
      }
    }
  }

  #deploy(
    place: Place,
    name: string,
    environment: Readonly<Record<string, string>>,
    updateFails = false,
  ): void {
    const truth = this.#truth.function;
    const now = this.#clock.now();
    const updateMs = this.#fate.random('update', `${placeId(place)} ${name} ${now}`).below(8 * SECOND);
    this.#functions.deploy(place, name, { environment, updateMs, updateFails });
    const note = (progress: string | undefined, at: number) => {
      const content = { ...environment, ...(progress && { '': progress }) };
      truth.note(name, placeId(place), JSON.stringify(Object.entries(content)), at);
    };
    if (this.#aliased.has(name)) {
      const version = this.#functions.publish(place, name);
      this.#functions.point(place, name, ALIAS, { version, weighted: false });
      note(updateFails ? 'failed' : undefined, now); // versions are never under way
      return;
    }
    note('under way', now);
    const revision = truth.revision(name, placeId(place));
    void this.#clock.sleep(updateMs).then(() => {
      if (truth.revision(name, placeId(place)) !== revision) return;
      note(updateFails ? 'failed' : undefined, this.#clock.now());
    });
  }

  #remove(place: Place, name: string): void {
    this.#functions.remove(place, name);
    this.#truth.function.note(name, placeId(place), undefined, this.#clock.now());
  }

  #noteTold(subject: string): void {
    this.#toldAt.set(subject, [...(this.#toldAt.get(subject) ?? []), this.#clock.now()]);
  }

  #noteSecrets(): void {
    for (const secret of this.#config.secrets) {
      for (const place of placesOfSecret(this.#config, secret)) {
        const version = this.#secrets.valueOf(place, secret.name);
        this.#truth.secret.note(secret.name, placeId(place), version, this.#clock.now());
      }
    }
  }

  #happened({ region, account = OWN_ACCOUNT }: Place) {
    return { id: `event-${++this.#events}`, region, account, at: this.#clock.now() + this.#aheadMs(region) };
  }

  /** How wrong the clock of a region is. */
  #aheadMs(region: string): number {
    const known = this.#skews.get(region);
    if (known !== undefined) return known;
    const aheadMs = skewOf(this.#fate, region);
    this.#skews.set(region, aheadMs);
    return aheadMs;
  }

  #value(): string {
    return `${MARKER}-${++this.#values}`;
  }
}

function keyOf(id: string) {
  return fingerprintKey(id, new Uint8Array(32).fill(id.charCodeAt(1)));
}

/** For how long sweeps may read: of some seeds, not long enough for all functions, but for one that takes one call after the list. */
function sweepMsOf(fate: Fate, { functions }: ParsedConfig): number | undefined {
  const chance = fate.random('sweeps');
  const isPlain = functions.every(({ critical, qualifier }) => !critical && qualifier === undefined);
  return isPlain && chance.below(2) === 0 ? SWEEP_MS_LEAST + chance.below(SECOND) : undefined;
}

function configOf(fate: Fate): ParsedConfig {
  const chance = fate.random('config');
  const isCritical = chance.below(5) === 0;
  const isAliased = chance.below(4) === 0;
  const other = chance.below(4) === 0 ? { account: '222222222222' } : {};
  const isLearnt = chance.below(5) === 0;
  const window = { schedule: `at(2026-01-05T09:${10 + chance.below(20)})`, minutes: 1 + chance.below(20) };
  const maintenance = chance.below(4) === 0 ? [window] : [];
  const parsed = parseConfig({
    hub: { region: 'us-east-1', account: OWN_ACCOUNT },
    replicas: [{ region: 'us-east-1' }, { region: 'eu-west-1' }, { region: 'ap-southeast-2', ...other }],
    functions: [
      { select: { name: 'critical-*' }, critical: isCritical, targets: { exposurePercent: 2 } },
      ...(isAliased ? [{ select: { name: 'cart' }, qualifier: ALIAS }] : []),
      { select: { name: '*' }, ...(isLearnt && { mode: 'learn' }) },
    ],
    maintenance,
    secrets: [
      { name: DB, consumers: [{ name: CONSUMER, cacheSeconds: 30, probe: PROBE }] },
      { name: TOKEN, critical: isCritical },
    ],
    deadlineSeconds: DEADLINE_SECONDS,
    maxRolloutSeconds: 1200,
  });
  invariant(parsed.ok, 'the config of the scenario is one');
  return parsed.config;
}
