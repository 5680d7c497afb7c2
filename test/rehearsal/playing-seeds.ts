import { expect, it } from 'vitest';
import { faultOf } from '../../rehearsal/fate.ts';
import { FAULT_NAMES } from '../../rehearsal/faults.ts';
import { explained, playSeed, wordsOf } from '../../rehearsal/seeds/seeds.ts';

/** Long enough for a machine that is busy with other things. */
const TIMEOUT_MS = 900_000;

/** Plays seeds, all of which must hold what must hold; and each kind of fault must have struck. */
export function playsSeeds(from: number, to: number): void {
  it(`holds every invariant under faults, ${to - from + 1} seeds, ${from} to ${to}`, {
    timeout: TIMEOUT_MS,
  }, async () => {
    const struck = new Set<string>();
    for (let seed = from; seed <= to; seed++) {
      const played = await playSeed(seed);
      for (const name of played.struck) struck.add(faultOf(name));
      const failure = await explained(seed, played);
      if (failure) expect.fail(wordsOf(failure));
    }
    expect([...struck].toSorted()).toEqual([...FAULT_NAMES].toSorted());
  });
}
