import { readFileSync } from 'node:fs';
import type * as z from 'zod/mini';
import type { ParsedConfig } from '../../contract/config.ts';
import type { Part } from '../../contract/deployment.ts';
import { CONFIG_FILE, type EnvironmentOf, environmentSchemas } from '../../contract/environment.ts';
import { RecohereError } from '../../core/errors.ts';
import { accessMemory } from './access-memory.ts';
import { awsConsumerProbes } from './consumer-probes.ts';
import { awsFunctionSource } from './function-source.ts';
import { readKey } from './key.ts';
import { dynamoLedger } from './ledger.ts';
import { sqsWakes } from './queues.ts';
import { awsSecretSource } from './secret-source.ts';
import { systemClock, systemRandom } from './system.ts';
import { emfTelemetry } from './telemetry.ts';

/**
 * What every deployed function has to work with: its environment, the config beside its code, and what is the same for all.
 * @throws RecohereError `BAD_INSTALLATION`
 */
export function installation<P extends Part>(part: P) {
  const environment = environmentOf(part);
  return {
    environment,
    config: readConfig(),
    ports: {
      clock: systemClock,
      random: systemRandom,
      memory: accessMemory({}, environment.RECOHERE_LEDGER),
      telemetry: emfTelemetry(),
    },
  };
}

/**
 * What a function looks at functions with.
 * @throws RefusedError if the fingerprint key cannot be read
 */
export async function functionPorts({
  RECOHERE_LEDGER,
  RECOHERE_KEY,
  RECOHERE_QUEUE,
}: Pick<EnvironmentOf<'sweep'>, 'RECOHERE_LEDGER' | 'RECOHERE_KEY' | 'RECOHERE_QUEUE'>) {
  return {
    source: awsFunctionSource(),
    ledger: dynamoLedger({}, RECOHERE_LEDGER),
    wakes: sqsWakes(RECOHERE_QUEUE),
    key: await readKey(RECOHERE_KEY),
  };
}

/** What a function looks at secrets with. */
export function secretPorts({
  RECOHERE_LEDGER,
  RECOHERE_SECRETS_QUEUE,
}: Pick<EnvironmentOf<'sweep'>, 'RECOHERE_LEDGER' | 'RECOHERE_SECRETS_QUEUE'>) {
  return {
    secrets: awsSecretSource(),
    probes: awsConsumerProbes(),
    ledger: dynamoLedger({}, RECOHERE_LEDGER, 'secret'),
    wakes: sqsWakes(RECOHERE_SECRETS_QUEUE),
  };
}

function environmentOf<P extends Part>(part: P): z.output<(typeof environmentSchemas)[P]> {
  const parsed = environmentSchemas[part].safeParse(process.env);
  if (parsed.success) return parsed.data as z.output<(typeof environmentSchemas)[P]>;
  const variables = parsed.error.issues.map(({ path }) => path.join('.'));
  throw new RecohereError('BAD_INSTALLATION', 'the environment of the function is not what the hub sets', {
    context: { variables },
  });
}

/**
 * The hub stack writes it beside the bundle, which this module is a part of. It was validated then, by the same release:
 * to do it again would only make the cold start longer.
 */
function readConfig(): ParsedConfig {
  return JSON.parse(readFileSync(new URL(CONFIG_FILE, import.meta.url), 'utf8')) as ParsedConfig;
}
