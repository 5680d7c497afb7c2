import { installation, runPorts, transformPath } from '../adapters/aws/installation.ts';
import { taskHandler } from '../adapters/aws/task-handler.ts';
import { transforms } from '../adapters/aws/transform.ts';
import { lazily } from '../app/lazily.ts';
import { nextStep } from '../app/next-step.ts';
import { LAMBDA_LIMITS } from '../app/run-ports.ts';
import { work } from '../app/work.ts';

/** Does the tasks of runs, one at a time. */
export const handler = taskHandler(
  lazily(async () => {
    const { config, environment, ports } = installation('reconcile-worker');
    const all = {
      ...ports,
      ...runPorts(config, environment),
      transforms: transforms((table) => import(new URL(transformPath(config, table), import.meta.url).href)),
      limits: LAMBDA_LIMITS,
    };
    return {
      perform: (task, until) => (task.task === 'steer' ? nextStep(all, task.run) : work(all, task, until)),
      ended: () => ports.telemetry.publishStored(),
    };
  }),
);
