import * as z from 'zod/mini';
import { HAZARDS, RUN_ID, TABLE_NAME, TOKEN } from './names.ts';

/** Which of several copies stays. */
export const KEEPS = ['oldest', 'newest'] as const;
export type Keep = (typeof KEEPS)[number];

/** What an attribute must be: equal to a value, or a text that begins in some way. */
const wanted = z.union([
  z.string(),
  z.number().check(z.minimum(Number.MIN_SAFE_INTEGER), z.maximum(Number.MAX_SAFE_INTEGER)),
  z.boolean(),
  z.strictObject({ beginsWith: z.string().check(z.minLength(1)) }),
]);
export const whereSchema = z.record(z.string().check(z.minLength(1)), wanted);
export type Where = z.output<typeof whereSchema>;

/** What a run does: `dedupe` removes copies, `backfill` fills the gaps of another table. */
export const RUN_KINDS = ['dedupe', 'backfill'] as const;
export type RunKind = (typeof RUN_KINDS)[number];

/** How far it goes: `dry-run` changes nothing, `apply` does what a dry run has found, `undo` puts back what an apply removed. */
export const RUN_MODES = ['dry-run', 'apply', 'undo'] as const;
export type RunMode = (typeof RUN_MODES)[number];

/** List prices of on-demand tables in us-east-1 since 2024-11, in USD, which costs of runs are computed with. @see https://aws.amazon.com/dynamodb/pricing/on-demand/ */
export const UNIT_PRICES = { readUsd: 0.125 / 1_000_000, writeUsd: 0.625 / 1_000_000 } as const;

const runId = z.string().check(z.regex(RUN_ID, 'is not the id of a run'));
const table = z.string().check(z.regex(TABLE_NAME, 'is not the name of a table'));
const count = z.int().check(z.minimum(0));

/** What the function `reconcile` is asked for. Without `mode`, nothing is changed. */
export const requestSchema = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.enum(RUN_KINDS),
    /** Name of a table of the config. */
    table,
    /** Only where the config has several tables of this name. */
    region: z.optional(z.string()),
    account: z.optional(z.string()),
    mode: z._default(z.enum(['dry-run', 'apply']), 'dry-run'),
    /** Share of the table that a dry run reads, to estimate the rest; above 0 and below 1. */
    sample: z.optional(z.number().check(z.gt(0), z.lt(1))),
    /** Apply: the dry run that is applied, */
    plan: z.optional(runId),
    /** and how many items it said it would remove or write. */
    count: z.optional(count),
    /** Apply: what makes the table special, and is known. */
    acknowledge: z._default(z.array(z.enum(HAZARDS)), []),
    /** The same token gives the same run, however often it is asked for. @default the time */
    token: z.optional(z.string().check(z.regex(TOKEN, 'must be 1 to 32 of letters, digits, : and -'))),
  }),
  z.strictObject({ kind: z.literal('undo'), run: runId }),
  z.strictObject({ kind: z.literal('forget'), run: runId }),
  z.strictObject({ kind: z.literal('cancel'), run: runId }),
  z.strictObject({ kind: z.literal('resume'), run: runId }),
  /** `showKeys`: name the items that were skipped, and not only hashes of their keys. */
  z.strictObject({ kind: z.literal('status'), run: runId, showKeys: z._default(z.boolean(), false) }),
  z.strictObject({
    kind: z.literal('runs'),
    limit: z._default(z.int().check(z.minimum(1), z.maximum(100)), 20),
  }),
  z.strictObject({ kind: z.literal('audit'), run: runId }),
  /** Looks at functions and secrets now. */
  z.strictObject({
    kind: z.literal('verify'),
    subjects: z.array(z.string().check(z.minLength(1))).check(z.minLength(1), z.maxLength(100)),
  }),
]);

/** A request with its defaults. */
export type ReconcileRequest = z.output<typeof requestSchema>;
/** A request as a caller writes it. */
export type WrittenRequest = z.input<typeof requestSchema>;
