import type { WireItem } from '../core/item.ts';
import type { TableRef } from '../core/run.ts';

/**
 * What the user makes of an item of the source: an item of the target, or nothing.
 * @throws Whatever the user's code throws, or RecohereError `BAD_RESULT`
 */
export type Transform = (item: WireItem) => Promise<WireItem | null>;

/** @returns The transform that the config names for a table. @throws RecohereError `BAD_TRANSFORM` if it cannot be loaded */
export type Transforms = (table: TableRef) => Promise<Transform>;
