import { afterEach, describe, expect, it, vi } from 'vitest';
import { INVARIANTS, type InvariantNumber } from '../../rehearsal/invariants.ts';
import { SYSTEM_SPOILS, type SystemMutation } from '../../rehearsal/seeds/system-mutations.ts';
import { playSystem } from '../../rehearsal/seeds/system-scenario.ts';
import { MISTAKES, type Mistake } from './mistakes.ts';

/** Each mutation, by what it is noticed, and within how many seeds. */
const CAUGHT: Readonly<Record<SystemMutation, { by: InvariantNumber; within: number }>> = {
  'compare-and-swap off': { by: 6, within: 4 },
  'agreed on partial reads': { by: 1, within: 4 },
  'no sweep': { by: 13, within: 4 },
  'event believed': { by: 1, within: 4 },
  'wake number ignored': { by: 12, within: 4 },
  'no wake sent': { by: 12, within: 4 },
};

/** Which invariants were violated until the one was that is expected to be. */
async function noticed(
  play: (seed: number) => ReturnType<typeof playSystem>,
  { by, within, first = 1 }: Pick<Mistake, 'by' | 'within' | 'first'>,
): Promise<readonly InvariantNumber[]> {
  const found = new Set<InvariantNumber>();
  for (let seed = first; seed < first + within && !found.has(by); seed++) {
    for (const { invariant } of (await play(seed)).violations) found.add(invariant);
  }
  return [...found];
}

afterEach(() => {
  for (const { path } of Object.values(MISTAKES)) vi.doUnmock(path);
});

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
      expect(await noticed((seed) => playSystem({ seed, spoil }), caught)).toContain(caught.by);
    },
  );

  it.each(Object.entries(MISTAKES))(
    'notices a mistake in a module within its number of seeds: %s',
    async (_, mistake) => {
      vi.resetModules();
      vi.doMock(mistake.path, async (original) => {
        const exported: object = await original();
        return { ...exported, ...mistake.mistaken(exported) };
      });
      const { playSystem } = await import('../../rehearsal/seeds/system-scenario.ts');
      expect(await noticed((seed) => playSystem({ seed }), mistake)).toContain(mistake.by);
    },
  );

  it('is shown to notice what each invariant of it forbids', () => {
    const numbers = Object.keys(INVARIANTS).map(Number).slice(0, 13); // those after are of tables, and of any seed
    const shown = new Set([...Object.values(CAUGHT), ...Object.values(MISTAKES)].map(({ by }) => by));
    expect([...shown].sort((one, other) => one - other)).toEqual(numbers);
  });
});
