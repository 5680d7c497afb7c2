import * as z from 'zod/mini';
import {
  proofKey,
  RUN_KIND,
  runKey,
  runOfSubject,
  runSubject,
  STATES_INDEX,
  segmentKey,
  tableKey,
} from '../../contract/ledger.ts';
import { KEEPS, RUN_MODES, whereSchema } from '../../contract/tables.ts';
import { time } from '../../contract/time.ts';
import { BACKFILL_SKIPS } from '../../core/backfill.ts';
import { GROUP_SKIPS } from '../../core/dedupe.ts';
import {
  COUNTS,
  ITEM_SKIPS,
  PHASES,
  type Proof,
  RUN_STATES,
  type Run,
  type Segment,
} from '../../core/run.ts';
import { ENVELOPE, type Item, itemOf, parsed } from './stored-item.ts';

const count = z.int().check(z.minimum(0));
const units = z.number().check(z.minimum(0), z.maximum(Number.MAX_SAFE_INTEGER));
const version = z.int().check(z.minimum(1));
const phase = z.enum(Object.values(PHASES).flat());
const SKIPS = [...GROUP_SKIPS, ...BACKFILL_SKIPS, ...ITEM_SKIPS] as const;
const keyNames = z.tuple([z.string()], z.string());

const rule = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('dedupe'),
    key: z.array(z.string()),
    keep: z.enum(KEEPS),
    by: z.string(),
    where: whereSchema,
  }),
  z.strictObject({ kind: z.literal('backfill'), to: z.string(), version: z.exactOptional(z.string()) }),
]);

const layout = z.strictObject({
  segments: count,
  totalSegments: count,
  partitions: count,
  concurrency: count,
  readUnitsPerSecond: units,
  writeUnitsPerSecond: units,
  maxErrors: count,
});

const tally = z.strictObject({
  counts: z.partialRecord(z.enum(COUNTS), count),
  skipped: z.partialRecord(z.enum(SKIPS), count),
  readUnits: units,
  writeUnits: units,
});

const problem = z.strictObject({ reason: z.enum(SKIPS), key: z.string() });

const run = z.strictObject({
  id: z.string(),
  mode: z.enum(RUN_MODES),
  table: z.strictObject({ name: z.string(), region: z.string(), account: z.exactOptional(z.string()) }),
  rule,
  version,
  state: z.enum(RUN_STATES),
  phase,
  layout,
  attempt: count,
  of: z.exactOptional(z.string()),
  salt: z.string(),
  startedAt: time,
  endedAt: z.exactOptional(time),
  keys: keyNames,
  targetKeys: z.exactOptional(keyNames),
  changes: z.exactOptional(z.string()),
  expected: units,
  tally: z.exactOptional(tally),
  problems: z.exactOptional(z.array(problem)),
  proofRoot: z.exactOptional(z.string()),
  failure: z.exactOptional(z.strictObject({ code: z.string(), permission: z.exactOptional(z.string()) })),
  isForgotten: z.exactOptional(z.boolean()),
});

const segment = z.strictObject({
  run: z.string(),
  phase,
  index: count,
  version,
  epoch: count,
  lease: z.exactOptional(z.strictObject({ owner: z.string(), takenAt: time, until: time })),
  ghostUntil: time,
  isDone: z.boolean(),
  cursor: z.exactOptional(z.string()),
  seen: z.exactOptional(count),
  spills: z.array(z.string()),
  records: z.array(count),
  held: z.exactOptional(z.string()),
  proofs: count,
  head: z.string(),
  tally,
  problems: z.array(problem),
});

const proof = z.strictObject({
  run: z.string(),
  phase,
  index: count,
  number: count,
  previous: z.string(),
  at: time,
  epoch: count,
  object: z.exactOptional(z.string()),
  entries: z.array(
    z.strictObject({
      key: z.string(),
      because: z.string(),
      item: z.string(),
      outcome: z.enum(['removed', 'unconfirmed', 'returned', 'written', 'restored', ...SKIPS]),
    }),
  ),
});

/** A stored run. Strict, since a field that is not known would be lost by the next swap. */
export const runItem = z.extend(run, {
  ...ENVELOPE,
  kind: z.literal(RUN_KIND),
  subject: z.string(),
  swapId: z.string(),
});
const indexItem = z.object({ [STATES_INDEX.sort]: z.string() });
/** A stored segment of a run. */
export const segmentItem = z.extend(segment, { ...ENVELOPE, swapId: z.string() });
/** A stored link of the chain of a segment. */
export const proofItem = z.extend(proof, ENVELOPE);
/** Which run may change a table, as it is stored. */
export const tableItem = z.strictObject({ ...ENVELOPE, run: z.exactOptional(z.string()) });

/** @param swapId Tells this swap from all others, whatever they write. */
export function itemOfRun(next: Run, swapId: string): Item {
  return itemOf(runKey(next.id), { ...next, kind: RUN_KIND, subject: runSubject(next), swapId });
}

/** @throws RecohereError `FUTURE_ITEM`, `MALFORMED_ITEM` */
export function runOfItem(item: Item): Run {
  const { pk, sk, format, release, kind, subject, swapId, ...read } = parsed(runItem, item);
  return read;
}

/** @throws RecohereError `MALFORMED_ITEM` */
export function runIdOfItem(item: Item): string {
  return runOfSubject(parsed(indexItem, item).subject);
}

/** @param swapId As of {@link itemOfRun}. */
export function itemOfSegment(next: Segment, swapId: string): Item {
  return itemOf(segmentKey(next.run, next.phase, next.index), { ...next, swapId });
}

/** @throws RecohereError `FUTURE_ITEM`, `MALFORMED_ITEM` */
export function segmentOfItem(item: Item): Segment {
  const { pk, sk, format, release, swapId, ...read } = parsed(segmentItem, item);
  return read;
}

export function itemOfProof(link: Proof): Item {
  return itemOf(proofKey(link.run, link.phase, link.index, link.number), link);
}

/** @throws RecohereError `FUTURE_ITEM`, `MALFORMED_ITEM` */
export function proofOfItem(item: Item): Proof {
  const { pk, sk, format, release, ...read } = parsed(proofItem, item);
  return read;
}

/** @param holder The run that may change the table; `undefined` if none may. */
export function itemOfTable(arn: string, holder: string | undefined): Item {
  return itemOf(tableKey(arn), { run: holder });
}

/** @throws RecohereError `FUTURE_ITEM`, `MALFORMED_ITEM` */
export function holderOfItem(item: Item): string | undefined {
  return parsed(tableItem, item).run;
}
