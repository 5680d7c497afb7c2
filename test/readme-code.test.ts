import { execFile } from 'node:child_process';
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import * as z from 'zod';
import { loadConfig } from '../bin/load-config.ts';
import { warningsOf } from '../functions/contract/config.ts';
import { REPORT_SOURCE } from '../functions/contract/probe.ts';
import { DOCUMENTS } from './documents.ts';
import { synthesize } from './lib/synthesized.ts';

/** A fenced block of a document. */
interface Block {
  readonly at: string;
  readonly language: string;
  readonly code: string;
}

const blocks = DOCUMENTS.flatMap(blocksOf);
const written = (language: string) => blocks.filter((block) => block.language === language);
const modules = written('ts').map((block) => ({ ...block, file: fileOf(block) }));
const configs = modules.filter(({ code }) => isSettings(code) || code.includes('defineConfig('));
const [app = { at: '', file: '', code: '' }] = modules.filter(({ code }) => isApp(code));

/** What the reader has beside a block that is no whole file. */
const READERS_OWN = `
interface OrderEvent { readonly orderNumber: string }
declare function connect(secret: string | undefined): { save(event: OrderEvent): Promise<void> };
declare const consumer: typeof import('recohere/probe').consumer;
`;
const BEFORE_APP = `
import { App, Stack } from 'aws-cdk-lib';
import { Topic } from 'aws-cdk-lib/aws-sns';
const app = new App();
const env = { account: '111111111111', region: 'us-east-1' };
const topic = new Topic(new Stack(app, 'OnCall', { env }), 'Pages');
`;

/** Mistakes that somebody could make in a block, to see that they are noticed. */
const PLANTED = [
  { right: 'config,', wrong: 'confg: config,', reason: 'a construct does not know the prop' },
  { right: 'ticket:', wrong: 'tickets:', reason: 'nobody is notified by this name' },
  { right: "keep: 'oldest'", wrong: "keep: 'eldest'", reason: 'a setting has no such value' },
  { right: 'cacheSeconds', wrong: 'cacheSecond', reason: 'there is no such setting' },
  { right: '{ watch, answering }', wrong: '{ watching, answering }', reason: 'the probe has no such part' },
  { right: 'awsSdkV3Client', wrong: 'client', reason: 'Powertools have no such option' },
  {
    right: '(order: Record<string, unknown>)',
    wrong: '(order)',
    reason: 'it would not compile for a reader',
  },
].map((row, index) => ({ ...row, file: `planted-${index}.ts` }));

let folder = '';
let mistakes: readonly string[] = [];

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'recohere-readme-'));
  const file = (name: string, text: string) => writeFileSync(join(folder, name), text);
  mkdirSync(join(folder, 'node_modules'));
  symlinkSync(resolve('.'), join(folder, 'node_modules/recohere'));
  for (const name of readdirSync('node_modules').filter((each) => !each.startsWith('.'))) {
    symlinkSync(resolve('node_modules', name), join(folder, 'node_modules', name));
  }
  file('package.json', JSON.stringify({ type: 'module' }));
  file('readers-own.d.ts', READERS_OWN);
  for (const { code, file: name } of modules) file(name, wholeFile(code));
  for (const { right, wrong, file: name } of PLANTED) {
    const code = modules.find((each) => each.code.includes(right))?.code ?? '';
    file(name, wholeFile(code.replace(right, wrong)));
  }
  const compilerOptions = {
    target: 'es2023',
    module: 'nodenext',
    strict: true,
    allowUnusedLabels: false, // which settings would be that are not taken for such
    skipLibCheck: true, // the CDK's own declarations have mistakes
    types: ['node'],
    rootDir: '.',
    outDir: 'js',
  };
  file('tsconfig.json', JSON.stringify({ compilerOptions }));
  const { stdout } = await node(resolve('node_modules/typescript/bin/tsc'), '--pretty', 'false');
  mistakes = stdout.split('\n').filter(Boolean);
});

afterAll(() => rmSync(folder, { recursive: true }));

function blocksOf(document: string): Block[] {
  const text = readFileSync(document, 'utf8');
  return [...text.matchAll(/^( *)```(\w*)\n(.*?)^\1```$/gms)].map(
    ({ index, 2: language = '', 3: code = '' }) => ({
      at: `${document}:${text.slice(0, index).split('\n').length}`,
      language,
      code,
    }),
  );
}

