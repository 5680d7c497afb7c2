import {
  InvokeCommand,
  LambdaClient,
  type LambdaClientConfig,
  ResourceNotFoundException,
} from '@aws-sdk/client-lambda';
import * as z from 'zod/mini';
import type { ParsedConfig } from '../../contract/config.ts';
import { DEPLOYED, partitionOf } from '../../contract/deployment.ts';
import type { Overview, OverviewPage, SubjectStatus } from '../../contract/overview.ts';
import { REFUSAL_CODES, type Refusal } from '../../contract/report.ts';
import type { WrittenRequest } from '../../contract/requests.ts';
import { RUN_KINDS, RUN_MODES } from '../../contract/tables.ts';
import { time } from '../../contract/time.ts';
import { RecohereError, RefusedError } from '../../core/errors.ts';
import { PHASES, RUN_STATES } from '../../core/run.ts';
import { unexpected } from './answers.ts';
import { asking } from './asking.ts';
import { CLIENT_BOUNDS } from './bounds.ts';
import { overviewPageSchema, subjectStatusSchema } from './overview-page.ts';

/** The function may take 5 minutes; its answer then has 10 seconds to arrive. */
const ANSWER_TIMEOUT_MS = 310_000;
/** A call with all its tries: those of a function that is busy with others come before its answer. */
const INVOKE_TIMEOUT_MS = 360_000;

const CALL = 'lambda:InvokeFunction';

const counts = z.readonly(z.record(z.string(), z.number()));
const problem = z.object({ reason: z.string(), key: z.string() });
const text = z.optional(z.string());
const interval = z.object({ likely: z.number(), least: z.number(), most: z.number() });

/** What a release that is deployed says of a run besides is kept, and so are names of counts that are not known here. */
const reportSchema = z.looseObject({
  id: z.string(),
  kind: z.enum(RUN_KINDS),
  mode: z.enum(RUN_MODES),
  state: z.enum(RUN_STATES),
  table: z.string(),
  of: text,
  scanned: z.number(),
  duplicates: z.number(),
  removed: z.number(),
  restored: z.number(),
  verified: z.number(),
  counts,
  skipped: counts,
  problems: z.readonly(z.array(problem)),
  readUnits: z.number(),
  writeUnits: z.number(),
  costUsd: z.number(),
  durationMs: z.number(),
  failure: z.optional(z.object({ code: z.string(), permission: text })),
  estimate: z.optional(
    z.object({
      share: z.number(),
      items: z.number(),
      readUnits: z.number(),
      costUsd: z.number(),
      duplicates: z.optional(interval),
    }),
  ),
});

const statusSchema = z.looseObject({
  ...reportSchema.shape,
  phase: z.enum([...PHASES['dry-run'], ...PHASES.apply, ...PHASES.undo]),
  progress: z.object({ done: z.number(), of: z.number() }),
  keys: z.optional(z.readonly(z.array(problem))),
});

const runsSchema = z.looseObject({ runs: z.readonly(z.array(reportSchema)) });

const auditSchema = z.looseObject({
  run: z.string(),
  proofs: z.number(),
  items: z.number(),
  isQuarantineRead: z.boolean(),
  isRootSame: z.nullable(z.boolean()),
  breaks: z.readonly(
    z.array(z.object({ phase: z.string(), index: z.number(), number: z.number(), why: z.string() })),
  ),
});

const names = z.readonly(z.array(z.string()));
/** `at` is missing in what was deployed before looks were waited for. */
const askedLookSchema = z.looseObject({ at: z.optional(time), functions: names, secrets: names });

const refusalSchema = z.object({
  error: z.object({
    code: z.string(),
    message: text,
    permission: text,
    mistakes: z.optional(z.array(z.string())),
  }),
});

/** What is told of a run. */
export type ReportedRun = z.output<typeof reportSchema>;
/** How far a run is. */
export type ReportedStatus = z.output<typeof statusSchema>;
/** What became of an audit. */
export type ReportedAudit = z.output<typeof auditSchema>;

/** Who was asked to look at what. Who has looked says `at`, or more, in {@link SubjectStatus.answeredUntil}. */
export type AskedLook = z.output<typeof askedLookSchema>;

/** Asks for runs, and for what became of them; and for what is known of functions and secrets. */
export interface Reconciling {
  /** Asks for something that is answered with how far a run is. */
  run(request: WrittenRequest): Promise<ReportedStatus>;
  /** The newest first. */
  runs(limit: number): Promise<readonly ReportedRun[]>;
  audit(run: string): Promise<ReportedAudit>;
  /** What is known of all subjects: the first page, or the one that begins where another ended. */
  overview(after?: string): Promise<OverviewPage>;
  /** What is known of up to 100 subjects. @throws RecohereError `UNKNOWN_SUBJECT` */
  overviewOf(subjects: readonly string[]): Promise<Overview>;
  /** Asks for a look at subjects, now. */
  verify(subjects: readonly string[]): Promise<AskedLook>;
  /** Keeps a subject from alarming for some seconds; 0 end that. @throws RecohereError `UNKNOWN_SUBJECT` */
  silence(subject: string, seconds: number, reason: string): Promise<SubjectStatus>;
}

