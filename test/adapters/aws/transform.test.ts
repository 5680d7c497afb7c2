import { inspect } from 'node:util';
import { createContext, runInContext } from 'node:vm';
import { NumberValueImpl as NumberValue } from '@aws-sdk/util-dynamodb';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { transforms } from '../../../functions/adapters/aws/transform.ts';
import { RecohereError } from '../../../functions/core/errors.ts';
import { contentHash, textOfItem, type WireItem } from '../../../functions/core/item.ts';
import { numberText, wireItem } from '../../wire-items.ts';

const TABLE = { name: 'orders', region: 'eu-west-1' };

/** The user's values, as loosely typed as users type them. */
// biome-ignore lint/suspicious/noExplicitAny: a user's function takes what it is given and gives anything
type Loose = any;

/** What a user's function makes of an item. */
async function transformed(user: (item: Loose) => unknown, item: WireItem = {}): Promise<WireItem | null> {
  const transform = await transforms(async () => ({ default: user }))(TABLE);
  return transform(item);
}

describe('a transform', () => {
  it('that changes nothing gives the very same item', async () => {
    await fc.assert(
      fc.asyncProperty(wireItem(), async (item) => {
        const made = await transformed((given) => given, item);
        expect(made).toEqual(item);
        expect(textOfItem(made ?? {})).toBe(textOfItem(item));
        expect(Object.keys(made ?? {})).toEqual(Object.keys(item));
      }),
    );
  });

  it('that copies all of it says the same', async () => {
    await fc.assert(
      fc.asyncProperty(wireItem(), async (item) => {
        const made = await transformed((given) => ({ all: given, again: structured(given) }), item);
        expect(contentHash(made ?? {})).toBe(contentHash({ all: { M: item }, again: { M: item } }));
      }),
    );
  });

  it('that names another attribute of the same value says the same', async () => {
    await fc.assert(
      fc.asyncProperty(numberText, async (N) => {
        const item: WireItem = { n: { N }, s: { NS: [N] }, l: { L: [{ N }] } };
        const made = await transformed(({ n, s, l }) => ({ a: n, b: s, c: l }), item);
        expect(contentHash(made ?? {})).toBe(contentHash({ a: { N }, b: { NS: [N] }, c: { L: [{ N }] } }));
      }),
    );
  });

  it('gets plain values', async () => {
    const item: WireItem = {
      s: { S: 'x' },
      n: { N: '1.50' },
      b: { B: new Uint8Array([1]) },
      yes: { BOOL: true },
      no: { BOOL: false },
      nothing: { NULL: true },
      ss: { SS: ['a', 'b'] },
      ns: { NS: ['1', '2e1'] },
      bs: { BS: [new Uint8Array([1])] },
      l: { L: [{ S: 'a' }, { L: [] }] },
      m: { M: { 'a b': { N: '0' } } },
    };
    let given: unknown;
    await transformed((each) => {
      given = each;
      return null;
    }, item);
    expect(given).toEqual({
      s: 'x',
      n: 1.5,
      b: new Uint8Array([1]),
      yes: true,
      no: false,
      nothing: null,
      ss: new Set(['a', 'b']),
      ns: new Set([1, 20]),
      bs: new Set([new Uint8Array([1])]),
      l: ['a', []],
      m: { 'a b': 0 },
    });
  });

  for (const { text, isExact } of [
    { text: '9007199254740991', isExact: true },
    { text: '9007199254740993', isExact: false },
    { text: '0.1', isExact: true },
    { text: '-0', isExact: true },
    { text: '1000000000000000000000000', isExact: true },
    { text: '0.10000000000000000000000000000000000001', isExact: false },
    { text: '1e-130', isExact: true },
    { text: '9.9999999999999999999999999999999999999e125', isExact: false },
  ]) {
    it(`gets ${text} as ${isExact ? 'a number' : 'a NumberValue'}, and rounds nothing`, async () => {
      let given: unknown;
      const made = await transformed(
        ({ n }) => {
          given = n;
          return { other: n };
        },
        { n: { N: text } },
      );
      expect(given instanceof NumberValue).toBe(!isExact);
      expect(Number(given)).toBe(Number(text));
      expect(contentHash(made ?? {})).toBe(contentHash({ other: { N: text } }));
    });
  }

  it('gives items of all types', async () => {
    const made = await transformed(() => ({
      s: 'x',
      empty: '',
      n: 1e21,
      big: 12345678901234567890123456789012345678n,
      exact: new NumberValue('0.1000'),
      b: Buffer.from([1, 2]),
      yes: true,
      nothing: null,
      ss: new Set(['a']),
      ns: new Set([1, 2n, new NumberValue('3.5')]),
      bs: new Set([new Uint8Array([1]), Buffer.from([2])]),
      l: [1, [null], new Set(['x'])],
      m: { a: { b: 'c' }, left: undefined },
      bare: Object.assign(Object.create(null), { a: 1 }),
      left: undefined,
    }));
    expect(made).toEqual({
      s: { S: 'x' },
      empty: { S: '' },
      n: { N: '1000000000000000000000' },
      big: { N: '12345678901234567890123456789012345678' },
      exact: { N: '0.1' },
      b: { B: new Uint8Array([1, 2]) },
      yes: { BOOL: true },
      nothing: { NULL: true },
      ss: { SS: ['a'] },
      ns: { NS: ['1', '2', '3.5'] },
      bs: { BS: [new Uint8Array([1]), new Uint8Array([2])] },
      l: { L: [{ N: '1' }, { L: [{ NULL: true }] }, { SS: ['x'] }] },
      m: { M: { a: { M: { b: { S: 'c' } } } } },
      bare: { M: { a: { N: '1' } } },
    });
  });

  it('may give nothing, or give later', async () => {
    expect(await transformed(() => null)).toBeNull();
    expect(await transformed(async () => null)).toBeNull();
    expect(await transformed(async ({ a }) => ({ b: a }), { a: { S: 'x' } })).toEqual({ b: { S: 'x' } });
    expect(await transformed(() => ({}))).toEqual({});
  });

  it('may change what it is given, and changes nothing of ours', async () => {
    const item: WireItem = {
      l: { L: [{ N: '1.0' }] },
      m: { M: { a: { S: 'x' } } },
      b: { B: new Uint8Array([1, 2]) },
      bs: { BS: [new Uint8Array([1])] },
      ss: { SS: ['b', 'a'] },
      same: { NS: ['2.0', '1'] },
    };
    const before = textOfItem(item);
    const made = await transformed((given) => {
      given.l.push(2);
      given.m.a = 'y';
      given.b[0] = 9;
      for (const member of given.bs) member[0] = 9;
      given.ss.delete('a');
      return given;
    }, item);
    expect(textOfItem(item)).toBe(before);
    expect(made).toEqual({
      l: { L: [{ N: '1' }, { N: '2' }] },
      m: { M: { a: { S: 'y' } } },
      b: { B: new Uint8Array([9, 2]) },
      bs: { BS: [new Uint8Array([9])] },
      ss: { SS: ['b'] },
      same: { NS: ['2.0', '1'] },
    });
  });

  it('shares nothing with what it gives', async () => {
    const bytes = new Uint8Array([1]);
    const made = await transformed(() => ({ b: bytes, bs: new Set([bytes]) }));
    bytes[0] = 2;
    expect(made).toEqual({ b: { B: new Uint8Array([1]) }, bs: { BS: [new Uint8Array([1])] } });
  });

  it('may come from elsewhere: its objects, and its copy of the library', async () => {
    const elsewhere = createContext({});
    const made = await transformed(() => ({
      ...runInContext('({ o: { a: [1] } })', elsewhere),
      n: { toAttributeValue: () => ({ N: '1.5' }), toString: () => '1.5' },
    }));
    expect(made).toEqual({ o: { M: { a: { L: [{ N: '1' }] } } }, n: { N: '1.5' } });
  });

  it('may throw what it likes', async () => {
    const error = new TypeError('of the user');
    const failing = transformed(() => {
      throw error;
    });
    await expect(failing).rejects.toBe(error);
    await expect(transformed(() => Promise.reject(error))).rejects.toBe(error);
  });
});