/** Whether a block is some settings of a config, and no module. */
function isSettings(code: string): boolean {
  return /^\w+: [[{]/.test(code);
}

function isApp(code: string): boolean {
  return code.includes("from 'recohere/cdk'");
}

/** The name that others import it by, if there is one. */
function fileOf({ at, code }: Block): string {
  const [, said] = /^\/\/ (\S+\.ts)\n/.exec(code) ?? [];
  if (said !== undefined) return said;
  return code.includes('export default defineConfig(')
    ? 'recohere.config.ts'
    : `${at.replaceAll(/\W/g, '-')}.ts`;
}

function wholeFile(code: string): string {
  if (isApp(code)) return `${BEFORE_APP}${code}`;
  if (!isSettings(code)) return `${code}\nexport {};\n`;
  return `import { defineConfig } from 'recohere/config';
export default defineConfig({
  hub: { region: 'us-east-1' },
  replicas: [{ region: 'us-east-1' }, { region: 'eu-west-1' }],
  functions: [{ select: { name: '*' } }],
  ${code}
});
`;
}

/** Runs a script in the folder, as `cdk` runs an app. */
function node(...args: readonly string[]): Promise<{ ended: Error | null; stdout: string }> {
  const env = { PATH: process.env.PATH, CDK_OUTDIR: join(folder, 'cdk.out') };
  return new Promise((done) => {
    execFile(process.execPath, args, { cwd: folder, env }, (ended, stdout) => done({ ended, stdout }));
  });
}

/** What the compiler says of a file. */
function mistakesIn(file: string): string[] {
  return mistakes.filter((line) => line.startsWith(`${file}(`));
}

describe('code in a document', () => {
  it('is in a language that is checked here, or to be typed into a shell', () => {
    expect(blocks.filter(({ language }) => !['', 'ts', 'json'].includes(language))).toEqual([]);
    expect(configs.length).toBeGreaterThan(3);
    expect(modules.length).toBeGreaterThan(configs.length + 3);
  });

  it.each(modules)('has no mistake of types: $at', ({ file }) => {
    expect(mistakesIn(file)).toEqual([]);
  });

  it('is all that the compiler has something to say of', () => {
    const files = [...modules, ...PLANTED].map(({ file }) => file);
    expect(mistakes.filter((line) => !files.some((file) => line.startsWith(`${file}(`)))).toEqual([]);
  });

  it.each(PLANTED)('would be noticed if $wrong stood there: $reason', ({ right, file }) => {
    expect(modules.filter(({ code }) => code.includes(right))).not.toEqual([]);
    expect(mistakesIn(file)).not.toEqual([]);
  });

  it.each(configs)('is a config that can be deployed, and warns of nothing: $at', async ({ file }) => {
    const loaded = await loadConfig(join(folder, file));
    if (loaded === undefined) throw new Error('there is no such file');
    expect(warningsOf(loaded.config)).toEqual([]);
    expect(synthesize(loaded.config).recohere.regions.length).toBeGreaterThan(1);
  });

  it(`is an app that makes all stacks: ${app.at}`, async () => {
    const { ended } = await node(join('js', app.file.replace(/ts$/, 'js')));
    expect(ended).toBeNull();
    const { artifacts } = z
      .object({
        artifacts: z.record(z.string(), z.object({ type: z.string(), displayName: z.optional(z.string()) })),
      })
      .parse(JSON.parse(readFileSync(join(folder, 'cdk.out/manifest.json'), 'utf8')));
    const stacks = Object.values(artifacts).filter(({ type }) => type === 'aws:cloudformation:stack');
    expect(stacks.map(({ displayName }) => displayName).toSorted()).toEqual([
      'OnCall',
      'Recohere/hub',
      'Recohere/monitoring',
      'Recohere/region-111111111111-eu-west-1',
      'Recohere/region-111111111111-us-east-1',
      'Recohere/region-222222222222-eu-west-1',
    ]);
  });

  it.each(written('json'))('is a statement of a policy: $at', ({ code }) => {
    expect(JSON.parse(code)).toMatchObject({
      Effect: 'Allow',
      Action: 'events:PutEvents',
      Condition: { StringEquals: { 'events:source': REPORT_SOURCE } },
    });
  });
});
