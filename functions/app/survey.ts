import pMap from 'p-map';
import type { FunctionGroup, Selection } from '../contract/config.ts';
import type { Refusal } from '../contract/report.ts';
import { RefusedError } from '../core/errors.ts';
import type { FingerprintKey } from '../core/fingerprint.ts';
import type { Observation } from '../core/observation.ts';
import type { Place } from '../core/place.ts';
import type { Clock } from '../ports/clock.ts';
import type { FunctionDescription, FunctionSource, TagFilter } from '../ports/function-source.ts';
import { lazily } from './lazily.ts';
import { matches, observe } from './observe.ts';

/**
 * Up to here, selected functions are read one by one, which shows the caller no other environment; beyond, pages of 50
 * are fewer calls.
 */
const SINGLE_READS_MAX = 10;

/** A function that was changed less long ago is read once more, alone: lists do not say if an update is finished. */
const SETTLING_MS = 15 * 60_000;

/** Single reads under way at once in a place; the pace, not this, is what limits them where the network is fast. */
const READS_AT_ONCE = 4;

/** Half a million functions; an account has far fewer. */
const PAGES_MAX = 10_000;

export const STACK_TAG = 'aws:cloudformation:stack-name';
export const LOGICAL_ID_TAG = 'aws:cloudformation:logical-id';
const NO_TAGS: Tags = new Map();

type Tags = ReadonlyMap<string, string>;

/** A group of the config, with all selections that a function of it must meet. */
export type LookGroup = Omit<FunctionGroup, 'select'> & {
  /** Its path in the config: `functions[0]`. */
  readonly path: string;
  readonly select: readonly Selection[];
};

/** One selected function of a place, observed. */
export interface Sighting {
  readonly name: string;
  readonly subject: string;
  readonly group: LookGroup;
  readonly observation: Observation;
}

/** What one place has. */
export interface Survey {
  readonly place: Place;
  readonly sightings: readonly Sighting[];
  /** Groups, by their paths, whose functions could not be found here. */
  readonly refused: ReadonlyMap<string, Refusal>;
}

export interface SurveyPorts {
  readonly source: FunctionSource;
  readonly clock: Clock;
}

interface Member {
  readonly name: string;
  readonly tags: Tags;
  /** From a page; absent if the function has still to be read. */
  readonly listed?: Listed;
}

interface Listed {
  readonly description: FunctionDescription;
  /** When the page was asked for, in epoch milliseconds. */
  readonly at: number;
}

/**
 * Finds and observes the selected functions of one place. A function that two groups select belongs to the first; so
 * where a group is refused, those after it are too: nobody knows which functions are theirs.
 */
export async function survey(
  { source, clock }: SurveyPorts,
  key: FingerprintKey,
  place: Place,
  groups: readonly LookGroup[],
  onFunction: () => void,
): Promise<Survey> {
  const pages = lazily(() => allFunctions({ source, clock }, place));
  const admitted = lazily(() => admit(source, place));
  const taken = new Map<string, Sighting | undefined>();
  const refused = new Map<string, Refusal>();
  for (const [position, group] of groups.entries()) {
    try {
      await admitted();
      const members = (await membersOf(source, place, group, pages)).filter(({ name }) => !taken.has(name));
      await pMap(
        members,
        async (member) => {
          const observation = await observeMember({ source, clock }, key, place, group, member);
          const { name } = member;
          taken.set(name, observation && { name, subject: subjectOf(group, member), group, observation });
          onFunction();
        },
        { concurrency: READS_AT_ONCE },
      );
    } catch (error) {
      if (!(error instanceof RefusedError)) throw error;
      for (const { path } of groups.slice(position)) refused.set(path, error.refusal);
      break;
    }
  }
  return { place, sightings: [...taken.values()].filter((sighting) => sighting !== undefined), refused };
}

/**
 * Sees that the caller's own credentials are of the account that the place names. A role that is assumed names it itself.
 * @throws RefusedError `OTHER_ACCOUNT`
 */
export async function admit(source: Pick<FunctionSource, 'ownAccount'>, place: Place): Promise<void> {
  if (place.account === undefined || place.access !== undefined) return;
  if ((await source.ownAccount(place)) !== place.account) {
    throw new RefusedError({ code: 'OTHER_ACCOUNT', call: 'sts:GetCallerIdentity' });
  }
}

/** The subjects of functions by the stack and logical id that deployed them, for functions that have both tags. */
export async function stackSubjects(
  source: FunctionSource,
  place: Place,
): Promise<ReadonlyMap<string, string>> {
  const tagged = await allTagged(source, place, [{ key: LOGICAL_ID_TAG, values: [] }]);
  const subjects = new Map<string, string>();
  for (const [name, tags] of tagged) {
    const subject = stackSubject(tags);
    if (subject !== undefined) subjects.set(name, subject);
  }
  return subjects;
}

function stackSubject(tags: Tags): string | undefined {
  const [stack, logicalId] = [tags.get(STACK_TAG), tags.get(LOGICAL_ID_TAG)];
  return stack === undefined || logicalId === undefined ? undefined : `${stack}/${logicalId}`;
}

