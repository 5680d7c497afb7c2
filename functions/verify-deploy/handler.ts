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
    const { functions, nudges, telemetry, settled, readUntil } = considerate(ports, log);
    const source = functions(own.source, 'verify-deploy');
    const deadLetters = sqsDeadLetters(environment.RECOHERE_DEAD_LETTERS);
    const telling = { nudges: nudges(own.nudges), telemetry: telemetry(ports.telemetry), deadLetters };
    const all = { ...ports, ...own, ...telling, source, settled };
    return { readUntil, receive: (delivered) => receiveDeploy(all, config, delivered) };
  }),
);
