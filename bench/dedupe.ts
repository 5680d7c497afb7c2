import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ConditionalCheckFailedException, DeleteItemCommand, PutItemCommand } from '@aws-sdk/client-dynamodb';
import pMap from 'p-map';
import type { ReconcilePorts } from '../functions/app/reconcile.ts';
import { UNIT_PRICES } from '../functions/contract/tables.ts';
import type { RunLedger } from '../functions/ports/run-ledger.ts';
import { startChild } from './children.ts';
import type { Generated } from './generated-run.ts';
import { type Measured, median } from './measure.ts';
import { applyOf, finished, orderItem, Tables, timed, UNBOUNDED } from './tables.ts';

/** Items of the table that is only read, and of the one that is written to; of each, one in a hundred is a copy. */
const READ_ITEMS = 200_000;
const WRITTEN_ITEMS = 10_000;
const ITEMS_PER_COPY = 100;
const SCAN_ROUNDS = 5;
const CLAIM_ROUNDS = 3;
/** Claims of one page that are made at once: as many as an apply removes at once. */
const CLAIMS_AT_ONCE = 8;
/** Entries of one proof. */
const BATCH = 50;

const SMALL = 100_000;
const LARGE = 1_000_000;
const GROUP = 100_000;

const RULE = { dedupe: { key: 'order', keep: 'oldest', by: 'at' }, apply: true, ...UNBOUNDED } as const;
/** What a run asks for in a scan. */
const ATTRIBUTES = ['id', 'order', 'at'];

/**
 * A dedupe of a table, one in a hundred of whose items is a copy, on a server in a process of its own:
 * - `scanRatio`: items a second of a dry run, over those of a bare parallel scan with the same segments, all at once, and the same
 *   projection.
 * - `scanUnits`: read units of that dry run, over those of that scan.
 * - `vsClaim`: items a second of a dry run and its apply, over those of the usual way: to claim each item that a scan finds by a conditional
 *   put to another table, and to delete those that were claimed already.
 * - `unitsVsClaim`: what both consume, with a write unit counted as five read units, which is their price. The ledger's units are in it,
 *   by the size of what is written and read there.
 * - `readsPerDuplicate`, `writesPerDuplicate`: units of the apply and its check, of the table.
 * - `proofsPerBatch`: writes of proofs for each fifty items that are removed.
 *
 * And of generated items, pages of which are made as they are asked for, with a ledger in memory and files as objects, in a process of
 * its own for each number of items:
 * - `rssMb`, `rssRatio`: most memory of a dry run of a million items, and over that of a hundred thousand.
 * - `growth`: time for each item, of a million over a hundred thousand.
 * - `groupRssMb`: most memory of a dry run of a hundred thousand copies of one thing.
 */
export async function measureDedupe(): Promise<Measured> {
  const folder = mkdtempSync(join(tmpdir(), 'recohere-bench-'));
  const tables = await Tables.start();
  try {
    const scan = await measureScanning(tables, folder);
    const claim = await measureClaiming(tables, folder);
    return {
      values: { ...scan, ...claim, ...(await measureGrowth(folder)) },
      aims: {
        scanUnits: 1.02,
        unitsVsClaim: 1 / 8,
        readsPerDuplicate: 5,
        writesPerDuplicate: 3,
        proofsPerBatch: 1,
        rssMb: 350,
        rssRatio: 1.25,
        growth: 1.15,
        groupRssMb: 350,
      },
      floors: { scanRatio: 0.8, vsClaim: 4 },
    };
  } finally {
    tables.stop();
    rmSync(folder, { recursive: true });
  }
}

async function measureScanning(tables: Tables, folder: string) {
  await tables.make('read');
  await tables.fill('read', ordersOf(READ_ITEMS));
  const ports = tables.ports(join(folder, 'read'));
  const ratios: number[] = [];
  const rates: number[] = [];
  let scanUnits = Number.NaN;
  for (let round = -1; round < SCAN_ROUNDS; round++) {
    let [bareUnits, ownUnits] = [0, 0];
    const bareSeconds = await timed(async () => {
      ({ readUnits: bareUnits } = await tables.scan('read', ATTRIBUTES));
    });
    const ownSeconds = await timed(async () => {
      const dry = await finished(ports, [{ name: 'read', ...RULE }], { kind: 'dedupe', table: 'read' });
      if (dry.duplicates !== READ_ITEMS / ITEMS_PER_COPY) throw new Error(`${dry.duplicates} were found`);
      ownUnits = dry.readUnits;
    });
    scanUnits = ownUnits / bareUnits;
    if (round < 0) continue; // until everything is compiled
    ratios.push(bareSeconds / ownSeconds);
    rates.push(READ_ITEMS / ownSeconds);
  }
  await tables.drop('read');
  return { scanRatio: median(ratios), scanItemsPerSecond: median(rates), scanUnits };
}

