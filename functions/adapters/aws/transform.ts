import { NumberValueImpl as NumberValue } from '@aws-sdk/util-dynamodb';
import { canonicalNumber, plainNumber } from '../../core/decimal.ts';
import { RecohereError } from '../../core/errors.ts';
import { attributeOf, contentHash, textOfItem, type WireItem, type WireValue } from '../../core/item.ts';
import type { TableRef } from '../../core/run.ts';
import type { Transforms } from '../../ports/transform.ts';

/** How deep lists and maps may lie within each other; DynamoDB's own bound. */
const DEPTH_MAX = 32;

/**
 * What a number of DynamoDB may be, as `0.digits × 10^exponent`: 38 digits, from 1e-130 to 9.99e125.
 * @see https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html
 */
const DIGITS_MAX = 38;
const EXPONENT_MIN = -129;
const EXPONENT_MAX = 126;
const CANONICAL = /^-?(\d+)(?:e(-?\d+))?$/;

/**
 * Transforms that are functions of users: the default exports of modules, of plain JavaScript values. They get texts, booleans, `null`,
 * arrays, objects, a `Set` for a set and a `Uint8Array` for a binary. A number is a JavaScript number if that is exactly the same, else a
 * `NumberValue`, so that none is rounded. What they give is an item made of the same, or `null` for none; attributes that are
 * `undefined` are left out. An item is given as a copy, and an attribute that says the same afterwards is the same, letter for letter.
 * @param load Gives the user's module.
 */
export function transforms(load: (table: TableRef) => Promise<unknown>): Transforms {
  return async (table) => {
    const transform = defaultExport(await loaded(load, table));
    if (typeof transform !== 'function')
      throw badTransform(table, 'the default export of a transform is a function of an item');
    return async (item) => {
      const made: unknown = await transform(nativeItem(item));
      return made === null ? null : itemOf(made, item);
    };
  };
}

async function loaded(load: (table: TableRef) => Promise<unknown>, table: TableRef): Promise<unknown> {
  try {
    return await load(table);
  } catch (cause) {
    if (cause instanceof RecohereError) throw cause;
    throw badTransform(table, 'the module of the transform cannot be loaded', cause);
  }
}

function defaultExport(module: unknown): unknown {
  return typeof module === 'object' && module !== null ? Reflect.get(module, 'default') : undefined;
}

function badTransform(table: TableRef, message: string, cause?: unknown): RecohereError {
  return new RecohereError('BAD_TRANSFORM', message, { context: { table }, cause });
}

/** A wire item as plain values, sharing nothing with it. */
function nativeItem(item: WireItem): Record<string, unknown> {
  // entries, and not assignments: an attribute may be called `__proto__`
  return Object.fromEntries(Object.entries(item).map(([name, value]) => [name, nativeValue(value)]));
}

function nativeValue(value: WireValue): unknown {
  if ('S' in value) return value.S;
  if ('N' in value) return nativeNumber(value.N);
  if ('B' in value) return new Uint8Array(value.B);
  if ('SS' in value) return new Set(value.SS);
  if ('NS' in value) return new Set(value.NS.map(nativeNumber));
  if ('BS' in value) return new Set(value.BS.map((member) => new Uint8Array(member)));
  if ('L' in value) return value.L.map(nativeValue);
  if ('M' in value) return nativeItem(value.M);
  return 'BOOL' in value ? value.BOOL : null;
}

function nativeNumber(text: string): number | NumberValue {
  const number = Number(text);
  if (String(number) === text) return number;
  const isExact = Number.isFinite(number) && canonicalNumber(String(number)) === canonicalNumber(text);
  return isExact ? number : NumberValue.from(text);
}

/** @param before What it was made of. @throws RecohereError `BAD_RESULT` */
function itemOf(made: unknown, before: WireItem): WireItem {
  if (!isPlainObject(made)) throw badResult('a transform gives an item, as an object, or null for none');
  const attributes = Object.entries(made).filter(([, value]) => value !== undefined);
  return Object.fromEntries(
    attributes.map(([name, value]) => {
      const wire = wireValue(value, { attribute: name }, 0);
      const original = attributeOf(before, name);
      return [name, original !== undefined && isSame(original, wire) ? original : wire];
    }),
  );
}

