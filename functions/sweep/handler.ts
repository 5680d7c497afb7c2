import type { Context } from 'aws-lambda';
import { functionPorts, installation, secretPorts } from '../adapters/aws/installation.ts';
import { log } from '../adapters/aws/log.ts';
import { considerate } from '../app/considerate.ts';
import { lazily } from '../app/lazily.ts';
import { sweep } from '../app/sweep.ts';
import { TIME_TO_WRITE_MS } from '../contract/deployment.ts';

const installed = lazily(async () => {
  const { config, environment, ports } = installation('sweep');
  const own = await functionPorts(environment);
  const ofSecrets = secretPorts(environment);
  const { functions, secrets, probes, readUntil } = considerate(ports, log);
  const source = functions(own.source, 'sweep');
  const rotation = {
    ...ports,
    ...ofSecrets,
    secrets: secrets(ofSecrets.secrets),
    probes: probes(ofSecrets.probes),
  };
  return { config, readUntil, ports: { ...ports, ...own, source, rotation } };
});

/** Looks at everything once. What the schedule says is of no interest. */
export async function handler(_schedule: unknown, context: Context): Promise<void> {
  try {
    const { ports, config, readUntil } = await installed();
    readUntil(Date.now() + context.getRemainingTimeInMillis() - TIME_TO_WRITE_MS);
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
