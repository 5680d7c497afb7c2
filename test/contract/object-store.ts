import { randomUUID } from 'node:crypto';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ObjectStore } from '../../functions/ports/object-store.ts';
import { all } from '../all.ts';

/** A store, and how to be rid of it. */
export interface ObjectStoreWorld {
  readonly store: ObjectStore;
  close(): Promise<void>;
}

/** More than a page of S3 holds. */
const PAGE = 1_000;
const LARGE_BYTES = 9 * 1024 * 1024;
const AT_ONCE = 20;

/** Declares what every {@link ObjectStore} must do. @param many Names that are listed at once. */
export function describeObjectStore(makeWorld: () => Promise<ObjectStoreWorld>, many = PAGE + 5): void {
  describe('object store', () => {
    let world: ObjectStoreWorld;

    beforeAll(async () => {
      world = await makeWorld();
    });
    afterAll(() => world.close());

    /** A test with names of its own. */
    const verify = (what: string, body: (prefix: string, store: ObjectStore) => Promise<void>) =>
      it(what, () => body(`runs/${randomUUID()}`, world.store));

    async function listed(store: ObjectStore, prefix: string): Promise<string[]> {
      return (await all(store.list(prefix))).sort();
    }

    async function writeAll(store: ObjectStore, names: readonly string[]): Promise<void> {
      for (let from = 0; from < names.length; from += AT_ONCE) {
        const some = names.slice(from, from + AT_ONCE);
        await Promise.all(some.map((name) => store.write(name, Buffer.from(name))));
      }
    }

    verify('has nothing that nobody wrote', async (prefix, store) => {
      expect(await store.read(`${prefix}/a`)).toBeUndefined();
      expect(await listed(store, prefix)).toEqual([]);
    });

    for (const { content, reason } of [
      { content: Buffer.from('{"S":"Ž 日本 🐎"}\n'), reason: 'text' },
      { content: Buffer.from(Array.from({ length: 256 }, (_, byte) => byte)), reason: 'every byte' },
      { content: Buffer.alloc(0), reason: 'nothing in it' },
      { content: Buffer.alloc(LARGE_BYTES, 'recohere'), reason: 'large' },
      { content: Buffer.from('...whole...').subarray(3, 8), reason: 'a part of a buffer' },
    ]) {
      verify(`gives what was written, byte for byte: ${reason}`, async (prefix, store) => {
        await store.write(`${prefix}/a`, content);
        const read = await store.read(`${prefix}/a`);
        expect(Buffer.isBuffer(read)).toBe(true);
        expect(read?.equals(content)).toBe(true);
      });
    }

    verify('gives what was written last', async (prefix, store) => {
      for (const text of ['a long text', 'short', 'short']) {
        await store.write(`${prefix}/a`, Buffer.from(text));
        expect(String(await store.read(`${prefix}/a`))).toBe(text);
      }
      expect(await listed(store, prefix)).toEqual([`${prefix}/a`]);
    });

    verify('keeps one of several that are written at once, whole', async (prefix, store) => {
      const contents = ['a', 'b', 'c', 'd'].map((letter) => Buffer.alloc(100_000, letter));
      await Promise.all(contents.map((content) => store.write(`${prefix}/a`, content)));
      const read = await store.read(`${prefix}/a`);
      expect(contents.filter((content) => read?.equals(content))).toHaveLength(1);
      expect(await listed(store, prefix)).toEqual([`${prefix}/a`]);
    });

    verify('lists names that begin so, in whatever part they end', async (prefix, store) => {
      const names = ['1/0.1', '1/0.2', '1/10.1', '10/0.1', '2/a/b/c'].map((name) => `${prefix}/${name}`);
      await writeAll(store, names);
      await store.write(`${prefix}-other/1/0.1`, Buffer.from('other'));
      expect(await listed(store, `${prefix}/`)).toEqual(names.toSorted());
      const found = async (begin: string) =>
        (await listed(store, `${prefix}/${begin}`)).map((name) => name.slice(prefix.length + 1));
      expect(await found('1/')).toEqual(['1/0.1', '1/0.2', '1/10.1']);
      expect(await found('1')).toEqual(['1/0.1', '1/0.2', '1/10.1', '10/0.1']);
      expect(await found('1/0.2')).toEqual(['1/0.2']);
      expect(await found('2/a/')).toEqual(['2/a/b/c']);
      expect(await found('3')).toEqual([]);
      expect(await found('1/0.1/')).toEqual([]);
    });

    verify('lists everything once', async (prefix, store) => {
      const names = Array.from({ length: 3 }, (_, n) => `${prefix}/${n}`);
      await writeAll(store, names);
      const found = (await listed(store, '')).filter((name) => name.startsWith(prefix));
      expect(found).toEqual(names);
    });

    verify('lists all names, however many they are', async (prefix, store) => {
      const names = Array.from({ length: many }, (_, n) => `${prefix}/${n % 3}/${n}`);
      await writeAll(store, names);
      expect(await listed(store, `${prefix}/`)).toEqual(names.toSorted());
    });

    verify('has nothing where names only begin', async (prefix, store) => {
      await store.write(`${prefix}/a/b`, Buffer.from('b'));
      expect(await store.read(`${prefix}/a`)).toBeUndefined();
      expect(await store.read(`${prefix}/a/b/c`)).toBeUndefined();
      await store.remove(`${prefix}/a`);
      await store.remove(`${prefix}/a/b/c`);
      expect(await listed(store, prefix)).toEqual([`${prefix}/a/b`]);
    });

    verify('removes one, and is content if there is none', async (prefix, store) => {
      await writeAll(store, [`${prefix}/a`, `${prefix}/b`]);
      await store.remove(`${prefix}/a`);
      await store.remove(`${prefix}/a`);
      await store.remove(`${prefix}/never/was`);
      expect(await store.read(`${prefix}/a`)).toBeUndefined();
      expect(await listed(store, prefix)).toEqual([`${prefix}/b`]);
      await store.write(`${prefix}/a`, Buffer.from('again'));
      expect(String(await store.read(`${prefix}/a`))).toBe('again');
    });

    verify('may be emptied while it is listed', async (prefix, store) => {
      await writeAll(
        store,
        Array.from({ length: 50 }, (_, n) => `${prefix}/${n % 5}/${n}`),
      );
      for await (const name of store.list(`${prefix}/`)) await store.remove(name);
      expect(await listed(store, prefix)).toEqual([]);
    });

    verify('shares what it keeps with nobody', async (prefix, store) => {
      const content = Buffer.from('aaa');
      await store.write(`${prefix}/a`, content);
      content.fill('b');
      const read = await store.read(`${prefix}/a`);
      expect(String(read)).toBe('aaa');
      read?.fill('c');
      expect(String(await store.read(`${prefix}/a`))).toBe('aaa');
    });

    verify('is like a map, whatever is done with it', async (prefix, store) => {
      const act = fc.record({
        what: fc.constantFrom('write', 'remove'),
        name: fc.constantFrom('a', 'b', 'c/d', 'c/e'),
        content: fc.uint8Array({ maxLength: 20 }),
      });
      let tries = 0;
      const property = fc.asyncProperty(fc.array(act, { maxLength: 10 }), async (acts) => {
        const begin = `${prefix}/${++tries}/`;
        const model = new Map<string, Buffer>();
        for (const { what, name, content } of acts) {
          if (what === 'write') {
            await store.write(begin + name, Buffer.from(content));
            model.set(begin + name, Buffer.from(content));
          } else {
            await store.remove(begin + name);
            model.delete(begin + name);
          }
        }
        expect(await listed(store, begin)).toEqual([...model.keys()].sort());
        for (const [name, content] of model) expect((await store.read(name))?.equals(content)).toBe(true);
      });
      await fc.assert(property, { numRuns: 20 });
    });
  });
}
