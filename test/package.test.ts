import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { PARTS } from '../functions/contract/deployment.ts';
import { RELEASE } from '../functions/contract/release.ts';

const { exports, bin, version } = JSON.parse(readFileSync('package.json', 'utf8'));

/** What would be published. Built before, as all tests are. */
async function packedFiles(): Promise<string[]> {
  const { stdout } = await promisify(execFile)('npm', ['pack', '--dry-run', '--json', '--ignore-scripts']);
  const [{ files }] = JSON.parse(stdout) as [{ files: { path: string }[] }];
  return files.map(({ path }) => path);
}

describe('the package', () => {
  it('has the version that stacks and functions say', () => {
    const locked = JSON.parse(readFileSync('package-lock.json', 'utf8'));
    expect([RELEASE, locked.version, locked.packages[''].version]).toEqual([version, version, version]);
  });

  it('holds what its entries name, with types, and the bundles of all functions', async () => {
    const files = await packedFiles();
    const named = [
      bin.recohere,
      ...Object.values(exports).flatMap((entry) => Object.values(entry as object)),
    ];
    const needed = [
      ...named.filter((path) => path.startsWith('./')).map((path) => path.slice(2)),
      bin.recohere,
      ...PARTS.map((part) => `dist/handlers/${part}/index.mjs`),
    ];
    expect(files).toEqual(expect.arrayContaining(needed));
  });

  it('holds no sources, tests, benchmarks or tools of its own development', async () => {
    const files = await packedFiles();
    const foreign = files.filter(
      (path) =>
        !/^((README|CHANGELOG|SECURITY)\.md|LICENSE|package\.json|examples\/.*|dist\/(bin|functions|handlers|lib|rehearsal)\/.*\.(m?js|d\.ts))$/.test(
          path,
        ),
    );
    expect(foreign).toEqual([]);
    expect(files.filter((path) => /^dist\/(bin\/app\.|rehearsal\/seeds\/)/.test(path))).toEqual([]);
  });
});
