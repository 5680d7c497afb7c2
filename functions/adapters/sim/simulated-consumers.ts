import type { LoadReport } from '../../contract/probe.ts';
import type { RefusalCode } from '../../contract/report.ts';
import { invariant } from '../../core/errors.ts';
import { type Place, placeId } from '../../core/place.ts';
import type { Clock } from '../../ports/clock.ts';
import { type ConsumerProbes, PROBE_TIMEOUT_MS, type Probed } from '../../ports/consumer-probes.ts';
import type { SimulatedSecrets } from './simulated-secrets.ts';

/** Who uses a secret, and for how long each of its processes keeps what it has loaded. */
export interface SimulatedConsumer {
  readonly name: string;
  readonly secret: string;
  readonly cacheMs: number;
}

/** What a probe function does: loads the secret, or does not, or says that it has a version that need not exist. */
export type ProbeBehaviour = 'loads' | 'fails' | 'is silent' | 'is throttled' | { readonly claims: string };

interface Cached {
  readonly versionId: string | undefined;
  readonly endsAt: number;
}

/** Consumers of simulated secrets and their probe functions, in memory, on the same clock. */
export class SimulatedConsumers implements ConsumerProbes {
  readonly #clock: Clock;
  readonly #secrets: SimulatedSecrets;
  readonly #report: (place: Place, report: LoadReport) => void;
  readonly #latencyMs: (place: Place) => number;
  readonly #consumers = new Map<string, SimulatedConsumer>();
  readonly #caches = new Map<string, Cached>();
  readonly #behaviours = new Map<string, ProbeBehaviour>();

  /**
   * @param report Told of each version that a process loads and did not have before.
   * @param latencyMs How long a probe takes to answer.
   */
  constructor(
    clock: Clock,
    secrets: SimulatedSecrets,
    report: (place: Place, report: LoadReport) => void,
    latencyMs: (place: Place) => number,
  ) {
    this.#clock = clock;
    this.#secrets = secrets;
    this.#report = report;
    this.#latencyMs = latencyMs;
  }

  /** Adds a consumer, in all places. */
  add(consumer: SimulatedConsumer): void {
    this.#consumers.set(consumer.name, consumer);
  }

  /**
   * Lets a process of a consumer use the secret: it loads from the replica of its place if its cache has ended, and keeps
   * what it had if it gets none.
   * @returns The version that it uses.
   */
  use(place: Place, consumer: string, process: string): string | undefined {
    const used = this.#consumers.get(consumer);
    invariant(used, `the simulated consumer ${consumer} was added before`);
    const { secret, cacheMs } = used;
    const key = `${placeId(place)} ${consumer} ${process}`;
    const cached = this.#caches.get(key);
    const now = this.#clock.now();
    if (cached && now < cached.endsAt) return cached.versionId;
    const versionId = this.#secrets.valueOf(place, secret);
    if (versionId === undefined) return cached?.versionId;
    this.#caches.set(key, { versionId, endsAt: now + cacheMs });
    if (versionId !== cached?.versionId) {
      this.#report(place, { consumer, process, secret, versionId, loadedAt: new Date(now).toISOString() });
    }
    return versionId;
  }

  /** Sets what a probe function does from now on; until then, it loads. */
  behave(place: Place, functionName: string, behaviour: ProbeBehaviour): void {
    this.#behaviours.set(`${placeId(place)} ${functionName}`, behaviour);
  }

  async probe(place: Place, functionName: string, secret: string): Promise<Probed> {
    const behaviour = this.#behaviours.get(`${placeId(place)} ${functionName}`) ?? 'loads';
    const isSilent = behaviour === 'is silent';
    await this.#clock.sleep(isSilent ? PROBE_TIMEOUT_MS : this.#latencyMs(place));
    if (isSilent) return refused('PROBE_SILENT');
    if (behaviour === 'is throttled') return refused('THROTTLED');
    if (typeof behaviour === 'object') return { versionId: behaviour.claims };
    const versionId = behaviour === 'loads' ? this.#secrets.valueOf(place, secret) : undefined;
    return versionId === undefined ? refused('PROBE_FAILED') : { versionId };
  }
}

function refused(code: RefusalCode): Probed {
  return { refusal: { code, call: 'lambda:InvokeFunction' } };
}
