import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  COMPARED_ATTRIBUTES_MAX,
  isSameItem,
  keyOf,
  textOfItem,
  type WireItem,
} from '../../functions/core/item.ts';
import { type ItemStore, KEYS_PER_GET_MAX } from '../../functions/ports/item-store.ts';
import { reworded, wireItem } from '../wire-items.ts';

/** An attribute of a table's key. */
export interface KeyAttribute {
  readonly name: string;
  readonly type: 'S' | 'N' | 'B';
}

/** A table and its store, and what the user's own application does to it. */
interface TableWorld {
  readonly store: ItemStore;
  put(item: WireItem): Promise<void>;
  remove(key: WireItem): Promise<void>;
}

/** What a server may do in another way than DynamoDB, in the words of the tests that are left out for it. */
const UNLIKE = {
  documents: 'this server does not compare lists and maps',
  units: 'this server does not count by bytes what it reads and writes',
  keys: 'this server takes the numbers of keys as texts',
} as const;
type Unlike = keyof typeof UNLIKE;

/** Where tables are. */
export interface ItemStoreWorld {
  /** Runs a test to its end; a world with virtual time moves the time meanwhile. */
  run<T>(work: () => Promise<T>): Promise<T>;
  makeTable(keys: readonly KeyAttribute[]): Promise<TableWorld>;
  /** The store of a table that is not there. */
  readonly missing: ItemStore;
  /** In what its server is not like DynamoDB: tests of that are left out. */
  readonly unlike: readonly Unlike[];
  close(): Promise<void>;
}

const PAIR: readonly KeyAttribute[] = [
  { name: 'pk', type: 'S' },
  { name: 'sk', type: 'S' },
];
const SINGLE: readonly KeyAttribute[] = [{ name: 'id', type: 'S' }];

/** What a scan in pages may take, so that one that goes round in a circle ends. */
const PAGES_MAX = 500;

/** Near the 400 KB that DynamoDB takes. */
const LARGE_BYTES = 400 * 1024 - 100;

/** Of types that every server compares. */
const ITEM: WireItem = {
  pk: { S: 'a' },
  sk: { S: 'b' },
  text: { S: 'x' },
  empty: { S: '' },
  number: { N: '12345678901234567890123456789012345678' },
  binary: { B: new Uint8Array([0, 255]) },
  yes: { BOOL: true },
  nothing: { NULL: true },
  texts: { SS: ['a', 'b', 'c'] },
  numbers: { NS: ['-1', '0.5', '2'] },
  binaries: { BS: [new Uint8Array([1]), new Uint8Array([2])] },
};
/** Of the same key. */
const NEXT: WireItem = { pk: { S: 'a' }, sk: { S: 'b' }, text: { S: 'next' }, other: { N: '1' } };
const DOCUMENTS: WireItem = {
  ...ITEM,
  list: { L: [{ S: 'a' }, { N: '1' }, { L: [] }] },
  map: { M: { a: { S: 'a' }, b: { M: { c: { SS: ['x', 'y'] } } } } },
};

/** All items of one segment, page by page. */
async function scanned(
  store: ItemStore,
  segment: number,
  totalSegments: number,
  limit?: number,
): Promise<WireItem[]> {
  const items: WireItem[] = [];
  let from: WireItem | undefined;
  for (let pages = 0; pages < PAGES_MAX; pages++) {
    const page = await store.scan({ segment, totalSegments, from, limit });
    expect(page.items.length).toBeLessThanOrEqual(limit ?? Number.POSITIVE_INFINITY);
    expect(page.scanned).toBe(page.items.length);
    items.push(...page.items);
    from = page.next;
    if (from === undefined) return items;
  }
  throw new Error(`A scan did not end within ${PAGES_MAX} pages.`);
}

async function scannedInSegments(
  store: ItemStore,
  totalSegments: number,
  limit?: number,
): Promise<WireItem[]> {
  const segments = Array.from({ length: totalSegments }, (_, segment) => segment);
  return (await Promise.all(segments.map((segment) => scanned(store, segment, totalSegments, limit)))).flat();
}

function sortedTexts(items: readonly (WireItem | undefined)[]): string[] {
  return items.map((item) => textOfItem(item ?? {})).sort();
}

