import { readFileSync } from 'node:fs';
import type * as z from 'zod/mini';
import type { ParsedConfig } from '../../contract/config.ts';
import { DEPLOYED, type Part, partitionOf } from '../../contract/deployment.ts';
import { CONFIG_FILE, type EnvironmentOf, environmentSchemas } from '../../contract/environment.ts';
import { RecohereError } from '../../core/errors.ts';
import type { Place } from '../../core/place.ts';
import type { TableRef } from '../../core/run.ts';
import { accessMemory } from './access-memory.ts';
import { awsConsumerProbes } from './consumer-probes.ts';
import { awsFunctionSource } from './function-source.ts';
import { awsItemStores } from './item-store.ts';
import { readKey } from './key.ts';
import { dynamoLedger } from './ledger.ts';
import { lambdaNudges } from './nudges.ts';
import { sqsWakes } from './queues.ts';
import { dynamoRunLedger } from './run-ledger.ts';
import { s3ObjectStores } from './s3-objects.ts';
import { awsSecretSource } from './secret-source.ts';
import { dynamoSweepLedger } from './sweep-ledger.ts';
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
  POWERTOOLS_SERVICE_NAME: prefix,
}: Pick<
  EnvironmentOf<'sweep'>,
  'RECOHERE_LEDGER' | 'RECOHERE_KEY' | 'RECOHERE_QUEUE' | 'POWERTOOLS_SERVICE_NAME'
>) {
  return {
    nudges: lambdaNudges(prefix),
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
  POWERTOOLS_SERVICE_NAME: prefix,
}: Pick<EnvironmentOf<'sweep'>, 'RECOHERE_LEDGER' | 'RECOHERE_SECRETS_QUEUE' | 'POWERTOOLS_SERVICE_NAME'>) {
  return {
    nudges: lambdaNudges(prefix),
    secrets: awsSecretSource(),
    probes: awsConsumerProbes(),
    ledger: dynamoLedger({}, RECOHERE_LEDGER, 'secret'),
    wakes: sqsWakes(RECOHERE_SECRETS_QUEUE),
  };
}

/** What says what is known of subjects. */
export function overviewPorts({ RECOHERE_LEDGER: table }: Pick<EnvironmentOf<'widget'>, 'RECOHERE_LEDGER'>) {
  return {
    ledgers: { function: dynamoLedger({}, table), secret: dynamoLedger({}, table, 'secret') },
    sweeps: dynamoSweepLedger({}, table),
  };
}

/** What runs over tables are worked on with. */
export function runPorts(
  config: ParsedConfig,
  {
    RECOHERE_LEDGER,
    RECOHERE_ACCOUNT: account,
  }: Pick<EnvironmentOf<'reconcile-worker'>, 'RECOHERE_LEDGER' | 'RECOHERE_ACCOUNT'>,
) {
  const accessOf = dataAccess(config);
  const { AWS_ENDPOINT_URL: endpoint } = process.env; // of an emulator
  return {
    ledger: dynamoRunLedger({}, RECOHERE_LEDGER),
    items: awsItemStores({ accessOf }),
    objects: s3ObjectStores({ prefix: config.prefix, account, accessOf, endpoint }),
  };
}

/** The role to work on a table with: one of its account, if that is not the hub's. */
function dataAccess({ prefix, hub }: ParsedConfig): (table: TableRef) => Place['access'] {
  return ({ region, account }) => {
    if (account === undefined || account === hub.account) return undefined;
    return { roleArn: `arn:${partitionOf(region)}:iam::${account}:role/${DEPLOYED.dataRole(prefix)}` };
  };
}

/**
 * Where, beside the code of the worker, the module is that has the transform of a table.
 * @throws RecohereError `BAD_TRANSFORM`
 */
export function transformPath({ hub, tables }: ParsedConfig, table: TableRef): string {
  const own = tables.find(
    ({ name, region = hub.region, account = hub.account }) =>
      name === table.name && region === table.region && account === (table.account ?? hub.account),
  );
  if (own?.backfill) return own.backfill.transform;
  throw new RecohereError(
    'BAD_TRANSFORM',
    'the config that is deployed has no transform for this table; if yours has, deploy it',
    {
      context: { table: table.name },
    },
  );
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
