import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { lookAtDemo, playDemoDay } from '../../bin/demo.ts';
import { loadConfig } from '../../bin/load-config.ts';
import { SimulatedRegions } from '../../functions/adapters/sim/simulated-regions.ts';
import { type Run, run } from './run.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'recohere-'));
});
afterEach(async () => {
  vi.restoreAllMocks();
  await rm(folder, { recursive: true });
});

/** Every value that the demonstration plants in an environment, but for the name of a region, which is shown as such. */
async function plantedValues(): Promise<string[]> {
  const deploy = vi.spyOn(SimulatedRegions.prototype, 'deploy');
  await lookAtDemo(1);
  await playDemoDay(1);
  const environments = deploy.mock.calls.map(([, , { environment = {} }]) => environment);
  const values = environments.flatMap((environment) => Object.values(environment));
  return [...new Set(values)].filter((value) => value !== 'us-east-1');
}

let playedJson: Promise<Run> | undefined;
let playedText: Promise<Run> | undefined;
/** The demonstration of the seed 1, which takes its time. */
const demoJson = () => {
  playedJson ??= run(['demo', '--json', '--seed', '1']);
  return playedJson;
};
const demoText = () => {
  playedText ??= run(['demo']);
  return playedText;
};

describe('the demonstration', () => {
  it('shows all cases that matter, in JSON and nothing else', async () => {
    const { code, stdout, stderr } = await demoJson();
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const { seed, regions, subjects } = JSON.parse(stdout);
    expect(seed).toBe(1);
    expect(regions).toEqual(['us-east-1', 'eu-west-1', 'ap-southeast-2']);
    const cases = subjects.map(({ subject, verdict, findings }: never) => {
      const kinds = (findings as { kind: string; facet: string; keys: string[] }[]).map(
        ({ kind, facet, keys }) => [kind, facet, ...keys].join(' '),
      );
      return [subject, verdict, ...kinds];
    });
    expect(cases).toEqual([
      ['cart', 'agreed'],
      ['checkout-api', 'diverged', 'different env PAYMENT_TIMEOUT'],
      ['inventory-sync', 'diverged', 'missing env FEATURE_RESERVE'],
      ['invoice-mailer', 'unobservable', 'unobservable env'],
      ['orders-worker', 'agreed'],
      ['payments', 'diverged', 'different env RATE_LIMIT', 'different code CodeSha256'],
      ['pricing', 'converging', 'unsettled replica', 'different env RATES'],
      ['search-indexer', 'diverged', 'missing replica'],
      ['session-store', 'agreed'],
    ]);
  });

  it('plays a day whose episodes have the times of the field', async () => {
    const { episodes, metrics } = JSON.parse((await demoJson()).stdout);
    const ended = episodes.map(({ subject, outcome }: Record<string, string>) => `${subject} ${outcome}`);
    expect(ended).toEqual([
      'checkout-api forward', // in waves, each event five times
      'prod/db forward', // a rotation that all consumers follow
      'payments rolled-back',
      'prod/search forward', // its consumer kept the old version for as long as its cache lasts
      'prod/mail rolled-back',
      ...Array(4).fill('pricing forward'), // a pipeline that goes back and forth
      'prod/maps forward', // nobody said who uses it
      'search-indexer rolled-back', // the event was lost
      'inventory-sync open', // one region was never reached
      'prod/payments open', // one replica is stuck
    ]);
    for (const { outcome, timeToDetectMs, convergenceMs, exposureMs } of episodes) {
      expect(timeToDetectMs).toBeGreaterThan(0);
      if (outcome !== 'open') expect(exposureMs).toBeGreaterThanOrEqual(convergenceMs);
    }
    const found = episodes.find(({ subject }: Record<string, string>) => subject === 'search-indexer');
    expect(found.timeToDetectMs).toBe(4 * 60_000); // by the sweep
    expect(metrics.ConvergenceTime).toMatchObject({ unit: 'Milliseconds', samples: 5 });
    expect(metrics.PartialDeployCount.sum).toBe(2);
    expect(metrics.FlapCount.sum).toBe(3);
  });

  it('plays rotations hop by hop, each with what says that it is done', async () => {
    const { episodes } = JSON.parse((await demoJson()).stdout);
    const hopsOf = (name: string): Record<string, unknown>[] =>
      episodes.find(({ subject }: Record<string, string>) => subject === name).hops;
    const statesOf = (name: string) =>
      hopsOf(name).map(({ hop, replica, consumer, state, evidence }) =>
        [hop, replica, consumer, state, evidence].filter((part) => part).join(' '),
      );
    for (const { hops = [] } of episodes) {
      for (const { ms, state, evidence } of hops) {
        expect(ms === null || ms >= 0).toBe(true);
        expect([ms === null, evidence === null]).toEqual(Array(2).fill(state !== 'agreed'));
      }
    }
    expect(statesOf('prod/db').filter((hop) => hop.includes('eu-west-1'))).toEqual([
      '2 eu-west-1 agreed described',
      '3 eu-west-1 checkout agreed reported',
      '3 eu-west-1 orders agreed probed',
      '3 eu-west-1 export agreed bounded',
    ]);
    expect(statesOf('prod/payments')).toContain('2 ap-southeast-2 stuck');
    expect(statesOf('prod/maps')).toContain('3 us-east-1 unwatched');
    const kept = hopsOf('prod/search').filter(({ hop }) => hop === 3);
    for (const { ms } of kept) expect(ms).toBeGreaterThan(120_000); // a cache of 300 s cannot meet its target
  });

  it('removes the copies of a table of orders, and puts them back', async () => {
    const { runs } = JSON.parse((await demoJson()).stdout);
    expect(runs).toMatchObject([
      {
        kind: 'dedupe',
        mode: 'dry-run',
        state: 'finished',
        scanned: 20_000,
        duplicates: 199,
        counts: { groups: 190 },
        skipped: { BY_MISSING: 2 },
        writeUnits: 0,
      },
      { mode: 'apply', state: 'finished', removed: 199, verified: 199, skipped: {} },
      { mode: 'undo', state: 'finished', restored: 199, skipped: {}, writeUnits: 199 },
    ]);
    expect(runs.map(({ of }: { of?: string }) => of)).toEqual([undefined, runs[0].id, runs[1].id]);
    for (const { readUnits, costUsd, proofRoot, problems } of runs) {
      expect(readUnits).toBeGreaterThanOrEqual(0);
      expect(costUsd).toBeGreaterThan(0);
      expect(proofRoot).toMatch(/^[0-9a-f]{64}$/);
      for (const { key } of problems) expect(key).toMatch(/^[0-9a-f]{32}$/);
    }
    const { stdout } = await demoText();
    expect(stdout).toContain('A table of 20,000 orders, some of them written twice');
    expect(stdout).toContain('All 20,000 items are again what they were before, byte for byte.');
  });

  it('is the same to the byte for the same seed, and another for another', async () => {
    const first = await demoJson();
    const [again, other] = await Promise.all([
      run(['demo', '--json']),
      run(['demo', '--json', '--seed', '3']),
    ]);
    expect(again.stdout).toBe(first.stdout);
    expect(other.stdout).not.toBe(first.stdout.replace('"seed": 1', '"seed": 3'));
    expect(JSON.parse(other.stdout).runs[1].proofRoot).not.toBe(JSON.parse(first.stdout).runs[1].proofRoot);
  });

  it('shows no value', async () => {
    const values = await plantedValues();
    expect(values).toEqual(expect.arrayContaining(['PT30S', 'billing@example.com', 'spring', 'build-2']));
    const outputs = await Promise.all([demoText(), demoJson()]);
    for (const { stdout } of outputs) {
      for (const value of values) expect(stdout).not.toContain(value);
      expect(stdout).not.toMatch(/@example\.com|A-\d{6}/); // of the orders
    }
  });

  it('writes lines without colour or wrapping into a pipe', async () => {
    const { stdout } = await demoText();
    expect(stdout).not.toContain(String.fromCharCode(27));
    expect(stdout).toContain('SUBJECT         VERDICT       us-east-1  eu-west-1  ap-southeast-2\n');
  });
});