/**
 * Asks the function `reconcile` of an installation. What is asked for may be asked twice, since an answer that is lost is asked for
 * again: so name a token where one may be named.
 * @param options Of the SDK's client; they replace {@link CLIENT_BOUNDS}.
 * @throws RecohereError from every method: `NOT_DEPLOYED`, `FUNCTION_FAILED`, or the code of what the function refuses; RefusedError if
 * AWS, or the way to it, refuses, be it this call or one of the function's
 */
export function reconcileClient(
  { prefix, hub }: Pick<ParsedConfig, 'prefix' | 'hub'>,
  options: LambdaClientConfig = {},
): Reconciling {
  const { region, account } = hub;
  const name = DEPLOYED.part(prefix, 'reconcile');
  // with the account, if the config names it, another one is asked for nothing
  const FunctionName =
    account === undefined ? name : `arn:${partitionOf(region)}:lambda:${region}:${account}:function:${name}`;
  const client = new LambdaClient({
    ...CLIENT_BOUNDS,
    requestHandler: { ...CLIENT_BOUNDS.requestHandler, requestTimeout: ANSWER_TIMEOUT_MS },
    region,
    ...options,
  });

  async function ask<T extends z.ZodMiniType>(schema: T, request: WrittenRequest): Promise<z.output<T>> {
    const command = new InvokeCommand({
      FunctionName,
      InvocationType: 'RequestResponse',
      Payload: JSON.stringify(request),
    });
    const answer = await asking(
      CALL,
      (bounded) => client.send(command, bounded).catch(ifAbsent),
      INVOKE_TIMEOUT_MS,
    );
    if (answer === undefined) {
      throw new RecohereError(
        'NOT_DEPLOYED',
        `there is no function ${name} in ${region}: deploy it with npx cdk deploy --all`,
        { context: { function: name, region } },
      );
    }
    if (answer.FunctionError !== undefined) {
      throw new RecohereError(
        'FUNCTION_FAILED',
        `the function ${name} failed: its log group /aws/lambda/${name} in ${region} says why`,
        { context: { function: name, region } },
      );
    }
    const said = json(answer.Payload);
    const refusal = refusalSchema.safeParse(said);
    if (refusal.success) throw refusedBy(name, refusal.data.error);
    const granted = schema.safeParse(said);
    if (granted.success) return granted.data;
    throw unexpected(CALL);
  }

  return {
    run: (request) => ask(statusSchema, request),
    runs: async (limit) => (await ask(runsSchema, { kind: 'runs', limit })).runs,
    audit: (run) => ask(auditSchema, { kind: 'audit', run }),
    overview: (after) => ask(overviewPageSchema, { kind: 'overview', ...(after !== undefined && { after }) }),
    overviewOf: (subjects) => ask(overviewPageSchema, { kind: 'overview', subjects: [...subjects] }),
    verify: (subjects) => ask(askedLookSchema, { kind: 'verify', subjects: [...subjects] }),
    silence: (subject, seconds, reason) =>
      ask(subjectStatusSchema, { kind: 'silence', subject, seconds, reason }),
  };
}

/** Why something that was asked for was not done. */
export interface WhyNot {
  readonly code: string;
  readonly message: string;
  /** If AWS, or the way to it, refused; else a rule did. */
  readonly refusal?: Refusal | undefined;
}

/** `undefined` for what is a defect, and no refusal. */
export function whyNot(error: unknown): WhyNot | undefined {
  if (!(error instanceof RecohereError) || error.code === 'INVARIANT') return undefined;
  const refusal = error instanceof RefusedError ? error.refusal : undefined;
  return { code: error.code, message: error.message, refusal };
}

/** What the function has refused, as it would be thrown there. */
function refusedBy(
  name: string,
  { code, message = code, permission, mistakes = [] }: z.output<typeof refusalSchema>['error'],
): RecohereError {
  const known = REFUSAL_CODES.find((each) => each === code);
  if (known !== undefined) {
    return new RefusedError({ code: known, ...(permission !== undefined && { permission }) });
  }
  if (mistakes.length === 0) return new RecohereError(code, message);
  const lines = mistakes.map((mistake) => `\n  ${mistake}`).join('');
  return new RecohereError(
    code,
    `the function ${name} does not take this, is it of another release?${lines}`,
  );
}

function ifAbsent(error: unknown): undefined {
  if (!(error instanceof ResourceNotFoundException)) throw error;
}

/**
 * `undefined` for what is no JSON; the error would quote it.
 * @param payload For a body that is empty, the SDK gives `null`, which its types do not say.
 */
function json(payload: Uint8Array | null | undefined): unknown {
  try {
    return JSON.parse(Buffer.from(payload ?? []).toString());
  } catch {
    return undefined;
  }
}
