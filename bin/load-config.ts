import { existsSync, statSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { dirname, extname, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type ParsedConfig, parseConfig } from '../functions/contract/config.ts';
import { EXIT, Failure } from './failure.ts';

const ENDINGS = ['.ts', '.mts', '.js', '.mjs', '.json', '.yaml', '.yml'];
const NAMES = ENDINGS.map((ending) => `recohere.config${ending}`);

/** Why a file cannot be read: words that follow its name, and repeat nothing of what is written in it. */
class Unreadable extends Error {}

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
  if (!found.isFile()) {
    throw new Failure(EXIT.usage, `${path} is ${found.isDirectory() ? 'a folder' : 'no file'}`);
  }
  if (found.size === 0) throw new Failure(EXIT.usage, `${path} is empty; write one with: npx recohere init`);
}

async function readWritten(path: string): Promise<unknown> {
  try {
    switch (extname(path)) {
      case '.json':
        return readJson(await readFile(path, 'utf8'));
      case '.yaml':
      case '.yml':
        return await readYaml(await readFile(path, 'utf8'));
      default:
        return await readModule(path);
    }
  } catch (error) {
    const why = error instanceof Unreadable ? error.message : whyNotLoaded(error, resolve(path));
    throw new Failure(EXIT.usage, `${path} ${why}`);
  }
}

/** Without the words of the parser, which quote what is written. @throws Unreadable */
function readJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    const [, position] = /at position (\d+)/.exec(error instanceof Error ? error.message : '') ?? [];
    const before = position === undefined ? undefined : text.slice(0, Number(position));
    throw new Unreadable(
      `is not valid JSON${before === undefined ? '' : `: line ${before.split('\n').length}`}`,
    );
  }
}

/** Without the warnings of the library, which quote what is written, as its words about an alias do. @throws Unreadable */
async function readYaml(text: string): Promise<unknown> {
  const { parse, YAMLParseError } = await import('yaml');
  try {
    return parse(text, { logLevel: 'error' });
  } catch (error) {
    // `*x` with nothing before it that is `&x`, or too many of them
    if (error instanceof ReferenceError) throw new Unreadable('is not valid YAML: BAD_ALIAS');
    if (!(error instanceof YAMLParseError)) throw error;
    const [start] = error.linePos ?? [];
    throw new Unreadable(
      `is not valid YAML: ${error.code}${start ? ` at line ${start.line}, column ${start.col}` : ''}`,
    );
  }
}

/** @throws Unreadable without a default export; whatever the module throws */
async function readModule(path: string): Promise<unknown> {
  const exported = await (await userModules()).import(resolve(path), { default: true });
  if (typeof exported === 'object' && exported !== null && '__esModule' in exported) {
    throw new Unreadable('has no default export; write: export default defineConfig({ … })');
  }
  return exported;
}

/** Imports modules of users, be they TypeScript, which may import `recohere/config`. */
export async function userModules() {
  const { createJiti } = await import('jiti');
  const own = fileURLToPath(new URL('../functions/contract/config.js', import.meta.url));
  return createJiti(import.meta.url, { alias: { 'recohere/config': own }, fsCache: false });
}

function whyNotLoaded(error: unknown, path: string): string {
  if (!(error instanceof Error)) return 'cannot be loaded: it threw no error';
  if ('code' in error && error.code === 'ERR_UNKNOWN_FILE_EXTENSION') {
    return `is no config: the name of one ends with ${ENDINGS.join(', ')}`;
  }
  const { message, stack = '' } = error;
  const [, line] =
    stack
      .replace(message, '')
      .split(`${path}:`)[1]
      ?.match(/^(\d+)/) ?? [];
  return `cannot be loaded: ${message}${line === undefined ? '' : ` (line ${line})`}`;
}
