import { invariant } from './errors.ts';

const NUMBER = /^([+-]?)(\d*)\.?(\d*)(?:[eE]([+-]?\d+))?$/;

/** A whole number above zero, without a zero at its end. */
const PLAIN = /^(?:[1-9]|[1-9]\d*[1-9])$/;

/** A number as its digits: `0.digits × 10^exponent`, without zeros at either end. Zero has no digits. */
interface Decimal {
  readonly isNegative: boolean;
  readonly digits: string;
  readonly exponent: number;
}

const ZERO: Decimal = { isNegative: false, digits: '', exponent: 0 };

/**
 * One text for each number, however it is written: `1`, `1.0` and `10e-1` are the same. Exact for all that DynamoDB holds: 38 digits,
 * from 1e-130 to 9.99e125.
 */
export function canonicalNumber(text: string): string {
  if (PLAIN.test(text)) return `${text}e${text.length}`; // as most are
  const { isNegative, digits, exponent } = decimalOf(text);
  return digits === '' ? '0' : `${isNegative ? '-' : ''}${digits}e${exponent}`;
}

/** A number as DynamoDB writes it, however it was given one: neither an exponent nor needless zeros. */
export function plainNumber(text: string): string {
  const { isNegative, digits, exponent } = decimalOf(text);
  if (digits === '') return '0';
  const sign = isNegative ? '-' : '';
  if (exponent <= 0) return `${sign}0.${'0'.repeat(-exponent)}${digits}`;
  const [whole, fraction] = [digits.slice(0, exponent).padEnd(exponent, '0'), digits.slice(exponent)];
  return `${sign}${whole}${fraction && `.${fraction}`}`;
}

/** Compares two numbers, written in any way, exactly: negative, zero or positive, as sorting wants it. */
export function compareNumbers(a: string, b: string): number {
  const [x, y] = [decimalOf(a), decimalOf(b)];
  if (signOf(x) !== signOf(y)) return signOf(x) - signOf(y);
  const size = x.exponent - y.exponent || compareTexts(x.digits, y.digits);
  return x.isNegative ? -size : size;
}

/** Compares two texts by their UTF-16 units: any order will do that is the same everywhere. */
export function compareTexts(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}

function signOf({ digits, isNegative }: Decimal): number {
  if (digits === '') return 0;
  return isNegative ? -1 : 1;
}

function decimalOf(text: string): Decimal {
  const [, sign, whole = '', fraction = '', exponent = '0'] = NUMBER.exec(text) ?? [];
  invariant(sign !== undefined && whole + fraction !== '', 'a number of DynamoDB is a decimal number');
  const all = (whole + fraction).replace(/^0+/, '');
  if (all === '') return ZERO; // however many zeros it is written with
  const leading = whole.length + fraction.length - all.length;
  return {
    isNegative: sign === '-',
    digits: all.replace(/0+$/, ''),
    exponent: whole.length - leading + Number(exponent),
  };
}
