import { itemOfText } from '../core/item.ts';

/**
 * The texts of a line that a run has written into an object.
 * @returns `undefined` if it is not as it was written: the error of a parser would quote it.
 */
export function textsOfLine(line: string): readonly (string | null)[] | undefined {
  try {
    const read: unknown = JSON.parse(line);
    const isList = Array.isArray(read) && read.every((text) => text === null || typeof text === 'string');
    return isList ? read : undefined;
  } catch {
    return undefined;
  }
}

/** Whether such a text is one of an item, or of the key of one. */
export function isItemText(text: string | null | undefined): text is string {
  try {
    return typeof text === 'string' && text.startsWith('{') && Object.keys(itemOfText(text)).length > 0;
  } catch {
    return false;
  }
}