describe('the command line', () => {
  it.each([
    { args: ['--help'], code: 0, out: 'Usage: recohere' },
    { args: ['--version'], code: 0, out: '0.1.0' },
    { args: ['scan', '--help'], code: 0, out: 'Exit codes:' },
    { args: ['init', '--help'], code: 0, out: '--force' },
    { args: ['diff', '--help'], code: 0, out: 'means the secret alone' },
    { args: ['verify', '--help'], code: 0, out: 'means the secret alone' },
    { args: ['silence', '--help'], code: 0, out: 'means the secret alone' },
  ])('answers $args', async ({ args, code, out }) => {
    const ran = await run(args);
    expect(ran).toMatchObject({ code, stderr: '' });
    expect(ran.stdout).toContain(out);
  });

  it.each([
    { args: [], words: 'Usage: recohere', reason: 'no command' },
    {
      args: ['scna'],
      words: "unknown command 'scna' (Did you mean scan?) (--help says more)",
      reason: 'a command that is not there',
    },
    {
      args: ['scan', '--verbose'],
      words: "unknown option '--verbose'",
      reason: 'an option that is not there',
    },
    { args: ['scan', 'eu-west-1'], words: 'too many arguments', reason: 'a word too many' },
    {
      args: ['scan', '--regions', 'eu-west-1,narnia'],
      words: "'narnia' is not the code",
      reason: 'no region',
    },
    { args: ['scan', '--regions', ''], words: "'' is not the code", reason: 'no region at all' },
    { args: ['scan', '--tag', 'app'], words: 'Write it as key=value', reason: 'half a tag' },
    {
      args: ['scan', '--config', 'nowhere.ts'],
      words: 'nowhere.ts: there is no such file',
      reason: 'a file that is not there',
    },
    {
      args: ['scan', '--tag', 'app=a', '--tag', 'app=b'],
      words: 'given twice',
      reason: 'two values of one tag',
    },
    { args: ['scan', '--name', ''], words: 'not the name of a function', reason: 'an empty name' },
    {
      args: ['scan', '--name', 'api:live'],
      words: 'not the name of a function',
      reason: 'a name with an alias',
    },
    { args: ['scan', '--stack', ''], words: 'not the name of a stack', reason: 'an empty stack' },
    { args: ['scan', '--config', '/dev/null'], words: '/dev/null is no file', reason: 'a device as config' },
    { args: ['scan', '--config', '.'], words: '. is a folder', reason: 'a folder as config' },
    {
      args: ['scan', '--regions', 'eu-west-1'],
      words: 'one region alone',
      reason: 'nothing to compare with',
    },
    {
      args: ['init', '--regions', 'eu-west-1'],
      words: 'one region alone',
      reason: 'nothing to compare with',
    },
    {
      args: ['scan', '--secrets'],
      words: 'without a config, name the secrets',
      reason: 'secrets without names and config',
    },
    {
      args: ['scan', '--secrets', 'prod/db'],
      words: '--regions us-east-1,eu-west-1',
      reason: 'secrets without regions and config',
    },
    {
      args: ['scan', '--secrets', 'prod/db', '--regions', 'eu-west-1'],
      words: 'one region alone',
      reason: 'a secret with nothing to compare with',
    },
    {
      args: ['scan', '--secrets', 'arn:aws:secretsmanager:eu-west-1:111111111111:secret:prod/db-AbCdEf'],
      words: 'Write the name of the secret, such as prod/db, and not its ARN',
      reason: 'an ARN of a secret',
    },
    { args: ['scan', '--secrets', 'a,b c'], words: "'b c' is not the name of a secret", reason: 'no secret' },
    { args: ['scan', '--secrets='], words: "'' is not the name of a secret", reason: 'an empty secret' },
    ...[
      ['--name', 'a'],
      ['--stack', 'a'],
      ['--tag', 'a=b'],
    ].map((flag) => ({
      args: ['scan', '--secrets', 'prod/db', ...flag],
      words: `option '--secrets [names]' cannot be used with option '${flag[0]}`,
      reason: `secrets by ${flag[0]}`,
    })),
    { args: ['demo', '--seed', 'x'], words: 'Write a whole number', reason: 'no number' },
  ])('ends with 2 for $reason', async ({ args, words }) => {
    const ran = await run(args, { cwd: folder });
    expect(ran).toMatchObject({ code: 2, stdout: '' });
    expect(ran.stderr).toContain(words);
  });

  it('never replaces a config unless told, and asks AWS nothing before it says so', async () => {
    await writeFile(join(folder, 'recohere.config.ts'), 'mine');
    const ran = await run(['init'], { cwd: folder });
    expect(ran).toEqual({
      code: 2,
      stdout: '',
      stderr: 'recohere: recohere.config.ts is here already; --force replaces it\n',
    });
    expect(await readFile(join(folder, 'recohere.config.ts'), 'utf8')).toBe('mine');
  });

  it('ends with 3 where there are no credentials, and says so once a region', async () => {
    const ran = await run(['scan', '--regions', 'us-east-1,eu-west-1'], { cwd: folder });
    expect(ran.code).toBe(3);
    expect(ran.stdout.match(/no usable AWS credentials/g)).toHaveLength(2);
    expect(ran.stdout).toContain('Nothing was compared');
  });

  it('ends with 3 where the enabled regions cannot be asked for, and says what to do', async () => {
    for (const command of ['scan', 'init']) {
      const ran = await run([command], { cwd: folder });
      expect(ran).toMatchObject({ code: 3, stdout: '' });
      expect(ran.stderr).toContain('no usable AWS credentials');
      expect(ran.stderr).toContain('Name them: --regions');
    }
  });
});

