import { hash } from 'node:crypto';
import { canonicalNumber, compareTexts } from './decimal.ts';
import { invariant } from './errors.ts';

/** An attribute's value as DynamoDB's wire says it: a type, and what it holds. Numbers are texts, so that none is rounded. */
export type WireValue =
  | { readonly S: string }
  | { readonly N: string }
  | { readonly B: Uint8Array }
  | { readonly SS: readonly string[] }
  | { readonly NS: readonly string[] }
  | { readonly BS: readonly Uint8Array[] }
  | { readonly M: WireItem }
  | { readonly L: readonly WireValue[] }
  | { readonly NULL: boolean }
  | { readonly BOOL: boolean };

/** An item, or the key of one, as DynamoDB's wire says it. */
export type WireItem = Readonly<Record<string, WireValue>>;

/** Names of the attributes that make a table's primary key: the partition's, and the sort key's if there is one. */
export type KeyNames = readonly [partition: string, ...sort: string[]];

/**
 * Most attributes that a removal or a replacement compares: a condition has at most 300 operators in 4 KB of text, and each takes two.
 * @see https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html
 */
export const COMPARED_ATTRIBUTES_MAX = 100;

/** The attributes of an item that a removal or a replacement compares: its key, and then as many as there may be, in the order of their names. */
export function comparedNames(item: WireItem, names: KeyNames): readonly string[] {
  const others = Object.keys(item).filter((name) => !names.includes(name));
  return [...names, ...others.sort(compareTexts)].slice(0, COMPARED_ATTRIBUTES_MAX);
}

/** The attribute of an item; `undefined` if it has none of that name, be it `constructor`. */
export function attributeOf(item: WireItem, name: string): WireValue | undefined {
  return Object.hasOwn(item, name) ? item[name] : undefined;
}

/** The primary key of an item. @throws RecohereError `INVARIANT` if it has none */
export function keyOf(item: WireItem, names: KeyNames): WireItem {
  return Object.fromEntries(
    names.map((name) => {
      const value = attributeOf(item, name);
      invariant(value !== undefined, 'every item has the attributes of its table’s key');
      return [name, value];
    }),
  );
}

/**
 * An item, or the key of one, as JSON text: attributes in the order of their names, members of sets in order, binaries in base64.
 * Items of one table have the same text if, and only if, they are the same.
 */
export function textOfItem(item: WireItem): string {
  return textWith(item, (number) => number);
}

/** The item that a text was made of, byte for byte. The text is one of our own, and trusted. */
export function itemOfText(text: string): WireItem {
  return wireItem(JSON.parse(text) as Readonly<Record<string, PlainValue>>);
}

/** Whether both are the same, or both are not there. */
export function isSameItem(a: WireItem | undefined, b: WireItem | undefined): boolean {
  if (a === undefined || b === undefined) return a === b;
  return textOfItem(a) === textOfItem(b);
}

/**
 * SHA-256 over what an item says, in hex. Numbers are the same however they are written, so that an item that was never in a table
 * has the hash that it will have there.
 */
export function contentHash(item: WireItem): string {
  return sha256(textWith(item, canonicalNumber));
}

/** In hex. */
export function sha256(text: string): string {
  return hash('sha256', text, 'hex');
}

/** A value as JSON can say it. */
type PlainValue = Readonly<Record<string, unknown>>;

/** Not by way of an object that has it all: this is most of what a scan takes. */
function textWith(item: WireItem, number: (text: string) => string): string {
  const members = Object.keys(item)
    .sort(compareTexts)
    .map((name) => `${JSON.stringify(name)}:${valueText(item[name] as WireValue, number)}`);
  return `{${members.join(',')}}`;
}

function valueText(value: WireValue, number: (text: string) => string): string {
  if ('S' in value) return `{"S":${JSON.stringify(value.S)}}`;
  if ('N' in value) return `{"N":${JSON.stringify(number(value.N))}}`;
  if ('B' in value) return `{"B":"${base64(value.B)}"}`;
  if ('SS' in value) return `{"SS":${JSON.stringify([...value.SS].sort(compareTexts))}}`;
  if ('NS' in value) return `{"NS":${JSON.stringify(value.NS.map(number).sort(compareTexts))}}`;
  if ('BS' in value) return `{"BS":${JSON.stringify(value.BS.map(base64).sort(compareTexts))}}`;
  if ('L' in value) return `{"L":[${value.L.map((each) => valueText(each, number)).join(',')}]}`;
  if ('M' in value) return `{"M":${textWith(value.M, number)}}`;
  return JSON.stringify(value);
}

function wireItem(item: Readonly<Record<string, PlainValue>>): WireItem {
  return Object.fromEntries(Object.entries(item).map(([name, value]) => [name, wireValue(value)]));
}

function wireValue(value: PlainValue): WireValue {
  if ('B' in value) return { B: bytes(value.B as string) };
  if ('BS' in value) return { BS: (value.BS as string[]).map(bytes) };
  if ('L' in value) return { L: (value.L as PlainValue[]).map(wireValue) };
  if ('M' in value) return { M: wireItem(value.M as Record<string, PlainValue>) };
  return value as WireValue;
}

function base64(value: Uint8Array): string {
  return Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('base64');
}

function bytes(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text, 'base64'));
}
