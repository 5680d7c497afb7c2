import pMap from 'p-map';
import type { Refusal, ReportedSubject } from '../contract/report.ts';
import { RefusedError } from '../core/errors.ts';
import { type FingerprintKey, fingerprintKey, rememberingKey } from '../core/fingerprint.ts';
import type { Observation } from '../core/observation.ts';
import { type Place, type PlaceId, placeId } from '../core/place.ts';
import { plan } from '../core/plan.ts';
import type { FunctionSource } from '../ports/function-source.ts';
import type { Random } from '../ports/random.ts';
import { matches } from './observe.ts';
import { paced } from './pace.ts';
import {
  type LookGroup,
  type Order,
  type Sighting,
  type Survey,
  type SurveyPorts,
  stackSubjects,
  survey,
} from './survey.ts';

/** Places that are read at once. Each has its own quota; this bounds sockets and memory. */
const PLACES_AT_ONCE = 40;

export type LookPorts = SurveyPorts;

/** What is looked at, and what is expected to be there. */
export interface LookScope {
  /** Each once; their order is the order of columns and findings. */
  readonly places: readonly Place[];
  readonly primary?: Place | undefined;
  /** Of two groups that select a function, the first has it. */
  readonly groups: readonly LookGroup[];
  /**
   * Where a subject is expected:
   * - `everywhere`: in all places, or those that its group's `replicas` names; what a config declares or a flag selects.
   * - `if-copied`: in all places if it is in more than one; in one place, it is nobody's copy.
   * - `where-seen`: only where it is.
   */
  readonly expected: 'everywhere' | 'if-copied' | 'where-seen';
  /** Whether a group that selects no function anywhere is a mistake, and not a consequence of flags. */
  readonly mustMatch: boolean;
  /** Pair functions that have no copy of the same name by the stack and logical id that deployed them. */
  readonly pairByStack: boolean;
  readonly deadlineSeconds: number;
  /** @default as they are found */
  readonly order?: Order;
}

/** How far a look is, for a progress line. */
export interface LookProgress {
  readonly places: number;
  readonly placesRead: number;
  readonly functions: number;
  readonly calls: number;
}

/** A subject with all that was seen of it. Observations hold fingerprints, never values. */
interface SeenSubject {
  /** Its name; followed by its group's path where a group before has a subject of that name. */
  readonly subject: string;
  /** What the group's own rules call it. */
  readonly name: string;
  readonly group: LookGroup;
  readonly sightings: ReadonlyMap<PlaceId, Sighting>;
}

export interface Look {
  readonly replicas: readonly PlaceId[];
  /** By name. */
  readonly subjects: readonly (ReportedSubject & {
    readonly seen: SeenSubject;
    readonly seenIn: readonly PlaceId[];
    /** Where it is expected. */
    readonly expectedIn: readonly PlaceId[];
  })[];
  /** Functions that live in one place only, all places being listed, and so are nobody's copies by their names. */
  readonly alone: readonly { readonly subject: string; readonly name: string; readonly replica: PlaceId }[];
  /** Places where functions could not be listed, or found by their tags. */
  readonly refusals: readonly { readonly replica: PlaceId; readonly refusal: Refusal }[];
  /** Paths of groups of the config that select no function anywhere. */
  readonly unmatched: readonly string[];
  /** Calls by IAM's name for them, retries not counted. */
  readonly calls: ReadonlyMap<string, number>;
}

type Unread = Look['refusals'][number];

/**
 * Reads the functions of all places and says which copies disagree. Reads only; keeps nothing: its fingerprint key is
 * made for this look and forgotten with it.
 */
export function look(
  ports: LookPorts & { readonly random: Random },
  scope: LookScope,
  onProgress: (progress: LookProgress) => void,
): Promise<Look> {
  return lookWith(ports, fingerprintKey('look', ports.random.bytes(32)), scope, onProgress);
}

