import { join } from 'node:path';
import { rolldown } from 'rolldown';
import { PACKAGE_ROOT } from './package-root.ts';

/**
 * The source of a function as one module with all that it imports. The SDK is in it too: Lambda brings one along, and emulators do not.
 * @param file Seen from the folder of the package.
 */
export async function bundled(file: string): Promise<string> {
  const built = await rolldown({ input: join(PACKAGE_ROOT, file), platform: 'node' });
  try {
    const { output } = await built.generate({ format: 'esm', codeSplitting: false, minify: true });
    return output[0].code;
  } finally {
    await built.close();
  }
}
