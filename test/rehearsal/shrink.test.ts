import { describe, expect, it } from 'vitest';
import { shrunk } from '../../rehearsal/seeds/shrink.ts';

const ALL = Array.from({ length: 40 }, (_, number) => number);

describe('making a list of faults shorter', () => {
  it.each([
    { reason: 'one of them does it', needed: [17] },
    { reason: 'two that are far apart do it together', needed: [3, 31] },
    { reason: 'five do it together', needed: [0, 9, 10, 22, 39] },
    { reason: 'none is needed', needed: [] },
    { reason: 'all are needed', needed: ALL },
  ])('leaves what is needed when $reason', async ({ needed }) => {
    const fails = async (some: readonly number[]) => needed.every((each) => some.includes(each));
    expect(await shrunk(ALL, fails, 2_000)).toEqual(needed);
  });

  it('gives the shortest so far when it was asked often enough', async () => {
    let asked = 0;
    const left = await shrunk(
      ALL,
      async (some) => {
        asked++;
        return some.includes(17);
      },
      3,
    );
    expect(asked).toBe(3);
    expect(left.length).toBeLessThan(ALL.length);
    expect(left).toContain(17);
  });
});
