import { randomUUID } from 'node:crypto';
import { mkdir, open, opendir, readFile, rename, rm } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { invariant, RecohereError } from '../../core/errors.ts';
import type { ObjectStore } from '../../ports/object-store.ts';

/** What the names of files begin with that are not whole yet. A crash leaves one behind, which is no object. */
const UNFINISHED = '.unfinished-';

/** What the system says where no object is: nothing at all, or a folder, or an object where a folder would be. */
const ABSENT: readonly unknown[] = ['ENOENT', 'EISDIR', 'ERR_FS_EISDIR', 'ENOTDIR'];

/** Items of users may be in it. */
const FILE_MODE = 0o600;
const FOLDER_MODE = 0o700;

/**
 * Keeps objects as files: `/` in their names makes folders. So no name may go on, after a `/`, from that of another object.
 * @param folder Made by the first write.
 * @throws RecohereError `FILE_REFUSED` from every method, with the system's own code
 */
export function fileObjectStore(folder: string): ObjectStore {
  const root = resolve(folder);
  return {
    async write(name, content) {
      const file = join(root, ...partsOf(name));
      const parent = dirname(file);
      const unfinished = join(parent, `${UNFINISHED}${randomUUID()}`);
      await filing(async () => {
        const made = await mkdir(parent, { recursive: true, mode: FOLDER_MODE });
        try {
          await writeDurably(unfinished, content);
          await rename(unfinished, file);
        } catch (error) {
          await rm(unfinished, { force: true });
          throw error;
        }
        const first = made !== undefined && made.length < root.length ? made : root;
        await keepFolders(parent, dirname(first));
      });
    },

    async read(name) {
      const file = join(root, ...partsOf(name));
      return filing(() => readFile(file).catch(undefinedIfAbsent));
    },

    list: (prefix) => namesIn(root, '', prefix),

    async remove(name) {
      const file = join(root, ...partsOf(name));
      await filing(() => rm(file, { force: true }).catch(undefinedIfAbsent));
    },
  };
}

/** The names of folders on the way to an object, and of its file. */
function partsOf(name: string): readonly string[] {
  const parts = name.split('/');
  const isGood = parts.every((part) => !['', '.', '..'].includes(part) && !part.startsWith(UNFINISHED));
  invariant(isGood && !/[\\\0]/.test(name), 'the name of an object stays within its folder');
  return parts;
}

async function writeDurably(file: string, content: Buffer): Promise<void> {
  const handle = await open(file, 'wx', FILE_MODE);
  try {
    await handle.writeFile(content);
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Makes durable what folders have in them: a file that is renamed is in its folder, and that folder in the one above. */
async function keepFolders(from: string, top: string): Promise<void> {
  if (process.platform === 'win32') return; // which cannot, and does by itself
  for (let folder = from; ; folder = dirname(folder)) {
    const handle = await open(folder);
    await handle.sync().finally(() => handle.close());
    if (folder === top) return;
  }
}

/** @param path Where in the root to look: empty, or ends with `/`. */
async function* namesIn(root: string, path: string, prefix: string): AsyncGenerator<string> {
  const entries = await filing(() => opendir(join(root, path)).catch(undefinedIfAbsent));
  for await (const entry of entries ?? []) {
    const name = `${path}${entry.name}`;
    const within = `${name}/`;
    if (entry.isDirectory()) {
      if (within.startsWith(prefix) || prefix.startsWith(within)) yield* namesIn(root, within, prefix);
    } else if (name.startsWith(prefix) && !entry.name.startsWith(UNFINISHED)) {
      yield name;
    }
  }
}

async function filing<T>(act: () => Promise<T>): Promise<T> {
  try {
    return await act();
  } catch (error) {
    const reason = codeOf(error);
    throw new RecohereError('FILE_REFUSED', `objects cannot be kept as files: ${reason}`, {
      context: { reason },
      cause: error,
    });
  }
}

function undefinedIfAbsent(error: unknown): undefined {
  if (ABSENT.includes(codeOf(error))) return undefined;
  throw error;
}

function codeOf(error: unknown): unknown {
  return error instanceof Error ? Reflect.get(error, 'code') : undefined;
}