/** The subject that a function belongs to, by the identity that its group says. */
export function subjectOf(
  { identity, names }: Pick<LookGroup, 'identity' | 'names'>,
  { name, tags }: { readonly name: string; readonly tags: Tags },
): string {
  const found =
    identity === 'name' ? name : identity === 'stack+logicalId' ? stackSubject(tags) : tags.get(identity.tag);
  return (Object.hasOwn(names, name) ? names[name] : found) ?? name;
}

async function membersOf(
  source: FunctionSource,
  place: Place,
  group: LookGroup,
  pages: () => Promise<ReadonlyMap<string, Listed>>,
): Promise<Member[]> {
  const filters = tagFilters(group);
  const tagged = filters && (await allTagged(source, place, filters));
  const isSelected = (functionName: string) =>
    group.select.every(
      ({ name, stack, tags = {} }) =>
        (name === undefined || matches(functionName, name)) &&
        (stack === undefined || matches(tagged?.get(functionName)?.get(STACK_TAG) ?? '', stack)) &&
        Object.entries(tags).every(([tag, value]) => tagged?.get(functionName)?.get(tag) === value),
    );

  const exactName = group.select.find(({ name }) => name !== undefined && !name.includes('*'))?.name;
  const byTag = group.select.some(({ stack, tags }) => stack !== undefined || tags !== undefined);
  const candidates = exactName !== undefined ? [exactName] : byTag && tagged ? [...tagged.keys()] : undefined;
  const selected = candidates?.filter(isSelected);
  const tagsOf = (name: string) => tagged?.get(name) ?? NO_TAGS;
  if (selected !== undefined && selected.length <= SINGLE_READS_MAX) {
    return selected.map((name) => ({ name, tags: tagsOf(name) }));
  }
  return [...(await pages())]
    .filter(([name]) => isSelected(name))
    .map(([name, listed]) => ({ name, tags: tagsOf(name), listed }));
}

/** What to ask the tagging API for, or `undefined` if the group needs no tags. */
function tagFilters({ select, identity, code }: LookGroup): TagFilter[] | undefined {
  const filters: TagFilter[] = [];
  for (const { stack, tags = {} } of select) {
    for (const [key, value] of Object.entries(tags)) filters.push({ key, values: [value] });
    if (stack !== undefined) filters.push({ key: STACK_TAG, values: stack.includes('*') ? [] : [stack] });
  }
  const needsTags = identity !== 'name' || (typeof code === 'object' && 'tag' in code);
  return filters.length > 0 || needsTags ? filters : undefined;
}

/** `undefined` if the function is gone by now. */
async function observeMember(
  { source, clock }: SurveyPorts,
  key: FingerprintKey,
  place: Place,
  group: LookGroup,
  { name, tags, listed }: Member,
): Promise<Observation | undefined> {
  const at = clock.now();
  try {
    if (group.qualifier !== undefined) {
      const alias = await source.alias(place, name, group.qualifier);
      const version = alias?.version;
      const description = await source.read(place, name, version);
      if (description === undefined) return undefined;
      if (alias === undefined) return { state: 'absent', at, alias: group.qualifier };
      const weightedAlias = alias.weighted ? group.qualifier : undefined;
      return observe(key, group, { description, region: place.region, tags, weightedAlias, at });
    }
    if (listed !== undefined && at - listed.description.lastModified > SETTLING_MS) {
      return observe(key, group, { ...listed, region: place.region, tags });
    }
    const description = await source.read(place, name);
    return description && observe(key, group, { description, region: place.region, tags, at });
  } catch (error) {
    // a region that does not answer is not asked once more for each of its functions
    if (!(error instanceof RefusedError) || error.code === 'REGION_UNREACHABLE') throw error;
    return { state: 'unobservable', at, refusal: error.refusal };
  }
}

async function allFunctions(
  { source, clock }: SurveyPorts,
  place: Place,
): Promise<ReadonlyMap<string, Listed>> {
  const functions = new Map<string, Listed>();
  let at = clock.now();
  for await (const page of pagesOf('lambda:ListFunctions', (from) => source.list(place, from))) {
    for (const description of page.functions) functions.set(description.name, { description, at });
    at = clock.now();
  }
  return functions;
}

/** All functions of a place that carry these tags, with all their tags, by name. */
export async function allTagged(
  source: FunctionSource,
  place: Place,
  filters: readonly TagFilter[],
): Promise<ReadonlyMap<string, Tags>> {
  const tagged = new Map<string, Tags>();
  for await (const page of pagesOf('tag:GetResources', (from) => source.tagged(place, filters, from))) {
    for (const { name, tags } of page.functions) tagged.set(name, tags);
  }
  return tagged;
}

/** @throws RefusedError `UNEXPECTED_ANSWER` if pages go round in a circle, or do not end */
async function* pagesOf<Page extends { readonly next?: string | undefined }>(
  call: string,
  read: (from: string | undefined) => Promise<Page>,
): AsyncGenerator<Page> {
  const asked = new Set<string | undefined>();
  for (let from: string | undefined; asked.size < PAGES_MAX && !asked.has(from); ) {
    asked.add(from);
    const page = await read(from);
    yield page;
    if (page.next === undefined) return;
    from = page.next;
  }
  throw new RefusedError({ code: 'UNEXPECTED_ANSWER', call });
}
