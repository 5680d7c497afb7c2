import type { RunPorts } from '../../functions/app/run-ports.ts';
import { textOfItem, type WireItem } from '../../functions/core/item.ts';
import { OBJECT_NAMES, type Phase, type Segment } from '../../functions/core/run.ts';
import type { ItemStore } from '../../functions/ports/item-store.ts';
import type { ObjectStore } from '../../functions/ports/object-store.ts';
import type { RunLedger } from '../../functions/ports/run-ledger.ts';
import { instead } from '../haunted.ts';

/** Mistakes that a worker could have been written with. Each is to be noticed. */
export const TABLE_MUTATIONS = [
  'compare-and-swap off',
  'quarantine after delete',
  'keeper not read again',
  'checkpoint off by one',
  'uncommitted spill read',
] as const;
export type TableMutation = (typeof TABLE_MUTATIONS)[number];

/** What a worker works with that a mistake may sit in. */
export type Spoilable = Pick<RunPorts, 'ledger' | 'items' | 'objects'>;

/** Ports as a worker would use them that was written with a mistake. @param phase What it works on, if it does. */
export function spoilt(mutation: TableMutation, ports: Spoilable, phase: Phase | undefined): Spoilable {
  switch (mutation) {
    case 'compare-and-swap off':
      return { ...ports, ledger: unconditional(ports.ledger) };
    case 'quarantine after delete':
      return { ...ports, ...quarantiningLate(ports) };
    case 'keeper not read again':
      return { ...ports, ...rememberingKeepers(ports) };
    case 'checkpoint off by one':
      return { ...ports, ...resumingTooFar(ports) };
    case 'uncommitted spill read':
      return phase === 'gather' ? { ...ports, ledger: readingAllSpills(ports) } : ports;
  }
}

/** Writes over whatever lies there. */
function unconditional(ledger: RunLedger): RunLedger {
  return instead(ledger, {
    swapRun: async (next) => {
      const there = await ledger.readRun(next.id);
      return ledger.swapRun({ ...next, version: (there?.version ?? 0) + 1 });
    },
    swapSegment: async (next) => {
      const { version, epoch } = await ledger.readSegment(next.run, next.phase, next.index);
      return ledger.swapSegment({ ...next, version: version + 1, epoch: Math.max(epoch, next.epoch) });
    },
  });
}

/** Says that it has quarantined, and does it once the first item has gone. */
function quarantiningLate({ items, objects }: Spoilable): Pick<Spoilable, 'items' | 'objects'> {
  const late: (() => Promise<void>)[] = [];
  const afterwards = async <T>(call: Promise<T>): Promise<T> => {
    const answer = await call;
    for (const write of late.splice(0)) await write();
    return answer;
  };
  return {
    objects: (table) => {
      const store = objects(table);
      return instead<ObjectStore>(store, {
        write: async (name, content) => {
          if (!name.startsWith('quarantine/')) return store.write(name, content);
          late.push(() => store.write(name, content));
        },
      });
    },
    items: (table) => {
      const store = items(table);
      return instead<ItemStore>(store, {
        removeIfSame: (item) => afterwards(store.removeIfSame(item)),
        replaceIfSame: (item, before) => afterwards(store.replaceIfSame(item, before)),
      });
    },
  };
}

/** Believes what it read of a keeper before the removal. */
function rememberingKeepers({ items, objects }: Spoilable): Pick<Spoilable, 'items' | 'objects'> {
  const keepers = new Set<string>();
  const read = new Map<string, WireItem | undefined>();
  const learn = (name: string, content: Buffer | undefined) => {
    if (!name.startsWith('quarantine/')) return;
    for (const line of content?.toString().split('\n') ?? [])
      keepers.add((JSON.parse(line) as [string, string])[1]);
  };
  return {
    objects: (table) => {
      const store = objects(table);
      return instead<ObjectStore>(store, {
        write: (name, content) => {
          learn(name, content);
          return store.write(name, content);
        },
        read: async (name) => {
          const content = await store.read(name);
          learn(name, content);
          return content;
        },
      });
    },
    items: (table) => {
      const store = items(table);
      return instead<ItemStore>(store, {
        get: async (keys) => {
          const texts = keys.map(textOfItem);
          const [only = ''] = texts;
          const name = (text: string) => `${table.name} ${text}`;
          if (texts.length === 1 && keepers.has(only) && read.has(name(only))) {
            return { items: [read.get(name(only))], readUnits: 1 };
          }
          const answer = await store.get(keys);
          for (const [position, text] of texts.entries()) read.set(name(text), answer.items[position]);
          return answer;
        },
      });
    },
  };
}

/** Goes on one item after the one that its checkpoint names. */
function resumingTooFar({ items, objects }: Spoilable): Pick<Spoilable, 'items' | 'objects'> {
  const resumed = new Set<string>();
  return {
    objects: (table) => {
      const store = objects(table);
      return instead<ObjectStore>(store, {
        read: async (name) => {
          const content = await store.read(name);
          if (content && name.includes('/cursors/')) resumed.add(content.toString());
          return content;
        },
      });
    },
    items: (table) => {
      const store = items(table);
      return instead<ItemStore>(store, {
        scan: async (request) => {
          const { from } = request;
          if (from === undefined || !resumed.has(textOfItem(from))) return store.scan(request);
          const { next } = await store.scan({ ...request, limit: 1 });
          return next ? store.scan({ ...request, from: next }) : { items: [], scanned: 0, readUnits: 0 };
        },
      });
    },
  };
}

/** Reads all that any scan has written down, whether or not a checkpoint names it. */
function readingAllSpills({ ledger, objects }: Spoilable): RunLedger {
  const withAll = async (segment: Segment): Promise<Segment> => {
    const { table } = (await ledger.readRun(segment.run)) ?? {};
    if (table === undefined || segment.phase !== 'scatter') return segment;
    const store = objects(table);
    const spills = new Set(segment.spills);
    const records = [...segment.records];
    for await (const name of store.list(`${OBJECT_NAMES.of(segment.run)}scatter/`)) {
      const [, partition, index, flush = ''] = /(\d+)\/(\d+)\.(\d+\.\d+)$/.exec(name) ?? [];
      if (Number(index) !== segment.index || segment.spills.includes(flush)) continue;
      spills.add(flush);
      const lines = (await store.read(name))?.toString().split('\n').length ?? 0;
      records[Number(partition)] = (records[Number(partition)] ?? 0) + lines;
    }
    return { ...segment, spills: [...spills], records };
  };
  return instead(ledger, {
    readSegment: async (run, phase, index) => withAll(await ledger.readSegment(run, phase, index)),
  });
}
