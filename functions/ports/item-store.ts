import type { KeyNames, WireItem } from '../core/item.ts';
import type { TableRef } from '../core/run.ts';

/** What a table is, as far as a run has to know. */
export interface TableFacts {
  readonly arn: string;
  readonly keys: KeyNames;
  /** As AWS says it, which counts every six hours. */
  readonly items: number;
  readonly bytes: number;
  readonly hasStream: boolean;
  /** Whether it has replicas in other regions. */
  readonly hasReplicas: boolean;
  /** `undefined` if it could not be asked for, as on servers that do not know of it. */
  readonly hasPointInTimeRecovery: boolean | undefined;
}

export interface ScanPage {
  readonly items: readonly WireItem[];
  /** Items that were read, whether or not they are in `items`. */
  readonly scanned: number;
  /** Where the next page begins; not there after the last one. */
  readonly next?: WireItem | undefined;
  readonly readUnits: number;
}

export interface ScanRequest {
  readonly segment: number;
  readonly totalSegments: number;
  readonly from?: WireItem | undefined;
  /** Items at most; a page ends at 1 MB anyway. */
  readonly limit?: number | undefined;
  /** The only attributes to give. @default all */
  readonly attributes?: readonly string[] | undefined;
}

/** What became of one conditional write. */
export interface Written {
  /** Whether the condition held. */
  readonly isDone: boolean;
  readonly writeUnits: number;
}

/** Most keys of one {@link ItemStore.get}. */
export const KEYS_PER_GET_MAX = 100;

/**
 * One table of a user. No method tries again on its own, so that the caller knows of each try: a write whose answer was lost may
 * have been done.
 * @throws RecohereError `NO_SUCH_TABLE` from every method, `UNREADABLE_ITEM` from those that give items; RefusedError if AWS or the way to it refuses
 */
export interface ItemStore {
  describe(): Promise<TableFacts>;
  /** One page of a parallel scan, eventually consistent. */
  scan(request: ScanRequest): Promise<ScanPage>;
  /**
   * Items by their keys, whole and strongly consistent, in the order of the keys; `undefined` where none is.
   * @param keys At most {@link KEYS_PER_GET_MAX}, none twice.
   */
  get(
    keys: readonly WireItem[],
  ): Promise<{ readonly items: readonly (WireItem | undefined)[]; readonly readUnits: number }>;
  /**
   * Removes an item if it is still what was read. DynamoDB compares attribute by attribute, and one that was added meanwhile escapes
   * it: so compare what is given back.
   * @returns What was removed, whole; `undefined` if it was not the same, or not there.
   */
  removeIfSame(
    item: WireItem,
  ): Promise<{ readonly removed: WireItem | undefined; readonly writeUnits: number }>;
  /** Writes an item where none is. */
  putIfAbsent(item: WireItem): Promise<Written>;
  /**
   * Writes an item over another one if that is still what was read. What is not compared escapes it, as in {@link removeIfSame}.
   * @param before What is to be there, of the same key.
   * @returns What was written over, whole; `undefined` if it was not the same, or not there.
   */
  replaceIfSame(
    item: WireItem,
    before: WireItem,
  ): Promise<{ readonly replaced: WireItem | undefined; readonly writeUnits: number }>;
  /**
   * Asks for the right to write, and writes nothing: conditions that never hold.
   * @throws RefusedError `ACCESS_DENIED` with the permission that is missing
   */
  tryWriting(rights: readonly ('put' | 'remove')[]): Promise<void>;
}

/** @returns The store of a table; the same for the same table. */
export type ItemStores = (table: TableRef) => ItemStore;
