import { strToU8, zipSync } from 'fflate';

/** The earliest time that a zip can hold; a fixed one, so that the same text gives the same bytes. */
const ZIP_EPOCH = new Date(1980, 0, 1);

/** The zip of a Node function whose source is this text. */
export function functionZip(source: string): Uint8Array {
  return zipSync({ 'index.mjs': strToU8(source) }, { mtime: ZIP_EPOCH });
}
