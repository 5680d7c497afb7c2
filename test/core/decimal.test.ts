import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { canonicalNumber, compareNumbers, compareTexts, plainNumber } from '../../functions/core/decimal.ts';
import { numberText, writtenNumber } from '../wire-items.ts';

/** A number as whole multiples of the smallest part of the smallest that DynamoDB holds. */
function scaled(text: string): bigint {
  const [, sign, whole = '', fraction = ''] = /^(-?)(\d+)\.?(\d*)$/.exec(text) ?? [];
  return BigInt(`${sign}${whole}${fraction.padEnd(200, '0')}`);
}

describe('the canonical text of a number', () => {
  it.each([
    { text: '0', canonical: '0' },
    { text: '-0.00e7', canonical: '0' },
    { text: '1', canonical: '1e1' },
    { text: '+1.0', canonical: '1e1' },
    { text: '10e-1', canonical: '1e1' },
    { text: '-.5', canonical: '-5e0' },
    { text: '5.', canonical: '5e1' },
    { text: '0.05', canonical: '5e-1' },
    { text: '1200', canonical: '12e4' },
    { text: '1E-130', canonical: '1e-129' },
    { text: '9.9999999999999999999999999999999999999E+125', canonical: `${'9'.repeat(38)}e126` },
  ])('of $text is $canonical', ({ text, canonical }) => {
    expect(canonicalNumber(text)).toBe(canonical);
  });

  it('is the same however it is written', () => {
    fc.assert(
      fc.property(writtenNumber, ([plain, other]) => {
        expect(canonicalNumber(other)).toBe(canonicalNumber(plain));
      }),
    );
  });

  it('is the same for nothing else', () => {
    fc.assert(
      fc.property(numberText, numberText, (a, b) => {
        expect(canonicalNumber(a) === canonicalNumber(b)).toBe(a === b);
      }),
    );
  });

  it.each(['', '.', '-', 'e5', '1e', 'NaN', 'Infinity', '0x1', ' 1', '1 2', '1,5'])(
    'is not there for “%s”, which is none',
    (text) => {
      expect(() => canonicalNumber(text)).toThrow(expect.objectContaining({ code: 'INVARIANT' }));
    },
  );
});

describe('the plain text of a number', () => {
  it.each([
    { text: '-0.0', plain: '0' },
    { text: '1e3', plain: '1000' },
    { text: '-12.30', plain: '-12.3' },
    { text: '00.5', plain: '0.5' },
    { text: '1.5E-3', plain: '0.0015' },
    { text: '120', plain: '120' },
  ])('of $text is $plain', ({ text, plain }) => {
    expect(plainNumber(text)).toBe(plain);
  });

  it('is the same however it is written', () => {
    fc.assert(
      fc.property(writtenNumber, ([plain, other]) => {
        expect(plainNumber(other)).toBe(plain);
        expect(plainNumber(plain)).toBe(plain);
      }),
    );
  });
});

describe('numbers', () => {
  it.each([
    { a: '0', b: '0.0', order: 0, reason: 'zero is zero however many zeros it has' },
    { a: '-0', b: '0e9', order: 0, reason: 'and has no sign' },
    { a: '0', b: '1e-130', order: -1, reason: 'and is less than the least' },
    { a: '0', b: '-1e-130', order: 1, reason: 'and more than what is below it' },
    { a: '9', b: '10', order: -1, reason: 'digits are no text' },
    { a: '-9', b: '-10', order: 1, reason: 'below zero the other way' },
    { a: '1.10', b: '1.1', order: 0, reason: 'a needless zero' },
    { a: '12', b: '1.2e1', order: 0, reason: 'with an exponent' },
    {
      a: '12345678901234567890123456789012345678',
      b: '12345678901234567890123456789012345679',
      order: -1,
      reason: 'to the 38th digit',
    },
  ])('$a and $b are in order: $reason', ({ a, b, order }) => {
    expect(Math.sign(compareNumbers(a, b)) === order).toBe(true);
    expect(Math.sign(compareNumbers(b, a)) === -order).toBe(true);
  });

  it('have the order of what they stand for', () => {
    fc.assert(
      fc.property(writtenNumber, writtenNumber, ([x, a], [y, b]) => {
        const [p, q] = [scaled(x), scaled(y)];
        const order = p === q ? 0 : p < q ? -1 : 1;
        expect(Math.sign(compareNumbers(a, b)) === order).toBe(true);
      }),
    );
  });
});

describe('texts', () => {
  it.each([
    { a: 'a', b: 'a', order: 0 },
    { a: 'a', b: 'b', order: -1 },
    { a: 'b', b: 'a', order: 1 },
    { a: '', b: 'a', order: -1 },
    { a: 'Z', b: 'a', order: -1 },
  ])('“$a” and “$b” are in order', ({ a, b, order }) => {
    expect(compareTexts(a, b)).toBe(order);
  });
});
