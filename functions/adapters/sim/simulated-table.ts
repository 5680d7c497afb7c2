import { compareTexts, plainNumber } from '../../core/decimal.ts';
import { invariant, RecohereError } from '../../core/errors.ts';
import {
  attributeOf,
  comparedNames,
  contentHash,
  itemOfText,
  type KeyNames,
  keyOf,
  textOfItem,
  type WireItem,
  type WireValue,
} from '../../core/item.ts';
import type { TableRef } from '../../core/run.ts';
import type { Clock } from '../../ports/clock.ts';
import {
  type ItemStore,
  KEYS_PER_GET_MAX,
  type ScanPage,
  type ScanRequest,
  type TableFacts,
  type Written,
} from '../../ports/item-store.ts';
import { Answering } from './answering.ts';

/** The calls of {@link ItemStore}. */
export type TableCall = keyof ItemStore;

interface Stored {
  /** Where a scan comes upon it: by hash of the partition, then by key. */
  readonly position: string;
  readonly text: string;
}

const READ_BYTES = 4_096;
const WRITE_BYTES = 1_024;
/** Of hex, at the start of a position. */
const HASH_CHARACTERS = 8;

/**
 * A table in memory. It keeps items as texts, so that nobody shares what lies there. Faults are told the keys of the items that are asked
 * for or written; none of a scan.
 */
export class SimulatedTable extends Answering<TableCall, readonly WireItem[]> implements ItemStore {
  /** Items of a page at most, whatever limit is asked for. */
  pageItems = 100;
  /** Every version of every item that was ever written, as `textOfItem` says it, in order. */
  readonly history: string[] = [];
  readonly #table: TableRef;
  readonly #keys: KeyNames;
  readonly #items = new Map<string, Stored>();
  #facts: Partial<TableFacts> = {};
  #isDropped = false;

  /**
   * @param clock Without it, calls take no time.
   * @param latencyMs How long each call takes.
   */
  constructor(table: TableRef, keys: KeyNames, clock?: Clock, latencyMs: () => number = () => 0) {
    super(clock, latencyMs);
    this.#table = table;
    this.#keys = keys;
  }

  /** Makes it a table with a stream, say. */
  set(facts: Partial<TableFacts>): void {
    this.#facts = { ...this.#facts, ...facts };
  }

  /** Makes every call find no table. */
  drop(): void {
    this.#isDropped = true;
  }

  /** Writes an item as the user's own application does. */
  put(item: WireItem): void {
    this.#write(item);
  }

  /** Removes an item as the user's own application does. */
  remove(key: WireItem): void {
    this.#items.delete(this.#idOf(key));
  }

  /** All that lies there, in the order of a scan. */
  items(): WireItem[] {
    return this.#inOrder().map(({ text }) => itemOfText(text));
  }

