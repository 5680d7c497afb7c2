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

/** What a function was until it was changed. */
interface Past {
  readonly until: number;
  readonly name: string;
  readonly stored: Stored | undefined;
}

interface Stored {
  readonly latest: Version;
  readonly published: readonly Version[];
  readonly aliases: ReadonlyMap<string, Alias>;
}

/** The caller's own account. */
export const OWN_ACCOUNT = '111111111111';
const UNDECRYPTABLE: Refusal = { code: 'ACCESS_DENIED', permission: 'kms:Decrypt' };
const TAGGED_PAGE_SIZE = 100;

/** How old what a call shows is at most. */
export const STALE_MS_MAX = 10_000;

/** Lambda and its tags in any number of regions, in memory, on a clock of its own. */
export class SimulatedRegions implements FunctionSource, RegionSource {
  readonly #clock: Clock;
  readonly #latencyMs: (place: Place) => number;
  readonly #staleMs: (place: Place) => number;
  #revisions = 0;
  readonly #places = new Map<string, Map<string, Stored>>();
  /** Names in the order of pages, where they are sorted already. */
  readonly #sorted = new WeakMap<ReadonlyMap<string, Stored>, readonly string[]>();
  /** What was there before, by place, oldest first; as much as a stale answer may show. */
  readonly #past = new Map<string, Past[]>();
  readonly #faults: { readonly call: SimulatedCall; readonly fault: Fault }[] = [];

  /**
   * @param latencyMs How long each call takes.
   * @param staleMs How old what a call shows is, up to {@link STALE_MS_MAX}; asked for each call.
   */
  constructor(
    clock: Clock,
    latencyMs: (place: Place) => number,
    staleMs: (place: Place) => number = () => 0,
  ) {
    this.#clock = clock;
    this.#latencyMs = latencyMs;
    this.#staleMs = staleMs;
  }

