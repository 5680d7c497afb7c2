import { isMatch } from 'matcher';
import type { FunctionGroup } from '../contract/config.ts';
import { COMPARED_FACETS, type ComparedFacet } from '../contract/report.ts';
import type { Expectation } from '../core/episode.ts';
import {
  type FacetFingerprint,
  type FingerprintKey,
  fingerprint,
  type Home,
  rulesId,
} from '../core/fingerprint.ts';
import type { FacetObservation, Observation, Remark } from '../core/observation.ts';
import { Sealed } from '../core/sealed.ts';
import type { FunctionDescription } from '../ports/function-source.ts';

/** Whether `*` patterns of the config match a name; upper and lower case differ. */
export function matches(name: string, patterns: string | readonly string[]): boolean {
  return isMatch(name, patterns, { caseSensitive: true });
}

/** The key of the facet `code` where the hash tells it apart, as Lambda calls it. */
const CODE_KEY = 'CodeSha256';

/** Which facets of a function are compared, and how. */
export type FacetRules = Pick<FunctionGroup, 'ignore' | 'code' | 'settings'>;

/** What roots depend on, other than values. */
type KeptRules = Pick<FunctionGroup, 'ignore' | 'code' | 'qualifier'>;

type Present = Extract<Observation, { state: 'present' }>;

interface Seen {
  readonly description: FunctionDescription;
  readonly region: string;
  readonly tags: ReadonlyMap<string, string>;
  /** The alias that was followed, if its traffic is split between two versions. */
  readonly weightedAlias?: string | undefined;
  /** Epoch milliseconds. */
  readonly at: number;
}

/** Turns what Lambda said of one function into what is kept of it: fingerprints, and no value. */
export function observe(key: FingerprintKey, rules: FacetRules, seen: Seen): Present {
  const { description, weightedAlias, at } = seen;
  const home: Home = { region: seen.region, account: description.account };
  const print = (facet: ComparedFacet, values: ReadonlyMap<string, string>): FacetObservation => ({
    fingerprint: fingerprint(key, facet, values, home),
  });

  const facets: Partial<Record<ComparedFacet, FacetObservation>> = {};
  const { environment } = description;
  const buildVariable =
    typeof rules.code === 'object' && 'variable' in rules.code ? rules.code.variable : undefined;
  if (environment instanceof Sealed) {
    const ignored = buildVariable === undefined ? rules.ignore : [...rules.ignore, buildVariable];
    const compared = [...environment.reveal()].filter(([name]) => !matches(name, ignored));
    facets.env = print('env', new Map(compared));
  } else {
    facets.env = { refusal: environment };
  }
  const code = codeOf(rules, seen);
  if (code !== undefined) facets.code = print('code', code);
  if (rules.settings) facets.settings = print('settings', description.settings);

  const remarks: Remark[] = [];
  if (description.progress === 'unsettled' || description.progress === 'failed') {
    remarks.push({ kind: description.progress, facet: 'replica', keys: [] });
  }
  if (weightedAlias !== undefined) {
    remarks.push({ kind: 'unsettled', facet: 'traffic', keys: [weightedAlias] });
  }
  return {
    state: 'present',
    at,
    movedAt: description.lastModified,
    remarks,
    facets,
  };
}

/**
 * A raw root as it is kept: `v1.<key>.<rules>:<hash>`. Roots are compared with roots of the same key and rules only: a config
 * that leaves out another key of the environment has moved nothing.
 */
function rawRootOf(rules: KeptRules, facet: ComparedFacet, { prefix, root }: FacetFingerprint): string {
  return `${prefix}.${rulesIdsOf(rules)[facet]}:${root.raw}`;
}

const KNOWN_IDS = new WeakMap<KeptRules, Readonly<Record<ComparedFacet, string>>>();

/** Ids of the rules of each facet, made once for all functions of a group. */
function rulesIdsOf(rules: KeptRules): Readonly<Record<ComparedFacet, string>> {
  const known = KNOWN_IDS.get(rules);
  if (known) return known;
  const { ignore, code, qualifier: version = '' } = rules;
  const ids = {
    env: rulesId([version, JSON.stringify(code), ...ignore.toSorted()]),
    code: rulesId([version, JSON.stringify(code)]),
    settings: rulesId([version]),
  };
  KNOWN_IDS.set(rules, ids);
  return ids;
}

/** The raw root of each facet that could be read. */
export type Roots = Readonly<Partial<Record<ComparedFacet, string>>>;

const KNOWN_ROOTS = new WeakMap<Present['facets'], Roots>();

/** The raw roots of all facets as they are kept, made once for what is observed by the rules of its group. */
export function rawRootsOf(rules: KeptRules, facets: Present['facets']): Roots {
  const known = KNOWN_ROOTS.get(facets);
  if (known) return known;
  const roots: Partial<Record<ComparedFacet, string>> = {};
  for (const facet of COMPARED_FACETS) {
    const observed = facets[facet];
    if (observed && 'fingerprint' in observed) roots[facet] = rawRootOf(rules, facet, observed.fingerprint);
  }
  KNOWN_ROOTS.set(facets, roots);
  return roots;
}

/** Raw roots do not depend on it. */
const NO_HOME: Home = { region: '-', account: '-' };

/** The code that a deploy asks for, by the root that {@link observe} gives it; `undefined` if code is not compared. */
export function expectationOf(
  key: FingerprintKey,
  rules: KeptRules,
  wanted: Sealed<string>,
): Expectation | undefined {
  const { code } = rules;
  if (code === 'off') return undefined;
  const name = code === 'sha256' ? CODE_KEY : 'tag' in code ? code.tag : code.variable;
  const root = rawRootOf(
    rules,
    'code',
    fingerprint(key, 'code', new Map([[name, wanted.reveal()]]), NO_HOME),
  );
  return { key: name, root };
}

/** The values of the facet `code`; `undefined` if it is switched off or rests on a variable that cannot be read. */
function codeOf({ code }: FacetRules, { description, tags }: Seen): ReadonlyMap<string, string> | undefined {
  if (code === 'off') return undefined;
  if (code === 'sha256') return new Map([[CODE_KEY, description.codeSha256]]);
  if ('tag' in code) return only(code.tag, tags.get(code.tag));
  const { environment } = description;
  return environment instanceof Sealed
    ? only(code.variable, environment.reveal().get(code.variable))
    : undefined;
}

function only(key: string, value: string | undefined): ReadonlyMap<string, string> {
  return new Map(value === undefined ? [] : [[key, value]]);
}
