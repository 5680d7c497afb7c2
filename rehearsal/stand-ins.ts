import {
  OWN_ACCOUNT,
  type SimulatedFunction,
  type SimulatedRegions,
} from '../functions/adapters/sim/simulated-regions.ts';
import { matches } from '../functions/app/observe.ts';
import { groupPath, placesOfConfig } from '../functions/app/scope.ts';
import { LOGICAL_ID_TAG, STACK_TAG, subjectOf } from '../functions/app/survey.ts';
import type { FunctionGroup, ParsedConfig } from '../functions/contract/config.ts';
import type { ComparedFacet } from '../functions/contract/report.ts';
import type { Place } from '../functions/core/place.ts';
import { MARKER } from './world.ts';

/** A made-up function that a group of a config selects, with all of its copies. */
export interface StandIn {
  /** As a look calls it. */
  readonly subject: string;
  readonly group: FunctionGroup;
  /** Where the config expects it, in the config's order. */
  readonly copies: readonly Copy[];
  /** Facets in which one release differs from another, of those that the config lets be compared. */
  readonly facets: readonly ComparedFacet[];
}

/** One copy of a function. Its name differs from place to place where the identity does not rest on it. */
export interface Copy {
  readonly place: Place;
  readonly name: string;
  readonly tags: Tags;
}

/** What is deployed, in words: the code, and what of the environment ought to be the same everywhere. */
export interface Release {
  readonly code: string;
  readonly env: string;
}

type Tags = Readonly<Record<string, string>>;

/** What stands for `*` in a pattern: of so many functions of a group, if the config itself names none. */
const WORDS = ['api', 'worker', 'export'] as const;
/** Copies of all functions together, and of all secrets. */
const COPIES_MAX = 600;
/** Keys of an environment that say which release it is: the first that the config lets be compared. */
const RELEASE_KEYS = ['RELEASE', 'FEATURES', 'LIMITS'] as const;
const SETTINGS = { Architectures: 'arm64', Handler: 'index.handler', Runtime: 'nodejs24.x', Timeout: '10' };

/** A function to be made: what its copies are called, by the place's position in the config. */
interface Sketch {
  readonly names: readonly string[];
  readonly tags: Tags;
}

/** As much of a config as a rehearsal has time for, in all of its places: the first groups and secrets, and what of them is left out. */
export function withinTime(config: ParsedConfig): {
  readonly config: ParsedConfig;
  readonly leftOut: readonly string[];
} {
  const most = Math.max(1, Math.floor(COPIES_MAX / config.replicas.length));
  const left = (what: string, all: readonly unknown[]) =>
    all.length > most
      ? [`${all.length - most} of ${all.length} ${what}: so many copies would take too long`]
      : [];
  return {
    config: {
      ...config,
      functions: config.functions.slice(0, most),
      secrets: config.secrets.slice(0, most),
    },
    leftOut: [...left('groups of functions', config.functions), ...left('secrets', config.secrets)],
  };
}

/**
 * Functions that a config selects, as its user might have them: of each group up to three, in all places in which it expects them, with
 * the names, tags, aliases and keys that it speaks of. A group all of whose functions would belong to one before it has none.
 */
export function standInsFor(config: ParsedConfig): readonly StandIn[] {
  const places = placesOfConfig(config);
  const few = Math.floor(COPIES_MAX / places.length / Math.max(1, config.functions.length));
  const most = Math.min(WORDS.length, Math.max(1, few));
  const made: StandIn[] = [];
  config.functions.forEach((group, position) => {
    const before = config.functions.slice(0, position);
    const full = made.length + most;
    const isMade = (sketch: Sketch) => {
      const standIn = made.length < full && standInOf(group, places, sketch);
      if (!standIn || !isNew(standIn, made) || before.some((other) => selectsAny(other, standIn)))
        return false;
      made.push(standIn);
      return true;
    };
    oddSketches(group, places).some(isMade);
    narrowedSketches(group, places).some(isMade);
    for (const word of WORDS) {
      if (!isMade(sketchOf(group, places, word))) isMade(sketchOf(group, places, `${word}-${position}`));
    }
  });
  return made;
}

/** Paths of the groups, of those that a rehearsal has time for, that select nothing that a group before them does not. */
export function unselected(all: ParsedConfig): readonly string[] {
  const { config } = withinTime(all);
  const groups = new Set(standInsFor(config).map(({ group }) => group));
  return config.functions.flatMap((group, position) => (groups.has(group) ? [] : [groupPath(position)]));
}

/**
 * Deploys a release to one place, and points to it the alias that the config compares.
 * @param updateMs How long Lambda takes for it.
 */
export function release(
  world: SimulatedRegions,
  standIn: StandIn,
  copy: Copy,
  what: Release,
  updateMs = 0,
): void {
  const { place, name } = copy;
  world.deploy(place, name, { ...configurationOf(standIn, copy, what), updateMs });
  const { qualifier } = standIn.group;
  if (qualifier === undefined) return;
  world.point(place, name, qualifier, { version: world.publish(place, name), weighted: false });
}

