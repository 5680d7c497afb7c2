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
import pMap from 'p-map';
import { awsItemStores } from '../functions/adapters/aws/item-store.ts';
import { createLedgerTable } from '../functions/adapters/aws/ledger.ts';
import { dynamoRunLedger } from '../functions/adapters/aws/run-ledger.ts';
import { systemClock, systemRandom } from '../functions/adapters/aws/system.ts';
import { transforms } from '../functions/adapters/aws/transform.ts';
import { fileObjectStore } from '../functions/adapters/local/file-objects.ts';
import { SimulatedTelemetry } from '../functions/adapters/sim/telemetry.ts';
import { type ReconcilePorts, type RunStatus, reconcile } from '../functions/app/reconcile.ts';
import { runHere } from '../functions/app/run-here.ts';
import { PROCESS_LIMITS } from '../functions/app/run-ports.ts';
import { parseConfig, type RecohereConfig } from '../functions/contract/config.ts';
import { runRequestSchema, type WrittenRequest } from '../functions/contract/requests.ts';
import type { WireItem } from '../functions/core/item.ts';
import { startChild } from './children.ts';

type TableConfigs = NonNullable<RecohereConfig['tables']>;
type Client = DynamoDBClientConfig & { readonly region: string };

const REGION = 'us-east-1';
/** A rate that holds nobody back. */
export const UNBOUNDED = { readUnitsPerSecond: 1_000_000, writeUnitsPerSecond: 1_000_000 } as const;
/** Segments of a scan, all of which are read at once: what runs over a table of this size are divided into. */
const SEGMENTS = 4;

const ITEMS_PER_WRITE = 25;
const WRITES_AT_ONCE = 4;
const TABLE_WAIT_SECONDS = 60;
/** Of what an order says besides its keys. */
const BODY_CHARACTERS = 400;

/** A server of tables in a process of its own, with a ledger of runs. */
export class Tables {
  readonly dynamo: DynamoDBClient;
  readonly #client: Client;
  readonly #stop: () => void;

  private constructor(client: Client, stop: () => void) {
    this.#client = client;
    this.#stop = stop;
    this.dynamo = new DynamoDBClient(client);
  }

  static async start(): Promise<Tables> {
    const { said, process } = await startChild(new URL('./table-server.js', import.meta.url));
    const client = {
      endpoint: (said as { endpoint: string }).endpoint,
      region: REGION,
      credentials: { accessKeyId: 'local', secretAccessKey: 'local' },
      maxAttempts: 1,
    };
    await createLedgerTable(client, 'ledger');
    return new Tables(client, () => process.kill());
  }

  async make(TableName: string, key = 'id'): Promise<void> {
    await this.dynamo.send(
      new CreateTableCommand({
        TableName,
        BillingMode: 'PAY_PER_REQUEST',
        AttributeDefinitions: [{ AttributeName: key, AttributeType: 'S' }],
        KeySchema: [{ AttributeName: key, KeyType: 'HASH' }],
      }),
    );
    await waitUntilTableExists(
      { client: this.dynamo, minDelay: 1, maxDelay: 1, maxWaitTime: TABLE_WAIT_SECONDS },
      { TableName },
    );
  }

  async drop(TableName: string): Promise<void> {
    await this.dynamo.send(new DeleteTableCommand({ TableName }));
  }

  async fill(TableName: string, items: readonly WireItem[]): Promise<void> {
    const starts = Array.from({ length: Math.ceil(items.length / ITEMS_PER_WRITE) }, (_, at) => at);
    await pMap(
      starts.map((at) => items.slice(at * ITEMS_PER_WRITE, (at + 1) * ITEMS_PER_WRITE)),
      async (batch) => {
        const requests = batch.map((item) => ({ PutRequest: { Item: sdkItem(item) } }));
        await this.dynamo.send(new BatchWriteItemCommand({ RequestItems: { [TableName]: requests } }));
      },
      { concurrency: WRITES_AT_ONCE },
    );
  }

