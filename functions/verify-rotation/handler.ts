import { installation, secretPorts } from '../adapters/aws/installation.ts';
import { log } from '../adapters/aws/log.ts';
import { queueHandler } from '../adapters/aws/queue-handler.ts';
import { sqsDeadLetters } from '../adapters/aws/queues.ts';
import { considerate } from '../app/considerate.ts';
import { lazily } from '../app/lazily.ts';
import { receiveRotation } from '../app/receive.ts';

/** Takes what may tell of a rotation, and the reports of consumers. */
export const handler = queueHandler(
  lazily(async () => {
    const { config, environment, ports } = installation('verify-rotation');
    const own = secretPorts(environment);
    const { secrets, probes, nudges, telemetry, readUntil } = considerate(ports, log);
    const deadLetters = sqsDeadLetters(environment.RECOHERE_DEAD_LETTERS);
    const looking = { secrets: secrets(own.secrets), probes: probes(own.probes) };
    const telling = { nudges: nudges(own.nudges), telemetry: telemetry(ports.telemetry), deadLetters };
    const all = { ...ports, ...own, ...looking, ...telling };
    return { readUntil, receive: (delivered) => receiveRotation(all, config, delivered) };
  }),
);
