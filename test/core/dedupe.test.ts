import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  attributesOf,
  type Copy,
  compareOrders,
  copyOf,
  type DedupeRule,
  dedupeKeyOf,
  grouped,
  isPreferred,
  orderOf,
} from '../../functions/core/dedupe.ts';
import type { WireItem } from '../../functions/core/item.ts';

const RULE: DedupeRule = { key: ['order'], keep: 'oldest', by: 'at', where: {} };
const item = (more: WireItem): WireItem => ({ id: { S: 'a' }, order: { S: 'o1' }, at: { N: '1' }, ...more });
const copy = (key: string, order: string | null): Copy => ({ group: 'g', key, order });

describe('what is remembered of an item', () => {
  it('is the hash of its dedupe key, its primary key and its order', () => {
    expect(copyOf(item({}), RULE, ['id'])).toEqual({
      group: expect.stringMatching(/^[0-9a-f]{32}$/),
      key: '{"id":{"S":"a"}}',
      order: 'N1',
    });
  });

  it('is read from these attributes alone', () => {
    const rule = { ...RULE, key: ['order', 'shop'], where: { type: 'order' } };
    expect(attributesOf(rule, ['id', 'at'])).toEqual(['id', 'at', 'order', 'shop', 'type']);
  });

  it.each([
    { a: { N: '1' }, b: { N: '1.0' }, isSame: true, reason: 'one number written in two ways' },
    { a: { N: '1' }, b: { S: '1' }, isSame: false, reason: 'a number and a text' },
    { a: { S: '\u00e9' }, b: { S: 'e\u0301' }, isSame: false, reason: 'two texts that look the same' },
    { a: { SS: ['a', 'b'] }, b: { SS: ['b', 'a'] }, isSame: true, reason: 'one set in two orders' },
    { a: { B: Uint8Array.of(1) }, b: { B: Uint8Array.of(1, 0) }, isSame: false, reason: 'two binaries' },
    {
      a: { N: '12345678901234567890123456789012345678' },
      b: { N: '12345678901234567890123456789012345679' },
      isSame: false,
      reason: 'two numbers of 38 digits',
    },
  ])('tells keys apart: $reason', ({ a, b, isSame }) => {
    const [x, y] = [dedupeKeyOf(item({ order: a }), RULE), dedupeKeyOf(item({ order: b }), RULE)];
    expect(x === y).toBe(isSame);
  });

  it('does not let parts of a key run into each other', () => {
    const rule = { ...RULE, key: ['a', 'b'] };
    const keyOf = (a: string, b: string) => dedupeKeyOf({ a: { S: a }, b: { S: b } }, rule);
    expect(keyOf('xy', 'z')).not.toBe(keyOf('x', 'yz'));
  });

  it.each<{ where: DedupeRule['where']; more: WireItem; isIt: boolean; reason: string }>([
    { where: { type: 'order' }, more: { type: { S: 'order' } }, isIt: true, reason: 'a text' },
    { where: { type: 'order' }, more: { type: { S: 'line' } }, isIt: false, reason: 'another text' },
    { where: { type: 'order' }, more: {}, isIt: false, reason: 'no such attribute' },
    { where: { constructor: 'x' }, more: {}, isIt: false, reason: 'a name that every object has' },
    { where: { n: 1.5 }, more: { n: { N: '1.50' } }, isIt: true, reason: 'a number' },
    { where: { n: 1.5 }, more: { n: { N: '1' } }, isIt: false, reason: 'another number' },
    { where: { n: 1 }, more: { n: { S: '1' } }, isIt: false, reason: 'a text for a number' },
    { where: { b: true }, more: { b: { BOOL: true } }, isIt: true, reason: 'a boolean' },
    { where: { b: true }, more: { b: { BOOL: false } }, isIt: false, reason: 'another boolean' },
    { where: { b: false }, more: { b: { NULL: true } }, isIt: false, reason: 'null' },
    { where: { pk: { beginsWith: 'O#' } }, more: { pk: { S: 'O#1' } }, isIt: true, reason: 'how it begins' },
    {
      where: { pk: { beginsWith: 'O#' } },
      more: { pk: { S: 'P#1' } },
      isIt: false,
      reason: 'another beginning',
    },
    {
      where: { pk: { beginsWith: '1' } },
      more: { pk: { N: '1' } },
      isIt: false,
      reason: 'a number that begins so',
    },
  ])('is nothing for an item that is not like `where`: $reason', ({ where, more, isIt }) => {
    expect(copyOf(item(more), { ...RULE, where }, ['id']) !== undefined).toBe(isIt);
  });

  it('is nothing for an item without all of the key', () => {
    expect(copyOf(item({}), { ...RULE, key: ['order', 'shop'] }, ['id'])).toBeUndefined();
  });
});