describe('a scan of secrets', () => {
  const config = {
    hub: { region: 'us-east-1' },
    replicas: [{ region: 'us-east-1' }, { region: 'eu-west-1' }, { region: 'ap-southeast-2' }],
    functions: [{ select: { name: 'a' } }],
    secrets: [{ name: 'prod/db', regions: ['us-east-1', 'eu-west-1'] }],
  };
  const written = (text: object) => writeFile(join(folder, 'recohere.config.json'), JSON.stringify(text));

  it('ends with 3 where there are no credentials, and says so once a region', async () => {
    await written(config);
    const ran = await run(['scan', '--secrets'], { cwd: folder });
    expect(ran).toMatchObject({ code: 3, stderr: '' });
    expect(ran.stdout).toMatch(/^By recohere.config.json:\n/);
    expect(ran.stdout).toMatch(/^prod\/db +unobservable +unread +unread$/m);
    expect(ran.stdout.match(/no usable AWS credentials/g)).toHaveLength(2);
    expect(ran.stdout).toContain('1 secret in 2 regions: 1 unobservable. 2 calls, all of them reads.\n');
    expect(ran.stdout).toContain('Consumers are not watched by a scan.\n');
  });

  it.each([
    {
      secrets: [],
      args: ['--secrets'],
      words: 'recohere.config.json names no secrets',
      reason: 'the config names none',
    },
    {
      functions: [],
      args: [],
      words: 'recohere.config.json names no functions; look at its secrets with --secrets',
      reason: 'the config names nothing else, and they were not asked for',
    },
    {
      args: ['--secrets', '--regions', 'ap-southeast-2,sa-east-1'],
      words: 'by recohere.config.json, these secrets are in none of the regions: prod/db',
      reason: 'the regions are those of no secret',
    },
    {
      args: ['--secrets', 'prod/db,prod/new', '--regions', 'ap-southeast-2,sa-east-1'],
      words: 'by recohere.config.json, these secrets are in none of the regions: prod/db',
      reason: 'the regions are not those of a secret that was named',
    },
  ])('ends with 2 where $reason', async ({ args, words, reason: _, ...changed }) => {
    await written({ ...config, ...changed });
    const ran = await run(['scan', ...args], { cwd: folder });
    expect(ran).toMatchObject({ code: 2, stdout: '' });
    expect(ran.stderr).toContain(words);
  });

  it('warns of caches that cannot meet the target, beside any result', async () => {
    const consumers = [{ name: 'api', cacheSeconds: 300 }];
    await written({ ...config, secrets: [{ name: 'prod/db', consumers }] });
    const warning =
      'recohere: warning: secrets[0].consumers[0].cacheSeconds: 300 s of cache and 30 s of replication cannot meet the target of 120 s\n';
    for (const args of [['--secrets'], []]) {
      const ran = await run(['scan', '--json', ...args], { cwd: folder });
      expect(ran).toMatchObject({ code: 3, stderr: warning });
      expect(JSON.parse(ran.stdout)).toMatchObject({ refusals: expect.any(Array) });
    }
    await written({ ...config, secrets: [{ name: 'prod/db', consumers, strict: true }] });
    const ran = await run(['scan', '--secrets'], { cwd: folder });
    expect(ran).toMatchObject({ code: 2, stdout: '' });
    expect(ran.stderr).not.toContain('warning');
  });
});

