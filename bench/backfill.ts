import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Measured, median } from './measure.ts';
import { finished, orderItem, Tables, timed, UNBOUNDED } from './tables.ts';

const ITEMS = 60_000;
const ROUNDS = 5;

/**
 * A backfill whose target is as its source already, by a transform that gives each item as it is, on a server in a process of its own:
 * - `equalRatio`: items a second of a dry run, over those of bare parallel scans of both tables, one after the other, with the same
 *   segments, all at once, and no projection, as a backfill reads items whole.
 * - `writes`: write units of that dry run.
 */
export async function measureBackfill(): Promise<Measured> {
  const folder = mkdtempSync(join(tmpdir(), 'recohere-bench-'));
  const tables = await Tables.start();
  try {
    const items = Array.from({ length: ITEMS }, (_, id) => orderItem(id, id));
    for (const name of ['source', 'target']) {
      await tables.make(name);
      await tables.fill(name, items);
    }
    const ports = tables.ports(folder);
    const config = [{ name: 'source', backfill: { to: 'target', transform: './none.js' }, ...UNBOUNDED }];
    const ratios: number[] = [];
    const rates: number[] = [];
    let writes = Number.NaN;
    for (let round = -1; round < ROUNDS; round++) {
      const bareSeconds = await timed(async () => {
        for (const name of ['source', 'target']) await tables.scan(name);
      });
      const ownSeconds = await timed(async () => {
        const { counts, writeUnits } = await finished(ports, config, { kind: 'backfill', table: 'source' });
        if (counts.equal !== ITEMS) throw new Error(`${counts.equal} were equal`);
        writes = writeUnits;
      });
      if (round < 0) continue; // until everything is compiled
      ratios.push(bareSeconds / ownSeconds);
      rates.push((2 * ITEMS) / ownSeconds);
    }
    return {
      values: { equalRatio: median(ratios), itemsPerSecond: median(rates), writes },
      aims: { writes: 0 },
      floors: { equalRatio: 0.6 },
    };
  } finally {
    tables.stop();
    rmSync(folder, { recursive: true });
  }
}
