import { existsSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
// biome-ignore lint/style/noRestrictedImports: nothing else of ours compiles what a user wrote
import { type BuildFailure, type BuildOptions, buildSync } from 'esbuild';
import type { ParsedConfig } from '../functions/contract/config.ts';
import { transformFile } from '../functions/contract/deployment.ts';
import { ConfigError } from './config-error.ts';

/** Files of an asset, by name. */
export type Files = Readonly<Record<string, string>>;

/** Names of folders are left out of what is made, so that it is the same on every machine. */
const OPTIONS = {
  bundle: true,
  platform: 'node',
  format: 'esm',
  target: 'node24',
  external: ['@aws-sdk/*'], // the runtime has it
  minify: true, // what is not minified names its files
  legalComments: 'none',
  write: false,
  metafile: true,
  logLevel: 'silent',
} satisfies BuildOptions;

/** What CommonJS modules within a transform call, which ECMAScript modules do not have. */
const REQUIRE =
  "import{createRequire as recohereRequire}from'node:module';const require=recohereRequire(import.meta.url);";

/**
 * The transforms of a config, each as one module.
 * @throws ConfigError with every transform that is not there, cannot be compiled, or exports nothing
 */
export function bundledTransforms({ tables }: ParsedConfig): Files {
  const files: Record<string, string> = {};
  const mistakes: string[] = [];
  tables.forEach(({ backfill }, position) => {
    if (backfill === undefined) return;
    const made = bundled(resolve(backfill.transform));
    if ('text' in made) files[transformFile(position)] = made.text;
    else mistakes.push(`tables[${position}].backfill.transform: ${made.mistake}`);
  });
  if (mistakes.length > 0) throw new ConfigError(mistakes);
  return files;
}

/** A config as functions read it: its transforms are beside it, wherever they were written. */
export function withBundledTransforms(config: ParsedConfig): ParsedConfig {
  const tables = config.tables.map(({ backfill, ...table }, position) => ({
    ...table,
    ...(backfill && { backfill: { ...backfill, transform: `./${transformFile(position)}` } }),
  }));
  return { ...config, tables };
}

function bundled(path: string): { readonly text: string } | { readonly mistake: string } {
  if (!existsSync(path)) return { mistake: `there is no file ${path}` };
  try {
    const { outputFiles, metafile } = buildSync({
      ...OPTIONS,
      entryPoints: [path],
      absWorkingDir: dirname(path),
      banner: { js: REQUIRE },
    });
    const [output] = Object.values(metafile.outputs);
    if (!output?.exports.includes('default')) return { mistake: 'its module has no default export' };
    return { text: outputFiles.map(({ text }) => text).join('') };
  } catch (error) {
    return { mistake: `cannot be compiled: ${whyNot(error)}` };
  }
}

function whyNot(error: unknown): string {
  if (!isBuildFailure(error)) throw error;
  return error.errors
    .map(({ text, location }) => (location ? `${text} (line ${location.line})` : text))
    .join('; ');
}

function isBuildFailure(error: unknown): error is BuildFailure {
  return error instanceof Error && Array.isArray(Reflect.get(error, 'errors'));
}
