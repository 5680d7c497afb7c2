import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { disagreement } from '../../functions/core/agreement.ts';
import { placeId } from '../../functions/core/place.ts';

const hash = fc.constantFrom('a', 'b', 'c');
const leaves = fc.array(fc.option(fc.record({ raw: hash, normalised: hash }), { nil: undefined }), {
  maxLength: 6,
});

describe('replicas disagree on a key', () => {
  it('unless all raw or all normalised leaves are equal', () => {
    fc.assert(
      fc.property(leaves, fc.nat(5), (given, primary) => {
        const held = given.map((leaf, position) => ({ replica: placeId({ region: `r-${position}` }), leaf }));
        const isOne = (hashes: unknown[]) => new Set(hashes).size <= 1;
        const agrees = isOne(given.map((leaf) => leaf?.raw)) || isOne(given.map((leaf) => leaf?.normalised));
        const found = disagreement(held, placeId({ region: `r-${primary}` }));
        expect(found === undefined).toBe(agrees);
        expect(found?.odd ?? []).not.toContain(found?.reference);
      }),
    );
  });
});
