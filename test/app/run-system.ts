import { memoryObjectStore } from '../../functions/adapters/local/memory-objects.ts';
import { SimulatedRunLedger } from '../../functions/adapters/sim/run-ledger.ts';
import { SeededRandom } from '../../functions/adapters/sim/seeded-random.ts';
import { SimulatedTable } from '../../functions/adapters/sim/simulated-table.ts';
import { SimulatedTelemetry } from '../../functions/adapters/sim/telemetry.ts';
import { VirtualClock } from '../../functions/adapters/sim/virtual-clock.ts';
import { type ReconcilePorts, type RunStatus, reconcile } from '../../functions/app/reconcile.ts';
import { runHere } from '../../functions/app/run-here.ts';
import { PROCESS_LIMITS, type RunLimits } from '../../functions/app/run-ports.ts';
import { type ParsedConfig, parseConfig, type RecohereConfig } from '../../functions/contract/config.ts';
import { runRequestSchema, type WrittenRequest } from '../../functions/contract/requests.ts';
import type { KeyNames, WireItem } from '../../functions/core/item.ts';
import type { Transform } from '../../functions/ports/transform.ts';

export const HUB = 'us-east-1';
export const ORDERS = 'orders';
export const COPIES = 'orders-v2';
const START = Date.UTC(2026, 0, 5);

type Tables = NonNullable<RecohereConfig['tables']>;

/** Orders that were written twice: the older one stays. */
export const DEDUPE: Tables = [
  { name: ORDERS, dedupe: { key: 'order', keep: 'oldest', by: 'at' }, apply: true },
];

/** An order. @param id Its primary key. @param order Its number, which copies have in common. */
export function orderItem(id: string, order: string, at: number, more: WireItem = {}): WireItem {
  return { id: { S: id }, order: { S: order }, at: { N: String(at) }, ...more };
}

/** Simulated tables, and all that works on them, with a clock that takes no time. */
export class RunSystem {
  readonly clock: VirtualClock;
  readonly ledger: SimulatedRunLedger;
  readonly telemetry = new SimulatedTelemetry();
  readonly objects = memoryObjectStore();
  readonly tables: ReadonlyMap<string, SimulatedTable>;
  readonly started: { readonly run: string; readonly attempt: number }[] = [];
  readonly config: ParsedConfig;
  limits: RunLimits = { ...PROCESS_LIMITS, concurrency: 2 };
  transform: Transform = async (item) => item;

  /** @param keys Of the tables that are there, by name. */
  constructor(
    tables: Tables = DEDUPE,
    keys: Readonly<Record<string, KeyNames>> = { [ORDERS]: ['id'], [COPIES]: ['id'] },
    clock = new VirtualClock(START),
  ) {
    this.clock = clock;
    this.config = parsed({ hub: { region: HUB }, replicas: [{ region: HUB }], tables });
    this.ledger = new SimulatedRunLedger(this.clock);
    this.tables = new Map(
      Object.entries(keys).map(([name, names]) => [
        name,
        new SimulatedTable({ name, region: HUB }, names, this.clock),
      ]),
    );
  }

  get orders(): SimulatedTable {
    return this.table(ORDERS);
  }

  table(name: string): SimulatedTable {
    const table = this.tables.get(name);
    if (table === undefined) throw new Error(`the test has no table ${name}`);
    return table;
  }

  get ports(): ReconcilePorts {
    return {
      clock: this.clock,
      random: new SeededRandom(1, 'runs', String(this.clock.now())),
      ledger: this.ledger,
      items: ({ name }) => this.tables.get(name) ?? missing(name),
      objects: () => this.objects,
      transforms: async () => this.transform,
      telemetry: this.telemetry,
      limits: this.limits,
      start: async (run, attempt) => {
        this.started.push({ run, attempt });
      },
    };
  }

  /** Asks the entry for something. */
  ask(request: WrittenRequest, ports: ReconcilePorts = this.ports): Promise<unknown> {
    return this.clock.run(() => reconcile(ports, this.config, runRequestSchema.parse(request)));
  }

  /** The same, in the midst of something that the clock runs already. */
  askMeanwhile(request: WrittenRequest): Promise<unknown> {
    return reconcile(this.ports, this.config, runRequestSchema.parse(request));
  }

  /** Works on a run to its end, and says what became of it. */
  async workedOn(id: string, ports: ReconcilePorts = this.ports): Promise<RunStatus> {
    await this.clock.run(() => runHere(ports, id));
    return this.statusOf(id);
  }

  async statusOf(run: string): Promise<RunStatus> {
    return (await this.ask({ kind: 'status', run })) as RunStatus;
  }

  /** Asks for a run, and works on it to its end. */
  async run(request: WrittenRequest, ports: ReconcilePorts = this.ports): Promise<RunStatus> {
    const begun = (await this.ask(request, ports)) as RunStatus;
    return this.workedOn(begun.id, ports);
  }

  /** A dry run, and then the apply of it. */
  async applied(kind: 'dedupe' | 'backfill' = 'dedupe'): Promise<RunStatus> {
    const dry = await this.run({ kind, table: ORDERS });
    return this.run(applyOf(dry));
  }
}

/** What asks for the apply of a dry run. */
export function applyOf({ kind, table, id, duplicates, counts }: RunStatus): WrittenRequest {
  const count = duplicates + (counts.missing ?? 0) + (counts.older ?? 0);
  return { kind, table, mode: 'apply', plan: id, count };
}

function parsed(config: RecohereConfig): ParsedConfig {
  const result = parseConfig(config);
  if (!result.ok) throw new Error(result.mistakes.join('\n'));
  return result.config;
}

function missing(name: string): SimulatedTable {
  const table = new SimulatedTable({ name, region: HUB }, ['id']);
  table.drop();
  return table;
}