/** Whether both say the same, in whatever letters. */
function isSame(a: WireValue, b: WireValue): boolean {
  if ('S' in a && 'S' in b) return a.S === b.S;
  return textOfItem({ a }) === textOfItem({ a: b }) || contentHash({ a }) === contentHash({ a: b });
}

/** Where in an item something is wrong. Names of attributes within an attribute may be values, so they are not told. */
interface Within {
  readonly attribute: string;
}

function wireValue(value: unknown, within: Within, depth: number): WireValue {
  if (depth > DEPTH_MAX) throw badResult(`values lie at most ${DEPTH_MAX} deep within each other`, within);
  if (value === null) return { NULL: true };
  if (typeof value === 'string') return { S: value };
  if (typeof value === 'boolean') return { BOOL: value };
  if (value instanceof Uint8Array) return { B: new Uint8Array(value) };
  if (value instanceof Set) return wireSet([...value], within);
  if (Array.isArray(value)) return { L: Array.from(value, (each) => wireValue(each, within, depth + 1)) };
  const number = numberText(value, within);
  if (number !== undefined) return { N: number };
  if (!isPlainObject(value)) throw badResult(`DynamoDB has no type for ${kindOf(value)}`, within);
  const attributes = Object.entries(value).filter(([, each]) => each !== undefined);
  return {
    M: Object.fromEntries(attributes.map(([name, each]) => [name, wireValue(each, within, depth + 1)])),
  };
}

function wireSet(members: readonly unknown[], within: Within): WireValue {
  if (members.length === 0) throw badResult('DynamoDB has no empty sets', within);
  const texts = members.filter((member) => typeof member === 'string');
  if (texts.length === members.length) return { SS: texts };
  const binaries = members.filter((member) => member instanceof Uint8Array);
  if (binaries.length === members.length) {
    ifDistinct(
      binaries.map((member) => Buffer.from(member).toString('hex')),
      within,
    );
    return { BS: binaries.map((member) => new Uint8Array(member)) };
  }
  const numbers = members.map((member) => numberText(member, within)).filter((text) => text !== undefined);
  if (numbers.length === members.length) {
    ifDistinct(numbers.map(canonicalNumber), within);
    return { NS: numbers };
  }
  throw badResult('a set has members of one type: texts, numbers or binaries', within);
}

function ifDistinct(members: readonly string[], within: Within): void {
  if (new Set(members).size < members.length) throw badResult('a set has no member twice', within);
}

/** As DynamoDB will write it, so that a key is found there by its text; `undefined` for what is no number. @throws RecohereError `BAD_RESULT` for one that DynamoDB cannot hold */
function numberText(value: unknown, within: Within): string | undefined {
  if (typeof value !== 'number' && typeof value !== 'bigint' && !isNumberValue(value)) return undefined;
  const text = String(value);
  if (!isHeld(text)) throw badResult('DynamoDB cannot hold this number', within);
  return plainNumber(text);
}

function isHeld(text: string): boolean {
  const [, digits = '', exponent = '0'] = CANONICAL.exec(canonicalOrNothing(text)) ?? [];
  const size = Number(exponent);
  return digits !== '' && digits.length <= DIGITS_MAX && size >= EXPONENT_MIN && size <= EXPONENT_MAX;
}

/** Nothing for a text that is no number. */
function canonicalOrNothing(text: string): string {
  try {
    return canonicalNumber(text);
  } catch {
    return '';
  }
}

/** Also one of another copy of the library than ours, which the user's module may bring. */
function isNumberValue(value: unknown): value is NumberValue {
  if (value instanceof NumberValue) return true;
  return (
    typeof value === 'object' &&
    value !== null &&
    typeof Reflect.get(value, 'toAttributeValue') === 'function'
  );
}

/** Whether its prototype is a root, be it that of another realm, or none. */
function isPlainObject(value: unknown): value is object {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === null || Object.getPrototypeOf(prototype) === null;
}

/** Never what it holds. */
function kindOf(value: unknown): string {
  return typeof value === 'object' ? 'objects of a class' : `values of type ${typeof value}`;
}

function badResult(message: string, context: Partial<Within> = {}): RecohereError {
  return new RecohereError('BAD_RESULT', message, { context: { ...context } });
}
