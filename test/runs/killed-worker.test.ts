import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { rolldown } from 'rolldown';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createLedgerTable } from '../../functions/adapters/aws/ledger.ts';
import { SeededRandom } from '../../functions/adapters/sim/seeded-random.ts';
import type { RunStatus } from '../../functions/app/reconcile.ts';
import type { WrittenRequest } from '../../functions/contract/requests.ts';
import { textOfItem, type WireItem } from '../../functions/core/item.ts';
import { quarantinedTexts } from '../app/quarantined.ts';
import { HUB, orderItem } from '../app/run-system.ts';
import { applyHere, type Client, OwnTables, RealRuns } from './real-runs.ts';
import { ENDED, type WorkerOrder } from './worker-order.ts';

const ORDERS_COUNT = 600;
const DOUBLES = 480;
const SEED = 7;
const KILLS_MIN = 20;
/** Workers of each run that are killed, unless the run ends before. */
const KILLS_PER_RUN = 12;
/** Lines until a worker is killed: more than what it takes to find out where the one before it was. */
const LINES_MIN = 30;
const LINES_MAX = 300;
/** Between the clocks of two workers: longer than a lease, the life of a worker, and all that one may sleep. */
const AHEAD_MS = 3_600_000;

/** Ends when its parent does, however that ends. */
const SERVER = `
  import dynalite from 'dynalite';
  const server = dynalite({ createTableMs: 0, updateTableMs: 0, deleteTableMs: 0 });
  server.listen(0, '127.0.0.1', () => console.log(server.address().port));
  process.stdin.resume().on('end', () => process.exit()).on('error', () => process.exit());`;

const folder = mkdtempSync(join(tmpdir(), 'recohere-killed-'));
const workerFile = join(folder, 'worker.mjs');
const random = new SeededRandom(SEED, 'kills');
let server: ChildProcess;
let client: Client;
let tables: OwnTables;
let workers = 0;
let kills = 0;