/** The same with a key that is kept, so that roots of this look can be compared with those of others. */
export async function lookWith(
  ports: LookPorts,
  key: FingerprintKey,
  scope: LookScope,
  onProgress: (progress: LookProgress) => void,
): Promise<Look> {
  let [placesRead, functions, made] = [0, 0, 0];
  const own = rememberingKey(key);
  const tell = () => onProgress({ places: scope.places.length, placesRead, functions, calls: made });
  const { source, calls } = paced(ports.source, ports.clock, () => {
    made++;
    tell();
  });
  const onFunction = () => {
    functions++;
    tell();
  };

  const surveys = await pMap(
    scope.places,
    async (place) => {
      const surveyed = await survey({ ...ports, source }, own, place, scope.groups, onFunction, scope.order);
      placesRead++;
      tell();
      return surveyed;
    },
    { concurrency: PLACES_AT_ONCE },
  );
  const paired = scope.pairByStack ? await pairByStack(source, surveys) : { surveys, unread: [] };
  const paths = [...new Set(scope.groups.map(({ path }) => path))];
  const now = ports.clock.now();
  const unreadBy = new Map(paths.map((path) => [path, unreadOf(surveys, path)]));
  const seen = bySubject(paired.surveys, paths).map((subject) => ({
    subject,
    unread: [...(unreadBy.get(subject.group.path) ?? []), ...(isPaired(subject) ? paired.unread : [])],
  }));
  const isAlone = ({ subject, unread }: (typeof seen)[number]) =>
    scope.expected !== 'everywhere' && subject.sightings.size === 1 && unread.length === 0;
  return {
    replicas: scope.places.map(placeId),
    subjects: seen
      .filter((each) => !isAlone(each))
      .map(({ subject, unread }) => ({
        ...judge(subject, unread, scope, now),
        subject: subject.subject,
        seen: subject,
        seenIn: [...subject.sightings.keys()],
      })),
    alone: seen
      .filter(isAlone)
      .flatMap(({ subject: { subject, sightings } }) =>
        [...sightings].map(([replica, { name }]) => ({ subject, name, replica })),
      ),
    refusals: distinct([...[...unreadBy.values()].flat(), ...paired.unread]),
    unmatched: scope.mustMatch ? paths.filter((path) => isUnmatched(surveys, path)) : [],
    calls,
  };
}

function unreadOf(surveys: readonly Survey[], path: string): Unread[] {
  return surveys.flatMap(({ place, refused }) => {
    const refusal = refused.get(path);
    return refusal ? [{ replica: placeId(place), refusal }] : [];
  });
}

function distinct(unread: readonly Unread[]): Unread[] {
  return [...new Map(unread.map((each) => [JSON.stringify(each), each])).values()];
}

function isUnmatched(surveys: readonly Survey[], path: string): boolean {
  return surveys.every(
    ({ sightings, refused }) => !refused.has(path) && !sightings.some(({ group }) => group.path === path),
  );
}

/** Whether stack and logical id made the subject: then a place whose tags were refused has not been read for it. */
function isPaired({ name, sightings }: SeenSubject): boolean {
  return [...sightings.values()].every((sighting) => sighting.name !== name);
}

function judge(
  { name, group, sightings }: SeenSubject,
  unread: readonly Unread[],
  scope: LookScope,
  now: number,
): ReturnType<typeof plan> & { readonly expectedIn: readonly PlaceId[] } {
  const observations = new Map<PlaceId, Observation>();
  for (const place of scope.places) observations.set(placeId(place), { state: 'absent', at: now });
  for (const { replica, refusal } of unread)
    observations.set(replica, { state: 'unobservable', at: now, refusal });
  for (const [replica, { observation }] of sightings) observations.set(replica, observation);

  const narrowed = Object.entries(group.replicas).find(([pattern]) => matches(name, pattern));
  const isEverywhere =
    scope.expected === 'everywhere' || (scope.expected === 'if-copied' && sightings.size > 1);
  const isExpected = (place: Place) => {
    const replica = placeId(place);
    const mayBeThere = sightings.has(replica) || unread.some((each) => each.replica === replica);
    return (isEverywhere || mayBeThere) && (narrowed === undefined || narrowed[1].includes(place.region));
  };
  const expectedIn = scope.places.filter(isExpected).map(placeId);
  const outcome = plan({
    replicas: expectedIn,
    primary: scope.primary && placeId(scope.primary),
    isPerReplica: (key) => matches(key, group.perReplica),
    observations,
    now,
    maxAgeMs: Number.POSITIVE_INFINITY, // a look reads everything anew
    deadlineMs: (group.deadlineSeconds ?? scope.deadlineSeconds) * 1000,
  });
  return { ...outcome, expectedIn };
}

