import { inspect } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { RefusedError } from '../../functions/core/errors.ts';
import type { Place } from '../../functions/core/place.ts';
import { Sealed } from '../../functions/core/sealed.ts';
import type { Clock } from '../../functions/ports/clock.ts';
import {
  type Alias,
  type FunctionDescription,
  type FunctionSource,
  PAGE_SIZE,
  type TagFilter,
} from '../../functions/ports/function-source.ts';
import { until } from './until.ts';

/** A function as it is created, or what of it is updated; what is not given stays. */
export interface DeployedFunction {
  readonly environment?: Readonly<Record<string, string>>;
  /** The same text is the same zip. */
  readonly code?: string;
  readonly memoryMb?: number;
  /** Only when it is created. */
  readonly tags?: Readonly<Record<string, string>>;
}

/** The functions that a {@link FunctionSource} reads, and the means to change them. */
export interface FunctionWorld {
  readonly source: FunctionSource;
  readonly clock: Clock;
  /** Two places of one account, with room for {@link MANY} functions. */
  readonly places: readonly [Place, Place];
  /** Where every call is refused. */
  readonly refusing: Place;
  /** Runs a test to its end; a world with virtual time moves the time meanwhile. */
  run<T>(work: () => Promise<T>): Promise<T>;
  /** Creates or updates. An update under way is waited for first, as Lambda takes one at a time. */
  deploy(place: Place, name: string, given: DeployedFunction): Promise<void>;
  /** Returns the number of the version. */
  publish(place: Place, name: string): Promise<string>;
  /** A weighted alias shares its traffic with the version that follows. */
  point(place: Place, name: string, alias: string, target: Alias): Promise<void>;
  remove(place: Place, name: string): Promise<void>;
  /** Removes all that was deployed. */
  close(): Promise<void>;
}

/** Enough for three pages of a list, the last of them not full. */
const MANY = 2 * PAGE_SIZE + 5;
/** Far more than any world needs; a marker that goes round in a circle stops here. */
const PAGES_MAX = 100;
/** Lambda's own times may be cut to whole seconds. */
const CLOCK_SLACK_MS = 1_000;
/** Lambda's limit for all keys and values of a function together. */
const ENVIRONMENT_BYTES = 4_096;