beforeAll(async () => {
  server = spawn(process.execPath, ['--input-type=module', '--eval', SERVER], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const [port] = await once(server.stdout as NodeJS.ReadableStream, 'data');
  client = {
    endpoint: `http://127.0.0.1:${String(port).trim()}`,
    region: HUB,
    credentials: { accessKeyId: 'local', secretAccessKey: 'local' },
    maxAttempts: 1,
  };
  tables = new OwnTables(client);
  const built = await rolldown({
    input: fileURLToPath(new URL('./worker.ts', import.meta.url)),
    platform: 'node',
    tsconfig: 'tsconfig.json',
  });
  await built.write({ file: workerFile, format: 'esm', codeSplitting: false });
  await built.close();
});

afterAll(() => {
  tables?.close();
  server?.kill('SIGKILL');
  rmSync(folder, { recursive: true, force: true });
  process.stdout.write(`${kills} workers killed\n`);
});

/** A table of orders, most of which were written twice, with a ledger and objects of its own. */
class World {
  readonly table: string;
  readonly items: readonly WireItem[] = Array.from({ length: ORDERS_COUNT }, (_, order) => order).flatMap(
    (order) => [
      orderItem(`a${order}`, `o${order}`, order, { note: { S: `first ${order}` } }),
      ...(order < DOUBLES ? [orderItem(`b${order}`, `o${order}`, order + 1, { by: { BOOL: true } })] : []),
    ],
  );
  readonly #folder: string;

  constructor(name: string) {
    this.table = name;
    this.#folder = join(folder, name);
  }

  async make(): Promise<this> {
    await tables.make(this.table, [{ name: 'id', type: 'S' }]);
    await tables.fill(this.table, this.items);
    await createLedgerTable(client, `${this.table}-ledger`);
    return this;
  }

  order(asked: WrittenRequest): WorkerOrder {
    return {
      client,
      ledger: `${this.table}-ledger`,
      folder: this.#folder,
      tables: [
        {
          name: this.table,
          dedupe: { key: 'order', keep: 'oldest', by: 'at' },
          apply: true,
          readUnitsPerSecond: 8, // so that pages are small
        },
      ],
      limits: { flushCharacters: 1_000, passRecords: 200 },
      items: 150_000,
      asked,
      aheadMs: AHEAD_MS * ++workers,
    };
  }

  /** Works on a run, with processes that are killed and at last one that is not. */
  async run(asked: WrittenRequest, mostKills: number): Promise<RunStatus> {
    for (let killed = 0; killed < mostKills; killed++) {
      const ended = await live(this.order(asked), LINES_MIN + random.below(LINES_MAX - LINES_MIN));
      if (ended) return ended;
      kills++;
    }
    const ended = await live(this.order(asked));
    if (ended === undefined) throw new Error('nobody kills the last worker');
    return ended;
  }

  /** Texts of all that lies in the table. */
  async content(): Promise<readonly string[]> {
    return (await tables.items(this.table)).map(textOfItem).sort();
  }

  async audited(run: string): Promise<unknown> {
    return new RealRuns(this.order({ kind: 'runs' })).ask({ kind: 'audit', run });
  }

  async quarantine(): Promise<ReadonlySet<string>> {
    return quarantinedTexts(
      new RealRuns(this.order({ kind: 'runs' })).ports.objects({ name: this.table, region: HUB }),
    );
  }
}

/** Lets a worker live until it has said so many lines. @returns How the run ended; `undefined` if the worker was killed. */
async function live(order: WorkerOrder, lines = Number.POSITIVE_INFINITY): Promise<RunStatus | undefined> {
  const child = spawn(process.execPath, [workerFile, JSON.stringify(order)], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const exited = once(child, 'exit');
  const complaint = text(child.stderr);
  let said = 0;
  let ended: RunStatus | undefined;
  for await (const line of createInterface(child.stdout)) {
    if (line.startsWith(ENDED)) ended = JSON.parse(line.slice(ENDED.length));
    if (++said === lines) child.kill('SIGKILL');
  }
  const [code, signal] = await exited;
  if (code === 0 || signal === 'SIGKILL') return ended;
  throw new Error(`a worker ended by itself with ${code ?? signal}: ${await complaint}`);
}

describe('workers that are killed again and again', () => {
  it('do what one does that is left in peace, and lose nothing', async () => {
    const quiet = await new World('quiet').make();
    const harried = await new World('harried').make();
    const first = await harried.content();
    const dedupe = ({ table }: World): WrittenRequest => ({ kind: 'dedupe', table, token: 'one' });

    const quietDry = await quiet.run(dedupe(quiet), 0);
    const dry = await harried.run(dedupe(harried), KILLS_PER_RUN);
    expect(dry).toMatchObject({ state: 'finished', scanned: first.length, duplicates: DOUBLES, skipped: {} });
    expect(dry.counts).toEqual(quietDry.counts);

    await quiet.run(applyHere(quietDry), 0);
    const applied = await harried.run(applyHere(dry), KILLS_PER_RUN);
    expect(applied).toMatchObject({ state: 'finished', removed: DOUBLES, verified: DOUBLES, skipped: {} });
    const left = await harried.content();
    expect(left).toEqual(await quiet.content());
    expect(left).toHaveLength(ORDERS_COUNT);
    expect([...new Set([...left, ...(await harried.quarantine())])].sort()).toEqual(first);
    expect(await harried.audited(applied.id)).toMatchObject({ isRootSame: true, items: DOUBLES, breaks: [] });

    const undone = await harried.run({ kind: 'undo', run: applied.id }, KILLS_PER_RUN);
    expect(undone).toMatchObject({ state: 'finished', restored: DOUBLES, skipped: {} });
    expect(await harried.content()).toEqual(first);
    expect(await harried.audited(undone.id)).toMatchObject({ isRootSame: true, items: DOUBLES, breaks: [] });

    expect(kills).toBeGreaterThanOrEqual(KILLS_MIN);
  });
});
