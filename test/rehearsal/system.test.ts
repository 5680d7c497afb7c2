import { describe, expect, it } from 'vitest';
import type { InvariantNumber } from '../../rehearsal/invariants.ts';
import { SYSTEM_SPOILS, type SystemMutation } from '../../rehearsal/seeds/system-mutations.ts';
import { playSystem } from '../../rehearsal/seeds/system-scenario.ts';

/** Each mutation, by what it is noticed, and within how many seeds. */
const CAUGHT: Readonly<Record<SystemMutation, { by: InvariantNumber; within: number }>> = {
  'compare-and-swap off': { by: 6, within: 4 },
  'agreed on partial reads': { by: 1, within: 4 },
  'no sweep': { by: 13, within: 4 },
  'event believed': { by: 1, within: 4 },
  'wake number ignored': { by: 12, within: 4 },
  'no wake sent': { by: 12, within: 4 },
};

describe('the rehearsal of a whole system', () => {
  it('replays to the byte from a seed, and from the list of what struck', async () => {
    const first = await playSystem({ seed: 7 });
    expect(await playSystem({ seed: 7 })).toEqual(first);
    expect(await playSystem({ seed: 7, only: first.struck })).toEqual(first);
    expect(first.struck.length).toBeGreaterThan(50);
    expect((await playSystem({ seed: 8 })).trace).not.toEqual(first.trace);
  });

  it('holds every invariant where nothing goes wrong', async () => {
    const { violations, struck, trace } = await playSystem({ seed: 7, only: [] });
    expect(violations).toEqual([]);
    expect(struck).toEqual([]);
    expect(trace.length).toBeGreaterThan(100);
  });

  it.each(Object.entries(CAUGHT))(
    'notices the mutation "%s" within its number of seeds: %o',
    async (mutation, caught) => {
      const spoil = SYSTEM_SPOILS[mutation as SystemMutation];
      const noticed = new Set<number>();
      for (let seed = 1; seed <= caught.within && !noticed.has(caught.by); seed++) {
        for (const { invariant } of (await playSystem({ seed, spoil })).violations) noticed.add(invariant);
      }
      expect([...noticed]).toContain(caught.by);
    },
  );
});
