import { describe, expect, it } from 'vitest';
import type { InvariantNumber } from '../../rehearsal/invariants.ts';
import { TABLE_MUTATIONS, type TableMutation } from '../../rehearsal/seeds/table-mutations.ts';
import { BRANCHES } from '../../rehearsal/seeds/table-oracle.ts';
import { playTable } from '../../rehearsal/seeds/table-scenario.ts';

/** Each mutation, by what it is noticed, and within how many seeds. */
const CAUGHT: Readonly<Record<TableMutation, { by: InvariantNumber; within: number }>> = {
  'compare-and-swap off': { by: 6, within: 5 },
  'quarantine after delete': { by: 14, within: 5 },
  'keeper not read again': { by: 16, within: 20 },
  'checkpoint off by one': { by: 17, within: 20 },
  'uncommitted spill read': { by: 17, within: 50 },
};

/** Of these each branch is reached by some. */
const SEEDS = 120;
/** What is judged where a table is: the rest is about functions and secrets, or how a seed ends. */
const OF_TABLES: readonly InvariantNumber[] = [6, 11, 13, 14, 15, 16, 17];

describe('a data run', () => {
  it('comes out the same to the byte if it is played again, and if its faults are', async () => {
    for (let seed = 1; seed <= 5; seed++) {
      const played = await playTable({ seed });
      expect(JSON.stringify(await playTable({ seed }))).toBe(JSON.stringify(played));
      expect(JSON.stringify(await playTable({ seed, only: played.struck }))).toBe(JSON.stringify(played));
    }
  });

  it(`is brought, in seeds 1 to ${SEEDS}, to wherever a mistake may sit, and judged by all that is about tables`, async () => {
    const reached = new Set<string>();
    const judged = new Set<InvariantNumber>();
    for (let seed = 1; seed <= SEEDS; seed++) {
      const played = await playTable({ seed });
      expect(played.violations).toEqual([]);
      for (const branch of played.reached.keys()) reached.add(branch);
      for (const invariant of played.judged.keys()) judged.add(invariant);
    }
    expect([...reached].toSorted()).toEqual(BRANCHES.toSorted());
    expect([...judged].toSorted((a, b) => a - b)).toEqual(OF_TABLES);
  });

  it.each(TABLE_MUTATIONS.map((mutation) => ({ mutation, ...CAUGHT[mutation] })))(
    'with the mutation "$mutation" is noticed to be wrong by invariant $by within $within seeds',
    async ({ mutation, by, within }) => {
      for (let seed = 1; seed <= within; seed++) {
        const { violations } = await playTable({ seed, mutation });
        if (violations.some(({ invariant }) => invariant === by)) return;
      }
      expect.unreachable(`${mutation} was not noticed by ${by} within ${within} seeds`);
    },
  );
});