  /**
   * Reads a table as a run does, all segments at once, and does nothing with it.
   * @param attributes The only attributes to read.
   * @param page What to do with each page.
   * @returns How much was read.
   */
  async scan(
    TableName: string,
    attributes?: readonly string[],
    page: (items: readonly WireItem[]) => Promise<void> = async () => {},
  ): Promise<{ readonly items: number; readonly readUnits: number }> {
    let [items, readUnits] = [0, 0];
    const segments = Array.from({ length: SEGMENTS }, (_, segment) => segment);
    await pMap(segments, async (Segment) => {
      let from: Record<string, AttributeValue> | undefined;
      do {
        const answer = await this.dynamo.send(
          new ScanCommand({
            TableName,
            Segment,
            TotalSegments: SEGMENTS,
            ReturnConsumedCapacity: 'TOTAL',
            ...(from && { ExclusiveStartKey: from }),
            ...(attributes && {
              ProjectionExpression: attributes.map((_, at) => `#a${at}`).join(', '),
              ExpressionAttributeNames: Object.fromEntries(attributes.map((name, at) => [`#a${at}`, name])),
            }),
          }),
        );
        items += answer.ScannedCount ?? 0;
        readUnits += answer.ConsumedCapacity?.CapacityUnits ?? 0;
        await page((answer.Items ?? []) as WireItem[]);
        from = answer.LastEvaluatedKey;
      } while (from);
    });
    return { items, readUnits };
  }

  /** What runs work with here, by the adapters that work in AWS, with files as objects. */
  ports(folder: string): ReconcilePorts {
    const objects = fileObjectStore(folder);
    return {
      clock: systemClock,
      random: systemRandom,
      ledger: dynamoRunLedger(this.#client, 'ledger'),
      items: awsItemStores({ client: this.#client }),
      objects: () => objects,
      transforms: transforms(async () => ({ default: (item: object) => item })),
      telemetry: new SimulatedTelemetry(),
      limits: PROCESS_LIMITS,
      start: async () => {},
    };
  }

  stop(): void {
    this.dynamo.destroy();
    this.#stop();
  }
}

/** Asks for a run, and works on it to its end. @throws if it does not finish */
export async function finished(
  ports: ReconcilePorts,
  tables: TableConfigs,
  request: WrittenRequest,
): Promise<RunStatus> {
  const parsed = parseConfig({ hub: { region: REGION }, replicas: [{ region: REGION }], tables });
  if (!parsed.ok) throw new Error(parsed.mistakes.join());
  const ask = (asked: WrittenRequest) => reconcile(ports, parsed.config, runRequestSchema.parse(asked));
  const { id } = (await ask(request)) as RunStatus;
  await runHere(ports, id);
  const status = (await ask({ kind: 'status', run: id })) as RunStatus;
  if (status.state !== 'finished') throw new Error(`the run ${status.state}: ${status.failure?.code}`);
  return status;
}

/** What asks for the apply of a dry run, here. */
export function applyOf({ kind, table, id, duplicates }: RunStatus): WrittenRequest {
  return {
    kind,
    table,
    mode: 'apply',
    plan: id,
    count: duplicates,
    acknowledge: ['no-point-in-time-recovery'],
  };
}

/** An order of about half a kilobyte. @param order What copies have in common. */
export function orderItem(id: number, order: number): WireItem {
  return {
    id: { S: `order-${String(id).padStart(9, '0')}` },
    order: { S: `o-${order}` },
    at: { N: String(1_700_000_000_000 + id) },
    isPaid: { BOOL: id % 3 === 0 },
    cents: { N: String((id * 7919) % 100_000) },
    body: { S: `${id} `.repeat(BODY_CHARACTERS).slice(0, BODY_CHARACTERS) },
  };
}

/** Seconds that some work takes. */
export async function timed(work: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await work();
  return (performance.now() - start) / 1000;
}

function sdkItem(item: WireItem): Record<string, AttributeValue> {
  return item as Record<string, AttributeValue>;
}
