import { functionPorts, installation } from '../adapters/aws/installation.ts';
import { log } from '../adapters/aws/log.ts';
import { queueHandler } from '../adapters/aws/queue-handler.ts';
import { sqsDeadLetters } from '../adapters/aws/queues.ts';
import { considerate } from '../app/considerate.ts';
import { lazily } from '../app/lazily.ts';
import { receiveDeploy } from '../app/receive.ts';

/** Takes what may tell of a deploy. */
export const handler = queueHandler(
  lazily(async () => {
    const { config, environment, ports } = installation('verify-deploy');
    const own = await functionPorts(environment);
    const { functions, readUntil } = considerate(ports, log);
    const source = functions(own.source, 'verify-deploy');
    const deadLetters = sqsDeadLetters(environment.RECOHERE_DEAD_LETTERS);
    const all = { ...ports, ...own, source, deadLetters };
    return { readUntil, receive: (delivered) => receiveDeploy(all, config, delivered) };
  }),
);
