import { setTimeout } from 'node:timers/promises';
import {
  type AttributeValue,
  BatchWriteItemCommand,
  CreateTableCommand,
  DeleteTableCommand,
  DynamoDBClient,
  type DynamoDBClientConfig,
  ScanCommand,
  waitUntilTableExists,
} from '@aws-sdk/client-dynamodb';
import { awsItemStores } from '../../functions/adapters/aws/item-store.ts';
import { dynamoRunLedger } from '../../functions/adapters/aws/run-ledger.ts';
import { systemRandom } from '../../functions/adapters/aws/system.ts';
import { fileObjectStore } from '../../functions/adapters/local/file-objects.ts';
import { SimulatedTelemetry } from '../../functions/adapters/sim/telemetry.ts';
import { type ReconcilePorts, type RunStatus, reconcile } from '../../functions/app/reconcile.ts';
import { runHere } from '../../functions/app/run-here.ts';
import { PROCESS_LIMITS, type RunLimits } from '../../functions/app/run-ports.ts';
import { type ParsedConfig, parseConfig, type RecohereConfig } from '../../functions/contract/config.ts';
import { runRequestSchema, type WrittenRequest } from '../../functions/contract/requests.ts';
import type { WireItem } from '../../functions/core/item.ts';
import type { Clock } from '../../functions/ports/clock.ts';
import type { Transforms } from '../../functions/ports/transform.ts';
import { applyOf, HUB } from '../app/run-system.ts';
import type { KeyAttribute } from '../contract/item-store.ts';

/** Options of a client that talks to one server. */
export type Client = Pick<DynamoDBClientConfig, 'endpoint' | 'credentials' | 'maxAttempts'> & {
  readonly region: string;
};

export interface RealRunsOptions {
  readonly client: Client;
  /** Name of the ledger's table. */
  readonly ledger: string;
  /** Where objects are kept as files. */
  readonly folder: string;
  readonly tables: NonNullable<RecohereConfig['tables']>;
  readonly clock?: Clock;
  readonly limits?: Partial<RunLimits>;
  readonly transforms?: Transforms;
}

const TABLE_WAIT_SECONDS = 60;
/** Items that one BatchWriteItem takes. */
const ITEMS_PER_WRITE = 25;
/** Of a request. */
const BYTES_PER_WRITE = 4_000_000;

/** What a sleep of {@link hurriedClock} takes, so that whoever sleeps lets others work. */
const NAP_MS = 1;

/** Moves on by itself, and by whatever anybody sleeps on it. @param aheadMs How far it goes before the machine's own clock. */
export function hurriedClock(aheadMs = 0): Clock {
  let ahead = aheadMs;
  return {
    now: () => Date.now() + ahead,
    async sleep(ms) {
      ahead += ms;
      await setTimeout(NAP_MS);
    },
  };
}

/** Runs over tables of a DynamoDB-compatible server, by the adapters that work in AWS, with files as objects. */
export class RealRuns {
  readonly ports: ReconcilePorts;
  readonly config: ParsedConfig;

  constructor({ client, ledger, folder, tables, clock, limits, transforms }: RealRunsOptions) {
    const objects = fileObjectStore(folder);
    this.config = parsed({ hub: { region: HUB }, replicas: [{ region: HUB }], tables });
    this.ports = {
      clock: clock ?? hurriedClock(),
      random: systemRandom,
      ledger: dynamoRunLedger(client, ledger),
      items: awsItemStores({ client }),
      objects: () => objects,
      transforms: transforms ?? (async () => async (item) => item),
      telemetry: new SimulatedTelemetry(),
      limits: { ...PROCESS_LIMITS, ...limits },
      start: async () => {},
    };
  }

  /** Asks the entry for something. */
  ask(request: WrittenRequest, ports = this.ports): Promise<unknown> {
    return reconcile(ports, this.config, runRequestSchema.parse(request));
  }

  /** Asks for a run, and works on it to its end. */
  async run(request: WrittenRequest, ports = this.ports): Promise<RunStatus> {
    const { id } = (await this.ask(request, ports)) as RunStatus;
    await runHere(ports, id);
    return (await this.ask({ kind: 'status', run: id })) as RunStatus;
  }
}

/** What asks for the apply of a dry run, over a table of a server that cannot restore one. */
export function applyHere(dry: RunStatus): WrittenRequest {
  return { ...applyOf(dry), acknowledge: ['no-point-in-time-recovery'] } as WrittenRequest;
}

/** Tables of a server, as their owner uses them. */
export class OwnTables {
  readonly #dynamo: DynamoDBClient;

  constructor(client: Client) {
    this.#dynamo = new DynamoDBClient(client);
  }

  async make(TableName: string, keys: readonly KeyAttribute[]): Promise<void> {
    await this.#dynamo.send(
      new CreateTableCommand({
        TableName,
        BillingMode: 'PAY_PER_REQUEST',
        AttributeDefinitions: keys.map(({ name, type }) => ({ AttributeName: name, AttributeType: type })),
        KeySchema: keys.map(({ name }, at) => ({
          AttributeName: name,
          KeyType: at === 0 ? 'HASH' : 'RANGE',
        })),
      }),
    );
    await waitUntilTableExists(
      { client: this.#dynamo, minDelay: 1, maxDelay: 1, maxWaitTime: TABLE_WAIT_SECONDS },
      { TableName },
    );
  }

  async drop(TableName: string): Promise<void> {
    await this.#dynamo.send(new DeleteTableCommand({ TableName }));
  }

  async fill(TableName: string, items: readonly WireItem[]): Promise<void> {
    let batch: WireItem[] = [];
    let bytes = 0;
    const write = async () => {
      if (batch.length === 0) return;
      const requests = batch.map((item) => ({ PutRequest: { Item: sdkItem(item) } }));
      await this.#dynamo.send(new BatchWriteItemCommand({ RequestItems: { [TableName]: requests } }));
      [batch, bytes] = [[], 0];
    };
    for (const item of items) {
      const size = JSON.stringify(item).length;
      if (batch.length === ITEMS_PER_WRITE || bytes + size > BYTES_PER_WRITE) await write();
      batch.push(item);
      bytes += size;
    }
    await write();
  }

  /** All that lies there. */
  async items(TableName: string): Promise<readonly WireItem[]> {
    const items: WireItem[] = [];
    let from: Record<string, AttributeValue> | undefined;
    do {
      const command = new ScanCommand({ TableName, ...(from && { ExclusiveStartKey: from }) });
      const { Items = [], LastEvaluatedKey } = await this.#dynamo.send(command);
      items.push(...(Items as WireItem[]));
      from = LastEvaluatedKey;
    } while (from);
    return items;
  }

  close(): void {
    this.#dynamo.destroy();
  }
}

function parsed(config: RecohereConfig): ParsedConfig {
  const result = parseConfig(config);
  if (!result.ok) throw new Error(result.mistakes.join('\n'));
  return result.config;
}

function sdkItem(item: WireItem): Record<string, AttributeValue> {
  return item as Record<string, AttributeValue>;
}
