import type { ObjectStore } from '../../ports/object-store.ts';

/** Keeps objects in memory, until the process ends. It keeps and gives copies. */
export function memoryObjectStore(): ObjectStore {
  const objects = new Map<string, Buffer>();
  return {
    async write(name, content) {
      objects.set(name, Buffer.from(content));
    },

    async read(name) {
      const content = objects.get(name);
      return content && Buffer.from(content);
    },

    async *list(prefix) {
      yield* [...objects.keys()].filter((name) => name.startsWith(prefix));
    },

    async remove(name) {
      objects.delete(name);
    },
  };
}
