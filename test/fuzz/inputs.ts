import { inspect } from 'node:util';
import fc from 'fast-check';
import { expect } from 'vitest';
import { RecohereError } from '../../functions/core/errors.ts';

/** What a prototype would have that an input got at. */
export const POLLUTED = 'polluted';
/** A value that nobody may repeat. No name of anything may hold its `&`. */
export const PLANTED = 'hunter2&Pa55';
/** What is left of it in an excerpt, such as `JSON.parse` makes. */
const TOLD = 'hunter2';

/** Nothing of a planted value is in what was kept, sent or thrown. */
export function expectUntold(...things: readonly unknown[]): void {
  const shown = inspect(things, {
    depth: Number.POSITIVE_INFINITY,
    maxArrayLength: null,
    maxStringLength: null,
    showHidden: true,
  });
  expect(shown).not.toContain(TOLD);
}

/** The code of a failure that is one of ours, and repeats nothing; anything else is a crash, and is thrown. */
export function codeOf(error: unknown): string {
  if (!(error instanceof RecohereError) || error.code === 'INVARIANT') throw error;
  expectUntold(error);
  return error.code;
}

/** What became of work that may fail as it is said to. */
export async function outcomeOf(work: () => Promise<unknown>): Promise<string> {
  try {
    await work();
    return 'read';
  } catch (error) {
    return codeOf(error);
  }
}

const KEYS = [
  '__proto__',
  'constructor',
  'prototype',
  'toString',
  'hasOwnProperty',
  'length',
  '',
  '0',
  'unknown',
];

/** JSON that nobody expects. */
const odd: fc.Arbitrary<unknown> = fc.oneof(
  fc.constantFrom<unknown>(
    PLANTED,
    `\u001b[31m${PLANTED}\u0000\n`,
    '\ud800',
    '\u202e',
    '',
    ' ',
    null,
    true,
    [],
    {},
    0,
    -1,
    0.5,
    1e308,
    Number.MAX_SAFE_INTEGER,
    2 ** 53,
    8.64e15 + 1,
    '0000-01-01T00:00:00Z',
    '9999-12-31T23:59:59.999Z',
    '2026-02-30T00:00:00Z',
    'x'.repeat(3_000),
    [PLANTED],
    { [PLANTED]: PLANTED },
    { [`\u001b[31m${PLANTED}`]: 1 },
    `"><script>${PLANTED}</script>`,
  ),
  // an own `__proto__`, as `JSON.parse` makes one
  fc
    .constantFrom('__proto__', 'constructor')
    .map((key) => Object.fromEntries([[key, { [POLLUTED]: PLANTED, prototype: { [POLLUTED]: PLANTED } }]])),
  fc.jsonValue({ maxDepth: 3 }),
);

/** A third of all mutations is at most so deep, where what matters most is. */
const SHALLOW = 1;

/** What becomes of a value; `GONE` if it is taken away. */
type Edit = (value: unknown) => unknown;
const GONE = Symbol('gone');

const edit: fc.Arbitrary<Edit> = fc.oneof(
  { weight: 2, arbitrary: fc.constant<Edit>(() => GONE) },
  {
    weight: 3,
    arbitrary: odd.map(
      (other): Edit =>
        () =>
          other,
    ),
  },
  {
    weight: 1,
    arbitrary: fc.constantFrom(...KEYS).map(
      (key): Edit =>
        (value) =>
          Object.fromEntries([[key, value]]),
    ),
  },
  {
    weight: 1,
    arbitrary: fc.integer({ min: 1, max: 60 }).map(
      (depth): Edit =>
        (value) =>
          nested(value, depth),
    ),
  },
  {
    weight: 2,
    arbitrary: fc.integer({ min: 2, max: 400 }).map(
      (times): Edit =>
        (value) =>
          lengthened(value, times),
    ),
  },
  {
    weight: 4,
    arbitrary: fc.tuple(fc.constantFrom(...KEYS, 'secret'), odd).map(
      ([key, more]): Edit =>
        (value) =>
          isObject(value) ? Object.fromEntries([...Object.entries(value), [key, more]]) : value,
    ),
  },
);

/**
 * Valid JSON with one to three mutations anywhere, with one as often as not, so that some of it gets past what looks at it first: fields
 * deleted, retyped, nested, lengthened or added.
 * @param names Fields that say who or what something is, and may be repeated; nothing is planted there.
 */
export function mutated<T>(valid: fc.Arbitrary<T>, names: readonly string[] = []): fc.Arbitrary<unknown> {
  const place = fc.tuple(fc.nat(1_000), fc.nat(2), edit);
  const edits = fc.oneof(
    place.map((only) => [only]),
    fc.array(place, { minLength: 1, maxLength: 3 }),
  );
  return fc.tuple(valid, edits).map(([value, all]) =>
    withoutPlanted(
      all.reduce<unknown>((now, [at, depth, change]) => {
        const paths = [...pathsOf(now)].filter(({ length }) => depth > 0 || length <= SHALLOW);
        const changed = editedAt(now, paths[at % paths.length] ?? [], change);
        return changed === GONE ? null : changed;
      }, value),
      names,
    ),
  );
}

