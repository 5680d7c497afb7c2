import fc from 'fast-check';
import type { WireItem, WireValue } from '../functions/core/item.ts';

/** Digits, and where the point is: what DynamoDB can hold, as `0.digits × 10^exponent`. */
const parts = fc.record({
  isNegative: fc.boolean(),
  digits: fc
    .array(fc.constantFrom(...'0123456789'), { minLength: 0, maxLength: 37 })
    .chain((all) => fc.constantFrom(...'123456789').map((last) => `${all.join('')}${last}`)),
  exponent: fc.oneof(fc.integer({ min: -92, max: 126 }), fc.integer({ min: -2, max: 40 })),
});

/** A number in two of the ways in which it may be written; the first is DynamoDB's own. */
export const writtenNumber: fc.Arbitrary<readonly [plain: string, other: string]> = fc.oneof(
  fc.constantFrom(['0', '-0'] as const, ['0', '0.000'] as const, ['0', '0e5'] as const, ['0', '.0'] as const),
  parts.chain(({ isNegative, digits, exponent }) => {
    const sign = isNegative ? '-' : '';
    const bare = digits.replace(/^0+/, '');
    const point = exponent - (digits.length - bare.length);
    const plain =
      point <= 0
        ? `0.${'0'.repeat(-point)}${bare}`
        : point >= bare.length
          ? `${bare}${'0'.repeat(point - bare.length)}`
          : `${bare.slice(0, point)}.${bare.slice(point)}`;
    const others = [
      plain,
      `00${plain}`,
      plain.includes('.') ? `${plain}00` : `${plain}.`,
      plain.replace(/^0\./, '.'),
      `0.${bare}e${point}`,
      `${bare}E${point - bare.length}`,
      `${bare}000e${point - bare.length - 3}`,
      `${bare[0]}.${bare.slice(1)}e${point >= 1 ? '+' : ''}${point - 1}`,
    ];
    return fc.constantFrom(...others).map((other) => [`${sign}${plain}`, `${sign}${other}`] as const);
  }),
);

/** A number as DynamoDB writes it: up to 38 digits. */
export const numberText: fc.Arbitrary<string> = writtenNumber.map(([plain]) => plain);

const anyText = fc.string({ unit: 'grapheme', maxLength: 12 });
const binary = fc.uint8Array({ maxLength: 12 });

/** @param names Of attributes. @returns Values of all types. */
function wireValue(names: fc.Arbitrary<string>): fc.Arbitrary<WireValue> {
  const { value } = fc.letrec<{ value: WireValue }>((tie) => {
    const values = fc.array(tie('value'), { maxLength: 3 });
    return {
      value: fc.oneof(
        { maxDepth: 3 },
        anyText.map((S) => ({ S })),
        numberText.map((N) => ({ N })),
        binary.map((B) => ({ B })),
        fc.boolean().map((BOOL) => ({ BOOL })),
        fc.constant({ NULL: true }),
        fc.uniqueArray(anyText, { minLength: 1, maxLength: 4 }).map((SS) => ({ SS })),
        fc.uniqueArray(numberText, { minLength: 1, maxLength: 4 }).map((NS) => ({ NS })),
        fc.uniqueArray(binary, { minLength: 1, maxLength: 4, selector: String }).map((BS) => ({ BS })),
        values.map((L) => ({ L })),
        fc
          .uniqueArray(fc.tuple(names, tie('value')), { maxLength: 3, selector: ([name]) => name })
          .map((M) => ({
            M: Object.fromEntries(M),
          })),
      ),
    };
  });
  return value;
}

/** Names that are those of something of every object are in the way of whoever does not look out. */
const NASTY = ['__proto__', 'constructor', 'toString', '0', 'S', 'a b', '🐎'];

/** Items of any attributes. @param nasty Names that are likely. */
export function wireItem(nasty: readonly string[] = NASTY): fc.Arbitrary<WireItem> {
  const names = fc.oneof(
    fc.constantFrom(...nasty),
    fc.string({ unit: 'grapheme', minLength: 1, maxLength: 8 }),
  );
  return fc
    .uniqueArray(fc.tuple(names, wireValue(names)), { maxLength: 6, selector: ([name]) => name })
    .map((attributes) => Object.fromEntries(attributes));
}

/** The same item in other words: attributes and members of sets in another order. */
export function reworded(item: WireItem): WireItem {
  const turned = Object.entries(item).reverse();
  return Object.fromEntries(turned.map(([name, value]) => [name, rewordedValue(value)]));
}

function rewordedValue(value: WireValue): WireValue {
  if ('SS' in value) return { SS: value.SS.toReversed() };
  if ('NS' in value) return { NS: value.NS.toReversed() };
  if ('BS' in value) return { BS: value.BS.toReversed() };
  if ('L' in value) return { L: value.L.map(rewordedValue) };
  return 'M' in value ? { M: reworded(value.M) } : value;
}
