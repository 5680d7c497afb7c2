import { mkdir, mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { fileObjectStore } from '../../../functions/adapters/local/file-objects.ts';
import type { ObjectStore } from '../../../functions/ports/object-store.ts';
import { all } from '../../all.ts';
import { describeObjectStore } from '../../contract/object-store.ts';

const MANY = 100;

describeObjectStore(async () => {
  const folder = await mkdtemp(join(tmpdir(), 'recohere-objects-'));
  return {
    store: fileObjectStore(join(folder, 'not', 'there', 'yet')),
    close: () => rm(folder, { recursive: true }),
  };
}, MANY);

describe('objects as files', () => {
  let folder: string;
  let store: ObjectStore;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'recohere-objects-'));
    store = fileObjectStore(folder);
  });
  afterEach(() => rm(folder, { recursive: true }));

  function listed(prefix = ''): Promise<string[]> {
    return all(store.list(prefix));
  }

  it('are there for whoever comes next, and nothing else is', async () => {
    await store.write('quarantine/a/1/0.1', Buffer.from('x'));
    expect(await readdir(join(folder, 'quarantine/a/1'))).toEqual(['0.1']);
    expect(String(await fileObjectStore(folder).read('quarantine/a/1/0.1'))).toBe('x');
    const near = fileObjectStore(relative(process.cwd(), folder));
    expect(String(await near.read('quarantine/a/1/0.1'))).toBe('x');
  });

  it('can be read by nobody else', async () => {
    await store.write('quarantine/a', Buffer.from('x'));
    const modes = await Promise.all(['quarantine', 'quarantine/a'].map((name) => stat(join(folder, name))));
    expect(modes.map(({ mode }) => mode & 0o077)).toEqual([0, 0]);
  });

  it('are not those that a crash left unfinished', async () => {
    await mkdir(join(folder, 'runs'));
    await writeFile(join(folder, 'runs', '.unfinished-1'), 'half');
    await store.write('runs/a', Buffer.from('whole'));
    expect(await listed()).toEqual(['runs/a']);
    expect(await listed('runs/.')).toEqual([]);
  });

  for (const name of [
    '',
    '/',
    'a/',
    '/a',
    'a//b',
    '.',
    'a/./b',
    '..',
    '../a',
    'a/../../b',
    'a\\b',
    'a\0',
    'a/.unfinished-1',
  ]) {
    it(`are not called ${JSON.stringify(name)}`, async () => {
      const error = { code: 'INVARIANT' };
      await expect(store.write(name, Buffer.from('x'))).rejects.toMatchObject(error);
      await expect(store.read(name)).rejects.toMatchObject(error);
      await expect(store.remove(name)).rejects.toMatchObject(error);
      expect(await readdir(folder)).toEqual([]);
    });
  }

  for (const prefix of ['..', '../', '/', '.', 'a/../..']) {
    it(`do not begin with ${JSON.stringify(prefix)}`, async () => {
      await store.write('a/b', Buffer.from('x'));
      expect(await listed(prefix)).toEqual([]);
    });
  }

  it('are refused with the word of the system, and nothing is left behind', async () => {
    await store.write('a', Buffer.from('x'));
    await mkdir(join(folder, 'b'));
    const refused = (reason: string) => ({ code: 'FILE_REFUSED', retryable: false, context: { reason } });
    await expect(store.write('a/b', Buffer.from('x'))).rejects.toMatchObject(refused('EEXIST'));
    await expect(store.write('b', Buffer.from('x'))).rejects.toMatchObject(refused('EISDIR'));
    const long = 'x'.repeat(300);
    await expect(store.read(long)).rejects.toMatchObject(refused('ENAMETOOLONG'));
    await expect(store.remove(long)).rejects.toMatchObject(refused('ENAMETOOLONG'));
    expect((await readdir(folder)).sort()).toEqual(['a', 'b']);
  });

  it('whose folder is a file cannot be listed, for there are none', async () => {
    await writeFile(join(folder, 'file'), '');
    store = fileObjectStore(join(folder, 'file'));
    expect(await listed()).toEqual([]);
    await expect(store.write('a', Buffer.from('x'))).rejects.toMatchObject({ code: 'FILE_REFUSED' });
  });
});
