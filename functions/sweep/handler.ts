import type { Context } from 'aws-lambda';
import { functionPorts, installation, secretPorts } from '../adapters/aws/installation.ts';
import { log } from '../adapters/aws/log.ts';
import { dynamoSweepLedger } from '../adapters/aws/sweep-ledger.ts';
import { dynamoTurns } from '../adapters/aws/turns.ts';
import { considerate } from '../app/considerate.ts';
import { lazily } from '../app/lazily.ts';
import { sweep } from '../app/sweep.ts';
import { TIME_TO_WRITE_MS } from '../contract/deployment.ts';
import { sweepSchema } from '../contract/messages.ts';

const installed = lazily(async () => {
  const { config, environment, ports } = installation('sweep');
  const own = await functionPorts(environment);
  const ofSecrets = secretPorts(environment);
  const { functions, secrets, probes, telemetry, settled, fingerprints, readUntil } = considerate(ports, log);
  const shared = { ...ports, telemetry: telemetry(ports.telemetry) };
  const rotation = {
    ...shared,
    ...ofSecrets,
    secrets: secrets(ofSecrets.secrets),
    probes: probes(ofSecrets.probes),
  };
  const looking = {
    ...shared,
    ...own,
    source: functions(own.source, 'sweep'),
    settled,
    fingerprints,
    rotation,
  };
  const { RECOHERE_LEDGER: table } = environment;
  const all = { ...looking, turns: dynamoTurns({}, table), sweeps: dynamoSweepLedger({}, table) };
  return { config, readUntil, ports: all, publishStored: ports.telemetry.publishStored };
});

/** Looks at what is due; at all, if somebody invokes it with `{ "all": true }`. What the schedule says is of no interest. */
export async function handler(event: unknown, context: Context): Promise<void> {
  try {
    const { ports, config, readUntil, publishStored } = await installed();
    const overAt = Date.now() + context.getRemainingTimeInMillis();
    const time = { until: overAt - TIME_TO_WRITE_MS, overAt, readUntil };
    try {
      const { what, left, ahead } = await sweep(ports, config, time, sweepSchema.safeParse(event).success);
      if (what === 'busy') log.info('another sweep is under way, so this one looks at nothing');
      if (left > 0) log.warn('time was up: the next sweep goes on', { subjects: left });
      if (ahead > 0) log.warn('subjects were last looked at in the future', { subjects: ahead });
    } finally {
      publishStored();
    }
  } catch (error) {
    log.failure('the sweep did not end well', error);
    throw new Error('the sweep did not end well; a line before this one says why'); // what is thrown is printed whole
  }
}
