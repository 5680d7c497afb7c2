import { createRequire } from 'node:module';
import { dirname } from 'node:path';

/** The folder of the package, seen from the sources and from what they are built to. */
export const PACKAGE_ROOT = dirname(createRequire(import.meta.url).resolve('recohere/package.json'));
