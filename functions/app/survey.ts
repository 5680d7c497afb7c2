import pMap from 'p-map';
import type { FunctionGroup, Selection } from '../contract/config.ts';
import type { Refusal } from '../contract/report.ts';
import { RefusedError } from '../core/errors.ts';
import type { FingerprintKey } from '../core/fingerprint.ts';
import type { Observation } from '../core/observation.ts';
import { type Place, placeId } from '../core/place.ts';
import { Sealed } from '../core/sealed.ts';
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
  /** Subjects that are here and were not to be read. */
  readonly passedOver: readonly { readonly path: string; readonly subject: string }[];
  /** Groups, by their paths, whose functions could not be found here. */
  readonly refused: ReadonlyMap<string, Refusal>;
}

export interface SurveyPorts {
  readonly source: FunctionSource;
  readonly clock: Clock;
  /** Revisions that Lambda has called settled, where a process that lives on remembers them; see {@link SettledRevisions}. */
  readonly settled?: SettledRevisions;
  /** Fingerprints of revisions, where a process that lives on remembers them; see {@link KnownFingerprints}. */
  readonly fingerprints?: KnownFingerprints;
}

/** By place and function, the revision that Lambda last called settled: a list that shows the same one need not be doubted. */
export type SettledRevisions = Map<string, string>;

/**
 * By place, group and what fingerprints depend on beside the function, then by its name: what a revision was fingerprinted as. A list
 * that shows the same one need not be fingerprinted again. No value is in it.
 */
export type KnownFingerprints = Map<string, Map<string, KnownRevision>>;

interface KnownRevision {
  readonly revisionId: string;
  readonly facets: Extract<Observation, { state: 'present' }>['facets'];
}

/** In which order functions are read, and which; what is read last is left out if time is up. */
export interface Order {
  /** Only functions of such groups are read; the others are found, so that each has its functions. @default all */
  readonly isWanted?: (group: LookGroup) => boolean;
  /** Subjects of such groups are read first, until it is time for the others. */
  readonly isFirst?: (group: LookGroup) => boolean;
  /** In epoch milliseconds; what is left of the first ones by then is not read. @default there is time for all */
  readonly firstUntil?: number;
  /** Both begin with the first of which the {@link turnOf} is not before this, and end with the one before it. */
  readonly from?: Cursors | undefined;
  /** What lists cannot be believed about: replicas, as `<place> <subject>`, of which an update has failed or is under way. */
  readonly doubted?: ReadonlySet<string>;
}

/** Where to begin, among the first ones and among the others. */
export interface Cursors {
  readonly first?: string | undefined;
  readonly others?: string | undefined;
}

/** What the order of reads goes by. */
export function turnOf({ path }: Pick<LookGroup, 'path'>, subject: string): string {
  return `${path} ${subject}`;
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
  ports: SurveyPorts,
  key: FingerprintKey,
  place: Place,
  groups: readonly LookGroup[],
  onFunction: () => void,
  order: Order = {},
): Promise<Survey> {
  const { found, refused } = await find(ports, place, groups);
  const { isWanted = () => true } = order;
  const sightings: Sighting[] = [];
  const take = ({ group, subject, member: { name } }: Found, observation: Observation | undefined) => {
    if (observation) sightings.push({ name, subject, group, observation });
    onFunction();
  };
  const unlisted: Found[] = [];
  const observeListed = listedObserver(ports, key, place, order);
  for (const each of found) {
    if (!isWanted(each.group)) continue;
    const observation = observeListed(each);
    if (observation) take(each, observation);
    else unlisted.push(each);
  }
  try {
    await pMap(
      inTurn(unlisted, order),
      async (each) => {
        const { group, member } = each;
        const isOver =
          order.isFirst?.(group) && ports.clock.now() >= (order.firstUntil ?? Number.POSITIVE_INFINITY);
        const observation = isOver
          ? unreadAt(ports.clock.now())
          : await observeMember(ports, key, place, group, member);
        take(each, observation);
      },
      { concurrency: READS_AT_ONCE },
    );
  } catch (error) {
    if (!(error instanceof RefusedError)) throw error;
    for (const { path } of groups) {
      if (found.some(({ group }) => group.path === path) && !refused.has(path))
        refused.set(path, error.refusal);
    }
  }
  const passedOver = found
    .filter(({ group }) => !isWanted(group))
    .map(({ group: { path }, subject }) => ({ path, subject }));
  return { place, sightings, passedOver, refused };
}

/** Time was up. */
function unreadAt(at: number): Observation {
  return { state: 'unobservable', at, refusal: { code: 'NOT_READ' } };
}

/** A function that a group selects. */
interface Found {
  readonly group: LookGroup;
  readonly subject: string;
  readonly member: Member;
}