function configurationOf(
  { group, copies, facets }: StandIn,
  copy: Copy,
  { code, env }: Release,
): SimulatedFunction {
  const { place, tags } = copy;
  const own = `${MARKER} of ${copies.indexOf(copy)}`;
  const keys = [...group.ignore, ...group.perReplica].map((pattern) => filled(pattern, 'X'));
  const build = `${MARKER} build ${code}`;
  const releaseKey = releaseKeyOf(group);
  return {
    environment: {
      QUEUE: `${MARKER} arn:aws:sqs:${place.region}:${place.account ?? OWN_ACCOUNT}:orders`,
      ...Object.fromEntries(keys.map((key) => [key, own])),
      ...(releaseKey && { [releaseKey]: `${MARKER} release ${env}` }),
      ...(typeof group.code === 'object' && 'variable' in group.code && { [group.code.variable]: build }),
    },
    code: build,
    settings: { ...SETTINGS, MemorySize: facets.includes('settings') ? env : '256' },
    tags: {
      ...(typeof group.code === 'object' && 'tag' in group.code && { [group.code.tag]: build }),
      ...tags,
    },
  };
}

/** Subjects to which the config maps odd names. */
function oddSketches(group: FunctionGroup, places: readonly Place[]): Sketch[] {
  return [...new Set(Object.values(group.names))].map((subject) => {
    const sketch = sketchOf(group, places, 'odd', subject);
    const names = Object.keys(group.names).filter((name) => group.names[name] === subject);
    return {
      ...sketch,
      names: sketch.names.map((name, position) => {
        const isUsable = position >= names.length && isSelected(group, { name, tags: sketch.tags });
        return isUsable ? name : (names[position % names.length] ?? name);
      }),
    };
  });
}

/** Subjects that the config does not expect everywhere. */
function narrowedSketches(group: FunctionGroup, places: readonly Place[]): Sketch[] {
  return Object.keys(group.replicas).map((pattern, position) =>
    sketchOf(group, places, `few-${position}`, filled(pattern, 'few')),
  );
}

/** @param wanted What the identity is to be. @default one that holds the word */
function sketchOf(
  { identity, select }: FunctionGroup,
  places: readonly Place[],
  word: string,
  wanted?: string,
): Sketch {
  const { name = '*', stack, tags = {} } = select;
  const named = { ...(stack !== undefined && { [STACK_TAG]: filled(stack, 'Shop') }), ...tags };
  if (identity === 'name') return { names: places.map(() => wanted ?? filled(name, word)), tags: named };
  const names = places.map((_, position) => filled(name, `${word}-${position}`));
  if (identity !== 'stack+logicalId') return { names, tags: { [identity.tag]: wanted ?? word, ...named } };
  const [stackName = '', logicalId = ''] = wanted?.split('/') ?? ['Shop', word.replaceAll('-', '')];
  return {
    names,
    tags: {
      [STACK_TAG]: stackName,
      ...(wanted === undefined && named),
      ...tags,
      [LOGICAL_ID_TAG]: logicalId,
    },
  };
}

/** `undefined` where copies of it would not be one subject that the group selects, or nowhere. */
function standInOf(
  group: FunctionGroup,
  places: readonly Place[],
  { names, tags }: Sketch,
): StandIn | undefined {
  const all = places.map((place, position) => ({ place, name: names[position] ?? '', tags }));
  const [subject, ...others] = new Set(
    all.map(({ name }) => subjectOf(group, { name, tags: new Map(Object.entries(tags)) })),
  );
  if (subject === undefined || others.length > 0) return undefined;
  const narrowed = Object.entries(group.replicas).find(([pattern]) => matches(subject, pattern));
  const copies = all.filter(({ place }) => narrowed?.[1].includes(place.region) ?? true);
  if (copies.length === 0 || !copies.every((copy) => isSelected(group, copy))) return undefined;
  return { subject, group, copies, facets: facetsOf(group, tags) };
}

function isNew({ subject, copies }: StandIn, made: readonly StandIn[]): boolean {
  const names = new Set(copies.map(({ name }) => name));
  return !made.some((other) => other.subject === subject || other.copies.some(({ name }) => names.has(name)));
}

function selectsAny(group: FunctionGroup, { copies }: StandIn): boolean {
  return copies.some((copy) => isSelected(group, copy));
}

function isSelected({ select }: FunctionGroup, { name, tags }: Pick<Copy, 'name' | 'tags'>): boolean {
  return (
    (select.name === undefined || matches(name, select.name)) &&
    (select.stack === undefined || matches(tags[STACK_TAG] ?? '', select.stack)) &&
    Object.entries(select.tags ?? {}).every(([tag, value]) => tags[tag] === value)
  );
}

/** Where nothing else tells releases apart, a setting does. */
function facetsOf(group: FunctionGroup, tags: Tags): ComparedFacet[] {
  const { code, settings } = group;
  const isCodeTold = code !== 'off' && !(typeof code === 'object' && 'tag' in code && code.tag in tags);
  const facets = [
    ...(releaseKeyOf(group) === undefined ? [] : (['env'] as const)),
    ...(isCodeTold ? (['code'] as const) : []),
  ];
  return facets.length === 0 && settings ? ['settings'] : facets;
}

function releaseKeyOf({ ignore, perReplica, code }: FunctionGroup): string | undefined {
  const build = typeof code === 'object' && 'variable' in code ? [code.variable] : [];
  return RELEASE_KEYS.find((key) => !matches(key, [...ignore, ...perReplica, ...build]));
}

/** A text that a pattern matches. */
function filled(pattern: string, text: string): string {
  return pattern.replaceAll('*', text);
}
