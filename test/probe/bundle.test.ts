import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { rolldown } from 'rolldown';
import { beforeAll, describe, expect, it } from 'vitest';

const AT_MOST_BYTES = 15 * 1024;

/** What the probe adds to a bundle of a user's function. */
let code: string;
beforeAll(async () => {
  const built = await rolldown({
    input: 'functions/probe/index.ts',
    platform: 'node',
    external: /^@aws-sdk\//,
  });
  const { output } = await built.generate({ format: 'esm', minify: true });
  await built.close();
  expect(output).toHaveLength(1);
  code = output[0].code;
});

describe('the bundled probe', () => {
  it('is small', () => {
    const bytes = Buffer.byteLength(code);
    expect(bytes, `it has ${bytes} bytes`).toBeLessThanOrEqual(AT_MOST_BYTES);
  });

  it('imports nothing but node:crypto when it starts', () => {
    expect([...code.matchAll(/from\s*["'`]([^"'`]+)/g)].map(([, name]) => name)).toEqual(['node:crypto']);
    expect([...code.matchAll(/import\(\s*["'`]([^"'`]+)/g)].map(([, name]) => name)).toEqual([
      '@aws-sdk/client-eventbridge',
    ]);
  });

  it('starts where there is no SDK, and a report that finds none fails nothing', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'recohere-probe-'));
    try {
      writeFileSync(join(folder, 'probe.mjs'), code);
      writeFileSync(
        join(folder, 'main.mjs'),
        `import { consumer } from './probe.mjs';
        const { loaded, answering } = consumer({ name: 'api' });
        console.log('started');
        const handler = answering(async () => {
          const answer = { ARN: 'arn:db', VersionId: 'v1', VersionStages: ['AWSCURRENT'], SecretString: 'hunter2' };
          return loaded(answer).VersionId;
        }, { use: async () => {} });
        console.log(await handler({}));
        setTimeout(() => {}, 60_000);
        process.on('warning', () => process.exit(0));`,
      );
      const { stdout, stderr } = await promisify(execFile)(process.execPath, [join(folder, 'main.mjs')]);
      expect(stdout).toBe('started\nv1\n');
      expect(stderr).toContain('Reports of loaded secrets that were not taken: 1 (ERR_MODULE_NOT_FOUND).');
      expect(stderr).not.toContain('hunter2');
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