  describe(): Promise<TableFacts> {
    return this.#answer('describe', [], () => ({
      arn: `arn:aws:dynamodb:${this.#table.region}:${this.#table.account ?? '111111111111'}:table/${this.#table.name}`,
      keys: this.#keys,
      items: this.#items.size,
      bytes: bytesOf([...this.#items.values()].map(({ text }) => text)),
      hasStream: false,
      hasReplicas: false,
      hasPointInTimeRecovery: true,
      ...this.#facts,
    }));
  }

  scan(request: ScanRequest): Promise<ScanPage> {
    return this.#answer('scan', [], () => {
      const { segment, totalSegments, from, limit = this.pageItems, attributes } = request;
      const after = from === undefined ? '' : this.#positionOf(from);
      const inSegment = ({ position }: Stored) => segmentOf(position, totalSegments) === segment;
      const left = this.#inOrder().filter((stored) => inSegment(stored) && stored.position > after);
      const page = left.slice(0, Math.min(limit, this.pageItems));
      const texts = page.map(({ text }) => text);
      const items = texts.map(itemOfText);
      const last = items.at(-1);
      // as DynamoDB does, which stops before it knows whether there is more
      const isFull = page.length === Math.min(limit, this.pageItems);
      return {
        items: attributes === undefined ? items : items.map((item) => projected(item, attributes)),
        scanned: items.length,
        ...(isFull && last && { next: keyOf(last, this.#keys) }),
        readUnits: unitsOf(bytesOf(texts), READ_BYTES) / 2,
      };
    });
  }

  get(
    keys: readonly WireItem[],
  ): Promise<{ readonly items: readonly (WireItem | undefined)[]; readonly readUnits: number }> {
    return this.#answer('get', keys, () => {
      invariant(keys.length <= KEYS_PER_GET_MAX, `at most ${KEYS_PER_GET_MAX} items are asked for at once`);
      const ids = keys.map((key) => this.#idOf(key));
      invariant(new Set(ids).size === ids.length, 'no item is asked for twice');
      const texts = ids.map((id) => this.#items.get(id)?.text);
      return {
        items: texts.map((text) => (text === undefined ? undefined : itemOfText(text))),
        readUnits: texts.reduce((units, text = '') => units + unitsOf(bytesOf([text]), READ_BYTES), 0),
      };
    });
  }

  removeIfSame(
    item: WireItem,
  ): Promise<{ readonly removed: WireItem | undefined; readonly writeUnits: number }> {
    return this.#answer('removeIfSame', [keyOf(item, this.#keys)], () => {
      const there = this.#textThere(item);
      const removed = this.#ifSame(item, there);
      if (removed !== undefined) this.#items.delete(this.#idOf(item));
      return { removed, writeUnits: writeUnitsOf([there]) };
    });
  }

  putIfAbsent(item: WireItem): Promise<Written> {
    const text = textOfItem(item);
    const kept = itemOfText(text);
    return this.#answer('putIfAbsent', [keyOf(kept, this.#keys)], () => {
      const there = this.#textThere(kept);
      const isDone = there === undefined;
      if (isDone) this.#write(kept);
      return { isDone, writeUnits: writeUnitsOf([text, there]) };
    });
  }

  replaceIfSame(
    item: WireItem,
    before: WireItem,
  ): Promise<{ readonly replaced: WireItem | undefined; readonly writeUnits: number }> {
    const text = textOfItem(item);
    const kept = itemOfText(text);
    return this.#answer('replaceIfSame', [keyOf(kept, this.#keys)], () => {
      const isOfSameKey = this.#idOf(kept) === this.#idOf(before);
      invariant(isOfSameKey, 'an item is written over one of the same key');
      const there = this.#textThere(kept);
      const replaced = this.#ifSame(before, there);
      if (replaced !== undefined) this.#write(kept);
      return { replaced, writeUnits: writeUnitsOf([text, there]) };
    });
  }

  tryWriting(rights: readonly ('put' | 'remove')[]): Promise<void> {
    return this.#answer('tryWriting', [], () => {
      invariant(rights.length > 0, 'some right is asked for');
    });
  }

  #textThere(item: WireItem): string | undefined {
    return this.#items.get(this.#idOf(item))?.text;
  }

  /** What lies there, if that is still the item as far as it is compared. */
  #ifSame(item: WireItem, text: string | undefined): WireItem | undefined {
    if (text === undefined) return undefined;
    const there = itemOfText(text);
    const isSame = comparedNames(item, this.#keys).every((name) => isEqual(item, there, name));
    return isSame ? there : undefined;
  }

  #write(item: WireItem): void {
    const text = textOfItem(asStored(item));
    this.#items.set(this.#idOf(item), { position: this.#positionOf(item), text });
    this.history.push(text);
  }

  /** The same for a key however its numbers are written. */
  #idOf(item: WireItem): string {
    return contentHash(keyOf(item, this.#keys));
  }

  #positionOf(item: WireItem): string {
    const [partition] = this.#keys;
    const hash = contentHash(keyOf(item, [partition])).slice(0, HASH_CHARACTERS);
    return `${hash} ${textOfItem(asStored(keyOf(item, this.#keys)))}`;
  }

  #inOrder(): Stored[] {
    return [...this.#items.values()].sort((a, b) => compareTexts(a.position, b.position));
  }

  #answer<T>(call: TableCall, keys: readonly WireItem[], act: () => T): Promise<T> {
    return this.answer(call, keys, () => {
      if (this.#isDropped) {
        throw new RecohereError('NO_SUCH_TABLE', 'there is no such table', {
          context: { table: this.#table },
        });
      }
      return act();
    });
  }
}

function segmentOf(position: string, totalSegments: number): number {
  const hash = Number.parseInt(position.slice(0, HASH_CHARACTERS), 16);
  return Math.floor((hash / 16 ** HASH_CHARACTERS) * totalSegments);
}

function projected(item: WireItem, attributes: readonly string[]): WireItem {
  return Object.fromEntries(Object.entries(item).filter(([name]) => attributes.includes(name)));
}

function isEqual(a: WireItem, b: WireItem, name: string): boolean {
  const [x, y] = [attributeOf(a, name), attributeOf(b, name)];
  return x !== undefined && y !== undefined && contentHash({ x }) === contentHash({ x: y });
}

/** DynamoDB has its own way of counting; the texts of items are near it. */
function bytesOf(texts: readonly string[]): number {
  return texts.reduce((bytes, text) => bytes + Buffer.byteLength(text), 0);
}

/** A write costs as much as the larger of what was there and what is written. */
function writeUnitsOf(texts: readonly (string | undefined)[]): number {
  return unitsOf(Math.max(...texts.map((text = '') => bytesOf([text]))), WRITE_BYTES);
}

/** At least one, also for what is not there. */
function unitsOf(bytes: number, unitBytes: number): number {
  return Math.max(1, Math.ceil(bytes / unitBytes));
}

/** An item as DynamoDB gives it back: numbers without exponents and needless zeros. */
function asStored(item: WireItem): WireItem {
  return Object.fromEntries(Object.entries(item).map(([name, value]) => [name, storedValue(value)]));
}

function storedValue(value: WireValue): WireValue {
  if ('N' in value) return { N: plainNumber(value.N) };
  if ('NS' in value) return { NS: value.NS.map(plainNumber) };
  if ('L' in value) return { L: value.L.map(storedValue) };
  if ('M' in value) return { M: asStored(value.M) };
  return value;
}