describe('order', () => {
  it.each([
    { value: undefined, order: null },
    { value: { N: '1' }, order: 'N1' },
    { value: { S: '2026' }, order: 'S2026' },
    { value: { BOOL: true }, order: '?' },
  ])('of $value is $order', ({ value, order }) => {
    expect(orderOf(value)).toBe(order);
  });

  it('is that of numbers, not of their texts', () => {
    expect(compareOrders('N9', 'N10')).toBeLessThan(0);
    expect(compareOrders('S9', 'S10')).toBeGreaterThan(0);
  });
});

describe('what stays of a group', () => {
  it.each([
    { keep: 'oldest', keeper: 'b' },
    { keep: 'newest', keeper: 'c' },
  ] as const)('is the $keep', ({ keep, keeper }) => {
    const found = grouped([copy('a', 'N2'), copy('b', 'N1'), copy('c', 'N3')], keep);
    expect(found).toMatchObject({ keeper });
  });

  it('is the first by primary key where the order is the same', () => {
    expect(grouped([copy('b', 'N1'), copy('a', 'N1.0')], 'newest')).toEqual({ keeper: 'a', losers: ['b'] });
  });

  it.each([
    { orders: ['N1', null], skip: 'BY_MISSING' },
    { orders: ['N1', '?'], skip: 'BY_UNUSABLE' },
    { orders: ['N1', 'S1'], skip: 'BY_MIXED' },
  ])('is all of it if $orders cannot be compared', ({ orders, skip }) => {
    const copies = orders.map((order, position) => copy(String(position), order));
    expect(grouped(copies, 'oldest')).toEqual({ skip, keys: ['0', '1'] });
  });

  it('is not asked of one item, also if it was seen twice', () => {
    expect(grouped([copy('a', 'N1')], 'oldest')).toBeUndefined();
    expect(grouped([copy('a', 'N1'), copy('a', 'N2')], 'oldest')).toBeUndefined();
  });

  it('is the same in any order, and never what goes', () => {
    const copies = fc.uniqueArray(fc.record({ key: fc.string(), at: fc.integer({ min: 0, max: 3 }) }), {
      selector: ({ key }) => key,
      minLength: 2,
      maxLength: 8,
    });
    fc.assert(
      fc.property(copies, fc.constantFrom('oldest' as const, 'newest' as const), (all, keep) => {
        const made = all.map(({ key, at }) => copy(key, `N${at}`));
        const found = grouped(made, keep);
        const again = grouped([...made].reverse(), keep);
        if (!found || !again || 'skip' in found || 'skip' in again) throw new Error('a group has a keeper');
        expect(again.keeper).toBe(found.keeper);
        expect([...found.losers, found.keeper].sort()).toEqual(all.map(({ key }) => key).sort());
        const keeper = made.find(({ key }) => key === found.keeper);
        for (const other of made) {
          if (keeper && other !== keeper) expect(isPreferred(keeper, other, keep)).toBe(true);
        }
      }),
    );
  });

  it('has an order even where there is none to compare', () => {
    expect(isPreferred({ key: 'a', order: null }, { key: 'b', order: null }, 'oldest')).toBe(true);
  });
});
