import { existsSync, statSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { dirname, extname, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type ParsedConfig, parseConfig } from '../functions/contract/config.ts';
import { EXIT, Failure } from './failure.ts';

const NAMES = ['ts', 'mts', 'js', 'mjs', 'json', 'yaml', 'yml'].map((ending) => `recohere.config.${ending}`);

/**
 * Reads and validates a config. Paths in it become absolute.
 * @param file As the user named it; without it, the one config file of the working directory, if there is one.
 * @throws Failure `usage`, with every mistake and its path
 */
export async function loadConfig(
  file: string | undefined,
): Promise<{ readonly path: string; readonly config: ParsedConfig } | undefined> {
  const found = file === undefined ? configsHere() : [file];
  const [path] = found;
  if (path === undefined) return undefined;
  if (found.length > 1) {
    throw new Failure(EXIT.usage, `${found.join(' and ')} are both here; name one with --config`);
  }
  requireFile(path);
  const result = parseConfig(await readWritten(path));
  if (result.ok) return { path, config: withPathsFrom(dirname(path), result.config) };
  const mistakes = result.mistakes.map((mistake) => `  ${mistake}`).join('\n');
  const count = result.mistakes.length === 1 ? 'a mistake' : `${result.mistakes.length} mistakes`;
  throw new Failure(EXIT.usage, `${path} has ${count}\n${mistakes}`);
}

/** Transforms are found from the folder of the config, wherever the command was started. */
function withPathsFrom(folder: string, config: ParsedConfig): ParsedConfig {
  const tables = config.tables.map(({ backfill, ...table }) => ({
    ...table,
    ...(backfill && { backfill: { ...backfill, transform: resolve(folder, backfill.transform) } }),
  }));
  return { ...config, tables };
}

/** Names of the config files of the working directory. */
export function configsHere(): readonly string[] {
  return NAMES.filter((name) => existsSync(name));
}

/** @throws Failure `usage` */
function requireFile(path: string): void {
  const found = existsSync(path) ? statSync(path) : undefined;
  if (found === undefined) throw new Failure(EXIT.usage, `${path}: there is no such file`);
  if (found.isFile()) return;
  throw new Failure(EXIT.usage, `${path} is ${found.isDirectory() ? 'a folder' : 'no file'}`);
}

async function readWritten(path: string): Promise<unknown> {
  try {
    switch (extname(path)) {
      case '.json':
        return JSON.parse(await readFile(path, 'utf8'));
      case '.yaml':
      case '.yml':
        return await readYaml(await readFile(path, 'utf8'));
      default:
        return await (await userModules()).import(resolve(path), { default: true });
    }
  } catch (error) {
    throw new Failure(EXIT.usage, `${path} ${await whyUnreadable(error)}`);
  }
}

/** Without the warnings of the library, which quote what is written, as its words about an alias do. @throws YAMLParseError */
async function readYaml(text: string): Promise<unknown> {
  const { parse, YAMLParseError } = await import('yaml');
  try {
    return parse(text, { logLevel: 'error' });
  } catch (error) {
    // `*x` with nothing before it that is `&x`, or too many of them
    throw error instanceof ReferenceError ? new YAMLParseError([0, 0], 'BAD_ALIAS', '') : error;
  }
}

/** Imports modules of users, be they TypeScript, which may import `recohere/config`. */
export async function userModules() {
  const { createJiti } = await import('jiti');
  const own = fileURLToPath(new URL('../functions/contract/config.js', import.meta.url));
  return createJiti(import.meta.url, { alias: { 'recohere/config': own }, fsCache: false });
}

/** Says where a file is broken, and repeats nothing of what is written there. */
async function whyUnreadable(error: unknown): Promise<string> {
  const { YAMLParseError } = await import('yaml');
  if (error instanceof YAMLParseError) {
    const [start] = error.linePos ?? [];
    return `is not valid YAML: ${error.code}${start ? ` at line ${start.line}, column ${start.col}` : ''}`;
  }
  if (error instanceof SyntaxError) return 'is not valid JSON';
  return `cannot be loaded: ${error instanceof Error ? error.message : 'it threw no error'}`;
}
