import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  attributeOf,
  COMPARED_ATTRIBUTES_MAX,
  comparedNames,
  contentHash,
  isSameItem,
  itemOfText,
  keyOf,
  sha256,
  textOfItem,
  type WireItem,
} from '../../functions/core/item.ts';
import { reworded, wireItem, writtenNumber } from '../wire-items.ts';

describe('the text of an item', () => {
  it('is JSON, in order', () => {
    const item: WireItem = {
      b: { B: new Uint8Array([255, 0]) },
      a: { SS: ['y', 'x'] },
      n: { N: '1.50' },
      l: { L: [{ NULL: true }, { BOOL: false }, { BS: [new Uint8Array([2]), new Uint8Array([1])] }] },
      m: { M: { z: { NS: ['2', '10'] }, e: { S: '' } } },
    };
    expect(textOfItem(item)).toBe(
      '{"a":{"SS":["x","y"]},"b":{"B":"/wA="},"l":{"L":[{"NULL":true},{"BOOL":false},{"BS":["AQ==","Ag=="]}]},' +
        '"m":{"M":{"e":{"S":""},"z":{"NS":["10","2"]}}},"n":{"N":"1.50"}}',
    );
  });

  it('gives the item back', () => {
    fc.assert(
      fc.property(wireItem(), (item) => {
        const back = itemOfText(textOfItem(item));
        expect(Object.keys(back).sort()).toEqual(Object.keys(item).sort());
        expect(textOfItem(back)).toBe(textOfItem(item));
      }),
    );
  });

  it('gives binaries back byte for byte, that of a part of a buffer too', () => {
    const part = new Uint8Array([1, 2, 3, 4]).subarray(1, 3);
    const back = itemOfText(textOfItem({ b: { B: part }, s: { BS: [part] }, e: { B: new Uint8Array() } }));
    expect(back).toEqual({
      b: { B: new Uint8Array([2, 3]) },
      s: { BS: [new Uint8Array([2, 3])] },
      e: { B: new Uint8Array() },
    });
  });

  it('is the same in whatever order an item says the same', () => {
    fc.assert(
      fc.property(wireItem(), (item) => {
        expect(textOfItem(reworded(item))).toBe(textOfItem(item));
      }),
    );
  });

  it.each([
    { a: { x: { S: '1' } }, b: { x: { N: '1' } }, reason: 'another type' },
    { a: { x: { S: 'AQ==' } }, b: { x: { B: new Uint8Array([1]) } }, reason: 'a text that spells a binary' },
    { a: { x: { S: '' } }, b: {}, reason: 'an attribute that is empty is there' },
    { a: { x: { NULL: true } }, b: {}, reason: 'and one that is null' },
    { a: { x: { SS: ['1'] } }, b: { x: { L: [{ S: '1' }] } }, reason: 'a set is no list' },
    {
      a: { x: { L: [{ S: 'a' }, { S: 'b' }] } },
      b: { x: { L: [{ S: 'b' }, { S: 'a' }] } },
      reason: 'lists have an order',
    },
    { a: { x: { M: { y: { S: 'a' } } } }, b: { x: { M: { z: { S: 'a' } } } }, reason: 'another name within' },
    { a: { x: { BOOL: true } }, b: { x: { BOOL: false } }, reason: 'the other truth' },
  ] as const)('differs for $reason', ({ a, b }) => {
    expect(textOfItem(a)).not.toBe(textOfItem(b));
    expect(contentHash(a)).not.toBe(contentHash(b));
    expect(isSameItem(a, b)).toBe(false);
  });
});

describe('two items', () => {
  it.each([
    { a: undefined, b: undefined, same: true, reason: 'both are not there' },
    { a: {}, b: undefined, same: false, reason: 'one is not there' },
    { a: undefined, b: {}, same: false, reason: 'the other is not there' },
    { a: { s: { SS: ['a', 'b'] } }, b: { s: { SS: ['b', 'a'] } }, same: true, reason: 'a set has no order' },
    {
      a: { n: { N: '1' } },
      b: { n: { N: '1.0' } },
      same: false,
      reason: 'of one table, a number has one text',
    },
  ] as const)('are compared: $reason', ({ a, b, same }) => {
    expect(isSameItem(a, b)).toBe(same);
  });
});

describe('the hash of what an item says', () => {
  it('is the same however its numbers are written, at any depth', () => {
    fc.assert(
      fc.property(writtenNumber, wireItem(), ([plain, other], item) => {
        const saying = (N: string): WireItem => ({
          n: { N },
          s: { NS: [N, '-77'] },
          l: { L: [{ N }, { M: { n: { N } } }, { M: item }] },
        });
        expect(contentHash(reworded(saying(other)))).toBe(contentHash(saying(plain)));
      }),
    );
  });

  it('differs for another number', () => {
    expect(contentHash({ n: { N: '1' } })).not.toBe(contentHash({ n: { N: '10' } }));
  });

  it('is SHA-256, in hex', () => {
    expect(sha256('a')).toBe(createHash('sha256').update('a').digest('hex'));
    expect(contentHash({})).toBe(sha256('{}'));
  });
});

describe('the key of an item', () => {
  const item: WireItem = { pk: { S: 'a' }, sk: { N: '1' }, x: { BOOL: true } };

  it('is its attributes of those names', () => {
    expect(keyOf(item, ['pk'])).toEqual({ pk: { S: 'a' } });
    expect(keyOf(item, ['pk', 'sk'])).toEqual({ pk: { S: 'a' }, sk: { N: '1' } });
  });

  it.each(['id', 'constructor', '__proto__'])('must be there, whatever it is called: %s', (name) => {
    expect(() => keyOf(item, [name])).toThrow(expect.objectContaining({ code: 'INVARIANT' }));
  });
});

describe('an attribute', () => {
  it('is one of the item’s own', () => {
    expect(attributeOf({ a: { S: '' } }, 'a')).toEqual({ S: '' });
    expect(attributeOf({ a: { S: '' } }, 'b')).toBeUndefined();
    expect(attributeOf({}, 'constructor')).toBeUndefined();
    expect(attributeOf(JSON.parse('{"__proto__":{"S":"x"}}'), '__proto__')).toEqual({ S: 'x' });
  });
});

describe('what a removal compares', () => {
  it('is the key and all else of a small item', () => {
    const item: WireItem = { b: { S: '' }, sk: { S: '' }, a: { S: '' }, pk: { S: '' } };
    expect(comparedNames(item, ['pk', 'sk'])).toEqual(['pk', 'sk', 'a', 'b']);
  });

  it('is bounded, in an order that is always the same', () => {
    const names = Array.from({ length: 300 }, (_, at) => `a${String(at).padStart(3, '0')}`);
    const item = Object.fromEntries([...names.toReversed(), 'pk'].map((name) => [name, { S: '' }]));
    const compared = comparedNames(item, ['pk']);
    expect(compared).toEqual(['pk', ...names.slice(0, COMPARED_ATTRIBUTES_MAX - 1)]);
  });
});
