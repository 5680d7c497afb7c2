import { invariant } from '../../core/errors.ts';
import { type Place, placeId } from '../../core/place.ts';
import type { ReplicaStatus, SecretDescription } from '../../core/secret.ts';
import type { Clock } from '../../ports/clock.ts';
import type { SecretSource } from '../../ports/secret-source.ts';
import type { Fault } from './simulated-regions.ts';

/** The calls of {@link SecretSource}. */
export type SecretCall = 'describe' | 'hasVersion';

/**
 * How a replica follows its primary:
 * - `ordered`: after the lag; what arrives later than something newer is dropped.
 * - `overtaking`: after the lag; what arrives later is applied too, so that something older may stay, and is called in sync.
 * - `stuck`: never, while its replication is called under way.
 * - `lying`: never, and is called in sync.
 * - `failed`: never, and is called failed.
 */
export type Following = 'ordered' | 'overtaking' | 'stuck' | 'lying' | 'failed';

/** What {@link SimulatedSecrets.schedule} sets, in epoch milliseconds; what is not given is no more. */
export interface RotationTimes {
  readonly rotatedAt?: number;
  readonly nextRotationAt?: number;
}

/** The versions of a secret at one time, and which of them each label is on. */
interface Versions {
  /** Grows with each change. */
  readonly order: number;
  readonly changedAt: number;
  readonly ids: ReadonlySet<string>;
  readonly labels: ReadonlyMap<string, string>;
}

interface Primary {
  readonly place: Place;
  readonly replicas: Map<string, Replica>;
  versions: Versions;
  /** Whether it has, or had, replicas or was one. */
  isReplicated: boolean;
  times: RotationTimes;
  deletedAt: number | undefined;
}

interface Replica {
  readonly place: Place;
  readonly primary: Primary;
  /** `undefined` before it has followed for the first time. */
  versions: Versions | undefined;
  following: Following;
  /** What it has not followed yet, or never will. */
  underWay: { readonly versions: Versions; readonly arrivesAt: number }[];
}

/** Secrets Manager in any number of regions, in memory, on a clock of its own: versions and labels, and no values. */
export class SimulatedSecrets implements SecretSource {
  readonly #clock: Clock;
  readonly #latencyMs: (place: Place) => number;
  readonly #lagMs: (place: Place) => number;
  readonly #primaries = new Map<string, Primary>();
  readonly #replicas = new Map<string, Replica>();
  readonly #faults: { readonly call: SecretCall; readonly fault: Fault }[] = [];

  /**
   * @param latencyMs How long each call takes.
   * @param lagMs How long a replica takes to follow; asked for each move of a label and each replica.
   */
  constructor(clock: Clock, latencyMs: (place: Place) => number, lagMs: (place: Place) => number) {
    this.#clock = clock;
    this.#latencyMs = latencyMs;
    this.#lagMs = lagMs;
  }

