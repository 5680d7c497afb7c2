import { sfnExecutions } from '../adapters/aws/executions.ts';
import { installation, overviewPorts, runPorts } from '../adapters/aws/installation.ts';
import { sqsLooks } from '../adapters/aws/queues.ts';
import { requestHandler } from '../adapters/aws/request-handler.ts';
import { answer } from '../app/answer.ts';
import { askingToLook } from '../app/ask-to-look.ts';
import { lazily } from '../app/lazily.ts';
import { LAMBDA_LIMITS } from '../app/run-ports.ts';

/** Takes requests: by hand, of schedules, and of the bus. */
export const handler = requestHandler(
  lazily(async () => {
    const { config, environment, ports } = installation('reconcile');
    const all = {
      ...ports,
      ...runPorts(config, environment),
      ...overviewPorts(environment),
      transforms: () => Promise.reject(new Error('only the worker has the transforms')),
      limits: LAMBDA_LIMITS,
      start: sfnExecutions({}, environment.RECOHERE_RUNS),
      verify: askingToLook(config, ports, {
        functions: sqsLooks(environment.RECOHERE_QUEUE),
        secrets: sqsLooks(environment.RECOHERE_SECRETS_QUEUE),
      }),
    };
    return {
      answer: (request) => answer(all, config, request),
      ended: () => ports.telemetry.publishStored(),
    };
  }),
);
