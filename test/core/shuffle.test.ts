import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { slotOf, wordOf } from '../../functions/core/shuffle.ts';

const word = fc.integer({ min: 0, max: 2 ** 32 - 1 });

describe('the start of a hash', () => {
  it('is a number of 32 bits', () => {
    fc.assert(
      fc.property(word, (start) => {
        expect(wordOf(start.toString(16).padStart(8, '0').padEnd(32, 'f'))).toBe(start);
      }),
    );
  });
});

describe('slots', () => {
  it('are as many as were asked for, and hold every hash', () => {
    fc.assert(
      fc.property(word, fc.integer({ min: 1, max: 1_024 }), (start, slots) => {
        expect(slotOf(start, slots)).toBeGreaterThanOrEqual(0);
        expect(slotOf(start, slots)).toBeLessThan(slots);
      }),
    );
  });

  it('of more are parts of those of fewer', () => {
    fc.assert(
      fc.property(
        word,
        fc.integer({ min: 1, max: 1_024 }),
        fc.integer({ min: 1, max: 64 }),
        (start, slots, parts) => {
          expect(Math.floor(slotOf(start, slots * parts) / parts)).toBe(slotOf(start, slots));
        },
      ),
    );
  });
});