/** Declares what every {@link FunctionSource} must do. */
export function describeFunctionSource(makeWorld: () => Promise<FunctionWorld>): void {
  describe('function source', () => {
    let world: FunctionWorld;

    beforeAll(async () => {
      world = await makeWorld();
    });
    afterAll(() => world.close());

    const verify = (what: string, body: (here: Place, there: Place) => Promise<void>) =>
      it(what, () => world.run(() => body(...world.places)));

    /** Deploys, and reads when the update is finished. */
    async function deployed(place: Place, name: string, given: DeployedFunction) {
      await world.deploy(place, name, given);
      return settled(place, name);
    }

    async function settled(place: Place, name: string): Promise<FunctionDescription> {
      const read = await until(
        world.clock,
        () => world.source.read(place, name),
        (description) => description?.progress === 'settled',
      );
      if (read === undefined) throw new Error('a settled function was read');
      return read;
    }

    async function listed(place: Place) {
      const pages = await allPages((from) => world.source.list(place, from));
      return pages.map(({ functions }) => functions);
    }

    async function tagged(place: Place, filters: readonly TagFilter[]) {
      const pages = await allPages((from) => world.source.tagged(place, filters, from));
      return pages.flatMap(({ functions }) => functions);
    }

    async function taggedNames(place: Place, filters: readonly TagFilter[]) {
      return (await tagged(place, filters)).map(({ name }) => name).sort();
    }

    describe('with more functions than a page holds', () => {
      const names = Array.from({ length: MANY }, (_, n) => `many-${String(n).padStart(3, '0')}`);

      beforeAll(() =>
        world.run(async () => {
          for (const name of names) await world.deploy(world.places[0], name, { tags: { crowd: 'yes' } });
        }),
      );
      afterAll(() =>
        world.run(async () => {
          for (const name of names) await world.remove(world.places[0], name);
        }),
      );

      verify('lists each function once, in pages of at most PAGE_SIZE', async (here) => {
        const pages = await listed(here);
        expect(pages.length).toBeGreaterThanOrEqual(Math.ceil(MANY / PAGE_SIZE));
        for (const page of pages) expect(page.length).toBeLessThanOrEqual(PAGE_SIZE);
        const found = pages.flat().map(({ name }) => name);
        expect(found.filter((name) => name.startsWith('many-')).sort()).toEqual(names);
      });

      verify('does not say in a list whether an update is finished', async (here) => {
        for (const description of (await listed(here)).flat()) expect(description.progress).toBeUndefined();
      });

      verify('finds each tagged function once', async (here) => {
        expect(await taggedNames(here, [{ key: 'crowd', values: ['yes'] }])).toEqual(names);
      });
    });

    describe('reading one function', () => {
      verify('tells what was deployed', async (here) => {
        const before = world.clock.now();
        const read = await deployed(here, 'read', { environment: { LEVEL: 'info' }, memoryMb: 256 });
        expect(read).toMatchObject({ name: 'read', version: '$LATEST', progress: 'settled' });
        expect(read.account).toMatch(/^\d{12}$/);
        expect(read.revisionId).not.toBe('');
        expect(read.codeSha256).not.toBe('');
        expect(read.lastModified).toBeGreaterThanOrEqual(before - CLOCK_SLACK_MS);
        expect(read.lastModified).toBeLessThanOrEqual(world.clock.now() + CLOCK_SLACK_MS);
        expect(environmentOf(read)).toEqual({ LEVEL: 'info' });
        expect(read.settings.get('MemorySize')).toBe('256');
      });

      verify('says the same as a list does, which leaves out the progress', async (here) => {
        const read = await deployed(here, 'alike', { environment: { LEVEL: 'info' } });
        const found = (await listed(here)).flat().find(({ name }) => name === 'alike');
        expect(found && plain(found)).toEqual({ ...plain(read), progress: undefined });
      });

      verify('knows no function that was never there, and none that is gone', async (here) => {
        await deployed(here, 'gone', {});
        await world.remove(here, 'gone');
        expect(await world.source.read(here, 'gone')).toBeUndefined();
        expect(await world.source.read(here, 'never')).toBeUndefined();
        expect((await listed(here)).flat().map(({ name }) => name)).not.toContain('gone');
      });

      verify('shows an update as unsettled, then as settled', async (here) => {
        await deployed(here, 'moving', { environment: { LEVEL: 'info' } });
        await world.deploy(here, 'moving', { environment: { LEVEL: 'debug' } });
        expect((await world.source.read(here, 'moving'))?.progress).toBe('unsettled');
        expect(environmentOf(await settled(here, 'moving'))).toEqual({ LEVEL: 'debug' });
      });

      verify('gives each update a revision of its own', async (here) => {
        const first = await deployed(here, 'revised', { environment: { LEVEL: 'info' } });
        const second = await deployed(here, 'revised', { environment: { LEVEL: 'debug' } });
        expect(second.revisionId).not.toBe(first.revisionId);
        expect(second.lastModified).toBeGreaterThanOrEqual(first.lastModified);
      });

      verify('tells code apart, and finds the same code alike in two regions', async (here, there) => {
        const old = await deployed(here, 'coded', { code: 'one' });
        const elsewhere = await deployed(there, 'coded', { code: 'one' });
        expect(elsewhere.codeSha256).toBe(old.codeSha256);
        const changed = await deployed(here, 'coded', { code: 'two' });
        expect(changed.codeSha256).not.toBe(old.codeSha256);
      });

      verify('has the settings as texts, alike in two regions', async (here, there) => {
        const one = await deployed(here, 'settled', { memoryMb: 512 });
        const other = await deployed(there, 'settled', { memoryMb: 512 });
        expect(Object.fromEntries(one.settings)).toMatchObject({
          Architectures: expect.any(String),
          Handler: 'index.handler',
          MemorySize: '512',
          Runtime: expect.any(String),
          Timeout: expect.any(String),
        });
        expect(other.settings).toEqual(one.settings);
        const changed = await deployed(here, 'settled', { memoryMb: 1024 });
        expect(changed.settings.get('MemorySize')).toBe('1024');
      });
    });

    describe('environments', () => {
      const filling = 'x'.repeat(ENVIRONMENT_BYTES - 'FULL'.length);
      const environments: readonly { environment: Readonly<Record<string, string>>; reason: string }[] = [
        {
          environment: { PEM: '-----BEGIN-----\nabc\r\n"quoted"\\\t' },
          reason: 'newlines and quotes stay as they are',
        },
        { environment: { GREETING: 'žluťoučký kůň 🐎 日本語' }, reason: 'a value may be any text' },
        { environment: { EMPTY: '' }, reason: 'an empty value is not an absent one' },
        { environment: { PADDED: '  two  ' }, reason: 'spaces at the ends belong to the value' },
        { environment: { Level: 'a', LEVEL: 'b' }, reason: 'keys differ by case' },
        { environment: { constructor: 'a', toString: 'b' }, reason: 'names of every object are keys too' },
        { environment: { FULL: filling }, reason: 'all of the 4 KB that Lambda grants' },
        { environment: {}, reason: 'an empty environment' },
      ];
      for (const { environment, reason } of environments) {
        verify(`are read whole: ${reason}`, async (here) => {
          const name = `environment-${reason.replaceAll(/\W+/g, '-')}`;
          const read = await deployed(here, name, { environment });
          expect(environmentOf(read)).toEqual(environment);
        });
      }

      verify('are empty where a function has none at all', async (here) => {
        expect(environmentOf(await deployed(here, 'bare', {}))).toEqual({});
      });

      verify('are shown by no description, however it is printed', async (here) => {
        const read = await deployed(here, 'shy', { environment: { PASSWORD: 'hunter2-planted' } });
        const page = await world.source.list(here);
        for (const shown of [read, page]) {
          expect(JSON.stringify(shown)).not.toContain('hunter2');
          expect(inspect(shown, { depth: null, showHidden: true, getters: true })).not.toContain('hunter2');
          expect(String(Object.values(shown))).not.toContain('hunter2');
        }
      });
    });

    describe('versions and aliases', () => {
      verify('reads a published version as it was frozen', async (here) => {
        await deployed(here, 'frozen', { environment: { LEVEL: 'info' }, code: 'one' });
        const number = await world.publish(here, 'frozen');
        const latest = await deployed(here, 'frozen', { environment: { LEVEL: 'debug' }, code: 'two' });
        const published = await world.source.read(here, 'frozen', number);
        expect(published).toMatchObject({ name: 'frozen', version: number });
        expect(published && environmentOf(published)).toEqual({ LEVEL: 'info' });
        expect(published?.codeSha256).not.toBe(latest.codeSha256);
        expect(environmentOf(latest)).toEqual({ LEVEL: 'debug' });
      });

      verify('knows no version that was never published', async (here) => {
        await deployed(here, 'unpublished', {});
        expect(await world.source.read(here, 'unpublished', '7')).toBeUndefined();
      });

      verify('resolves an alias, and sees when it moves', async (here) => {
        await deployed(here, 'aliased', { code: 'one' });
        const first = await world.publish(here, 'aliased');
        await world.point(here, 'aliased', 'live', { version: first, weighted: false });
        expect(await world.source.alias(here, 'aliased', 'live')).toEqual({
          version: first,
          weighted: false,
        });
        await deployed(here, 'aliased', { code: 'two' });
        const second = await world.publish(here, 'aliased');
        await world.point(here, 'aliased', 'live', { version: second, weighted: false });
        expect(await world.source.alias(here, 'aliased', 'live')).toEqual({
          version: second,
          weighted: false,
        });
      });

      verify('says that an alias splits its traffic, and when it no longer does', async (here) => {
        await deployed(here, 'split', { code: 'one' });
        const first = await world.publish(here, 'split');
        await deployed(here, 'split', { code: 'two' });
        await world.publish(here, 'split');
        for (const weighted of [true, false]) {
          await world.point(here, 'split', 'live', { version: first, weighted });
          expect(await world.source.alias(here, 'split', 'live')).toEqual({ version: first, weighted });
        }
      });

      verify('knows no alias that is not there', async (here) => {
        await deployed(here, 'unaliased', {});
        expect(await world.source.alias(here, 'unaliased', 'live')).toBeUndefined();
        expect(await world.source.alias(here, 'never', 'live')).toBeUndefined();
      });
    });

    describe('tags', () => {
      beforeAll(() =>
        world.run(async () => {
          const [here] = world.places;
          await world.deploy(here, 'tag-a', { tags: { team: 'shop', stage: 'live', note: '' } });
          await world.deploy(here, 'tag-b', { tags: { team: 'shop', stage: 'test' } });
          await world.deploy(here, 'tag-c', { tags: { team: 'bank', stage: 'live' } });
          await world.deploy(here, 'tag-d', { tags: { crew: 'shop' } });
        }),
      );

      for (const { filters, names, reason } of [
        {
          filters: [{ key: 'team', values: [] }],
          names: ['tag-a', 'tag-b', 'tag-c'],
          reason: 'a key without values asks for the key alone',
        },
        {
          filters: [{ key: 'team', values: ['shop'] }],
          names: ['tag-a', 'tag-b'],
          reason: 'a key with a value asks for both',
        },
        {
          filters: [{ key: 'team', values: ['shop', 'bank'] }],
          names: ['tag-a', 'tag-b', 'tag-c'],
          reason: 'any of several values will do',
        },
        {
          filters: [
            { key: 'team', values: ['shop'] },
            { key: 'stage', values: ['live'] },
          ],
          names: ['tag-a'],
          reason: 'all of several filters must hold',
        },
        { filters: [{ key: 'note', values: [] }], names: ['tag-a'], reason: 'an empty value is a value' },
        { filters: [{ key: 'absent', values: [] }], names: [], reason: 'nothing carries this key' },
        { filters: [{ key: 'team', values: ['sho'] }], names: [], reason: 'values are compared whole' },
      ]) {
        verify(`select: ${reason}`, async (here) => {
          expect(await taggedNames(here, filters)).toEqual(names);
        });
      }

      verify('are all returned, not only those that were asked for', async (here) => {
        const found = await tagged(here, [{ key: 'team', values: ['shop'] }]);
        expect(found.find(({ name }) => name === 'tag-a')?.tags).toEqual(
          new Map([
            ['team', 'shop'],
            ['stage', 'live'],
            ['note', ''],
          ]),
        );
      });

      verify('are all returned to one who asks for nothing in particular', async (here) => {
        expect(await taggedNames(here, [])).toEqual(
          expect.arrayContaining(['tag-a', 'tag-b', 'tag-c', 'tag-d']),
        );
      });
    });

    verify('keeps places apart', async (here, there) => {
      await deployed(here, 'local', { tags: { only: 'here' }, environment: { LEVEL: 'info' } });
      const number = await world.publish(here, 'local');
      await world.point(here, 'local', 'live', { version: number, weighted: false });
      expect(await world.source.read(there, 'local')).toBeUndefined();
      expect(await world.source.alias(there, 'local', 'live')).toBeUndefined();
      expect((await listed(there)).flat().map(({ name }) => name)).not.toContain('local');
      expect(await taggedNames(there, [{ key: 'only', values: [] }])).toEqual([]);
    });

    for (const [call, ask] of [
      ['list', () => world.source.list(world.refusing)],
      ['read', () => world.source.read(world.refusing, 'any')],
      ['alias', () => world.source.alias(world.refusing, 'any', 'live')],
      ['tagged', () => world.source.tagged(world.refusing, [])],
    ] as const) {
      verify(`refuses with a RefusedError: ${call}`, async () => {
        await expect(ask()).rejects.toBeInstanceOf(RefusedError);
        await expect(ask()).rejects.toMatchObject({ refusal: { code: 'ACCESS_DENIED' } });
      });
    }
  });
}

async function allPages<Page extends { readonly next?: string | undefined }>(
  read: (from: string | undefined) => Promise<Page>,
): Promise<Page[]> {
  const pages: Page[] = [];
  let from: string | undefined;
  do {
    const page = await read(from);
    pages.push(page);
    from = page.next;
  } while (from !== undefined && pages.length < PAGES_MAX);
  expect(from, 'the markers come to an end').toBeUndefined();
  return pages;
}

function environmentOf({ environment }: FunctionDescription): Record<string, string> {
  if (!(environment instanceof Sealed)) throw new Error(`the environment was refused: ${environment.code}`);
  return Object.fromEntries(environment.reveal());
}

/** All of a description, with its environment to be compared. */
function plain(description: FunctionDescription) {
  return { ...description, environment: environmentOf(description) };
}
