import { expect, it } from 'vitest';
import { FAULT_NAMES } from '../../rehearsal/faults.ts';
import { INVARIANTS } from '../../rehearsal/invariants.ts';
import { explained, playSeed, Tally, wordsOf } from '../../rehearsal/seeds/seeds.ts';

/** Long enough for a machine that is busy with other things. */
const TIMEOUT_MS = 900_000;

/** Plays seeds, all of which must hold what must hold; each kind of fault must have struck, and each invariant been judged. */
export function playsSeeds(from: number, to: number): void {
  it(`holds every invariant under faults, ${to - from + 1} seeds, ${from} to ${to}`, {
    timeout: TIMEOUT_MS,
  }, async () => {
    const tally = new Tally();
    for (let seed = from; seed <= to; seed++) {
      const played = await playSeed(seed);
      tally.add(played);
      const failure = await explained(seed, played);
      if (failure) expect.fail(wordsOf(failure));
    }
    expect([...tally.struck.keys()].toSorted()).toEqual(FAULT_NAMES.toSorted());
    expect([...tally.judged.keys()].map(String).toSorted()).toEqual(Object.keys(INVARIANTS).toSorted());
  });
}
