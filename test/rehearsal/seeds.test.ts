import { afterEach, describe, expect, it, vi } from 'vitest';
import { Fate } from '../../rehearsal/fate.ts';
import type { Fault } from '../../rehearsal/faults.ts';
import { explained, type PlayedSeed, playSeed, Tally, wordsOf } from '../../rehearsal/seeds/seeds.ts';

afterEach(() => {
  vi.restoreAllMocks();
});

/** From now on the simulated world cannot go on after this fault. */
function breakAt(name: Fault): void {
  const strikes = Fate.prototype.strikes;
  vi.spyOn(Fate.prototype, 'strikes').mockImplementation(function (this: Fate, faults, of) {
    const fault = strikes.call(this, faults, of);
    if (fault === name) throw new Error('lost its way');
    return fault;
  });
}

/** Plays seeds until one fails. */
async function firstFailing(seeds: readonly number[]): Promise<{ seed: number; played: PlayedSeed }> {
  for (const seed of seeds) {
    const played = await playSeed(seed);
    if (played.violations.length > 0) return { seed, played };
  }
  return expect.unreachable('one of them fails');
}

describe('a seed that ends by an error', () => {
  it.each([
    { reason: 'functions and secrets', seeds: [1, 2, 4, 5, 7, 8], fault: 'replication slow' },
    { reason: 'a table', seeds: [3, 6, 9, 12, 15, 18], fault: 'clock skewed' },
  ] as const)('is a violation with the shortest list of faults that does it: $reason', async (row) => {
    breakAt(row.fault);
    const { seed, played } = await firstFailing(row.seeds);
    const words = expect.stringMatching(/^something did not come to its end: Error: lost its way\n/);
    expect(played.violations).toEqual([{ invariant: 18, words }]);
    const failure = await explained(seed, played);
    expect(failure?.schedule).toEqual([expect.stringMatching(`^${row.fault}@`)]);
    expect((await playSeed(seed, failure?.schedule)).violations).toEqual([{ invariant: 18, words }]);
    expect(failure && wordsOf(failure)).toContain(`npm run soak -- --seed ${seed} --faults '["${row.fault}@`);
  });

  it('is one too if nobody waits for what has ended', async () => {
    const listeners = process.listeners('unhandledRejection'); // it would end the tests
    process.removeAllListeners('unhandledRejection');
    try {
      vi.spyOn(Fate.prototype, 'strikes').mockImplementationOnce(() => {
        void Promise.reject(new Error('lost its way'));
        return undefined;
      });
      expect((await playSeed(4)).violations).toEqual([
        { invariant: 18, words: expect.stringContaining('lost its way') },
      ]);
      expect(process.listeners('unhandledRejection')).toEqual([]);
    } finally {
      for (const listener of listeners) process.on('unhandledRejection', listener);
    }
  });

  it('does not hide what a longer list of faults has done', async () => {
    vi.spyOn(Fate.prototype, 'strikes').mockImplementation(() => {
      throw new Error('lost its way');
    });
    const violation = { invariant: 1, at: 0, words: 'cart is called agreed' } as const;
    const judged = new Map();
    expect(
      await explained(4, { violations: [violation], struck: ['event lost@cart#1'], judged }),
    ).toMatchObject({ violation, schedule: ['event lost@cart#1'] });
  });
});

it('counts over many seeds what struck, and what was judged at all', () => {
  const tally = new Tally();
  const struck = ['event lost@cart#1', 'event lost@cart#2', 'call failed@ledger#1'];
  tally.add({
    violations: [],
    struck,
    judged: new Map([
      [1, 2],
      [2, 0],
    ]),
  });
  tally.add({ violations: [], struck: [], judged: new Map([[1, 3]]) });
  expect([...tally.struck]).toEqual([
    ['event lost', 2],
    ['call failed', 1],
  ]);
  expect([...tally.judged]).toEqual([[1, 5]]);
});
