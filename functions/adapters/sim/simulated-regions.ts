import { createHash } from 'node:crypto';
import type { Refusal } from '../../contract/report.ts';
import { invariant } from '../../core/errors.ts';
import { type Place, placeId } from '../../core/place.ts';
import { Sealed } from '../../core/sealed.ts';
import type { Clock } from '../../ports/clock.ts';
import {
  type Alias,
  type FunctionDescription,
  type FunctionPage,
  type FunctionSource,
  PAGE_SIZE,
  type TagFilter,
  type TaggedPage,
} from '../../ports/function-source.ts';
import type { RegionSource } from '../../ports/region-source.ts';

/** What a simulated function is made of; all but the name may change over its life. */
export interface SimulatedFunction {
  readonly environment?: Readonly<Record<string, string>>;
  /** The key of the environment cannot be used. */
  readonly undecryptable?: boolean;
  /** Stands for the zip. */
  readonly code?: string;
  readonly settings?: Readonly<Record<string, string>>;
  readonly tags?: Readonly<Record<string, string>>;
  /** How long an update is under way; for ever if it fails. */
  readonly updateMs?: number;
  readonly updateFails?: boolean;
}

/** The calls of {@link FunctionSource}. */
export type SimulatedCall = 'list' | 'read' | 'alias' | 'tagged';

/** Done just before a call is answered: throws to refuse it, or changes the world under it. */
export type Fault = (place: Place, name: string | undefined) => void;

interface Version {
  readonly made: SimulatedFunction;
  readonly number: string;
  readonly revision: number;
  readonly modifiedAt: number;
}

interface Stored {
  readonly latest: Version;
  readonly published: readonly Version[];
  readonly aliases: ReadonlyMap<string, Alias>;
}

const OWN_ACCOUNT = '111111111111';
const UNDECRYPTABLE: Refusal = { code: 'ACCESS_DENIED', permission: 'kms:Decrypt' };
const TAGGED_PAGE_SIZE = 100;

/** Lambda and its tags in any number of regions, in memory, on a clock of its own. */
export class SimulatedRegions implements FunctionSource, RegionSource {
  readonly #clock: Clock;
  readonly #latencyMs: (place: Place) => number;
  readonly #places = new Map<string, Map<string, Stored>>();
  readonly #faults: { readonly call: SimulatedCall; readonly fault: Fault }[] = [];

  /** @param latencyMs How long each call takes. */
  constructor(clock: Clock, latencyMs: (place: Place) => number) {
    this.#clock = clock;
    this.#latencyMs = latencyMs;
  }

  /** Creates a function, or updates its code and configuration; what is not given stays. */
  deploy(place: Place, name: string, change: SimulatedFunction): void {
    const before = this.#in(place).get(name);
    const revision = (before?.latest.revision ?? 0) + 1;
    const made = { ...before?.latest.made, ...change };
    const latest: Version = { made, number: '$LATEST', revision, modifiedAt: this.#clock.now() };
    const { published = [], aliases = new Map() } = before ?? {};
    this.#in(place).set(name, { latest, published, aliases });
  }

  /** Freezes what is deployed as the next version. */
  publish(place: Place, name: string): string {
    const stored = this.#stored(place, name);
    const number = String(stored.published.length + 1);
    const version = { ...stored.latest, number };
    this.#in(place).set(name, { ...stored, published: [...stored.published, version] });
    return number;
  }

  point(place: Place, name: string, alias: string, target: Alias): void {
    const stored = this.#stored(place, name);
    this.#in(place).set(name, { ...stored, aliases: new Map([...stored.aliases, [alias, target]]) });
  }

  remove(place: Place, name: string): void {
    this.#in(place).delete(name);
  }

  /** Does something before each answer to a call, until the world ends; it may look at where and what is asked. */
  inject(call: SimulatedCall, fault: Fault): void {
    this.#faults.push({ call, fault });
  }

  async ownAccount(): Promise<string> {
    return OWN_ACCOUNT;
  }

  async list(place: Place, from?: string): Promise<FunctionPage> {
    await this.#answer('list', place);
    const all = [...this.#in(place).keys()].sort();
    const { items, next } = pageOf(all, PAGE_SIZE, from);
    const functions = items.map((name) => ({
      ...this.#describe(place, name, this.#stored(place, name).latest),
      progress: undefined,
    }));
    return { functions, next };
  }

  async read(place: Place, name: string, version = '$LATEST'): Promise<FunctionDescription | undefined> {
    await this.#answer('read', place, name);
    const stored = this.#in(place).get(name);
    const found = stored && [stored.latest, ...stored.published].find(({ number }) => number === version);
    return found && this.#describe(place, name, found);
  }

  async alias(place: Place, name: string, alias: string): Promise<Alias | undefined> {
    await this.#answer('alias', place, name);
    return this.#in(place).get(name)?.aliases.get(alias);
  }

  async tagged(place: Place, filters: readonly TagFilter[], from?: string): Promise<TaggedPage> {
    await this.#answer('tagged', place);
    const all = [...this.#in(place)]
      .map(([name, { latest }]) => ({ name, tags: new Map(Object.entries(latest.made.tags ?? {})) }))
      .filter(({ tags }) => tags.size > 0 && filters.every((filter) => holds(tags, filter)));
    const { items, next } = pageOf(all, TAGGED_PAGE_SIZE, from);
    return { functions: items, next };
  }

  /** The regions to which anything was ever deployed. */
  async enabled(): Promise<readonly string[]> {
    const regions = [...this.#places.keys()].map((id) => id.slice(id.indexOf('/') + 1));
    return [...new Set(regions)].sort();
  }

  async #answer(call: SimulatedCall, place: Place, name?: string): Promise<void> {
    await this.#clock.sleep(this.#latencyMs(place));
    for (const injected of this.#faults) if (injected.call === call) injected.fault(place, name);
  }

  #in(place: Place): Map<string, Stored> {
    const functions = this.#places.get(placeId(place)) ?? new Map<string, Stored>();
    this.#places.set(placeId(place), functions);
    return functions;
  }

  #stored(place: Place, name: string): Stored {
    const stored = this.#in(place).get(name);
    invariant(stored, `the simulated function ${name} was deployed before`);
    return stored;
  }

  #describe(
    place: Place,
    name: string,
    { made, number, revision, modifiedAt }: Version,
  ): FunctionDescription {
    const { environment = {}, undecryptable, code = '', settings = {}, updateMs = 0, updateFails } = made;
    const isUpdating = number === '$LATEST' && this.#clock.now() < modifiedAt + updateMs;
    return {
      name,
      account: place.account ?? OWN_ACCOUNT,
      version: number,
      revisionId: String(revision),
      lastModified: modifiedAt,
      environment: undecryptable ? UNDECRYPTABLE : new Sealed(new Map(Object.entries(environment))),
      codeSha256: createHash('sha256').update(code).digest('base64'),
      settings: new Map(Object.entries(settings)),
      progress: isUpdating ? 'unsettled' : updateFails ? 'failed' : 'settled',
    };
  }
}

function holds(tags: ReadonlyMap<string, string>, { key, values }: TagFilter): boolean {
  const value = tags.get(key);
  return value !== undefined && (values.length === 0 || values.includes(value));
}

function pageOf<T>(
  all: readonly T[],
  size: number,
  from = '0',
): { items: readonly T[]; next: string | undefined } {
  const start = Number(from);
  const end = start + size;
  return { items: all.slice(start, end), next: end < all.length ? String(end) : undefined };
}
