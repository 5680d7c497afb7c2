import pMap from 'p-map';
import type { Refusal, ReportedSubject } from '../contract/report.ts';
import { RefusedError } from '../core/errors.ts';
import { fingerprintKey } from '../core/fingerprint.ts';
import type { Observation } from '../core/observation.ts';
import { type Place, type PlaceId, placeId } from '../core/place.ts';
import { plan } from '../core/plan.ts';
import type { Clock } from '../ports/clock.ts';
import type { FunctionSource } from '../ports/function-source.ts';
import type { Random } from '../ports/random.ts';
import { matches } from './observe.ts';
import { paced } from './pace.ts';
import { type LookGroup, type Sighting, type Survey, stackSubjects, survey } from './survey.ts';

/** Places that are read at once. Each has its own quota; this bounds sockets and memory. */
const PLACES_AT_ONCE = 40;

export interface LookPorts {
  readonly source: FunctionSource;
  readonly clock: Clock;
  readonly random: Random;
}

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
  /** Pair functions that have no copy of the same name by the stack and logical id that deployed them. */
  readonly pairByStack: boolean;
  readonly deadlineSeconds: number;
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
  readonly subject: string;
  readonly group: LookGroup;
  readonly sightings: ReadonlyMap<PlaceId, Sighting>;
}

export interface Look {
  readonly replicas: readonly PlaceId[];
  /** By name. */
  readonly subjects: readonly (ReportedSubject & { readonly seen: SeenSubject })[];
  /** Functions that live in one place only, and so are not copies of anything. */
  readonly alone: readonly { readonly subject: string; readonly name: string; readonly replica: PlaceId }[];
  /** Places that could not be read at all, or whose functions could not be paired by stack. */
  readonly refusals: readonly { readonly replica: PlaceId; readonly refusal: Refusal }[];
  /** Calls by IAM's name for them, retries not counted. */
  readonly calls: ReadonlyMap<string, number>;
}

/**
 * Reads the functions of all places and says which copies disagree. Reads only; keeps nothing: its fingerprint key is
 * made for this look and forgotten with it.
 */
export async function look(
  ports: LookPorts,
  scope: LookScope,
  onProgress: (progress: LookProgress) => void,
): Promise<Look> {
  const { source, calls } = paced(ports.source, ports.clock);
  const key = fingerprintKey('look', ports.random.bytes(32));
  let [placesRead, functions] = [0, 0];
  const tell = () => {
    const made = [...calls.values()].reduce((sum, count) => sum + count, 0);
    onProgress({ places: scope.places.length, placesRead, functions, calls: made });
  };

  tell();
  const surveys = await pMap(
    scope.places,
    async (place) => {
      const surveyed = await survey({ source, clock: ports.clock }, key, place, scope.groups, () => {
        functions++;
        tell();
      });
      placesRead++;
      tell();
      return surveyed;
    },
    { concurrency: PLACES_AT_ONCE },
  );
  const unread = surveys.flatMap((surveyed) =>
    'refusal' in surveyed ? [{ replica: placeId(surveyed.place), refusal: surveyed.refusal }] : [],
  );
  const paired = scope.pairByStack ? await pairByStack(source, surveys) : { surveys, refusals: [] };
  const refusals = [...unread, ...paired.refusals];
  const seen = bySubject(paired.surveys);
  const alone = scope.expected === 'everywhere' ? [] : seen.filter(({ sightings }) => sightings.size === 1);
  const now = ports.clock.now();
  return {
    replicas: scope.places.map(placeId),
    subjects: seen
      .filter((subject) => !alone.includes(subject))
      .map((subject) => ({
        subject: subject.subject,
        ...judge(subject, scope, isPaired(subject) ? refusals : unread, now),
        seen: subject,
      })),
    alone: alone.flatMap(({ subject, sightings }) =>
      [...sightings].map(([replica, { name }]) => ({ subject, name, replica })),
    ),
    refusals,
    calls,
  };
}

/** Whether stack and logical id made the subject: then a place whose tags were refused has not been read for it. */
function isPaired({ subject, sightings }: SeenSubject): boolean {
  return [...sightings.values()].every(({ name }) => name !== subject);
}

function judge(
  { subject, group, sightings }: SeenSubject,
  scope: LookScope,
  unread: Look['refusals'],
  now: number,
): ReturnType<typeof plan> {
  const observations = new Map<PlaceId, Observation>();
  for (const place of scope.places) observations.set(placeId(place), { state: 'absent', at: now });
  for (const { replica, refusal } of unread) {
    observations.set(replica, { state: 'unobservable', at: now, refusal });
  }
  for (const [replica, { observation }] of sightings) observations.set(replica, observation);

  const narrowed = Object.entries(group.replicas).find(([pattern]) => matches(subject, pattern));
  const isExpected = (place: Place) =>
    (scope.expected !== 'where-seen' || sightings.has(placeId(place))) &&
    (narrowed === undefined || narrowed[1].includes(place.region));
  return plan({
    replicas: scope.places.filter(isExpected).map(placeId),
    primary: scope.primary && placeId(scope.primary),
    isPerReplica: (name) => matches(name, group.perReplica),
    observations,
    now,
    maxAgeMs: Number.POSITIVE_INFINITY, // a look reads everything anew
    deadlineMs: (group.deadlineSeconds ?? scope.deadlineSeconds) * 1000,
  });
}

function bySubject(surveys: readonly Survey[]): SeenSubject[] {
  const subjects = new Map<string, { group: LookGroup; sightings: Map<PlaceId, Sighting> }>();
  for (const surveyed of surveys) {
    if ('refusal' in surveyed) continue;
    const replica = placeId(surveyed.place);
    for (const sighting of inNameOrder(surveyed.sightings)) {
      const found = subjects.get(sighting.subject) ?? { group: sighting.group, sightings: new Map() };
      subjects.set(sighting.subject, found);
      const first = found.sightings.get(replica);
      found.sightings.set(replica, first === undefined ? sighting : withDouble(first, sighting));
    }
  }
  return [...subjects]
    .map(([subject, { group, sightings }]) => ({ subject, group, sightings }))
    .sort((a, b) => (a.subject < b.subject ? -1 : 1));
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
 * tags cannot be read keeps its subjects and adds a refusal.
 */
async function pairByStack(
  source: FunctionSource,
  surveys: readonly Survey[],
): Promise<{ surveys: Survey[]; refusals: Look['refusals'] }> {
  const alone = new Set(
    bySubject(surveys)
      .filter(({ sightings }) => sightings.size === 1)
      .map(({ subject }) => subject),
  );
  const refusals: Look['refusals'][number][] = [];
  const paired = await pMap(
    surveys,
    async (surveyed) => {
      if ('refusal' in surveyed || !surveyed.sightings.some(({ subject }) => alone.has(subject)))
        return surveyed;
      try {
        const subjects = await stackSubjects(source, surveyed.place);
        const sightings = surveyed.sightings.map((sighting) => {
          const subject = alone.has(sighting.subject) ? subjects.get(sighting.name) : undefined;
          return subject === undefined ? sighting : { ...sighting, subject };
        });
        return { ...surveyed, sightings };
      } catch (error) {
        if (!(error instanceof RefusedError)) throw error;
        refusals.push({ replica: placeId(surveyed.place), refusal: error.refusal });
        return surveyed;
      }
    },
    { concurrency: PLACES_AT_ONCE },
  );
  return { surveys: paired, refusals };
}

function inNameOrder(sightings: readonly Sighting[]): Sighting[] {
  return [...sightings].sort((a, b) => (a.name < b.name ? -1 : 1));
}
