import { execFile } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { ONE_ACCOUNT, TWO_ACCOUNTS } from './synthesized.ts';

const APP = resolve('dist/bin/app.js');
const RUN_TIMEOUT_MS = 50_000;

const folder = mkdtempSync(join(tmpdir(), 'recohere-app-'));
afterAll(() => rmSync(folder, { recursive: true }));

/** Runs the app as the CDK's command line does, without credentials and without an account. */
function synth(cwd: string, context: Readonly<Record<string, string>> = {}) {
  const outdir = mkdtempSync(join(folder, 'out-'));
  const env = { PATH: process.env.PATH, CDK_OUTDIR: outdir, CDK_CONTEXT_JSON: JSON.stringify(context) };
  return new Promise<{ code: unknown; stderr: string; outdir: string }>((done) => {
    execFile(process.execPath, [APP], { cwd, env, timeout: RUN_TIMEOUT_MS }, (error, _stdout, stderr) =>
      done({ code: error ? error.code : 0, stderr, outdir }),
    );
  });
}

function folderWith(config: unknown, name: string): string {
  const cwd = mkdtempSync(join(folder, 'in-'));
  writeFileSync(join(cwd, name), JSON.stringify(config));
  return cwd;
}

const stacksIn = (outdir: string) =>
  Object.values(JSON.parse(readFileSync(join(outdir, 'manifest.json'), 'utf8')).artifacts)
    .map((artifact) => (artifact as { properties?: { stackName?: string } }).properties?.stackName)
    .filter((name) => name !== undefined);

describe('the CDK app', () => {
  it('makes the stacks of the sample config', async () => {
    const { code, outdir } = await synth('.');
    expect(code).toBe(0);
    expect(stacksIn(outdir)).toEqual([
      'recohere-hub',
      'recohere-monitoring',
      'recohere-region',
      'recohere-region',
      'recohere-region',
    ]);
    expect(existsSync(join(outdir, 'templates/recohere-region.json'))).toBe(true);
  });

  it('takes another config, addresses for alarms, and where they send who is told', async () => {
    const cwd = folderWith(TWO_ACCOUNTS, 'other.json');
    const { code, outdir } = await synth(cwd, {
      config: 'other.json',
      pages: 'a@example.com,b@example.com',
      tickets: 'c@example.com',
      runbook: 'https://example.com/README.md',
    });
    expect(code).toBe(0);
    expect(stacksIn(outdir)).toHaveLength(10);
    const templateOf = (stack: string) => {
      const file = readdirSync(outdir).find(
        (name) => name.includes(stack) && name.endsWith('.template.json'),
      );
      return readFileSync(join(outdir, file ?? ''), 'utf8');
    };
    expect(templateOf('monitoring')).toContain('What to do: https://example.com/README.md#alarm-drift');
    const { Resources } = JSON.parse(templateOf('hub'));
    const subscribed = (Object.values(Resources) as { Type: string; Properties: { Endpoint: string } }[])
      .filter(({ Type }) => Type === 'AWS::SNS::Subscription')
      .map(({ Properties }) => Properties.Endpoint);
    expect(subscribed.toSorted()).toEqual(['a@example.com', 'b@example.com', 'c@example.com']);
  });

  it('says how to begin if there is no config', async () => {
    const { code, stderr } = await synth(mkdtempSync(join(folder, 'empty-')));
    expect(code).toBe(2);
    expect(stderr).toContain('npx recohere init');
  });

  it.each([
    ['in itself', { ...ONE_ACCOUNT, hub: {} }, 'hub.region'],
    ['as far as it is to be deployed', { ...TWO_ACCOUNTS, hub: { region: 'us-east-1' } }, 'hub.account'],
  ])('says what is wrong with a config %s, and nothing more', async (_reason, config, path) => {
    const { code, stderr } = await synth(folderWith(config, 'recohere.config.json'));
    expect(code).toBe(2);
    expect(stderr).toContain(`\n  ${path}: is missing`);
    expect(stderr).not.toContain('    at ');
  });
});
