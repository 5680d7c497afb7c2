import { assert, integer, property, string } from 'fast-check';
import { describe, expect, it } from 'vitest';
import { SeededRandom } from '../../../functions/adapters/sim/seeded-random.ts';

const LENGTH = 100;

describe('seeded random', () => {
  it('gives the same bytes for the same seed, purpose and id', () => {
    assert(
      property(integer(), string(), string(), (seed, purpose, id) => {
        const [one, other] = [new SeededRandom(seed, purpose, id), new SeededRandom(seed, purpose, id)];
        expect(one.bytes(LENGTH)).toEqual(other.bytes(LENGTH));
        expect(one.bytes(LENGTH)).toEqual(other.bytes(LENGTH));
      }),
    );
  });

  type Name = readonly [seed: number, purpose: string, id: string];
  const names: readonly { one: Name; other: Name; reason: string }[] = [
    { one: [1, 'a', 'b'], other: [2, 'a', 'b'], reason: 'the seed is part of the name' },
    { one: [1, 'a', 'b'], other: [1, 'c', 'b'], reason: 'the purpose is part of the name' },
    { one: [1, 'a', 'b'], other: [1, 'a', 'c'], reason: 'the id is part of the name' },
    { one: [1, 'ab', 'c'], other: [1, 'a', 'bc'], reason: 'purpose and id do not run into each other' },
    { one: [1, 'a', ''], other: [11, 'a', ''], reason: 'the seed does not run into the block number' },
  ];
  for (const { one, other, reason } of names) {
    it(`gives other bytes for another name: ${reason}`, () => {
      expect(new SeededRandom(...one).bytes(LENGTH)).not.toEqual(new SeededRandom(...other).bytes(LENGTH));
    });
  }

  it('is not shifted by what another stream gives', () => {
    const alone = new SeededRandom(1, 'latency');
    const undisturbed = [alone.bytes(5), alone.bytes(5)];
    const stream = new SeededRandom(1, 'latency');
    const noise = new SeededRandom(1, 'noise');
    const disturbed = [stream.bytes(5), noise.bytes(500) && stream.bytes(5)];
    expect(disturbed).toEqual(undisturbed);
  });

  it('never repeats a block', () => {
    const stream = new SeededRandom(1, 'blocks');
    const blocks = Array.from({ length: LENGTH }, () => Buffer.from(stream.bytes(32)).toString('hex'));
    expect(new Set(blocks).size).toBe(LENGTH);
  });

  it('gives as many bytes as are asked for', () => {
    for (const length of [0, 1, 31, 32, 33, 1_000]) {
      expect(new SeededRandom(1, 'length').bytes(length)).toHaveLength(length);
    }
  });

  it('stays below its bound, and reaches every number', () => {
    assert(
      property(integer(), integer({ min: 1, max: 1_000_000 }), (seed, bound) => {
        const number = new SeededRandom(seed, 'below').below(bound);
        expect(Number.isInteger(number)).toBe(true);
        expect(number).toBeGreaterThanOrEqual(0);
        expect(number).toBeLessThan(bound);
      }),
    );
    const stream = new SeededRandom(1, 'dice');
    const rolls = new Set(Array.from({ length: 200 }, () => stream.below(6)));
    expect([...rolls].sort()).toEqual([0, 1, 2, 3, 4, 5]);
  });

  it('picks one of the choices, and stops where there is none', () => {
    const choices = ['a', 'b', 'c'];
    expect(choices).toContain(new SeededRandom(1, 'pick').pick(choices));
    expect(() => new SeededRandom(1, 'pick').pick([])).toThrow(
      expect.objectContaining({ code: 'INVARIANT' }),
    );
  });
});
