import { readFileSync } from 'node:fs';
import type * as z from 'zod/mini';
import type { ParsedConfig } from '../../contract/config.ts';
import type { Part } from '../../contract/deployment.ts';
import { CONFIG_FILE, environmentSchemas } from '../../contract/environment.ts';
import { RecohereError } from '../../core/errors.ts';
import { accessMemory } from './access-memory.ts';
import { awsFunctionSource } from './function-source.ts';
import { readKey } from './key.ts';
import { dynamoLedger } from './ledger.ts';
import { sqsWakes } from './queues.ts';
import { systemClock, systemRandom } from './system.ts';
import { emfTelemetry } from './telemetry.ts';

/**
 * What one deployed function has to work with: its environment, the config beside its code, and AWS.
 * @throws RecohereError `BAD_INSTALLATION`, or RefusedError if the fingerprint key cannot be read
 */
export async function installation<P extends Part>(part: P) {
  const environment = environmentOf(part);
  const { RECOHERE_LEDGER, RECOHERE_KEY, RECOHERE_QUEUE } = environment;
  return {
    environment,
    config: readConfig(),
    ports: {
      source: awsFunctionSource(),
      clock: systemClock,
      random: systemRandom,
      ledger: dynamoLedger({}, RECOHERE_LEDGER),
      memory: accessMemory({}, RECOHERE_LEDGER),
      wakes: sqsWakes(RECOHERE_QUEUE),
      telemetry: emfTelemetry(),
      key: await readKey(RECOHERE_KEY),
    },
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
