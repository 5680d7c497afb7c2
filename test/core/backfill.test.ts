import { describe, expect, it } from 'vitest';
import { compared, isOrdered, type Side, sideOf } from '../../functions/core/backfill.ts';
import type { WireItem } from '../../functions/core/item.ts';

const made = (more: WireItem = {}, source = 's1') => sideOf({ id: { S: 'a' }, ...more }, ['id'], 'v', source);
const there = (more: WireItem = {}) => sideOf({ id: { S: 'a' }, ...more }, ['id'], 'v');
const v = (n: number): WireItem => ({ v: { N: String(n) } });

describe('one key of the target', () => {
  it.each([
    { sides: [there()], hasVersion: false, found: { is: 'extra' }, reason: 'made of nothing' },
    {
      sides: [made()],
      hasVersion: false,
      found: { is: 'missing', source: 's1', target: '{"id":{"S":"a"}}' },
      reason: 'not there',
    },
    {
      sides: [made(v(1)), there({ v: { N: '1.0' } })],
      hasVersion: false,
      found: { is: 'equal' },
      reason: 'there, and the same',
    },
    {
      sides: [made(), made()],
      hasVersion: false,
      found: { is: 'missing', source: 's1' },
      reason: 'a source that was seen twice',
    },
    {
      sides: [made({}, 's1'), made({}, 's2'), there()],
      hasVersion: true,
      found: { skip: 'COLLISION', keys: ['s1', 's2'] },
      reason: 'two sources',
    },
    {
      sides: [made(v(2)), there(v(1))],
      hasVersion: false,
      found: { skip: 'DIFFERENT', keys: ['s1'] },
      reason: 'another item, and no version',
    },
    {
      sides: [made(v(2)), there(v(1))],
      hasVersion: true,
      found: { is: 'older', source: 's1' },
      reason: 'an older one',
    },
    { sides: [made(v(1)), there(v(2))], hasVersion: true, found: { is: 'newer' }, reason: 'a newer one' },
    {
      sides: [made({ ...v(1), x: { S: 'x' } }), there(v(1))],
      hasVersion: true,
      found: { skip: 'DIFFERENT' },
      reason: 'another of the same version',
    },
    {
      sides: [made(v(1)), there({ v: { S: '1' } })],
      hasVersion: true,
      found: { skip: 'VERSION_UNUSABLE' },
      reason: 'versions of two types',
    },
    {
      sides: [made({}), there(v(1))],
      hasVersion: true,
      found: { skip: 'VERSION_UNUSABLE' },
      reason: 'no version',
    },
  ] satisfies { sides: Side[]; hasVersion: boolean; found: object; reason: string }[])(
    'is $found: $reason',
    ({ sides, hasVersion, found }) => {
      expect(compared(sides, hasVersion)).toMatchObject(found);
      expect(compared([...sides].reverse(), hasVersion)).toMatchObject({
        ...found,
        ...('keys' in found && { keys: expect.arrayContaining(found.keys) }),
      });
    },
  );

  it('remembers no version if the config names none', () => {
    expect(sideOf({ id: { S: 'a' }, ...v(1) }, ['id'], undefined).version).toBeNull();
  });
});

describe('versions', () => {
  it.each([
    { a: 'N1', b: 'N2', are: true },
    { a: 'N1', b: 'S1', are: false },
    { a: '?', b: '?', are: false },
    { a: null, b: 'N1', are: false },
    { a: 'N1', b: null, are: false },
  ])('$a and $b can be compared: $are', ({ a, b, are }) => {
    expect(isOrdered(a, b)).toBe(are);
  });
});
