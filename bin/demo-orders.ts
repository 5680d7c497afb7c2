import { awsItemStores } from '../functions/adapters/aws/item-store.ts';
import { createLedgerTable } from '../functions/adapters/aws/ledger.ts';
import { startLocalDynamo } from '../functions/adapters/aws/local-dynamo.ts';
import { createFilledTable } from '../functions/adapters/aws/local-table.ts';
import type { ReportedRun } from '../functions/adapters/aws/reconcile-client.ts';
import { dynamoRunLedger } from '../functions/adapters/aws/run-ledger.ts';
import { memoryObjectStore } from '../functions/adapters/local/memory-objects.ts';
import { areSameOrders, demoOrders, ORDER_KEY } from '../functions/adapters/sim/demo-orders.ts';
import { SeededRandom } from '../functions/adapters/sim/seeded-random.ts';
import { SimulatedTelemetry } from '../functions/adapters/sim/telemetry.ts';
import { VirtualClock } from '../functions/adapters/sim/virtual-clock.ts';
import { type ReconcilePorts, type RunStatus, reconcile } from '../functions/app/reconcile.ts';
import { runHere } from '../functions/app/run-here.ts';
import { PROCESS_LIMITS } from '../functions/app/run-ports.ts';
import { runProgress } from '../functions/app/run-progress.ts';
import type { ParsedConfig, RecohereConfig } from '../functions/contract/config.ts';
import type { RunProgress } from '../functions/contract/overview.ts';
import { runRequestSchema, type WrittenRequest } from '../functions/contract/requests.ts';
import { inCallOrder, queued } from './demo-stage.ts';
import { plural, type Screen } from './render.ts';
import { renderReports } from './render-run.ts';

/** Monday afternoon, when most orders of the day are in. */
const AFTERNOON = Date.UTC(2026, 0, 5, 15);
const TABLE = 'orders';

/** Copies of one order; the first that was written stays. */
export const DEMO_TABLES: NonNullable<RecohereConfig['tables']> = [
  {
    name: TABLE,
    dedupe: { key: 'order', keep: 'oldest', by: 'at' },
    apply: true,
    readUnitsPerSecond: 40,
    writeUnitsPerSecond: 40,
  },
];

/** What became of the table. */
export interface PlayedOrders {
  /** Items in the table, before and after. */
  readonly items: number;
  /** A dry run, its apply, and the undo of that. */
  readonly runs: readonly ReportedRun[];
  /** The same, as an overview has them. */
  readonly progress: readonly RunProgress[];
  /** Whether the table is, after all, what it was. */
  readonly isSame: boolean;
}

/**
 * Finds the copies in a table of orders, removes them, and puts them back: the real use cases, with ledger and table on a real
 * DynamoDB-compatible server. The seed chooses which orders were written more than once.
 */
export async function playOrders(seed: number, config: ParsedConfig): Promise<PlayedOrders> {
  const dynamo = await startLocalDynamo();
  try {
    const orders = demoOrders(seed);
    await createFilledTable(dynamo.client, TABLE, ORDER_KEY, orders);
    const ledger = await createLedgerTable(dynamo.client, 'recohere-ledger');
    const clock = new VirtualClock(AFTERNOON);
    const queue = inCallOrder(clock);
    const items = awsItemStores({ client: dynamo.client });
    const objects = memoryObjectStore();
    const chance = (purpose: string) => new SeededRandom(seed, `orders: ${purpose}`);
    const ports: ReconcilePorts = {
      clock,
      random: chance('runs'),
      ledger: queued(dynamoRunLedger(dynamo.client, ledger, chance('swaps')), queue, ['proofs']),
      items: (table) => queued(items(table), queue),
      objects: () => objects,
      transforms: () => Promise.reject(new Error('orders are not transformed')),
      telemetry: new SimulatedTelemetry(),
      limits: PROCESS_LIMITS,
      start: async () => {},
    };
    const run = async (request: WrittenRequest): Promise<RunStatus> => {
      const { id } = (await reconcile(ports, config, runRequestSchema.parse(request))) as RunStatus;
      await runHere(ports, id);
      const status = runRequestSchema.parse({ kind: 'status', run: id });
      return (await reconcile(ports, config, status)) as RunStatus;
    };
    return await clock.run(async () => {
      const dry = await run({ kind: 'dedupe', table: TABLE });
      const applied = await run({
        kind: 'dedupe',
        table: TABLE,
        mode: 'apply',
        plan: dry.id,
        count: dry.duplicates,
        acknowledge: ['no-point-in-time-recovery'], // which a local server does not have
      });
      const undone = await run({ kind: 'undo', run: applied.id });
      const store = ports.items({ name: TABLE, region: config.hub.region });
      const left = await allItems(store);
      const runs = [dry, applied, undone].map(({ phase, progress, ...report }) => report);
      const progress = await runProgress(ports, runs.length);
      return { items: left.length, runs, progress, isSame: areSameOrders(orders, left) };
    });
  } finally {
    await dynamo.stop();
  }
}

type ItemStore = ReturnType<ReconcilePorts['items']>;
type ScanPage = Awaited<ReturnType<ItemStore['scan']>>;

async function allItems(store: ItemStore): Promise<ScanPage['items']> {
  const all: ScanPage['items'][number][] = [];
  for (let from: ScanPage['next']; ; ) {
    const page: ScanPage = await store.scan({ segment: 0, totalSegments: 1, from });
    all.push(...page.items);
    if (page.next === undefined) return all;
    from = page.next;
  }
}

/** The runs, one after the other, and whether nothing is left of them. */
export function renderOrders({ items, runs, isSame }: PlayedOrders, screen: Screen): string {
  const end = isSame
    ? `All ${plural(items, 'item')} are again what they were before, byte for byte.`
    : 'The table is not what it was before.';
  return `${renderReports(runs, screen)}\n${end}\n`;
}
