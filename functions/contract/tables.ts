import * as z from 'zod/mini';

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
