import type { TableRef } from '../core/run.ts';

/** Keeps objects by name, beside a table: what a scan found, and quarantined items. */
export interface ObjectStore {
  /** Writes an object whole, over one of the same name. When it comes back, the object is durable. */
  write(name: string, content: Buffer): Promise<void>;
  /** `undefined` if there is none. */
  read(name: string): Promise<Buffer | undefined>;
  /** Names that begin so, in no particular order. */
  list(prefix: string): AsyncIterable<string>;
  /** Harmless if there is none. */
  remove(name: string): Promise<void>;
}

/** @returns The store in the account and region of a table. */
export type ObjectStores = (table: TableRef) => ObjectStore;
