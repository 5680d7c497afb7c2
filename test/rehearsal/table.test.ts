import { describe, expect, it } from 'vitest';
import { TABLE_MUTATIONS, type TableMutation } from '../../rehearsal/seeds/table-mutations.ts';
import { playTable } from '../../rehearsal/seeds/table-scenario.ts';

/** Seeds within which each mistake is noticed. */
const CAUGHT_WITHIN: Readonly<Record<TableMutation, number>> = {
  'compare-and-swap off': 5,
  'quarantine after delete': 5,
  'keeper not read again': 20,
  'checkpoint off by one': 20,
  'uncommitted spill read': 50,
};

describe('a data run', () => {
  it('comes out the same to the byte if it is played again, and if its faults are', async () => {
    for (let seed = 1; seed <= 5; seed++) {
      const played = await playTable({ seed });
      expect(JSON.stringify(await playTable({ seed }))).toBe(JSON.stringify(played));
      expect(JSON.stringify(await playTable({ seed, only: played.struck }))).toBe(JSON.stringify(played));
    }
  });

  it.each(TABLE_MUTATIONS.map((mutation) => [mutation, CAUGHT_WITHIN[mutation]] as const))(
    'with the mutation "%s" is noticed to be wrong within %i seeds',
    async (mutation, within) => {
      for (let seed = 1; seed <= within; seed++) {
        if ((await playTable({ seed, mutation })).violations.length > 0) return;
      }
      expect.unreachable(`${mutation} was not noticed within ${within} seeds`);
    },
  );
});
