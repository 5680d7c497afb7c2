import type { Context, SQSBatchItemFailure, SQSBatchResponse } from 'aws-lambda';
import * as z from 'zod/mini';
import { TIME_TO_WRITE_MS } from '../../contract/deployment.ts';
import { log } from './log.ts';

/** What is read of a message as SQS hands it over. @see https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html */
const recordSchema = z.object({
  messageId: z.string(),
  body: z.string(),
  attributes: z.object({ ApproximateReceiveCount: z.string() }),
});
const batchSchema = z.object({ Records: z.array(recordSchema) });

/** What handles the messages of one queue. */
interface Installed {
  /** Handles one message. What it throws leaves the message in the queue. */
  receive(delivered: {
    readonly messageId: string;
    readonly body: string;
    readonly tries: number;
  }): Promise<void>;
  /** From then on, in epoch milliseconds, nothing more is read. */
  readUntil(at: number): void;
}

/** A handler of a batch of messages, each on its own. Those that failed stay in the queue, and no others. */
export function queueHandler(installed: () => Promise<Installed>) {
  return async (event: unknown, context: Context): Promise<SQSBatchResponse> => {
    const batch = batchSchema.safeParse(event);
    if (!batch.success) throw new Error('what it was invoked with is no batch of messages');
    const own = await installed().catch((error: unknown) => {
      log.failure('the installation is broken', error);
      throw new Error('the installation is broken; a line before this one says how'); // what is thrown is printed whole
    });
    own.readUntil(Date.now() + context.getRemainingTimeInMillis() - TIME_TO_WRITE_MS);
    const failures = await Promise.all(batch.data.Records.map((record) => failureOf(own, record)));
    return { batchItemFailures: failures.filter((failure) => failure !== undefined) };
  };
}

/** `undefined` if the message is handled. */
async function failureOf(
  { receive }: Installed,
  { messageId, body, attributes }: z.output<typeof recordSchema>,
): Promise<SQSBatchItemFailure | undefined> {
  try {
    await receive({ messageId, body, tries: Number(attributes.ApproximateReceiveCount) });
    return undefined;
  } catch (error) {
    log.failure('a message stays in its queue', error, { messageId });
    return { itemIdentifier: messageId };
  }
}
