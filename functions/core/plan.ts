import {
  COMPARED_FACETS,
  type ComparedFacet,
  type Difference,
  FACETS,
  type Finding,
  type Outcome,
  type Refusal,
} from '../contract/report.ts';
import { disagreement } from './agreement.ts';
import type { FacetFingerprint, Leaf } from './fingerprint.ts';
import type { Observation } from './observation.ts';
import type { PlaceId } from './place.ts';

/** One subject as it should be, and what was seen of it. */
export interface PlanInput {
  /** Where the subject is expected, each place once. Their order is the order of the findings. */
  readonly replicas: readonly PlaceId[];
  /** The replica that the others are compared with; without it, or while it is not readable, the majority. */
  readonly primary?: PlaceId | undefined;
  /** Keys of `env` that may differ; if one replica has such a key, all must. */
  readonly isPerReplica: (key: string) => boolean;
  readonly observations: ReadonlyMap<PlaceId, Observation>;
  /** Epoch milliseconds. */
  readonly now: number;
  /** An older observation counts as not read. */
  readonly maxAgeMs: number;
  /** How long after the last movement replicas may differ before they have diverged. */
  readonly deadlineMs: number;
}

type Present = Extract<Observation, { state: 'present' }>;

interface Read {
  readonly replica: PlaceId;
  readonly fingerprint: FacetFingerprint;
}

/** Stands for any leaf of a key that may differ between replicas. */
const PRESENT: Leaf = { raw: 'present', normalised: 'present' };

/**
 * Says what the observations of one subject mean. Pure, and independent of the order of the observations.
 * A replica that was not read, or not fully, or too long ago, is never agreement.
 */
export function plan(input: PlanInput): Outcome {
  const present = new Map<PlaceId, Present>();
  const findings: Finding[] = [];
  for (const replica of input.replicas) {
    const observation = input.observations.get(replica);
    if (observation?.state === 'present' && input.now - observation.at <= input.maxAgeMs) {
      present.set(replica, observation);
    }
    findings.push(...findingsOfReplica(replica, observation, input));
  }
  const expected = new Set(input.replicas);
  for (const replica of [...input.observations.keys()].filter((each) => !expected.has(each)).sort()) {
    if (input.observations.get(replica)?.state === 'present') {
      findings.push({ replica, facet: 'replica', kind: 'extra', keys: [] });
    }
  }
  for (const facet of COMPARED_FACETS) findings.push(...findingsOfFacet(facet, present, input));

  const [first, ...rest] = inOrder(findings, input.replicas);
  if (first === undefined) return { verdict: 'agreed', findings: [] };
  if (findings.every(({ kind }) => kind === 'unobservable')) {
    return { verdict: 'unobservable', findings: [first, ...rest] };
  }
  if (findings.every(isOnItsWay)) return { verdict: 'converging', findings: [first, ...rest] };
  const lastMovedAt = Math.max(0, ...[...present.values()].map(({ movedAt }) => movedAt));
  const verdict = input.now - lastMovedAt <= input.deadlineMs ? 'converging' : 'diverged';
  return { verdict, findings: [first, ...rest] };
}

function findingsOfReplica(
  replica: PlaceId,
  observation: Observation | undefined,
  { now, maxAgeMs }: PlanInput,
): Finding[] {
  if (observation === undefined) return [unobservable(replica, 'replica', { code: 'NOT_READ' })];
  if (observation.state === 'unobservable') return [unobservable(replica, 'replica', observation.refusal)];
  if (now - observation.at > maxAgeMs) return [unobservable(replica, 'replica', { code: 'TOO_OLD' })];
  if (observation.state === 'absent') {
    return observation.alias === undefined
      ? [{ replica, facet: 'replica', kind: 'missing', keys: [] }]
      : [{ replica, facet: 'traffic', kind: 'missing', keys: [observation.alias] }];
  }
  return observation.remarks.map((remark) => ({ replica, ...remark }));
}

function findingsOfFacet(
  facet: ComparedFacet,
  present: ReadonlyMap<PlaceId, Present>,
  input: PlanInput,
): Finding[] {
  const findings: Finding[] = [];
  const read: Read[] = [];
  for (const [replica, { facets }] of present) {
    const observed = facets[facet];
    if (observed === undefined) continue;
    if ('refusal' in observed) findings.push(unobservable(replica, facet, observed.refusal));
    else if (read[0] && read[0].fingerprint.prefix !== observed.fingerprint.prefix) {
      findings.push(unobservable(replica, facet, { code: 'OTHER_KEY' }));
    } else read.push({ replica, fingerprint: observed.fingerprint });
  }
  if (facet === 'code' && read.every(({ fingerprint }) => fingerprint.leaves.size === 0)) {
    return [...findings, ...read.map(({ replica }) => unobservable(replica, facet, { code: 'NO_BUILD_ID' }))];
  }
  return [...findings, ...differences(facet, read, input)];
}

function differences(facet: ComparedFacet, read: readonly Read[], input: PlanInput): Difference[] {
  if (allEqual(read, 'raw') || allEqual(read, 'normalised')) return [];
  const found = new Map<string, Difference & { keys: string[] }>();
  const keys = new Set(read.flatMap(({ fingerprint }) => [...fingerprint.leaves.keys()]));
  for (const key of [...keys].sort()) {
    const mayDiffer = facet === 'env' && input.isPerReplica(key);
    const held = read.map(({ replica, fingerprint }) => {
      const leaf = fingerprint.leaves.get(key);
      return { replica, leaf: leaf && mayDiffer ? PRESENT : leaf };
    });
    const disagreed = disagreement(held, input.primary);
    if (disagreed === undefined) continue;
    const reference = disagreed.reference.replica;
    for (const { replica, leaf } of disagreed.odd) {
      const kind =
        leaf === undefined ? 'missing' : disagreed.reference.leaf === undefined ? 'extra' : 'different';
      const id = `${replica} ${kind} ${reference}`;
      const finding = found.get(id);
      if (finding) finding.keys.push(key);
      else found.set(id, { replica, facet, kind, keys: [key], reference });
    }
  }
  return [...found.values()];
}

function allEqual(read: readonly Read[], way: keyof Leaf): boolean {
  return read.every(({ fingerprint }) => fingerprint.root[way] === read[0]?.fingerprint.root[way]);
}

function unobservable(replica: PlaceId, facet: Finding['facet'], refusal: Refusal): Finding {
  return { replica, facet, kind: 'unobservable', keys: [], refusal };
}

/** Whether a finding is no difference: AWS does not say since when an alias has split its traffic. */
function isOnItsWay({ kind, facet }: Finding): boolean {
  return kind === 'unobservable' || (kind === 'unsettled' && facet === 'traffic');
}

/** By replica in the expected order, unexpected ones last; then the whole replica before its facets. */
function inOrder(findings: readonly Finding[], replicas: readonly PlaceId[]): Finding[] {
  const rank = ({ replica, facet }: Finding) => {
    const position = replicas.indexOf(replica as PlaceId);
    const ofReplica = position === -1 ? replicas.length : position;
    return ofReplica * (FACETS.length + 1) + (facet === 'replica' ? 0 : 1 + FACETS.indexOf(facet));
  };
  return [...findings].sort((a, b) => rank(a) - rank(b));
}