class Hunter2 {
  readonly value = 'hunter2';
}

describe('a result that is no item', () => {
  const cyclic: Record<string, unknown> = { s: 'hunter2' };
  cyclic.self = cyclic;
  for (const { result, reason } of [
    { result: undefined, reason: 'nothing, where null is meant' },
    { result: 'hunter2', reason: 'a text' },
    { result: ['hunter2'], reason: 'a list' },
    { result: new Map([['hunter2', 1]]), reason: 'a Map' },
    { result: new Set(['hunter2']), reason: 'a set' },
    { result: new Hunter2(), reason: 'an object of a class' },
    { result: () => 'hunter2', reason: 'a function' },
  ]) {
    it(`is refused, and not told: ${reason}`, async () => {
      await refused(() => result, {});
    });
  }

  for (const { value, reason } of [
    { value: Number.NaN, reason: 'no number' },
    { value: Number.NEGATIVE_INFINITY, reason: 'no end' },
    { value: 1e126, reason: 'too large' },
    { value: -1e126, reason: 'too small' },
    { value: 1e-131, reason: 'too near to nothing' },
    { value: 123456789012345678901234567890123456789n, reason: '39 digits' },
    { value: new NumberValue('hunter2'), reason: 'a NumberValue of no number' },
    { value: new NumberValue('1.23456789012345678901234567890123456789'), reason: '39 digits' },
    { value: new Date(0), reason: 'a date' },
    { value: new Hunter2(), reason: 'an object of a class' },
    { value: new Map([['hunter2', 1]]), reason: 'a Map' },
    { value: Object.create({ hunter2: 1 }), reason: 'what it inherits would be lost' },
    { value: new Float64Array(1), reason: 'numbers that are no binary' },
    { value: () => 'hunter2', reason: 'a function' },
    { value: Symbol('hunter2'), reason: 'a symbol' },
    { value: Promise.resolve('hunter2'), reason: 'a promise that nobody waits for' },
    { value: new Set(), reason: 'an empty set' },
    { value: new Set(['hunter2', 1]), reason: 'a set of two types' },
    { value: new Set([['hunter2']]), reason: 'a set of lists' },
    { value: new Set([undefined]), reason: 'a set of nothing' },
    { value: new Set([1, new NumberValue('1.0')]), reason: 'a number twice' },
    { value: new Set([Number.NaN]), reason: 'no number in a set' },
    { value: new Set([new Uint8Array([1]), new Uint8Array([1])]), reason: 'a binary twice' },
    { value: ['hunter2', undefined], reason: 'a gap in a list' },
    { value: { hunter2: { hunter2: Number.NaN } }, reason: 'something deep within' },
    { value: cyclic, reason: 'what has no end' },
  ]) {
    it(`is refused by the name of its attribute alone: ${reason}`, async () => {
      await refused(() => ({ good: 1, broken: value }), { attribute: 'broken' });
    });
  }

  async function refused(user: () => unknown, context: object): Promise<void> {
    const error = await transformed(user, { hunter2: { S: 'hunter2' } }).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: 'BAD_RESULT', retryable: false, context });
    expect(error).toBeInstanceOf(RecohereError);
    expect((error as RecohereError).context).toEqual(context);
    // the first line of the stack is the message; the rest are names of functions
    const { message, cause } = error as RecohereError;
    expect(inspect([message, cause, context], { depth: null })).not.toContain('hunter2');
  }

  it('goes as deep as DynamoDB does, and no deeper', async () => {
    const nested = (depth: number): unknown => (depth === 0 ? 'x' : [nested(depth - 1)]);
    await transformed(() => ({ a: nested(31) }));
    await expect(transformed(() => ({ a: nested(33) }))).rejects.toMatchObject({ code: 'BAD_RESULT' });
  });
});

