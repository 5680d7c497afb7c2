import { BatchProcessor, EventType, processPartialResponse } from '@aws-lambda-powertools/batch';
import type { SQSBatchResponse, SQSEvent, SQSRecord } from 'aws-lambda';
import { installation } from '../adapters/aws/installation.ts';
import { log } from '../adapters/aws/log.ts';
import { sqsDeadLetters } from '../adapters/aws/queues.ts';
import { considerate } from '../app/considerate.ts';
import { lazily } from '../app/lazily.ts';
import { receive } from '../app/receive.ts';

const installed = lazily(async () => {
  const { config, environment, ports } = await installation('verify-deploy');
  const deadLetters = sqsDeadLetters(environment.RECOHERE_DEAD_LETTERS);
  return { config, ports: { ...ports, source: considerate(ports, log), deadLetters } };
});

/** Takes a batch of messages. Those that failed stay in the queue, and no others. */
export async function handler(event: SQSEvent): Promise<SQSBatchResponse> {
  const handle = async ({ messageId, body }: SQSRecord) => {
    try {
      const { ports, config } = await installed();
      await receive(ports, config, { messageId, body });
    } catch (error) {
      log.failure('a message stays in its queue', error, { messageId });
      throw error;
    }
  };
  return processPartialResponse(event, handle, new BatchProcessor(EventType.SQS), {
    throwOnFullBatchFailure: false,
  });
}
