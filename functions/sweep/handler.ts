import { installation } from '../adapters/aws/installation.ts';
import { log } from '../adapters/aws/log.ts';
import { considerate } from '../app/considerate.ts';
import { lazily } from '../app/lazily.ts';
import { sweep } from '../app/verify.ts';

const installed = lazily(async () => {
  const { config, ports } = await installation('sweep');
  return { config, ports: { ...ports, source: considerate(ports, 'sweep', log) } };
});

/** Looks at everything once. What the schedule says is of no interest. */
export async function handler(): Promise<void> {
  try {
    const { ports, config } = await installed();
    try {
      await sweep(ports, config);
    } finally {
      ports.telemetry.publishStored();
    }
  } catch (error) {
    log.failure('the sweep did not end well', error);
    throw new Error('the sweep did not end well; a line before this one says why'); // what is thrown is printed whole
  }
}