  /** Creates a secret whose replicas are in sync from the start; without a version, it has no value yet. */
  create(place: Place, name: string, replicas: readonly Place[], versionId?: string): void {
    invariant(!this.#at(place, name), `there was no simulated secret ${name} yet`);
    const versions: Versions = {
      order: 1,
      changedAt: this.#clock.now(),
      ids: new Set(versionId === undefined ? [] : [versionId]),
      labels: new Map(versionId === undefined ? [] : [['AWSCURRENT', versionId]]),
    };
    const primary = this.#keep(place, name, versions, replicas.length > 0);
    for (const replica of replicas) this.#add(primary, replica, name).versions = versions;
  }

  /** Adds a version to the primary as `AWSPENDING`; replicas get it with the next move of `AWSCURRENT`. */
  put(place: Place, name: string, versionId: string): void {
    const { versions } = this.#primary(place, name);
    this.#change(place, name, {
      ids: new Set([...versions.ids, versionId]),
      labels: new Map([...versions.labels, ['AWSPENDING', versionId]]),
    });
  }

  /**
   * Moves `AWSCURRENT` to a version on the primary: the one before is `AWSPREVIOUS`, and the one before that stays without a
   * label. Each replica follows in its own way.
   */
  move(place: Place, name: string, versionId: string): void {
    const primary = this.#primary(place, name);
    const { ids, labels } = primary.versions;
    invariant(ids.has(versionId), `the simulated secret ${name} has the version ${versionId}`);
    const before = labels.get('AWSCURRENT');
    if (before === versionId) return;
    const moved = new Map(labels).set('AWSCURRENT', versionId);
    if (before !== undefined) moved.set('AWSPREVIOUS', before);
    this.#change(place, name, { ids, labels: moved });
    for (const replica of primary.replicas.values()) this.#send(replica);
  }

  /** Adds and moves at once, as a rotation does. */
  rotate(place: Place, name: string, versionId: string): void {
    this.put(place, name, versionId);
    this.move(place, name, versionId);
  }

  /** Sets how a replica follows until it is healed; what is under way to it shares that fate. */
  follow(replica: Place, name: string, following: Exclude<Following, 'ordered'>): void {
    this.#replica(replica, name).following = following;
  }

  /** Makes a replica follow in order again: what is current now is applied after the lag. */
  heal(replica: Place, name: string): void {
    const healed = this.#replica(replica, name);
    healed.following = 'ordered';
    healed.underWay = [];
    this.#send(healed);
  }

  /** Adds a replica, which is there after the lag. */
  addReplica(place: Place, name: string, replica: Place): void {
    const primary = this.#primary(place, name);
    invariant(!this.#at(replica, name), `there was no simulated secret ${name} yet`);
    primary.isReplicated = true;
    this.#send(this.#add(primary, replica, name));
  }

  /** Removes a replica at once, so that its primary does not list it any more. */
  removeReplica(replica: Place, name: string): void {
    const { primary } = this.#replica(replica, name);
    primary.replicas.delete(replica.region);
    this.#replicas.delete(keyOf(replica, name));
  }

  /** Makes a replica a secret of its own, as it is; what was under way to it is lost. */
  promote(replica: Place, name: string): void {
    const { place, versions } = this.#replica(replica, name);
    invariant(versions, `the simulated replica of ${name} is there`);
    this.removeReplica(replica, name);
    this.#keep(place, name, { ...versions, changedAt: this.#clock.now() }, true);
  }

  /** Sets when the secret was last rotated, and when it is to be rotated again. */
  schedule(place: Place, name: string, times: RotationTimes): void {
    this.#primary(place, name).times = times;
  }

  /** Schedules a secret for deletion, which AWS grants only if it has no replicas: it still is described, but has no use. */
  scheduleDeletion(place: Place, name: string): void {
    const primary = this.#primary(place, name);
    invariant(primary.replicas.size === 0, `the replicas of the simulated secret ${name} were removed first`);
    primary.deletedAt = this.#clock.now();
  }

  /** Deletes a secret and all of its replicas at once. */
  remove(place: Place, name: string): void {
    for (const replica of this.#primary(place, name).replicas.values()) {
      this.#replicas.delete(keyOf(replica.place, name));
    }
    this.#primaries.delete(keyOf(place, name));
  }

  /** The version that is given out there now to one who asks for the value; `undefined` if none is. */
  valueOf(place: Place, name: string): string | undefined {
    if (this.#primaries.get(keyOf(place, name))?.deletedAt !== undefined) return undefined;
    return this.#at(place, name)?.labels.get('AWSCURRENT');
  }

  /** Does something before each answer to a call, until the world ends; it may look at where and what is asked. */
  inject(call: SecretCall, fault: Fault): void {
    this.#faults.push({ call, fault });
  }

  async describe(place: Place, name: string): Promise<SecretDescription | undefined> {
    await this.#answer('describe', place, name);
    const versions = this.#at(place, name);
    if (versions === undefined) return undefined;
    const primary = this.#primaries.get(keyOf(place, name));
    const { region } = this.#replicas.get(keyOf(place, name))?.primary.place ?? place;
    return {
      currentId: versions.labels.get('AWSCURRENT'),
      labelledIds: [...new Set(versions.labels.values())],
      primaryRegion: primary?.isReplicated === false ? undefined : region,
      replicas: [...(primary?.replicas.values() ?? [])].map((replica) => this.#statusOf(replica)),
      changedAt: versions.changedAt,
      rotatedAt: primary?.times.rotatedAt,
      nextRotationAt: primary?.times.nextRotationAt,
      deletedAt: primary?.deletedAt,
    };
  }

  async hasVersion(place: Place, name: string, versionId: string): Promise<boolean> {
    await this.#answer('hasVersion', place, name);
    return this.#at(place, name)?.ids.has(versionId) ?? false;
  }

  async #answer(call: SecretCall, place: Place, name: string): Promise<void> {
    await this.#clock.sleep(this.#latencyMs(place));
    for (const injected of this.#faults) if (injected.call === call) injected.fault(place, name);
  }

  /** What is there now, be it a primary or a replica. */
  #at(place: Place, name: string): Versions | undefined {
    const replica = this.#replicas.get(keyOf(place, name));
    return replica ? this.#followed(replica).versions : this.#primaries.get(keyOf(place, name))?.versions;
  }

  #primary(place: Place, name: string): Primary {
    const primary = this.#primaries.get(keyOf(place, name));
    invariant(primary, `the simulated secret ${name} has its primary there`);
    return primary;
  }

  /** The replica as it is now. */
  #replica(place: Place, name: string): Replica {
    const replica = this.#replicas.get(keyOf(place, name));
    invariant(replica, `the simulated secret ${name} has a replica there`);
    return this.#followed(replica);
  }

  #keep(place: Place, name: string, versions: Versions, isReplicated: boolean): Primary {
    const primary: Primary = {
      place,
      replicas: new Map(),
      versions,
      isReplicated,
      times: {},
      deletedAt: undefined,
    };
    this.#primaries.set(keyOf(place, name), primary);
    return primary;
  }

  #add(primary: Primary, place: Place, name: string): Replica {
    const replica: Replica = { place, primary, versions: undefined, following: 'ordered', underWay: [] };
    primary.replicas.set(place.region, replica);
    this.#replicas.set(keyOf(place, name), replica);
    return replica;
  }

  #change(place: Place, name: string, changed: Pick<Versions, 'ids' | 'labels'>): void {
    const primary = this.#primary(place, name);
    primary.versions = { ...changed, order: primary.versions.order + 1, changedAt: this.#clock.now() };
  }

  #send(replica: Replica): void {
    const arrivesAt = this.#clock.now() + this.#lagMs(replica.place);
    replica.underWay.push({ versions: replica.primary.versions, arrivesAt });
    replica.underWay.sort((a, b) => a.arrivesAt - b.arrivesAt); // stable
  }

  /** Applies what has arrived by now, in the order in which it arrived. */
  #followed(replica: Replica): Replica {
    const { following } = replica;
    if (following !== 'ordered' && following !== 'overtaking') return replica;
    const isOld = ({ order }: Versions) => following === 'ordered' && order <= (replica.versions?.order ?? 0);
    for (const { versions, arrivesAt } of replica.underWay) {
      if (arrivesAt > this.#clock.now()) break;
      if (isOld(versions)) continue;
      const ids = new Set([...(replica.versions?.ids ?? []), ...versions.ids]); // no version is lost by an older one
      replica.versions = { ...versions, ids, changedAt: arrivesAt };
    }
    replica.underWay = replica.underWay.filter(
      ({ versions, arrivesAt }) => arrivesAt > this.#clock.now() && !isOld(versions),
    );
    return replica;
  }

  #statusOf(replica: Replica): ReplicaStatus {
    const { following, underWay, place } = this.#followed(replica);
    const isInSync = underWay.length === 0 || following === 'lying';
    return {
      region: place.region,
      status: isInSync ? 'InSync' : following === 'failed' ? 'Failed' : 'InProgress',
    };
  }
}

function keyOf(place: Place, name: string): string {
  return `${placeId(place)} ${name}`;
}
