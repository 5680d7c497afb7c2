import type { SQSBatchItemFailure, SQSBatchResponse, SQSEvent, SQSRecord } from 'aws-lambda';
import { installation } from '../adapters/aws/installation.ts';
import { log } from '../adapters/aws/log.ts';
import { sqsDeadLetters } from '../adapters/aws/queues.ts';
import { considerate } from '../app/considerate.ts';
import { lazily } from '../app/lazily.ts';
import { receive } from '../app/receive.ts';

const installed = lazily(async () => {
  const { config, environment, ports } = await installation('verify-deploy');
  const deadLetters = sqsDeadLetters(environment.RECOHERE_DEAD_LETTERS);
  return { config, ports: { ...ports, source: considerate(ports, 'verify-deploy', log), deadLetters } };
});

/** Takes a batch of messages, each on its own. Those that failed stay in the queue, and no others. */
export async function handler({ Records }: SQSEvent): Promise<SQSBatchResponse> {
  const failures = await Promise.all(Records.map(failureOf));
  return { batchItemFailures: failures.filter((failure) => failure !== undefined) };
}

/** `undefined` if the message is handled. */
async function failureOf({ messageId, body }: SQSRecord): Promise<SQSBatchItemFailure | undefined> {
  try {
    const { ports, config } = await installed();
    await receive(ports, config, { messageId, body });
    return undefined;
  } catch (error) {
    log.failure('a message stays in its queue', error, { messageId });
    return { itemIdentifier: messageId };
  }
}
