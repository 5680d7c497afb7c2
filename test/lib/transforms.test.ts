import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import type { RecohereConfig } from '../../functions/contract/config.ts';
import { type Part, transformFile } from '../../functions/contract/deployment.ts';
import { ConfigError } from '../../lib/index.ts';
import { ONE_ACCOUNT, resourcesOf, synthesize } from './synthesized.ts';

const folder = mkdtempSync(join(tmpdir(), 'recohere-transforms-'));
afterAll(() => rmSync(folder, { recursive: true }));

const TRANSFORM = `
import { createHash } from 'node:crypto';
import { upper } from './texts.ts';
import old from './old.cjs';
interface Item { readonly name: string }
/** Makes it loud. */
export default ({ name }: Item) => ({ name: upper(name), old: old.join('a', 'b'), hash: createHash('md5').update(name).digest('hex') });
`;

/** Writes a transform with modules of its own, in a folder of that name. @returns its path */
function written(name: string, text = TRANSFORM): string {
  const path = join(folder, name, 'transform.ts');
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
  writeFileSync(
    join(folder, name, 'texts.ts'),
    'export const upper = (text: string): string => text.toUpperCase();\n',
  );
  writeFileSync(
    join(folder, name, 'old.cjs'),
    "const { posix } = require('path');\nmodule.exports = { join: posix.join };\n",
  );
  return path;
}

const backfilling = (...transforms: string[]): RecohereConfig => ({
  ...ONE_ACCOUNT,
  tables: [
    { name: 'deduped', dedupe: { key: 'orderId', keep: 'oldest', by: 'createdAt' } },
    ...transforms.map((transform, id) => ({ name: `source-${id}`, backfill: { to: 'target', transform } })),
  ],
});

/** The folder of a function's asset, and its hash. */
function assetOf(config: RecohereConfig, part: Part) {
  const { recohere, templateOf, assembly } = synthesize(config);
  const [made] = resourcesOf(templateOf(recohere.hub), 'AWS::Lambda::Function').filter(({ Properties }) =>
    Properties.FunctionName.endsWith(part),
  );
  const hash: string = made?.Properties.Code.S3Key.replace('.zip', '');
  return { hash, path: join(assembly.directory, `asset.${hash}`) };
}

function mistakesIn(config: RecohereConfig): string {
  try {
    synthesize(config);
  } catch (error) {
    if (error instanceof ConfigError) return error.message;
    throw error;
  }
  throw new Error('there is no mistake');
}

describe('transforms', () => {
  it('stand beside the bundle of the worker, each as one module that runs by itself', async () => {
    const { path } = assetOf(backfilling(written('one'), written('two')), 'reconcile-worker');
    expect(readdirSync(path).toSorted()).toEqual([
      'config.json',
      'index.mjs',
      'transform-1.mjs',
      'transform-2.mjs',
    ]);
    const { default: transform } = await import(
      /* @vite-ignore */ pathToFileURL(join(path, transformFile(1))).href
    );
    expect(transform({ name: 'a' })).toEqual({
      name: 'A',
      old: 'a/b',
      hash: '0cc175b9c0f1b6a831c399e269772661',
    });
  });

  it('are in no other asset', () => {
    const { path } = assetOf(backfilling(written('one')), 'reconcile');
    expect(readdirSync(path).toSorted()).toEqual(['config.json', 'index.mjs']);
  });

  it('are named in the config by their places in the asset: no path of a machine is in it', () => {
    const { path } = assetOf(backfilling(written('one')), 'reconcile-worker');
    const { tables } = JSON.parse(readFileSync(join(path, 'config.json'), 'utf8'));
    expect(tables[1].backfill.transform).toBe('./transform-1.mjs');
    for (const file of ['config.json', 'transform-1.mjs'])
      expect(readFileSync(join(path, file), 'utf8')).not.toMatch(/recohere-transforms-|one\//);
  });

  it('give the same asset in any folder, and another for another transform', () => {
    const hashOf = (path: string) => assetOf(backfilling(path), 'reconcile-worker').hash;
    expect(hashOf(written('a/deeper/folder'))).toBe(hashOf(written('b')));
    expect(hashOf(written('c', `${TRANSFORM}export const more = 1;`))).not.toBe(hashOf(written('b')));
  });

  it.each([
    ['are not there', () => join(folder, 'none.ts'), `there is no file ${folder}/none.ts`],
    ['are not TypeScript', () => written('broken', 'export default (item => ;'), 'cannot be compiled: '],
    ['import what is not there', () => written('lost', "export { default } from './lost.ts';"), './lost.ts'],
    ['export nothing', () => written('mute', 'export const item = 1;'), 'its module has no default export'],
  ])('that %s are a mistake, which says where', (_reason, path, words) => {
    const text = mistakesIn(backfilling(path()));
    expect(text).toContain('\n  tables[1].backfill.transform: ');
    expect(text).toContain(words);
    expect(text).not.toContain('    at ');
  });

  it('are all told of, and not only the first', () => {
    const text = mistakesIn(backfilling(join(folder, 'none.ts'), join(folder, 'neither.ts')));
    expect(text.match(/there is no file .*\.ts/g)).toHaveLength(2);
  });
});
