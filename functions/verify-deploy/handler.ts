import type { Context, SQSBatchItemFailure, SQSBatchResponse, SQSEvent, SQSRecord } from 'aws-lambda';
import { installation } from '../adapters/aws/installation.ts';
import { log } from '../adapters/aws/log.ts';
import { sqsDeadLetters } from '../adapters/aws/queues.ts';
import { considerate } from '../app/considerate.ts';
import { lazily } from '../app/lazily.ts';
import { receive } from '../app/receive.ts';
import { TIME_TO_WRITE_MS } from '../contract/deployment.ts';

const installed = lazily(async () => {
  const { config, environment, ports } = await installation('verify-deploy');
  const { source, readUntil } = considerate(ports, 'verify-deploy', log);
  const deadLetters = sqsDeadLetters(environment.RECOHERE_DEAD_LETTERS);
  return { config, readUntil, ports: { ...ports, source, deadLetters } };
});
type Installed = Awaited<ReturnType<typeof installed>>;

/** Takes a batch of messages, each on its own. Those that failed stay in the queue, and no others. */
export async function handler({ Records }: SQSEvent, context: Context): Promise<SQSBatchResponse> {
  const own = await installed().catch((error: unknown) => {
    log.failure('the installation is broken', error);
    throw new Error('the installation is broken; a line before this one says how'); // what is thrown is printed whole
  });
  own.readUntil(Date.now() + context.getRemainingTimeInMillis() - TIME_TO_WRITE_MS);
  const failures = await Promise.all(Records.map((record) => failureOf(own, record)));
  return { batchItemFailures: failures.filter((failure) => failure !== undefined) };
}

/** `undefined` if the message is handled. */
async function failureOf(
  { ports, config }: Installed,
  { messageId, body, attributes }: SQSRecord,
): Promise<SQSBatchItemFailure | undefined> {
  try {
    await receive(ports, config, { messageId, body, tries: Number(attributes.ApproximateReceiveCount) });
    return undefined;
  } catch (error) {
    log.failure('a message stays in its queue', error, { messageId });
    return { itemIdentifier: messageId };
  }
}
