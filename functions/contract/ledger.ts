/** Names of the attributes that make the ledger's primary key. */
export const LEDGER_KEY = { partition: 'pk', sort: 'sk' } as const;

/**
 * The index in which a sweep finds all subjects of a kind. Sparse: only states have a `kind`, so history is not in it.
 * It holds keys alone, and these never change, so that a subject costs one index write in its life and a swap costs
 * none; a quiet sweep reads about a hundred bytes a subject. A scan would read, and bill, all states and all history.
 */
export const STATES_INDEX = { name: 'states', partition: 'kind', sort: 'subject' } as const;

/** Kinds of subjects: part of their keys, and the partition of the index. */
export const SUBJECT_KINDS = ['function', 'secret'] as const;
export type SubjectKind = (typeof SUBJECT_KINDS)[number];

/** What runs have for a kind: they are in the same index, and are not subjects. */
export const RUN_KIND = 'run';

/**
 * Version of the form of items, kept in each as `format`. A release leaves items of a newer one alone, and reads all older ones. It grows
 * with any change to what an item may hold of a kind that an older release reads, be it one more refusal code: it would take that for
 * damage. The rule for such a change is in the README, under Upgrade.
 *
 * Beside it stands the release that wrote the item, by which nothing goes: many releases share a format, and who cannot read a newer one
 * must be told which release to deploy.
 *
 * 1: subjects, episodes, runs. 2: sweeps that go on, notices. 3: `release`.
 */
export const FORMAT = 3;

/** What an item may have, as JSON in UTF-8: far below the 400 KB of DynamoDB, which counts less. */
export const ITEM_BYTES_MAX = 300_000;

/** Where an item is. */
export interface LedgerKey {
  readonly pk: string;
  readonly sk: string;
}

/** What the sort keys of closed episodes begin with. */
export const EPISODE_PREFIX = 'EPISODE#';

/** What is remembered of one subject has one partition. */
export function subjectPartition(kind: SubjectKind, subject: string): string {
  return `SUBJECT#${kind}#${subject}`;
}

/** Where the state of a subject is. */
export function stateKey(kind: SubjectKind, subject: string): LedgerKey {
  return { pk: subjectPartition(kind, subject), sk: 'STATE' };
}

/** Where a closed episode is. Ids sort as texts, so that history is in order. */
export function episodeKey(kind: SubjectKind, subject: string, id: string): LedgerKey {
  return { pk: subjectPartition(kind, subject), sk: `${EPISODE_PREFIX}${id}` };
}

/**
 * Where it is remembered that a role refused the hub. One item for each way into an account, not for each account: a config
 * may name another role for one region, and a corrected role or external id must not wait for what the mistaken one earned.
 */
export function accessKey(access: {
  readonly roleArn: string;
  readonly externalId?: string | undefined;
}): LedgerKey {
  return { pk: `ACCESS#${access.roleArn}#${access.externalId ?? ''}`, sk: 'STATE' };
}

/** Where it is remembered how far sweeps are. */
export const SWEEP_KEY: LedgerKey = { pk: 'SWEEP', sk: 'STATE' };

/** Where a run is. Ids of runs have no `#`. */
export function runKey(id: string): LedgerKey {
  return { pk: `RUN#${id}`, sk: 'RUN' };
}

/** What a run has in the index, which sorts by it, so that the newest can be asked for first. It never changes. */
export function runSubject(run: { readonly id: string; readonly startedAt: number }): string {
  return `${new Date(run.startedAt).toISOString()}#${run.id}`;
}

/** The id of a run, of what it has in the index. */
export function runOfSubject(subject: string): string {
  return subject.slice(subject.indexOf('#') + 1);
}

/** What the sort keys of proofs begin with. */
export const PROOF_PREFIX = 'PROOF#';

/** What is remembered of one segment has one partition, so that all workers of a run do not write to one. */
export function segmentPartition(run: string, phase: string, index: number): string {
  return `RUN#${run}#${phase}#${index}`;
}

/** Where a segment is. */
export function segmentKey(run: string, phase: string, index: number): LedgerKey {
  return { pk: segmentPartition(run, phase, index), sk: 'SEG' };
}

/** Where one link of a segment's chain is. Numbers have 10 digits, so that they sort as texts. */
export function proofKey(run: string, phase: string, index: number, number: number): LedgerKey {
  return {
    pk: segmentPartition(run, phase, index),
    sk: `${PROOF_PREFIX}${String(number).padStart(10, '0')}`,
  };
}

/** Where it is remembered which run may change a table. */
export function tableKey(arn: string): LedgerKey {
  return { pk: `TABLE#${arn}`, sk: 'LEASE' };
}

/** Where it is remembered who does a thing alone. */
export function turnKey(name: string): LedgerKey {
  return { pk: `TURN#${name}`, sk: 'TURN' };
}