  /** Creates a function, or updates its code and configuration; what is not given stays. */
  deploy(place: Place, name: string, change: SimulatedFunction): void {
    const before = this.#in(place).get(name);
    const revision = ++this.#revisions; // never again, be the function removed and made anew
    const made = { ...before?.latest.made, ...change };
    const latest: Version = { made, number: '$LATEST', revision, modifiedAt: this.#clock.now() };
    const { published = [], aliases = new Map() } = before ?? {};
    this.#change(place, name, { latest, published, aliases });
  }

  /** Freezes what is deployed as the next version. */
  publish(place: Place, name: string): string {
    const stored = this.#stored(place, name);
    const number = String(stored.published.length + 1);
    const version = { ...stored.latest, number };
    this.#change(place, name, { ...stored, published: [...stored.published, version] });
    return number;
  }

  point(place: Place, name: string, alias: string, target: Alias): void {
    const stored = this.#stored(place, name);
    this.#change(place, name, { ...stored, aliases: new Map([...stored.aliases, [alias, target]]) });
  }

  remove(place: Place, name: string): void {
    this.#change(place, name, undefined);
  }

  /** Does something before each answer to a call, until the world ends; it may look at where and what is asked. */
  inject(call: SimulatedCall, fault: Fault): void {
    this.#faults.push({ call, fault });
  }

  async ownAccount(): Promise<string> {
    return OWN_ACCOUNT;
  }

  async list(place: Place, from?: string): Promise<FunctionPage> {
    const { shown } = await this.#answer('list', place);
    const all = this.#sorted.get(shown) ?? [...shown.keys()].sort();
    this.#sorted.set(shown, all);
    const { items, next } = pageOf(all, PAGE_SIZE, from);
    const functions = items.flatMap((name) => {
      const stored = shown.get(name);
      return stored ? [new SimulatedDescription(place, name, stored.latest, undefined)] : [];
    });
    return { functions, next };
  }

  async read(place: Place, name: string, version = '$LATEST'): Promise<FunctionDescription | undefined> {
    const { shown, at } = await this.#answer('read', place, name);
    const stored = shown.get(name);
    const found = stored && [stored.latest, ...stored.published].find(({ number }) => number === version);
    return found && describe(place, name, found, at);
  }

  async alias(place: Place, name: string, alias: string): Promise<Alias | undefined> {
    const { shown } = await this.#answer('alias', place, name);
    return shown.get(name)?.aliases.get(alias);
  }

  async tagged(place: Place, filters: readonly TagFilter[], from?: string): Promise<TaggedPage> {
    const { shown } = await this.#answer('tagged', place);
    const all = [...shown]
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

  /** What a call shows of a place, and as of when. */
  async #answer(
    call: SimulatedCall,
    place: Place,
    name?: string,
  ): Promise<{ readonly shown: ReadonlyMap<string, Stored>; readonly at: number }> {
    await this.#clock.sleep(this.#latencyMs(place));
    for (const injected of this.#faults) if (injected.call === call) injected.fault(place, name);
    const staleMs = this.#staleMs(place);
    const at = this.#clock.now() - staleMs;
    return { shown: staleMs === 0 ? this.#in(place) : this.#asOf(place, at), at };
  }

  #asOf(place: Place, at: number): ReadonlyMap<string, Stored> {
    const shown = new Map(this.#in(place));
    const undone = (this.#past.get(placeId(place)) ?? []).filter(({ until }) => until > at);
    for (const { name, stored } of undone.toReversed()) {
      if (stored) shown.set(name, stored);
      else shown.delete(name);
    }
    return shown;
  }

  #change(place: Place, name: string, stored: Stored | undefined): void {
    const now = this.#clock.now();
    const functions = this.#in(place);
    const past = this.#past.get(placeId(place)) ?? [];
    this.#past.set(placeId(place), past);
    while (past[0] && now - past[0].until > STALE_MS_MAX) past.shift();
    past.push({ until: now, name, stored: functions.get(name) });
    if (functions.has(name) !== (stored !== undefined)) this.#sorted.delete(functions);
    if (stored) functions.set(name, stored);
    else functions.delete(name);
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
}

function describe(place: Place, name: string, version: Version, at: number): FunctionDescription {
  const { made, number, modifiedAt } = version;
  const isUpdating = number === '$LATEST' && at < modifiedAt + (made.updateMs ?? 0);
  const progress = isUpdating ? 'unsettled' : made.updateFails ? 'failed' : 'settled';
  return new SimulatedDescription(place, name, version, progress);
}

/** What lists of tens of thousands show is made up only as far as somebody reads it. */
class SimulatedDescription implements FunctionDescription {
  readonly name: string;
  readonly account: string;
  readonly progress: FunctionDescription['progress'];
  readonly #of: Version;

  constructor(
    { account = OWN_ACCOUNT }: Place,
    name: string,
    of: Version,
    progress: FunctionDescription['progress'],
  ) {
    this.name = name;
    this.account = account;
    this.progress = progress;
    this.#of = of;
  }

  get version(): string {
    return this.#of.number;
  }

  get revisionId(): string {
    return String(this.#of.revision);
  }

  get lastModified(): number {
    return this.#of.modifiedAt;
  }

  get environment(): FunctionDescription['environment'] {
    const { environment = {}, undecryptable } = this.#of.made;
    return undecryptable ? UNDECRYPTABLE : new SealedEnvironment(environment);
  }

  get codeSha256(): string {
    return createHash('sha256')
      .update(this.#of.made.code ?? '')
      .digest('base64');
  }

  get settings(): ReadonlyMap<string, string> {
    return new Map(Object.entries(this.#of.made.settings ?? {}));
  }
}

const EMPTY: ReadonlyMap<string, string> = new Map();

/** Makes its map when it is revealed. */
class SealedEnvironment extends Sealed<ReadonlyMap<string, string>> {
  readonly #environment: Readonly<Record<string, string>>;

  constructor(environment: Readonly<Record<string, string>>) {
    super(EMPTY);
    this.#environment = environment;
  }

  override reveal(): ReadonlyMap<string, string> {
    return new Map(Object.entries(this.#environment));
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