async function find(
  { source, clock }: SurveyPorts,
  place: Place,
  groups: readonly LookGroup[],
): Promise<{ found: Found[]; refused: Map<string, Refusal> }> {
  const pages = lazily(() => allFunctions({ source, clock }, place));
  const found = new Map<string, Found>();
  const refused = new Map<string, Refusal>();
  for (const [position, group] of groups.entries()) {
    try {
      if (position === 0) await admit(source, place);
      for (const member of await membersOf(source, place, group, pages)) {
        if (!found.has(member.name)) {
          found.set(member.name, { group, subject: subjectOf(group, member), member });
        }
      }
    } catch (error) {
      if (!(error instanceof RefusedError)) throw error;
      for (const { path } of groups.slice(position)) refused.set(path, error.refusal);
      break;
    }
  }
  return { found: [...found.values()], refused };
}

/** The first ones, then the others, each from where it is said, and round to what is before that. */
function inTurn(found: readonly Found[], { isFirst, from = {} }: Order): readonly Found[] {
  if (isFirst === undefined) return found;
  const rank = ({ group, subject }: Found) => {
    const [base, begin = ''] = isFirst(group) ? [0, from.first] : [2, from.others];
    return base + (turnOf(group, subject) >= begin ? 0 : 1);
  };
  const turn = ({ group, subject }: Found) => turnOf(group, subject);
  return found.toSorted((a, b) => rank(a) - rank(b) || (turn(a) < turn(b) ? -1 : 1));
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
  const members: Member[] = [];
  for (const [name, listed] of await pages()) {
    if (isSelected(name)) members.push({ name, tags: tagsOf(name), listed });
  }
  return members;
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

/**
 * Observes functions by the pages that show them. It gives `undefined` for those that must be read singly: their alias is compared, no
 * page was read, or the page cannot be believed.
 */
function listedObserver(
  { clock, settled, fingerprints }: SurveyPorts,
  key: FingerprintKey,
  place: Place,
  { doubted }: Order,
): (found: Found) => Observation | undefined {
  const now = clock.now();
  const memoryOf = groupMemory(fingerprints, key, place);
  return ({ group, subject, member: { name, tags, listed } }) => {
    if (group.qualifier !== undefined || listed === undefined) return undefined;
    if (doubted?.has(`${placeId(place)} ${subject}`)) return undefined;
    const { lastModified, revisionId, environment } = listed.description;
    const isOld = now - lastModified > SETTLING_MS;
    const id = () => `${placeId(place)} ${name}`;
    if (isOld && settled?.size) settled.delete(id());
    if (!isOld && settled?.get(id()) !== revisionId) return undefined;
    const { before, after } = memoryOf(group);
    const known = before.get(name);
    const isReadable = environment instanceof Sealed; // that the key can be used is of no revision
    if (isReadable && known?.revisionId === revisionId) {
      after.set(name, known);
      return { state: 'present', at: listed.at, movedAt: lastModified, remarks: [], facets: known.facets };
    }
    const observation = observe(key, group, { ...listed, region: place.region, tags });
    if (isReadable) after.set(name, { revisionId, facets: observation.facets });
    return observation;
  };
}

/** What is known of a place from the last look at it, and what the next one will know: no more than this one has seen. */
function groupMemory(fingerprints: KnownFingerprints | undefined, key: FingerprintKey, place: Place) {
  type Memory = {
    readonly before: ReadonlyMap<string, KnownRevision>;
    readonly after: Map<string, KnownRevision>;
  };
  const memories = new Map<LookGroup, Memory>();
  return (group: LookGroup): Memory => {
    const begun = memories.get(group);
    if (begun) return begun;
    const { path, ignore, code, settings } = group;
    const id = JSON.stringify([placeId(place), path, key.id, ignore, code, settings]);
    const isOfRevision = typeof code !== 'object' || !('tag' in code); // tags are of none
    const memory = { before: fingerprints?.get(id) ?? new Map(), after: new Map() };
    memories.set(group, memory);
    if (isOfRevision) fingerprints?.set(id, memory.after);
    return memory;
  };
}

const CONTRADICTED: Refusal = { code: 'UNEXPECTED_ANSWER', call: 'lambda:GetFunctionConfiguration' };

/** `undefined` if the function is gone by now. */
async function observeMember(
  { source, clock, settled }: SurveyPorts,
  key: FingerprintKey,
  place: Place,
  group: LookGroup,
  { name, tags }: Member,
): Promise<Observation | undefined> {
  const at = clock.now();
  try {
    if (group.qualifier !== undefined) {
      const alias = await source.alias(place, name, group.qualifier);
      const version = alias?.version;
      const description = await source.read(place, name, version);
      // an alias of a version that is not there: one of the two answers is old
      if (description === undefined) return alias && { state: 'unobservable', at, refusal: CONTRADICTED };
      if (alias === undefined) return { state: 'absent', at, alias: group.qualifier };
      const weightedAlias = alias.weighted ? group.qualifier : undefined;
      return observe(key, group, { description, region: place.region, tags, weightedAlias, at });
    }
    const description = await source.read(place, name);
    if (description?.progress === 'settled')
      settled?.set(`${placeId(place)} ${name}`, description.revisionId);
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