describe.runIf(existsSync('/dev/full'))('output that cannot be written', () => {
  it('ends with the code of a defect, and not of a verdict', async () => {
    const shell = promisify(execFile)('sh', [
      '-c',
      `"${process.execPath}" dist/bin/recohere.js demo > /dev/full`,
    ]);
    await expect(shell).rejects.toMatchObject({
      code: 70,
      stderr: expect.stringContaining('cannot be written: ENOSPC'),
    });
  });
});

describe('a config file', () => {
  const config = {
    hub: { region: 'us-east-1' },
    replicas: [{ region: 'us-east-1' }, { region: 'eu-west-1' }],
    functions: [{ select: { name: 'a' } }],
  };

  it.each([
    { name: 'c.json', text: JSON.stringify(config) },
    {
      name: 'c.yaml',
      text: 'hub: { region: us-east-1 }\nreplicas:\n  - region: us-east-1\n  - region: eu-west-1\nfunctions:\n  - select: { name: a }\n',
    },
    { name: 'c.yml', text: JSON.stringify(config) },
    {
      name: 'c.ts',
      text: `import { defineConfig } from 'recohere/config';\nconst c: object = ${JSON.stringify(config)};\nexport default defineConfig(c as never);`,
    },
    {
      name: 'c.mjs',
      text: `import { defineConfig } from 'recohere/config';\nexport default defineConfig(${JSON.stringify(config)});`,
    },
  ])('may be $name', async ({ name, text }) => {
    await writeFile(join(folder, name), text);
    expect(await loadConfig(join(folder, name))).toMatchObject({ config });
  });

  it('has transforms that are found from its own folder', async () => {
    const tables = [{ name: 'source', backfill: { to: 'target', transform: './transforms/target.ts' } }];
    await writeFile(join(folder, 'tables.json'), JSON.stringify({ ...config, tables }));
    const loaded = await loadConfig(join(folder, 'tables.json'));
    expect(loaded?.config.tables[0]?.backfill?.transform).toBe(join(folder, 'transforms/target.ts'));
  });

  it('of this repository works as it stands', async () => {
    expect(await loadConfig('recohere.config.ts')).toMatchObject({
      config: { hub: { region: 'us-east-1' } },
    });
  });

  it('that is wrong is refused with every mistake and its path', async () => {
    await writeFile(
      join(folder, 'recohere.config.yaml'),
      'hub: {}\nreplicas: []\nfunctions: [{ select: {} }]\n',
    );
    expect(await run(['scan'], { cwd: folder })).toEqual({
      code: 2,
      stdout: '',
      stderr: `recohere: recohere.config.yaml has 3 mistakes
  hub.region: is missing
  replicas: Too small: expected array to have >=1 items
  functions[0].select: must name at least one of name, stack, tags
`,
    });
  });

  it.each([
    {
      name: 'c.json',
      text: '{\n  "hub": "hunter2",\n}',
      says: 'is not valid JSON: line 3',
      reason: 'JSON with a comma too many',
    },
    { name: 'c.json', text: '{ "hub": hunter2 }', says: 'is not valid JSON', reason: 'broken JSON' },
    { name: 'c.yaml', text: 'hub: [\nfoo: hunter2', says: 'at line 2, column 1', reason: 'broken YAML' },
    {
      name: 'c.yaml',
      text: 'hub:\n\ta: hunter2',
      says: 'TAB_AS_INDENT at line 2',
      reason: 'YAML with a tab',
    },
    {
      name: 'c.yaml',
      text: 'hub: *hunter2',
      says: 'BAD_ALIAS',
      reason: 'a value that YAML takes for an alias',
    },
    {
      name: 'c.yaml',
      text: 'hub: !hunter2 x',
      says: 'hub: is not of the type',
      reason: 'a value that YAML takes for a tag',
    },
    { name: 'c.ts', text: 'export default {', says: 'c.ts:1:16', reason: 'broken TypeScript' },
    {
      name: 'c.ts',
      text: 'const accounts: string[] = [];\n\nexport default { hub: accounts[0].region };',
      says: "reading 'region') (line 3)",
      reason: 'a module that throws',
    },
    {
      name: 'c.ts',
      text: 'throw "hunter2";',
      says: 'it threw no error',
      reason: 'a module that throws a text',
    },
    {
      name: 'c.ts',
      text: 'export const config = 1;',
      says: 'has no default export; write: export default defineConfig({ … })',
      reason: 'a module without a default export',
    },
    { name: 'c.json', text: '', says: 'is empty; write one with: npx recohere init', reason: 'empty' },
    {
      name: 'c.toml',
      text: 'a',
      says: 'is no config: the name of one ends with .ts, ',
      reason: 'of no such kind',
    },
  ])('that is $reason is refused', async ({ name, text, says }) => {
    await writeFile(join(folder, name), text);
    const ran = await run(['scan', '--config', name], { cwd: folder });
    expect(ran).toMatchObject({ code: 2, stdout: '' });
    expect(ran.stderr).toContain(`recohere: ${name} `);
    expect(ran.stderr).toContain(says);
    expect(ran.stderr).not.toMatch(/hunter2|^ {4}at /m);
  });

  it('has no second beside it, unless one is named', async () => {
    for (const name of ['recohere.config.json', 'recohere.config.yml']) {
      await writeFile(join(folder, name), JSON.stringify(config));
    }
    const ran = await run(['scan'], { cwd: folder });
    expect(ran.stderr).toBe(
      'recohere: recohere.config.json and recohere.config.yml are both here; name one with --config\n',
    );
    expect((await run(['scan', '--config', 'recohere.config.yml'], { cwd: folder })).code).toBe(3);
  });
});
