import * as z from 'zod/mini';
import { HAZARDS, RUN_ID, TABLE_NAME, TOKEN } from './names.ts';
import { RUN_KINDS } from './tables.ts';

/** Longest that a subject may be silenced: who wants it longer wants `mode: 'learn'`. */
export const SILENCE_SECONDS_MAX = 30 * 86_400;
export const SILENCE_REASON_MAX = 200;

const runId = z.string().check(z.regex(RUN_ID, 'is not the id of a run'));
const table = z.string().check(z.regex(TABLE_NAME, 'is not the name of a table'));
const count = z.int().check(z.minimum(0));
/** The longest is of a secret in another account: 12 digits, a colon, 512 characters. */
export const subjectSchema = z.string().check(z.minLength(1), z.maxLength(600));
/** Subjects that one request may name. */
export const SUBJECTS_MAX = 100;

const subjects = z.array(subjectSchema).check(z.minLength(1), z.maxLength(SUBJECTS_MAX));

/** What is asked for of runs. Without `mode`, nothing is changed. */
export const runRequestSchema = z.discriminatedUnion('kind', [
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
]);

/** A request that is about runs, with its defaults. */
export type RunRequest = z.output<typeof runRequestSchema>;

/** What the function `reconcile` is asked for. */
export const requestSchema = z.discriminatedUnion('kind', [
  runRequestSchema,
  /** Looks at functions and secrets now. */
  z.strictObject({
    kind: z.literal('verify'),
    subjects,
  }),
  /** Says what is known of subjects: of all, page by page, or of those named. */
  z.strictObject({
    kind: z.literal('overview'),
    subjects: z.optional(subjects),
    /** Where the page before ended. */
    after: z.optional(z.string().check(z.maxLength(1100))),
  }),
  /** Keeps a subject from alarming for a while; 0 seconds end that. */
  z.strictObject({
    kind: z.literal('silence'),
    subject: subjectSchema,
    seconds: z.int().check(z.minimum(0), z.maximum(SILENCE_SECONDS_MAX)),
    reason: z
      .string()
      .check(z.minLength(1), z.maxLength(SILENCE_REASON_MAX), z.regex(/^\P{C}*$/u, 'has control characters')),
  }),
]);

/** A request with its defaults. */
export type AnyRequest = z.output<typeof requestSchema>;
/** A request as a caller writes it. */
export type WrittenRequest = z.input<typeof requestSchema>;