function bySubject(surveys: readonly Survey[], paths: readonly string[]): SeenSubject[] {
  const named = new Map<string, SeenSubject>();
  const passedOver = surveys.flatMap((each) => each.passedOver);
  const isTaken = (name: string, path: string) =>
    named.has(name) ||
    passedOver.some((each) => each.subject === name && paths.indexOf(each.path) < paths.indexOf(path));
  for (const path of paths) {
    const found = new Map<string, Map<PlaceId, Sighting>>();
    for (const { place, sightings } of surveys) {
      for (const sighting of inNameOrder(sightings.filter(({ group }) => group.path === path))) {
        const replicas = found.get(sighting.subject) ?? new Map<PlaceId, Sighting>();
        const first = replicas.get(placeId(place));
        found.set(
          sighting.subject,
          replicas.set(placeId(place), first ? withDouble(first, sighting) : sighting),
        );
      }
    }
    for (const [name, sightings] of found) {
      const subject = isTaken(name, path) ? `${name} (${path})` : name;
      const [first] = sightings.values();
      if (first) named.set(subject, { subject, name, group: first.group, sightings });
    }
  }
  return [...named.values()].sort((a, b) => (a.subject < b.subject ? -1 : 1));
}

/** Two functions of one place that claim to be the same replica: the first by name stands, the other is named. */
function withDouble(first: Sighting, double: Sighting): Sighting {
  const { observation } = first;
  if (observation.state !== 'present') return first;
  const remark = { kind: 'extra', facet: 'replica', keys: [double.name] } as const;
  return { ...first, observation: { ...observation, remarks: [...observation.remarks, remark] } };
}

/**
 * Gives functions that have no copy of the same name the subject that their stack and logical id make. A place whose
 * tags cannot be read keeps its subjects.
 */
async function pairByStack(
  source: FunctionSource,
  surveys: readonly Survey[],
): Promise<{ surveys: Survey[]; unread: Unread[] }> {
  const places = new Map<string, number>();
  for (const { sightings } of surveys) {
    for (const { subject } of sightings) places.set(subject, (places.get(subject) ?? 0) + 1);
  }
  const isAlone = ({ subject }: Sighting) => places.get(subject) === 1;
  const unread: Unread[] = [];
  const paired = await pMap(
    surveys,
    async (surveyed) => {
      if (!surveyed.sightings.some(isAlone)) return surveyed;
      try {
        const subjects = await stackSubjects(source, surveyed.place);
        const sightings = surveyed.sightings.map((sighting) => {
          const subject = isAlone(sighting) ? subjects.get(sighting.name) : undefined;
          return subject === undefined ? sighting : { ...sighting, subject };
        });
        return { ...surveyed, sightings };
      } catch (error) {
        if (!(error instanceof RefusedError)) throw error;
        unread.push({ replica: placeId(surveyed.place), refusal: error.refusal });
        return surveyed;
      }
    },
    { concurrency: PLACES_AT_ONCE },
  );
  return { surveys: paired, unread };
}

function inNameOrder(sightings: readonly Sighting[]): Sighting[] {
  return [...sightings].sort((a, b) => (a.name < b.name ? -1 : 1));
}