describe('a module that is no transform', () => {
  for (const { module, reason } of [
    { module: undefined, reason: 'nothing' },
    { module: null, reason: 'nothing either' },
    { module: () => null, reason: 'a function that is no module' },
    { module: {}, reason: 'without a default export' },
    { module: { default: { transform: () => null } }, reason: 'whose default export is an object' },
  ]) {
    it(`is refused before any item is read: ${reason}`, async () => {
      await expect(transforms(async () => module)(TABLE)).rejects.toMatchObject({
        code: 'BAD_TRANSFORM',
        retryable: false,
        context: { table: TABLE },
      });
    });
  }

  it('tells why it cannot be loaded', async () => {
    const cause = new SyntaxError('Unexpected token');
    const failing = transforms(() => Promise.reject(cause))(TABLE);
    await expect(failing).rejects.toMatchObject({ code: 'BAD_TRANSFORM', context: { table: TABLE }, cause });
    const ours = new RecohereError('BAD_TRANSFORM', 'no transform is named for this table');
    await expect(transforms(() => Promise.reject(ours))(TABLE)).rejects.toBe(ours);
  });

  it('is asked for by its table', async () => {
    const asked: unknown[] = [];
    const load = async (table: unknown) => {
      asked.push(table);
      return { default: () => null };
    };
    await transforms(load)(TABLE);
    expect(asked).toEqual([TABLE]);
  });
});

/** Plain values once more, as new objects. */
function structured(value: Loose): unknown {
  if (value instanceof NumberValue || typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map(structured);
  if (value instanceof Uint8Array) return new Uint8Array(value);
  if (value instanceof Set) return new Set([...value].map(structured));
  return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, structured(each)]));
}