async function measureClaiming(tables: Tables, folder: string) {
  const items = ordersOf(WRITTEN_ITEMS);
  const copies = WRITTEN_ITEMS / ITEMS_PER_COPY;
  for (const name of ['own', 'claimed']) {
    await tables.make(name);
    await tables.fill(name, items);
  }
  const ratios: number[] = [];
  let [units, reads, writes, proofs] = [Number.NaN, Number.NaN, Number.NaN, Number.NaN];
  for (let round = 0; round < CLAIM_ROUNDS; round++) {
    let claimUnits = 0;
    await tables.make('claims', 'order');
    const claimSeconds = await timed(async () => {
      claimUnits = await dedupeByClaims(tables, copies);
    });
    const counted = counting(tables.ports(join(folder, 'own')));
    const ownSeconds = await timed(async () => {
      const config = [{ name: 'own', ...RULE }];
      const dry = await finished(counted.ports, config, { kind: 'dedupe', table: 'own' });
      const applied = await finished(counted.ports, config, applyOf(dry));
      if (applied.verified !== copies) throw new Error(`${applied.verified} were removed`);
      const readUnits = dry.readUnits + applied.readUnits + counted.units().reads;
      const writeUnits = dry.writeUnits + applied.writeUnits + counted.units().writes;
      units = priced(readUnits, writeUnits) / claimUnits;
      reads = applied.readUnits / copies;
      writes = applied.writeUnits / copies;
      proofs = counted.units().proofs / Math.ceil(copies / BATCH);
    });
    ratios.push(claimSeconds / ownSeconds);
    await tables.drop('claims');
    for (const name of ['own', 'claimed']) await tables.fill(name, items);
  }
  return {
    vsClaim: median(ratios),
    unitsVsClaim: units,
    readsPerDuplicate: reads,
    writesPerDuplicate: writes,
    proofsPerBatch: proofs,
  };
}

/** Removes copies in the usual way. @param copies How many there are. @returns What it took, in read units. */
async function dedupeByClaims(tables: Tables, copies: number): Promise<number> {
  let [writeUnits, removed] = [0, 0];
  const { readUnits } = await tables.scan('claimed', ATTRIBUTES, async (items) => {
    await pMap(
      items,
      async ({ id, order }) => {
        const claim = new PutItemCommand({
          TableName: 'claims',
          Item: { order, id } as PutItemCommand['input']['Item'],
          ConditionExpression: 'attribute_not_exists(#order)',
          ExpressionAttributeNames: { '#order': 'order' },
        });
        writeUnits++; // also for a condition that fails
        try {
          await tables.dynamo.send(claim);
        } catch (error) {
          if (!(error instanceof ConditionalCheckFailedException)) throw error;
          const Key = { id } as DeleteItemCommand['input']['Key'];
          await tables.dynamo.send(new DeleteItemCommand({ TableName: 'claimed', Key }));
          writeUnits++;
          removed++;
        }
      },
      { concurrency: CLAIMS_AT_ONCE },
    );
  });
  if (removed !== copies) throw new Error(`claims removed ${removed}`);
  return priced(readUnits, writeUnits);
}

/** Units of the ledger, which its port does not say: by the size of what is read strongly, and written. */
function counting(ports: ReconcilePorts) {
  let [reads, writes, proofs] = [0, 0, 0];
  const { ledger } = ports;
  const read = <T>(answer: T): T => {
    reads += Math.ceil(Math.max(1, sizeOf(answer)) / 4096);
    return answer;
  };
  const write = (given: unknown) => {
    writes += Math.ceil(sizeOf(given) / 1024);
  };
  const counted: RunLedger = {
    readRun: async (id) => read(await ledger.readRun(id)),
    readSegment: async (run, phase, index) => read(await ledger.readSegment(run, phase, index)),
    runs: (limit) => ledger.runs(limit),
    async swapRun(next) {
      write(next);
      return ledger.swapRun(next);
    },
    async swapSegment(next) {
      write(next);
      return ledger.swapSegment(next);
    },
    async record(proof) {
      proofs++;
      write(proof);
      await ledger.record(proof);
    },
    async *proofs(run, phase, index) {
      for await (const proof of ledger.proofs(run, phase, index)) yield read(proof);
    },
    async takeTable(arn, holder, insteadOf) {
      write(arn);
      return ledger.takeTable(arn, holder, insteadOf);
    },
    async releaseTable(arn, run) {
      write(arn);
      await ledger.releaseTable(arn, run);
    },
  };
  return { ports: { ...ports, ledger: counted }, units: () => ({ reads, writes, proofs }) };
}

function sizeOf(value: unknown): number {
  return JSON.stringify(value ?? null).length;
}

/** In read units of the same price. */
function priced(readUnits: number, writeUnits: number): number {
  return readUnits + (writeUnits * UNIT_PRICES.writeUsd) / UNIT_PRICES.readUsd;
}

async function measureGrowth(folder: string) {
  const run = async (items: number, groups: 'few' | 'one') => {
    const module = new URL('./generated-run.js', import.meta.url);
    const { said } = await startChild(module, String(items), groups, join(folder, `${groups}-${items}`));
    return said as Generated;
  };
  const small = await run(SMALL, 'few');
  const large = await run(LARGE, 'few');
  const group = await run(GROUP, 'one');
  return {
    rssMb: large.rssMb,
    rssRatio: large.rssMb / small.rssMb,
    growth: large.seconds / LARGE / (small.seconds / SMALL),
    groupRssMb: group.rssMb,
    generatedItemsPerSecond: LARGE / large.seconds,
  };
}

/** Orders of which the last of each hundred is a copy of the first. */
function ordersOf(items: number) {
  return Array.from({ length: items }, (_, id) =>
    orderItem(id, id % ITEMS_PER_COPY === ITEMS_PER_COPY - 1 ? id - ITEMS_PER_COPY + 1 : id),
  );
}
