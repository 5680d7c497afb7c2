import type { Refusal } from '../contract/report.ts';
import type { Leaf } from '../core/fingerprint.ts';
import type { PlaceId } from '../core/place.ts';
import type { Look } from './look.ts';

/** A key of which every replica of these subjects has a value of its own: it may be meant to differ. */
interface OwnValueKey {
  readonly key: string;
  readonly subjects: readonly string[];
  /** How many replicas were compared, of the subject with the fewest. */
  readonly replicas: number;
  /**
   * Whether it is safe to let it differ. Not with two replicas, where all drift looks like this; nor if another subject of
   * the group has one value for it everywhere, which would not be watched any more.
   */
  readonly isSure: boolean;
}

/** A key that looks like drift: some replicas share a value and others do not, or lack it. */
interface DriftingKey {
  readonly key: string;
  readonly subject: string;
  readonly replicas: readonly string[];
}

/** One group of functions for a first config. */
export interface ProposedGroup {
  /** The stack that deployed them, if it is what pairs them; else their name does. */
  readonly stack?: string;
  /** A pattern that tells names that the stack has made from those that somebody gave, if there is one. */
  readonly names?: string | undefined;
  readonly subjects: readonly string[];
  readonly ownValues: readonly OwnValueKey[];
  readonly drifting: readonly DriftingKey[];
  /** Subjects that are not everywhere, with where they are. */
  readonly narrowed: readonly { readonly subject: string; readonly replicas: readonly string[] }[];
}

/** What a first config should say, and what is not known. */
export interface Proposal {
  /** Places where copies live, or may live: those that could not be read are in it. */
  readonly replicas: readonly string[];
  readonly groups: readonly ProposedGroup[];
  readonly unread: readonly {
    readonly subject?: string;
    readonly replica: string;
    readonly refusal: Refusal;
  }[];
}

type Subject = Look['subjects'][number];

/** Turns a look into a first config: what to watch, how copies are paired, and which keys are meant to differ. */
export function propose(look: Look): Proposal {
  const copied = look.subjects.filter(({ seen }) => seen.sightings.size > 1);
  const unread = look.refusals.map(({ replica }) => replica);
  const hasCopies = (replica: PlaceId) => copied.some(({ seen }) => seen.sightings.has(replica));
  const replicas = look.replicas.filter((replica) => hasCopies(replica) || unread.includes(replica));
  const stacks = [...new Set(copied.flatMap((subject) => stackOf(subject) ?? []))];
  const named = copied.filter((subject) => stackOf(subject) === undefined);
  const isOfGroup = (stack: string) => (alone: Look['alone'][number]) =>
    alone.subject.startsWith(`${stack}/`);
  const groups = stacks.map((stack) => {
    const subjects = copied.filter((subject) => stackOf(subject) === stack);
    const names = subjects.flatMap(({ seen }) => [...seen.sightings.values()].map(({ name }) => name));
    return {
      stack,
      names: names.every((name) => name.startsWith(`${stack}-`)) ? `${stack}-*` : undefined,
      ...groupOf(subjects, look.alone.filter(isOfGroup(stack)), replicas, unread),
    };
  });
  const others = look.alone
    .filter((alone) => !stacks.some((stack) => isOfGroup(stack)(alone)))
    .map(({ name, replica }) => ({ subject: name, replica }));
  return {
    replicas,
    groups: named.length > 0 ? [...groups, groupOf(named, others, replicas, unread)] : groups,
    unread: [
      ...look.refusals,
      ...copied.flatMap(unreadOf).filter(({ replica }) => !unread.includes(replica)),
    ],
  };
}

/** The stack that pairs a subject, if its functions are named otherwise. */
function stackOf({ subject, seen }: Subject): string | undefined {
  const isNamed = [...seen.sightings.values()].some(({ name }) => name === subject);
  return isNamed ? undefined : subject.slice(0, subject.indexOf('/'));
}

function groupOf(
  subjects: readonly Subject[],
  alone: readonly { readonly subject: string; readonly replica: string }[],
  replicas: readonly PlaceId[],
  unread: readonly PlaceId[],
): Omit<ProposedGroup, 'stack' | 'names'> {
  const own = new Map<string, { subjects: string[]; replicas: number }>();
  const drifting: DriftingKey[] = [];
  for (const { subject, seen, findings } of subjects) {
    const differing = findings.filter(({ facet, kind }) => facet === 'env' && kind !== 'unobservable');
    for (const key of new Set(differing.flatMap(({ keys }) => keys))) {
      const leaves = leavesOf(seen, key);
      if (hasOwnValues(leaves)) {
        const found = own.get(key) ?? { subjects: [], replicas: Number.POSITIVE_INFINITY };
        own.set(key, {
          subjects: [...found.subjects, subject],
          replicas: Math.min(found.replicas, leaves.length),
        });
      } else {
        const odd = differing.filter(({ keys }) => keys.includes(key)).map(({ replica }) => replica);
        drifting.push({ key, subject, replicas: odd });
      }
    }
  }
  const drifts = new Set(drifting.map(({ key }) => key));
  const ownValues = [...own]
    .filter(([key]) => !drifts.has(key))
    .map(([key, found]) => {
      const isSharedElsewhere = subjects.some(({ subject, seen }) => {
        return !found.subjects.includes(subject) && leavesOf(seen, key).some((leaf) => leaf !== undefined);
      });
      return { key, ...found, isSure: found.replicas > 2 && !isSharedElsewhere };
    });
  const partly = subjects
    .map(({ subject, seen }) => ({
      subject,
      replicas: replicas.filter((replica) => seen.sightings.has(replica) || unread.includes(replica)),
    }))
    .filter((found) => found.replicas.length < replicas.length);
  return {
    subjects: subjects.map(({ subject }) => subject),
    ownValues,
    drifting,
    narrowed: [...partly, ...alone.map(({ subject, replica }) => ({ subject, replicas: [replica] }))],
  };
}

/** The key's leaf in each replica whose environment was read. */
function leavesOf(seen: Subject['seen'], key: string): readonly (Leaf | undefined)[] {
  return [...seen.sightings.values()].flatMap(({ observation }) => {
    const env = observation.state === 'present' ? observation.facets.env : undefined;
    return env && 'fingerprint' in env ? [env.fingerprint.leaves.get(key)] : [];
  });
}

function hasOwnValues(leaves: readonly (Leaf | undefined)[]): boolean {
  return !leaves.includes(undefined) && new Set(leaves.map((leaf) => leaf?.raw)).size === leaves.length;
}

function unreadOf({ subject, findings }: Subject): { subject: string; replica: PlaceId; refusal: Refusal }[] {
  return findings.flatMap((finding) =>
    finding.kind === 'unobservable'
      ? [{ subject, replica: finding.replica as PlaceId, refusal: finding.refusal }]
      : [],
  );
}