/** Declares what every {@link ItemStore} must do. @param runs Of each property. */
export function describeItemStore(makeWorld: () => Promise<ItemStoreWorld>, runs = 20): void {
  describe('item store', () => {
    let world: ItemStoreWorld;

    beforeAll(async () => {
      world = await makeWorld();
    });
    afterAll(() => world.close());

    /** A test with a table of its own. @param subject What it is about, if that is not the same everywhere. */
    const verify = (
      what: string,
      keys: readonly KeyAttribute[],
      body: (table: TableWorld) => Promise<void>,
      subject?: Unlike,
    ) =>
      it(what, (context) => {
        if (subject && world.unlike.includes(subject)) context.skip(UNLIKE[subject]);
        return world.run(async () => body(await world.makeTable(keys)));
      });

    /** What lies there under the key of {@link ITEM}. */
    const there = async ({ store }: TableWorld, item = ITEM) =>
      (await store.get([keyOf(item, ['pk', 'sk'])])).items[0];

    verify('tells what a table is', PAIR, async ({ store }) => {
      const facts = await store.describe();
      expect(facts).toMatchObject({ keys: ['pk', 'sk'], hasStream: false, hasReplicas: false });
      expect(facts.arn).toMatch(/^arn:aws:dynamodb:.*:table\//);
      expect(facts.items).toBeGreaterThanOrEqual(0);
      expect(facts.bytes).toBeGreaterThanOrEqual(0);
    });

    verify('tells of a key of one attribute', SINGLE, async ({ store }) => {
      expect(await store.describe()).toMatchObject({ keys: ['id'] });
    });

    verify('scans nothing where nothing is', PAIR, async ({ store }) => {
      expect(await store.scan({ segment: 0, totalSegments: 1 })).toMatchObject({ items: [], scanned: 0 });
      expect(await scannedInSegments(store, 4, 2)).toEqual([]);
    });

    verify('gives each item exactly once, over all segments and pages', PAIR, async ({ store, put }) => {
      const all = new Map<string, WireItem>();
      const key = fc.tuple(fc.nat({ max: 30 }), fc.nat({ max: 5 }));
      await fc.assert(
        fc.asyncProperty(
          fc.array(key, { maxLength: 8 }),
          fc.integer({ min: 1, max: 7 }),
          fc.option(fc.integer({ min: 1, max: 9 }), { nil: undefined }),
          async (added, totalSegments, limit) => {
            for (const [partition, sort] of added) {
              const item: WireItem = {
                pk: { S: `p${partition}` },
                sk: { S: `s${sort}` },
                n: { N: `${sort}` },
              };
              all.set(textOfItem(item), item);
              await put(item);
            }
            const found = await scannedInSegments(store, totalSegments, limit);
            expect(sortedTexts(found)).toEqual([...all.keys()].sort());
          },
        ),
        { numRuns: runs },
      );
    });

    verify('keeps items of one partition in one segment, always the same', PAIR, async ({ store, put }) => {
      for (let n = 0; n < 24; n++) await put({ pk: { S: `p${n % 6}` }, sk: { S: `s${n}` } });
      for (let segment = 0; segment < 3; segment++) {
        const once = await scanned(store, segment, 3);
        expect(sortedTexts(await scanned(store, segment, 3, 2))).toEqual(sortedTexts(once));
        expect(once.length % 4).toBe(0); // of each partition there are four
      }
    });

    verify('goes on after an item that is gone meanwhile', PAIR, async ({ store, put, remove }) => {
      for (let n = 0; n < 6; n++) await put({ pk: { S: `p${n}` }, sk: { S: 's' } });
      const first = await store.scan({ segment: 0, totalSegments: 1, limit: 2 });
      expect(first.items).toHaveLength(2);
      if (first.next === undefined) throw new Error('more is there');
      await remove(first.next);
      const second = await store.scan({ segment: 0, totalSegments: 1, from: first.next });
      expect(sortedTexts([...first.items, ...second.items])).toHaveLength(6);
    });

    verify(
      'gives the attributes that are asked for, whatever they are called',
      PAIR,
      async ({ store, put }) => {
        const named: WireItem = { ...ITEM, 'a.b-c d': { N: '1' }, size: { S: 'a word of DynamoDB' } };
        await put(named);
        const page = await store.scan({
          segment: 0,
          totalSegments: 1,
          attributes: ['pk', 'sk', 'a.b-c d', 'size', 'not there'],
        });
        expect(page.items).toHaveLength(1);
        expect(page.scanned).toBe(1);
        const { pk, sk, size } = named;
        const wanted = { pk, sk, size, 'a.b-c d': { N: '1' } } as WireItem;
        expect(sortedTexts(page.items)).toEqual([textOfItem(wanted)]);
      },
    );

    verify(
      'says what a scan has read',
      PAIR,
      async ({ store, put }) => {
        await put({ ...ITEM, text: { S: 'x'.repeat(40_000) } });
        const { readUnits } = await store.scan({ segment: 0, totalSegments: 1 });
        expect(readUnits).toBeGreaterThanOrEqual(5);
        expect(readUnits).toBeLessThan(6);
      },
      'units',
    );

    verify('gives items in the order of their keys, and what is not there', PAIR, async ({ store, put }) => {
      const items = Array.from(
        { length: KEYS_PER_GET_MAX },
        (_, n): WireItem => ({ pk: { S: `p${n}` }, sk: { S: 's' }, n: { N: `${n}` } }),
      );
      for (const [n, item] of items.entries()) if (n % 3 > 0) await put(item);
      const { items: found, readUnits } = await store.get(items.map((item) => keyOf(item, ['pk', 'sk'])));
      expect(found).toHaveLength(KEYS_PER_GET_MAX);
      for (const [n, item] of items.entries())
        expect(isSameItem(found[n], n % 3 > 0 ? item : undefined)).toBe(true);
      if (!world.unlike.includes('units')) expect(readUnits).toBe(KEYS_PER_GET_MAX);
    });

    verify('gives nothing for no keys', PAIR, async ({ store }) => {
      expect(await store.get([])).toEqual({ items: [], readUnits: 0 });
    });

    verify(
      'knows keys of binaries and of numbers with 38 digits',
      [
        { name: 'n', type: 'N' },
        { name: 'b', type: 'B' },
      ],
      async ({ store, put }) => {
        const numbers = [
          '12345678901234567890123456789012345678',
          '12345678901234567890123456789012345679',
          '-0.00000000000000000000000000000000000001',
          '0',
        ];
        const items = numbers.flatMap((N) =>
          [[0], [0, 0], [255, 128]].map((bytes): WireItem => ({ n: { N }, b: { B: new Uint8Array(bytes) } })),
        );
        for (const item of items) await put(item);
        expect(sortedTexts((await store.get(items)).items)).toEqual(sortedTexts(items));
        expect(sortedTexts(await scannedInSegments(store, 3, 2))).toEqual(sortedTexts(items));
        for (const item of items) {
          const next = { ...item, x: { N: '1' } };
          expect(isSameItem((await store.replaceIfSame(next, item)).replaced, item)).toBe(true);
          expect(isSameItem((await store.removeIfSame(next)).removed, next)).toBe(true);
        }
        expect(await scannedInSegments(store, 1)).toEqual([]);
      },
    );

    verify(
      'finds a key whose number is written in another way',
      [{ name: 'n', type: 'N' }],
      async ({ store }) => {
        expect(await store.putIfAbsent({ n: { N: '1.50e1' }, x: { N: '0.10' } })).toMatchObject({
          isDone: true,
        });
        const stored = { n: { N: '15' }, x: { N: '0.1' } };
        expect((await store.get([{ n: { N: '15.0' } }])).items).toEqual([stored]);
        expect(await store.putIfAbsent({ n: { N: '015' } })).toMatchObject({ isDone: false });
        const replacing = await store.replaceIfSame(
          { n: { N: '15.0' } },
          { n: { N: '1.5e1' }, x: { N: '.10' } },
        );
        expect(replacing.replaced).toEqual(stored);
        const { removed } = await store.removeIfSame({ n: { N: '15.00' } });
        expect(removed).toEqual({ n: { N: '15' } });
      },
      'keys',
    );

    verify('knows the longest keys', PAIR, async ({ store, put }) => {
      const items = ['x', 'y'].map(
        (last): WireItem => ({
          pk: { S: `${'p'.repeat(2_046)}é` },
          sk: { S: `${'s'.repeat(1_023)}${last}` },
        }),
      );
      for (const item of items) await put(item);
      expect((await store.get(items)).items).toEqual(items);
      expect(sortedTexts(await scannedInSegments(store, 2, 1))).toEqual(sortedTexts(items));
      for (const item of items) expect((await store.removeIfSame(item)).removed).toEqual(item);
    });

    verify(
      'gives many of the largest items at once, replaces and removes one',
      SINGLE,
      async ({ store, put }) => {
        const items = ['a', 'b', 'c', 'd', 'e', 'f'].map(
          (id): WireItem => ({ id: { S: id }, text: { S: id.repeat(LARGE_BYTES) } }),
        );
        for (const item of items) await put(item);
        const { items: found, readUnits } = await store.get(items.map((item) => keyOf(item, ['id'])));
        expect(items.every((item, n) => isSameItem(found[n], item))).toBe(true);
        const isCounted = !world.unlike.includes('units');
        if (isCounted) expect(readUnits).toBeGreaterThanOrEqual(600);
        expect((await scannedInSegments(store, 2)).length).toBe(items.length);
        const [first, second] = items;
        if (first === undefined || second === undefined) throw new Error('they are there');
        const { removed, writeUnits } = await store.removeIfSame(first);
        expect(isSameItem(removed, first)).toBe(true);
        if (isCounted) expect(writeUnits).toBeGreaterThanOrEqual(400);
        const changed = { ...second, text: { S: `${'b'.repeat(LARGE_BYTES - 1)}B` } };
        expect((await store.removeIfSame(changed)).removed).toBeUndefined();
        const replacing = await store.replaceIfSame(changed, second);
        expect(isSameItem(replacing.replaced, second)).toBe(true);
        if (isCounted) expect(replacing.writeUnits).toBeGreaterThanOrEqual(400);
        expect((await store.replaceIfSame(second, second)).replaced).toBeUndefined();
      },
    );

    verify('removes what is the same, and gives it back', PAIR, async (table) => {
      await table.put(ITEM);
      const { removed, writeUnits } = await table.store.removeIfSame(reworded(ITEM));
      expect(isSameItem(removed, ITEM)).toBe(true);
      expect(writeUnits).toBe(1);
      expect(await there(table)).toBeUndefined();
    });

    verify(
      'removes what is the same at any depth',
      PAIR,
      async (table) => {
        await table.put(DOCUMENTS);
        const { removed } = await table.store.removeIfSame(reworded(DOCUMENTS));
        expect(isSameItem(removed, DOCUMENTS)).toBe(true);
        expect(await there(table)).toBeUndefined();
      },
      'documents',
    );

    for (const { change, reason } of [
      { change: { text: { S: 'y' } }, reason: 'another text' },
      { change: { text: { N: '1' } }, reason: 'another type' },
      { change: { empty: { NULL: true } }, reason: 'nothing where there was an empty text' },
      { change: { number: { N: '12345678901234567890123456789012345679' } }, reason: 'the 38th digit' },
      { change: { binary: { B: new Uint8Array([0, 254]) } }, reason: 'one bit' },
      { change: { yes: { BOOL: false } }, reason: 'the other truth' },
      { change: { texts: { SS: ['a', 'b', 'd'] } }, reason: 'another member of a set' },
      { change: { texts: { SS: ['a', 'b'] } }, reason: 'a member less' },
      { change: { numbers: { NS: ['-1', '0.5', '2', '3'] } }, reason: 'a member more' },
      {
        change: { binaries: { BS: [new Uint8Array([1]), new Uint8Array([3])] } },
        reason: 'another binary in a set',
      },
      {
        change: { map: { M: { a: { S: 'a' }, b: { M: { c: { SS: ['x', 'z'] } } } } } },
        reason: 'something deep within',
      },
      { change: { list: { L: [{ N: '1' }, { S: 'a' }, { L: [] }] } }, reason: 'the order of a list' },
      { change: { text: undefined }, reason: 'an attribute is gone' },
    ]) {
      const isDocument = 'list' in change || 'map' in change;
      verify(
        `removes and replaces nothing that has changed: ${reason}`,
        PAIR,
        async (table) => {
          const before = isDocument ? DOCUMENTS : ITEM;
          const changes = Object.entries({ ...before, ...change }).filter(([, value]) => value !== undefined);
          const changed = Object.fromEntries(changes) as WireItem;
          await table.put(changed);
          expect(await table.store.removeIfSame(before)).toEqual({ removed: undefined, writeUnits: 1 });
          expect(await table.store.replaceIfSame(NEXT, before)).toEqual({
            replaced: undefined,
            writeUnits: 1,
          });
          expect(isSameItem(await there(table), changed)).toBe(true);
        },
        isDocument ? 'documents' : undefined,
      );
    }

    verify('removes and replaces nothing where nothing is', PAIR, async (table) => {
      expect(await table.store.removeIfSame(ITEM)).toEqual({ removed: undefined, writeUnits: 1 });
      expect(await table.store.replaceIfSame(NEXT, ITEM)).toEqual({ replaced: undefined, writeUnits: 1 });
      expect(await there(table)).toBeUndefined();
    });

    verify('replaces what is the same by all of another, and gives it back', PAIR, async (table) => {
      await table.put(ITEM);
      const { replaced, writeUnits } = await table.store.replaceIfSame(NEXT, reworded(ITEM));
      expect(isSameItem(replaced, ITEM)).toBe(true);
      expect(writeUnits).toBe(1);
      expect(isSameItem(await there(table), NEXT)).toBe(true);
      expect((await table.store.replaceIfSame(NEXT, ITEM)).replaced).toBeUndefined();
    });

    verify(
      'replaces what is the same at any depth',
      PAIR,
      async (table) => {
        await table.put(DOCUMENTS);
        const { replaced } = await table.store.replaceIfSame(NEXT, reworded(DOCUMENTS));
        expect(isSameItem(replaced, DOCUMENTS)).toBe(true);
        expect(isSameItem(await there(table), NEXT)).toBe(true);
      },
      'documents',
    );

    verify('replaces nothing by an item of another key', PAIR, async (table) => {
      await table.put(ITEM);
      for (const other of [{ pk: { S: 'other' } }, { sk: { S: 'other' } }]) {
        await expect(table.store.replaceIfSame({ ...NEXT, ...other }, ITEM)).rejects.toMatchObject({
          code: 'INVARIANT',
        });
      }
      expect(sortedTexts(await scannedInSegments(table.store, 1))).toEqual([textOfItem(ITEM)]);
    });

    verify('gives back an attribute that was added meanwhile', PAIR, async (table) => {
      const more = { ...ITEM, added: { S: 'meanwhile' } };
      await table.put(more);
      const { replaced } = await table.store.replaceIfSame(ITEM, ITEM);
      expect(isSameItem(replaced, more)).toBe(true);
      expect(isSameItem(await there(table), ITEM)).toBe(true);
      await table.put(more);
      const { removed } = await table.store.removeIfSame(ITEM);
      expect(isSameItem(removed, more)).toBe(true);
      expect(await there(table)).toBeUndefined();
    });

    verify('replaces and removes an item that is nothing but its key', PAIR, async (table) => {
      const key = keyOf(ITEM, ['pk', 'sk']);
      await table.put(key);
      expect((await table.store.replaceIfSame(key, key)).replaced).toEqual(key);
      expect((await table.store.removeIfSame(key)).removed).toEqual(key);
    });

    verify('compares some of 300 attributes, and gives all of them back', PAIR, async (table) => {
      const many: WireItem = {
        ...keyOf(ITEM, ['pk', 'sk']),
        ...Object.fromEntries(
          Array.from({ length: 300 }, (_, n) => [`a${String(n).padStart(3, '0')}`, { N: `${n}` }]),
        ),
      };
      const early = { ...many, [`a${String(COMPARED_ATTRIBUTES_MAX - 3).padStart(3, '0')}`]: { S: 'other' } };
      await table.put(early);
      expect((await table.store.removeIfSame(many)).removed).toBeUndefined();
      expect((await table.store.replaceIfSame(NEXT, many)).replaced).toBeUndefined();
      const late = { ...many, a299: { S: 'other' } };
      await table.put(late);
      expect(isSameItem((await table.store.replaceIfSame(late, many)).replaced, late)).toBe(true);
      expect(isSameItem((await table.store.removeIfSame(many)).removed, late)).toBe(true);
    });

    verify('writes where nothing is, and over nothing', PAIR, async (table) => {
      const other = { ...ITEM, text: { S: 'other' } };
      expect(await table.store.putIfAbsent(ITEM)).toEqual({ isDone: true, writeUnits: 1 });
      expect(await table.store.putIfAbsent(other)).toEqual({ isDone: false, writeUnits: 1 });
      expect(isSameItem(await there(table), ITEM)).toBe(true);
      expect(await table.store.putIfAbsent({ ...ITEM, sk: { S: 'c' } })).toMatchObject({ isDone: true });
    });

    verify('gives back what it was given, whatever an item has', PAIR, async (table) => {
      await fc.assert(
        fc.asyncProperty(wireItem(['size', 'a.b', 'S', '0', '🐎']), fc.uuid(), async (attributes, id) => {
          const item = { ...attributes, pk: { S: id }, sk: { S: 's' } };
          expect(await table.store.putIfAbsent(item)).toMatchObject({ isDone: true });
          expect(textOfItem((await there(table, item)) ?? {})).toBe(textOfItem(item));
        }),
        { numRuns: runs },
      );
    });

    verify('lets one of many writers write', PAIR, async (table) => {
      const wrote = await Promise.all(
        ['1', '2', '3'].map((N) => table.store.putIfAbsent({ ...ITEM, writer: { N } })),
      );
      expect(wrote.filter(({ isDone }) => isDone)).toHaveLength(1);
      const item = await there(table);
      if (item === undefined) throw new Error('one of them has written');
      const replaced = await Promise.all(
        ['4', '5', '6'].map((N) => table.store.replaceIfSame({ ...ITEM, writer: { N } }, item)),
      );
      expect(replaced.filter((answer) => answer.replaced !== undefined)).toHaveLength(1);
      const next = await there(table);
      if (next === undefined) throw new Error('one of them has written');
      const removed = await Promise.all([table.store.removeIfSame(next), table.store.removeIfSame(next)]);
      expect(removed.filter((answer) => answer.removed !== undefined)).toHaveLength(1);
    });

    for (const type of ['S', 'N', 'B'] as const) {
      verify(
        `writes nothing to learn whether it may: a key of ${type}`,
        [
          { name: 'pk', type },
          { name: 'sk', type },
        ],
        async ({ store }) => {
          await store.tryWriting(['remove', 'put']);
          expect(await scannedInSegments(store, 1)).toEqual([]);
        },
      );
    }

    verify('is shared with nobody', PAIR, async (table) => {
      const bytes = new Uint8Array([1, 2]);
      const texts = ['a'];
      const given = { ...keyOf(ITEM, ['pk', 'sk']), b: { B: bytes }, s: { SS: texts } };
      const text = textOfItem(given);
      await table.store.putIfAbsent(given);
      bytes.fill(9);
      texts.push('b');
      const read = await there(table);
      expect(textOfItem(read ?? {})).toBe(text);
      Object.assign(read ?? {}, { b: { S: 'other' } });
      expect(textOfItem((await there(table)) ?? {})).toBe(text);
    });

    describe('a table that is not there', () => {
      for (const { call, ask } of [
        { call: 'describe', ask: (store: ItemStore) => store.describe() },
        { call: 'scan', ask: (store: ItemStore) => store.scan({ segment: 0, totalSegments: 1 }) },
        { call: 'get', ask: (store: ItemStore) => store.get([keyOf(ITEM, ['pk', 'sk'])]) },
        { call: 'removeIfSame', ask: (store: ItemStore) => store.removeIfSame(ITEM) },
        { call: 'putIfAbsent', ask: (store: ItemStore) => store.putIfAbsent(ITEM) },
        { call: 'replaceIfSame', ask: (store: ItemStore) => store.replaceIfSame(NEXT, ITEM) },
        { call: 'tryWriting', ask: (store: ItemStore) => store.tryWriting(['remove']) },
      ]) {
        it(`is told by ${call}`, () =>
          world.run(async () => {
            const error = await ask(world.missing).catch((thrown: unknown) => thrown);
            expect(error).toMatchObject({ code: 'NO_SUCH_TABLE', retryable: false });
            expect(error).toHaveProperty('context.table.name');
          }));
      }
    });
  });
}
