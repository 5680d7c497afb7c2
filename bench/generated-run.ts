import { existsSync, readFileSync } from 'node:fs';
import { systemClock, systemRandom } from '../functions/adapters/aws/system.ts';
import { fileObjectStore } from '../functions/adapters/local/file-objects.ts';
import { SimulatedRunLedger } from '../functions/adapters/sim/run-ledger.ts';
import { SimulatedTelemetry } from '../functions/adapters/sim/telemetry.ts';
import { PROCESS_LIMITS } from '../functions/app/run-ports.ts';
import type { WireItem } from '../functions/core/item.ts';
import type { ItemStore } from '../functions/ports/item-store.ts';
import { finished, timed, UNBOUNDED } from './tables.ts';

/** What a dry run of a dedupe took in this process. */
export interface Generated {
  readonly seconds: number;
  /** Most memory that it had. */
  readonly rssMb: number;
}

/** Where Linux tells of a process. */
const STATUS = '/proc/self/status';
const PAGE_BYTES = 1024 * 1024;
const ITEM_BYTES = 300;
/** One in a hundred is a copy of another somewhere else. */
const ITEMS_PER_COPY = 100;

const [items = '0', groups = 'few', folder = ''] = process.argv.slice(2);
const count = Number(items);
const objects = fileObjectStore(folder);
const store = generated(count, groups === 'one' ? () => 0 : orderOf);
const seconds = await timed(async () => {
  const { duplicates } = await finished(
    {
      clock: systemClock,
      random: systemRandom,
      ledger: new SimulatedRunLedger(),
      items: () => store,
      objects: () => objects,
      transforms: async () => async (item) => item,
      telemetry: new SimulatedTelemetry(),
      limits: PROCESS_LIMITS,
      start: async () => {},
    },
    [{ name: 'generated', dedupe: { key: 'order', keep: 'oldest', by: 'at' }, ...UNBOUNDED }],
    { kind: 'dedupe', table: 'generated' },
  );
  const expected = groups === 'one' ? count - 1 : count / ITEMS_PER_COPY;
  if (duplicates !== expected) throw new Error(`${duplicates} copies were found of ${expected}`);
});
const rssMb = (peakKilobytes() * 1024) / 1_000_000;
process.stdout.write(`${JSON.stringify({ seconds, rssMb } satisfies Generated)}\n`);

/** Most memory so far. `maxRSS` begins with that of the process that started this one, so Linux is asked for more. */
function peakKilobytes(): number {
  const status = existsSync(STATUS) ? readFileSync(STATUS, 'utf8') : '';
  const [, kilobytes = process.resourceUsage().maxRSS] = /^VmHWM:\s+(\d+) kB$/m.exec(status) ?? [];
  return Number(kilobytes);
}

/** A table whose pages are made when they are asked for, and forgotten: of each item, what a dedupe asks for. */
function generated(all: number, order: (id: number) => number): ItemStore {
  const never = async () => {
    throw new Error('a dry run reads pages');
  };
  return {
    describe: async () => ({
      arn: 'arn:aws:dynamodb:us-east-1:111111111111:table/generated',
      keys: ['id'],
      items: all,
      bytes: all * ITEM_BYTES,
      hasStream: false,
      hasReplicas: false,
      hasPointInTimeRecovery: true,
    }),
    async scan({ segment, totalSegments, from, limit = Number.POSITIVE_INFINITY }) {
      const end = Math.floor(((segment + 1) * all) / totalSegments);
      const start = from === undefined ? Math.floor((segment * all) / totalSegments) : idOf(from) + 1;
      const length = Math.min(limit, Math.ceil(PAGE_BYTES / ITEM_BYTES), end - start);
      const page = Array.from({ length }, (_, at) => itemOf(start + at, order(start + at)));
      const last = page.at(-1);
      return {
        items: page,
        scanned: length,
        ...(start + length < end && last?.id && { next: { id: last.id } }),
        readUnits: (length * ITEM_BYTES) / 4096 / 2,
      };
    },
    get: never,
    removeIfSame: never,
    putIfAbsent: never,
    replaceIfSame: never,
    tryWriting: never,
  };
}

/** The number of the order that an item is a copy of: its own, but for one in a hundred. */
function orderOf(id: number): number {
  if (id % ITEMS_PER_COPY !== ITEMS_PER_COPY - 1) return id;
  const other = (id * 7) % count;
  return other % ITEMS_PER_COPY === ITEMS_PER_COPY - 1 ? other - 1 : other;
}

function itemOf(id: number, order: number): WireItem {
  return {
    id: { S: `order-${String(id).padStart(9, '0')}` },
    order: { S: `o-${order}` },
    at: { N: String(1_700_000_000_000 + id) },
  };
}

function idOf({ id }: WireItem): number {
  return id && 'S' in id ? Number(id.S.slice('order-'.length)) : Number.NaN;
}
