import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { awsRegionSource } from '../../functions/adapters/aws/region-source.ts';
import { RefusedError } from '../../functions/core/errors.ts';
import { DeployedFunctions } from '../../local/deployed-functions.ts';
import type { Run } from '../bin/run.ts';
import type { DeployedFunction } from '../contract/function-source.ts';
import { Folder } from './command.ts';
import { startDenyingProxy } from './denying-proxy.ts';
import { emulatorEndpoint } from './emulator.ts';

const [US, EU, AP] = ['us-east-1', 'eu-west-1', 'ap-southeast-2'] as const;
const REGIONS = [US, EU, AP] as const;
const ALL = `--regions=${REGIONS.join()}`;
/** Used by one test alone, which looks at all that is there. */
const QUIET_REGIONS = ['ca-central-1', 'eu-west-3'] as const;

const STACK_TAG = 'aws:cloudformation:stack-name';
const LOGICAL_ID_TAG = 'aws:cloudformation:logical-id';

const CONFIG = {
  hub: { region: US },
  replicas: REGIONS.map((region) => ({ region })),
};

/** Nobody listens on this port of loopback: it is reserved, and a listener needs privileges. */
const CLOSED_ENDPOINT = 'http://127.0.0.1:1';

describe('recohere scan', () => {
  const deployed = new DeployedFunctions();
  const planted = new Set<string>();
  let folder: Folder;

  /** Deploys to each region what is right for it; `undefined` where there shall be none. */
  async function deploy(
    name: string,
    given: (region: (typeof REGIONS)[number]) => DeployedFunction | undefined,
  ): Promise<void> {
    for (const region of REGIONS) {
      const own = given(region);
      if (own) await plant(region, name, own);
    }
  }

  async function plant(region: string, name: string, given: DeployedFunction): Promise<void> {
    for (const value of Object.values(given.environment ?? {})) planted.add(value);
    await deployed.deploy(region, name, given);
  }

  /** Runs a scan, and searches all that it prints for what must never be there. */
  async function scan(args: readonly string[], change: Readonly<Record<string, string | undefined>> = {}) {
    return clean(await folder.recohere(['scan', ...args], change));
  }

  function clean(ended: Run): Run {
    const printed = ended.stdout + ended.stderr;
    expect(planted.size).toBeGreaterThan(0);
    for (const value of planted) expect(printed, 'no value is printed').not.toContain(value);
    expect(printed, 'no colors are piped').not.toContain('\u001b');
    return ended;
  }

  /** Runs a scan with `--json`, and gives its subjects without their verdicts, which depend on the time. */
  async function findings(args: readonly string[]) {
    const { code, stdout } = await scan([...args, '--json']);
    const { subjects } = JSON.parse(stdout);
    return { code, subjects: subjects.map(({ verdict: _, ...subject }: { verdict: string }) => subject) };
  }

  beforeAll(async () => {
    folder = await Folder.make();

    await deploy('agree-cart', () => ({ environment: { CURRENCY: 'planted-currency' } }));
    await deploy('agree-orders', (region) => ({
      environment: { TABLE_ARN: `arn:aws:dynamodb:${region}:000000000000:table/planted-orders` },
    }));

    await deploy('drift-api', (region) => ({
      environment: {
        LEVEL: 'planted-info',
        DB_HOST: region === EU ? 'planted-db-odd' : 'planted-db',
        ...(region !== EU && { FEATURE_X: 'planted-feature' }),
      },
    }));

    await deploy('gap-indexer', (region) =>
      region === AP ? undefined : { environment: { SHARDS: 'planted-shards' } },
    );

    await deploy('tag-one', () => ({
      environment: { LEVEL: 'planted-tagged' },
      tags: { team: 'shop', stage: 'live' },
    }));
    await deploy('tag-two', (region) => ({
      environment: { LEVEL: `planted-${region}-two` },
      tags: { team: 'shop', stage: 'test' },
    }));

    // A CDK stack: names end in a hash that differs per region.
    for (const region of REGIONS) {
      for (const logicalId of ['Api', 'Worker']) {
        const isOdd = logicalId === 'Worker' && region === AP;
        await plant(region, `cdk-shop-${logicalId}${region.replaceAll('-', '').toUpperCase()}`, {
          environment: { QUEUE: isOdd ? 'planted-queue-odd' : 'planted-queue' },
          tags: { [STACK_TAG]: 'shop', [LOGICAL_ID_TAG]: logicalId },
        });
      }
    }

    // The alias moved on everywhere but in one region, and is not there at all in another.
    await deploy('alias-pay', () => ({ environment: { RATE: 'planted-rate-old' } }));
    for (const region of REGIONS) {
      const old = await deployed.publish(region, 'alias-pay');
      await plant(region, 'alias-pay', { environment: { RATE: 'planted-rate-new' } });
      const latest = await deployed.publish(region, 'alias-pay');
      if (region !== AP) {
        const version = region === EU ? old : latest;
        await deployed.point(region, 'alias-pay', 'live', { version, weighted: false });
      }
    }

    await deploy('split-pay', () => ({ environment: { RATE: 'planted-rate-split' }, code: 'one' }));
    for (const region of REGIONS) {
      const version = await deployed.publish(region, 'split-pay');
      await plant(region, 'split-pay', { code: 'two' });
      await deployed.publish(region, 'split-pay');
      await deployed.point(region, 'split-pay', 'live', { version, weighted: region === AP });
    }

    for (const region of QUIET_REGIONS) {
      await plant(region, 'quiet-copied', { environment: { LEVEL: 'planted-quiet' } });
    }
    await plant(QUIET_REGIONS[0], 'quiet-alone', { environment: { LEVEL: 'planted-alone' } });
  });

  afterAll(async () => {
    await deployed.removeAll();
    await folder.remove();
  });

  describe('without a config', () => {
    it('ends with 0 where all agree, ARNs of the own region too', async () => {
      const { code, stdout, stderr } = await scan([ALL, '--name=agree-*']);
      expect(stdout).toMatch(/^agree-cart +agreed +ok +ok +ok$/m);
      expect(stdout).toMatch(/^agree-orders +agreed +ok +ok +ok$/m);
      expect(stdout).toContain('2 subjects in 3 regions: 2 agreed.');
      expect(stderr).not.toContain('recohere:');
      expect(code).toBe(0);
    });

    it('ends with 1 where replicas differ, and names subject, region and keys', async () => {
      const { code, stdout } = await scan([ALL, '--name=drift-api']);
      expect(stdout).toMatch(/^drift-api +converging +ok +differs +ok$/m);
      expect(stdout).toContain(`  drift-api · ${EU} · env DB_HOST differs from ${US}; FEATURE_X missing\n`);
      expect(code).toBe(1);
    });

    it('prints one JSON document with exactly the planted findings', async () => {
      const { code, stdout } = await scan([ALL, '--name=drift-api', '--json']);
      expect(JSON.parse(stdout)).toEqual({
        regions: REGIONS,
        subjects: [
          {
            subject: 'drift-api',
            verdict: 'converging',
            findings: [
              { replica: EU, facet: 'env', kind: 'different', keys: ['DB_HOST'], reference: US },
              { replica: EU, facet: 'env', kind: 'missing', keys: ['FEATURE_X'], reference: US },
            ],
          },
        ],
        alone: [],
        refusals: [],
        unmatched: [],
        calls: expect.any(Object),
      });
      expect(code).toBe(1);
    });

    it('names the region where a function is missing', async () => {
      const { code, stdout } = await scan([ALL, '--name=gap-*']);
      expect(stdout).toContain(`  gap-indexer · ${AP} · function missing\n`);
      expect(code).toBe(1);
    });

    it('looks at functions that carry all the tags, and at no other', async () => {
      const { code, subjects } = await findings([ALL, '--tag=team=shop', '--tag=stage=live']);
      expect(subjects).toEqual([{ subject: 'tag-one', findings: [] }]);
      expect(code).toBe(0);
    });

    for (const stack of ['shop', 'sh*']) {
      it(`pairs names that differ per region by the stack that deployed them: --stack=${stack}`, async () => {
        const { code, subjects } = await findings([ALL, `--stack=${stack}`]);
        expect(subjects).toEqual([
          { subject: 'shop/Api', findings: [] },
          {
            subject: 'shop/Worker',
            findings: [{ replica: AP, facet: 'env', kind: 'different', keys: ['QUEUE'], reference: US }],
          },
        ]);
        expect(code).toBe(1);
      });
    }

    it('pairs names that differ per region where a pattern selects them', async () => {
      const { subjects } = await findings([ALL, '--name=cdk-shop-Api*']);
      expect(subjects).toEqual([{ subject: 'shop/Api', findings: [] }]);
    });

    it('does not compare a function that lives in one region only, and says so', async () => {
      const { code, stdout } = await scan([`--regions=${QUIET_REGIONS.join()}`]);
      expect(stdout).toMatch(/^quiet-copied +agreed +ok +ok$/m);
      expect(stdout).toContain('1 function in one region only, not compared: quiet-alone.');
      expect(code).toBe(0);
    });

    it('looks in all enabled regions where no flag names any', async ({ skip }) => {
      const lacks = await awsRegionSource()
        .enabled()
        .then(() => false, isNotEmulated);
      skip(lacks, 'this emulator has no account:ListRegions');
      const { code, stdout } = await scan(['--name=drift-api', '--json']);
      const { regions, subjects } = JSON.parse(stdout);
      expect(regions).toEqual(expect.arrayContaining([...REGIONS]));
      expect(subjects).toMatchObject([
        { subject: 'drift-api', findings: [{ replica: EU }, { replica: EU }] },
      ]);
      expect(code).toBe(1);
    });
  });

  describe('with a config', () => {
    let configured: Folder;

    beforeAll(async () => {
      configured = await Folder.make();
    });
    afterAll(() => configured.remove());

    it('compares what an alias runs, from JSON', async () => {
      await configured.write(
        'alias.json',
        JSON.stringify({ ...CONFIG, functions: [{ select: { name: '*-pay' }, qualifier: 'live' }] }),
      );
      const { code, stdout } = clean(await configured.recohere(['scan', '--config=alias.json', '--json']));
      const { subjects } = JSON.parse(stdout);
      expect(subjects).toMatchObject([
        {
          subject: 'alias-pay',
          findings: [
            { replica: EU, facet: 'env', kind: 'different', keys: ['RATE'], reference: US },
            { replica: AP, facet: 'traffic', kind: 'missing', keys: ['live'] },
          ],
        },
        {
          subject: 'split-pay',
          findings: [{ replica: AP, facet: 'traffic', kind: 'unsettled', keys: ['live'] }],
        },
      ]);
      expect(code).toBe(1);
    });

    it('has diverged once the deadline has passed, from YAML', async () => {
      await configured.write(
        'deadline.yaml',
        [
          `hub: { region: ${US} }`,
          `replicas: [{ region: ${US} }, { region: ${EU} }, { region: ${AP} }]`,
          'deadlineSeconds: 1',
          'functions:',
          '  - select: { name: drift-* }',
          '    ignore: [FEATURE_*]',
        ].join('\n'),
      );
      const { code, stdout } = clean(await configured.recohere(['scan', '--config=deadline.yaml']));
      expect(stdout).toMatch(/^drift-api +diverged +ok +differs +ok$/m);
      expect(stdout).toContain(`  drift-api · ${EU} · env DB_HOST differs from ${US}\n`);
      expect(code).toBe(1);
    });

    it('finds the config of the working folder by itself, and lets keys differ, from TypeScript', async () => {
      const alone = await Folder.make();
      await alone.write(
        'recohere.config.ts',
        `import { defineConfig, type RecohereConfig } from 'recohere/config';
         const replicas: RecohereConfig['replicas'] = ${JSON.stringify(CONFIG.replicas)};
         export default defineConfig({
           hub: { region: '${US}' },
           replicas,
           functions: [{ select: { name: 'drift-api' }, perReplica: ['DB_HOST'], ignore: ['FEATURE_X'] }],
         });`,
      );
      const { code, stdout } = clean(await alone.recohere(['scan']));
      const ignoringIt = clean(await alone.recohere(['scan', '--no-config', ALL, '--name=drift-api']));
      await alone.remove();
      expect(stdout).toMatch(/^drift-api +agreed +ok +ok +ok$/m);
      expect(code).toBe(0);
      expect(ignoringIt.code).toBe(1);
    });

    it('ends with 2 and lists every mistake of a config', async () => {
      await configured.write(
        'wrong.json',
        JSON.stringify({
          hub: { region: 'Frankfurt' },
          replicas: [{ region: EU }, { region: EU }],
          functions: [{ select: {} }],
          deadlineSeconds: 0,
          mood: 'good',
        }),
      );
      const { code, stdout, stderr } = clean(await configured.recohere(['scan', '--config=wrong.json']));
      for (const path of ['hub.region', 'replicas[1]', 'functions[0].select', 'deadlineSeconds', 'mood']) {
        expect(stderr).toContain(path);
      }
      expect(stdout).toBe('');
      expect(code).toBe(2);
    });
  });

  describe('ends with 2, prints no result and says why', () => {
    for (const { args, sentence } of [
      { args: ['--no-such-flag'], sentence: "unknown option '--no-such-flag'" },
      { args: ['--regions=us-east-1,moon'], sentence: "'moon' is not the code of an AWS region" },
      { args: ['--tag=team'], sentence: 'Write it as key=value.' },
      { args: ['--config=absent.json'], sentence: 'absent.json: there is no such file' },
    ]) {
      it(sentence, async () => {
        const { code, stdout, stderr } = await scan(args);
        expect(stderr).toContain(sentence);
        expect(stdout).toBe('');
        expect(code).toBe(2);
      });
    }

    it('a selection that matches nothing', async () => {
      const { code, stdout } = await scan([ALL, '--name=nothing-is-called-so-*']);
      expect(stdout).toContain('Nothing was compared');
      expect(code).toBe(2);
    });
  });

  describe('ends with 3 where AWS refuses', () => {
    const noKeys = { AWS_ACCESS_KEY_ID: undefined, AWS_SECRET_ACCESS_KEY: undefined };

    it('says that there are no credentials', async () => {
      const { code, stdout } = await scan([ALL], noKeys);
      expect(stdout).toContain(
        `not readable · ${US} · no usable AWS credentials in environment, profile, single sign-on or instance role`,
      );
      expect(code).toBe(3);
    });

    it('says so too where it would have to find the regions first', async () => {
      const { code, stderr } = await scan([], noKeys);
      expect(stderr).toContain('which regions are enabled is not readable: no usable AWS credentials');
      expect(stderr).toContain('--regions us-east-1,eu-west-1');
      expect(code).toBe(3);
    });

    it('says that the config names another account than the credentials are of', async () => {
      const hub = { region: US, account: '111111111111' };
      await folder.write(
        'other.json',
        JSON.stringify({ ...CONFIG, hub, functions: [{ select: { name: 'agree-*' } }] }),
      );
      const { code, stdout } = await scan(['--config=other.json']);
      expect(stdout).toContain(
        `not readable · 111111111111/${US} · the credentials belong to another account than the config names`,
      );
      expect(code).toBe(3);
    });

    it('says that a region gives no answer', async () => {
      const { code, stdout } = await scan([ALL], { AWS_ENDPOINT_URL: CLOSED_ENDPOINT });
      for (const region of REGIONS) expect(stdout).toContain(`not readable · ${region} · no answer`);
      expect(code).toBe(3);
    });

    it('shows the other regions, and the permission that is missing in one', async () => {
      const proxy = await startDenyingProxy(emulatorEndpoint(), AP);
      const args = [ALL, '--name=agree-*'];
      const shown = await scan(args, { AWS_ENDPOINT_URL: proxy.endpoint });
      const json = await scan([...args, '--json'], { AWS_ENDPOINT_URL: proxy.endpoint });
      await proxy.close();

      expect(shown.stdout).toMatch(/^agree-cart +unobservable +ok +ok +unread$/m);
      expect(shown.stdout).toContain(`${AP} · access denied: missing permission lambda:ListFunctions`);
      expect(shown.code).toBe(3);
      const refusal = {
        code: 'ACCESS_DENIED',
        call: 'lambda:ListFunctions',
        permission: 'lambda:ListFunctions',
      };
      const { subjects, refusals } = JSON.parse(json.stdout);
      expect(refusals).toEqual([{ replica: AP, refusal }]);
      expect(subjects).toMatchObject([
        { subject: 'agree-cart', verdict: 'unobservable', findings: [{ replica: AP, refusal }] },
        { subject: 'agree-orders', verdict: 'unobservable', findings: [{ replica: AP, refusal }] },
      ]);
      expect(json.code).toBe(3);
    });

    it('does not let a refusal hide a difference that is known: that ends with 1', async () => {
      const proxy = await startDenyingProxy(emulatorEndpoint(), AP);
      const { code, stdout } = await scan([ALL, '--name=drift-*'], { AWS_ENDPOINT_URL: proxy.endpoint });
      await proxy.close();
      expect(stdout).toContain(`drift-api · ${EU} · env DB_HOST`);
      expect(stdout).toContain(`${AP} · access denied: missing permission lambda:ListFunctions`);
      expect(code).toBe(1);
    });
  });
});

function isNotEmulated(error: unknown): boolean {
  if (error instanceof RefusedError && error.refusal.code === 'UNEXPECTED_ANSWER') return true;
  throw error;
}