/** Valid JSON of which one number has become another. */
export function misnumbered(valid: unknown): fc.Arbitrary<unknown> {
  const paths = [...pathsOf(valid)].filter((path) => typeof memberAt(valid, path) === 'number');
  return fc
    .tuple(fc.constantFrom(...paths), fc.constantFrom(-1, 0, 0.5, 2 ** 53, 8.64e15 + 1, 1e25, 1e308))
    .map(([path, number]) => editedAt(valid, path, () => number));
}

/** JSON of any kind, a text as often as not. */
export const anyJson: fc.Arbitrary<unknown> = fc.oneof(odd, fc.jsonValue(), fc.string({ unit: 'binary' }));

/** Text that may be JSON, or nearly. */
export function textsOf(json: fc.Arbitrary<unknown>): fc.Arbitrary<string> {
  const written = json.map((value) => JSON.stringify(value) ?? '');
  const cut = fc.tuple(written, fc.nat(2_000)).map(([text, at]) => text.slice(0, at % (text.length + 1)));
  const spoiled = fc
    .tuple(written, fc.nat(2_000), fc.string({ unit: 'binary', minLength: 1, maxLength: 5 }))
    .map(([text, at, more]) => {
      const place = at % (text.length + 1);
      return text.slice(0, place) + more + text.slice(place);
    });
  const doubled = fc
    .tuple(written, fc.constantFrom('id', 'kind', 'detail', 'source', '__proto__'), odd)
    .map(([text, key, value]) => text.replace(/^\{/, `{${JSON.stringify(key)}:${JSON.stringify(value)},`));
  const bytes = fc.uint8Array({ maxLength: 300 }).map((raw) => Buffer.from(raw).toString());
  const deep = fc
    .tuple(
      fc.constantFrom(['[', ']'], ['{"a":', '}'], ['{"__proto__":', '}']),
      fc.integer({ min: 1, max: 15_000 }),
    )
    .map(([[open = '', close = ''], depth]) => `${open.repeat(depth)}1${close.repeat(depth)}`);
  const planted = fc.constantFrom(
    PLANTED,
    `{"${PLANTED}`,
    `["${PLANTED}"`,
    `{"a":${PLANTED}}`,
    `"${PLANTED}"`,
  );
  return fc.oneof(written, cut, spoiled, doubled, bytes, deep, planted, fc.string({ unit: 'binary' }));
}

function* pathsOf(value: unknown, path: readonly string[] = []): Generator<readonly string[]> {
  yield path;
  if (!isObject(value) && !Array.isArray(value)) return;
  for (const [key, member] of Object.entries(value)) yield* pathsOf(member, [...path, key]);
}

function memberAt(value: unknown, path: readonly string[]): unknown {
  return path.reduce((now, key) => Reflect.get(Object(now), key), value);
}

function editedAt(value: unknown, [key, ...rest]: readonly string[], change: Edit): unknown {
  if (key === undefined) return change(value);
  const entries = Object.entries(value ?? {}).flatMap(([name, member]): [string, unknown][] => {
    const changed = name === key ? editedAt(member, rest, change) : member;
    return changed === GONE ? [] : [[name, changed]];
  });
  return Array.isArray(value) ? entries.map(([, member]) => member) : Object.fromEntries(entries);
}

function withoutPlanted(value: unknown, names: readonly string[], isNamed = false): unknown {
  if (typeof value === 'string') return isNamed ? value.replaceAll(TOLD, 'name') : value;
  if (Array.isArray(value)) return value.map((member) => withoutPlanted(member, names, isNamed));
  if (!isObject(value)) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, member]) => [
      key,
      withoutPlanted(member, names, isNamed || names.includes(key)),
    ]),
  );
}

function nested(value: unknown, depth: number): unknown {
  let around = value;
  for (let level = 0; level < depth; level++) around = level % 2 === 0 ? [around] : { a: around };
  return around;
}

function lengthened(value: unknown, times: number): unknown {
  if (typeof value === 'string') return value.repeat(times).slice(0, 5_000);
  if (typeof value === 'number') return Math.abs(value) < 1 ? times : value * 10 ** (times % 7);
  if (Array.isArray(value))
    return Array.from({ length: times }, () => value)
      .flat()
      .slice(0, 500);
  if (!isObject(value)) return value;
  return Object.fromEntries([
    ...Object.entries(value),
    ...Array.from({ length: times }, (_, at) => [`more-${at}`, PLANTED]),
  ]);
}

/** Whether it is nothing but its fields, as a date is not. */
function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype;
}
