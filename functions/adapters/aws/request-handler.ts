import type * as z from 'zod/mini';
import { askedSchema } from '../../contract/messages.ts';
import { linesOf, wordsOf } from '../../contract/mistakes.ts';
import { type AnyRequest, requestSchema } from '../../contract/requests.ts';
import { RecohereError, RefusedError } from '../../core/errors.ts';
import { log } from './log.ts';

/** Codes that are no answer to a request: something is wrong with us. */
const DEFECTS = ['INVARIANT', 'BAD_INSTALLATION', 'FUTURE_ITEM', 'MALFORMED_ITEM'];

/** What handles requests. */
interface Installed {
  /** Does what is asked. The answer is JSON. */
  answer(request: AnyRequest): Promise<object>;
  /** Called after each request, however it ended. */
  ended(): void;
}

/** Why a request was not granted. */
interface Refusal {
  readonly code: string;
  readonly message?: string;
  /** What is wrong with the request, one line each with its path. */
  readonly mistakes?: readonly string[];
  /** The permission that is missing. */
  readonly permission?: string;
}

/**
 * A handler of requests. One that cannot be granted is answered with the reason, `{ error: { code, … } }`; but if a rule has sent it, it
 * throws, so that a queue keeps what nobody reads the answer of.
 */
export function requestHandler(installed: () => Promise<Installed>) {
  return async (event: unknown): Promise<object> => {
    const asked = askedSchema.safeParse(event);
    const answer = await answerTo(installed, asked.success ? dryRunOf(asked.data) : event);
    if (asked.success && 'refusal' in answer) {
      log.warn('a rule asked for what cannot be done', { code: answer.refusal.code });
      throw new Error(`a rule asked for what cannot be done: ${answer.refusal.code}`);
    }
    return 'refusal' in answer ? { error: answer.refusal } : answer.granted;
  };
}

async function answerTo(
  installed: () => Promise<Installed>,
  written: unknown,
): Promise<{ readonly granted: object } | { readonly refusal: Refusal }> {
  const request = requestSchema.safeParse(written, { error: wordsOfRequest });
  if (!request.success) {
    return { refusal: { code: 'BAD_REQUEST', mistakes: linesOf(request.error.issues, 'request') } };
  }
  try {
    const { answer, ended } = await installed();
    try {
      return { granted: await answer(request.data) };
    } finally {
      ended();
    }
  } catch (error) {
    if (error instanceof RecohereError && !(error instanceof RefusedError) && !DEFECTS.includes(error.code)) {
      log.info('a request was refused', { kind: request.data.kind, code: error.code });
      return { refusal: { code: error.code, message: error.message } };
    }
    log.failure('a request did not end well', error, { kind: request.data.kind });
    if (!(error instanceof RecohereError)) {
      throw new Error('a request did not end well; a line before this one says why'); // what is thrown is printed whole
    }
    const { permission } = error instanceof RefusedError ? error.refusal : {};
    return { refusal: { code: error.code, message: error.message, ...(permission && { permission }) } };
  }
}

/** What a rule asks for, whatever else it says: a dry run, the same for the same event. */
function dryRunOf(asked: z.output<typeof askedSchema>): unknown {
  // ids of events are UUIDs, which without their dashes are as long as a token may be
  const [written, token] =
    'request' in asked ? [asked.request, asked.time] : [asked.detail, asked.id.replaceAll('-', '')];
  return { ...written, mode: 'dry-run', token };
}

/** As for a config, but that names are not repeated either: whoever wrote this may have meant a value. */
function wordsOfRequest(issue: z.core.$ZodRawIssue): ReturnType<typeof wordsOf> {
  switch (issue.code) {
    case 'unrecognized_keys':
      return 'has something that is not known here';
    case 'invalid_union':
      return 'is not something that can be asked for';
    default:
      return wordsOf(issue);
  }
}
