import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { configText } from '../../bin/init.ts';
import type { LookFlags } from '../../bin/scan.ts';
import type { SimulatedRegions } from '../../functions/adapters/sim/simulated-regions.ts';
import { type Proposal, propose } from '../../functions/app/propose.ts';
import { RefusedError } from '../../functions/core/errors.ts';
import { AP, EU, everywhere, flagScope, lookAt, US } from './simulated.ts';

const STACK = 'aws:cloudformation:stack-name';
const LOGICAL_ID = 'aws:cloudformation:logical-id';

/** Two functions by name, one by its stack, one that is in one region only, one with a locked environment. */
function build(world: SimulatedRegions): void {
  everywhere((place) => {
    const own = `db-${place.region.length}-${place.region[0]}.example.com`;
    const shared = place === EU ? 'off' : 'on';
    world.deploy(place, 'api', { environment: { DB_HOST: own, FLAG: shared, SAME: '1' } });
    world.deploy(place, 'job', { environment: { DB_HOST: own, LATER: own } });
    world.deploy(place, 'odd', { environment: { LATER: shared } });
    world.deploy(place, 'locked', { undecryptable: place === AP });
    world.deploy(place, `Shop-Api-${place.region}`, {
      environment: { ENDPOINT: own },
      tags: { [STACK]: 'Shop', [LOGICAL_ID]: 'Api' },
    });
  });
  world.deploy(US, 'lonely', {});
  for (const place of [US, EU]) world.deploy(place, 'two', {});
}

const proposed = async (change: (world: SimulatedRegions) => void = () => {}) =>
  propose(
    await lookAt(flagScope(), (world) => {
      build(world);
      change(world);
    }),
  );

describe('a first config', () => {
  it('proposes keys of which every replica has a value of its own, and no others', async () => {
    const [, named] = (await proposed()).groups;
    expect(named?.ownValues).toEqual([
      { key: 'DB_HOST', subjects: ['api', 'job'], replicas: 3, isSure: true },
    ]);
    expect(named?.drifting).toEqual([
      { key: 'FLAG', subject: 'api', replicas: ['eu-west-1'] },
      { key: 'LATER', subject: 'odd', replicas: ['eu-west-1'] },
    ]);
  });

  it('has a group for each stack whose functions are named otherwise', async () => {
    const [stack] = (await proposed()).groups;
    expect(stack).toMatchObject({ stack: 'Shop', subjects: ['Shop/Api'], ownValues: [{ key: 'ENDPOINT' }] });
  });

  it('narrows what is not everywhere, and says what it could not read', async () => {
    const { groups, unread } = await proposed();
    expect(groups[1]?.narrowed).toEqual([
      { subject: 'two', replicas: ['us-east-1', 'eu-west-1'] },
      { subject: 'lonely', replicas: ['us-east-1'] },
    ]);
    expect(unread).toMatchObject([{ subject: 'locked', replica: 'ap-southeast-2' }]);
  });

  it('leaves out regions without copies, but not those that could not be read: copies may live there', async () => {
    const regions = ['us-east-1', 'eu-west-1', 'us-west-2', 'ap-southeast-2'];
    const seen = await lookAt(flagScope({ regions }), (world) => {
      build(world);
      world.inject('list', (place) => {
        if (place.region === AP.region)
          throw new RefusedError({ code: 'ACCESS_DENIED', call: 'lambda:ListFunctions' });
      });
    });
    const { replicas, groups, unread } = propose(seen);
    expect(replicas).toEqual(['us-east-1', 'eu-west-1', 'ap-southeast-2']);
    expect(groups.flatMap(({ narrowed }) => narrowed)).toEqual([]);
    expect(groups.flatMap(({ subjects }) => subjects)).not.toContain('lonely');
    expect(unread).toMatchObject([{ replica: 'ap-southeast-2' }]);
  });

  it('selects a stack by the names that it makes only if all its copies have such names', async () => {
    const seen = await lookAt(flagScope(), (world) =>
      everywhere((place) =>
        world.deploy(place, `${place.region}-job`, { tags: { [STACK]: 'Shop', [LOGICAL_ID]: 'Job' } }),
      ),
    );
    const proposal = propose(seen);
    expect(proposal.groups).toMatchObject([{ stack: 'Shop', names: undefined, subjects: ['Shop/Job'] }]);
    expect(configText(proposal, {})).toContain(`select: { stack: 'Shop' },`);
  });

  it('is not sure of a key if one of its subjects has two replicas only', async () => {
    const seen = await lookAt(flagScope(), (world) => {
      everywhere((place) => world.deploy(place, 'a', { environment: { T: place.region.slice(0, 4) } }));
      for (const place of [US, EU])
        world.deploy(place, 'b', { environment: { T: place === US ? '3000' : '30000' } });
    });
    expect(propose(seen).groups[0]?.ownValues).toMatchObject([{ key: 'T', isSure: false }]);
  });

  it('is not sure of a key that differs between two regions: all drift looks like that', async () => {
    const seen = await lookAt(flagScope({ regions: ['us-east-1', 'eu-west-1'] }), (world) => {
      world.deploy(US, 'api', { environment: { TIMEOUT: '3000' } });
      world.deploy(EU, 'api', { environment: { TIMEOUT: '30000' } });
    });
    const proposal = propose(seen);
    expect(proposal.groups[0]?.ownValues).toMatchObject([{ key: 'TIMEOUT', isSure: false }]);
    expect(configText(proposal, {})).toMatch(/^ +\/\/ 'TIMEOUT',$/m);
  });

  it('is not sure of a key that another function has in common everywhere: its drift would be hidden', async () => {
    const seen = await lookAt(flagScope(), (world) =>
      everywhere((place) => {
        world.deploy(place, 'api', { environment: { HOST: place.region.slice(0, 4) } });
        world.deploy(place, 'pay', { environment: { HOST: 'one' } });
      }),
    );
    expect(propose(seen).groups[0]?.ownValues).toMatchObject([{ key: 'HOST', isSure: false }]);
  });
});

describe('the text of a first config', () => {
  it('is a config that loads, and under which only drift is found', async () => {
    const text = configText(await proposed(), {});
    const folder = await mkdtemp(join(tmpdir(), 'recohere-'));
    const { loadConfig } = await import('../../bin/load-config.ts');
    try {
      await writeFile(join(folder, 'recohere.config.ts'), text);
      const loaded = await loadConfig(join(folder, 'recohere.config.ts'));
      const { scopeOfConfig } = await import('../../functions/app/scope.ts');
      if (loaded === undefined) throw new Error('the config was read');
      const seen = await lookAt(scopeOfConfig(loaded.config, {}), build);
      const disagreeing = seen.subjects.filter(({ verdict }) => verdict === 'diverged');
      expect(disagreeing.map(({ subject }) => subject)).toEqual(['api', 'job', 'odd']);
      expect(disagreeing.flatMap(({ findings }) => findings.flatMap(({ keys }) => keys))).toEqual(
        expect.arrayContaining(['FLAG', 'LATER']),
      );
      expect(await readFile(join(folder, 'recohere.config.ts'), 'utf8')).not.toContain('example.com');
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  it('keeps the flags, and pairs by stack only what the stack has named', async () => {
    const select = async (flags: LookFlags) =>
      [...configText(await proposed(), flags).matchAll(/select: (.*),/g)].map(([, text]) => text);
    expect(await select({})).toEqual([`{ name: 'Shop-*', stack: 'Shop' }`, `{ name: '*' }`]);
    expect(await select({ name: '*-Api-*' })).toEqual([
      `{ name: '*-Api-*', stack: 'Shop' }`,
      `{ name: '*-Api-*' }`,
    ]);
    expect(await select({ tag: { app: 'x' } })).toEqual([
      `{ name: 'Shop-*', stack: 'Shop', tags: { 'app': 'x' } }`,
      `{ tags: { 'app': 'x' } }`,
    ]);
  });

  it('gives the reasons in comments', async () => {
    const text = configText(await proposed(), {});
    expect(text).toContain(`// a value of its own in each of 3 replicas: api, job\n        'DB_HOST',`);
    expect(text).toContain('// Not proposed, it looks like drift: FLAG of api in eu-west-1');
    expect(text).toContain('// Could not be read: locked · ap-southeast-2: access denied');
  });

  it('keeps names that could break it inside their quotes and comments', () => {
    const name = `it's\n'; process.exit(9); //`;
    const proposal: Proposal = {
      replicas: ['us-east-1'],
      groups: [
        {
          subjects: [name],
          ownValues: [{ key: name, subjects: [name], replicas: 2, isSure: false }],
          drifting: [{ key: name, subject: name, replicas: ['us-east-1'] }],
          narrowed: [{ subject: name, replicas: ['us-east-1'] }],
        },
      ],
      unread: [{ subject: name, replica: 'eu-west-1', refusal: { code: 'THROTTLED' } }],
    };
    const text = configText(proposal, { name, tag: { [name]: name } });
    const lines = text.split('\n').filter((line) => line.includes('process.exit'));
    expect(lines.every((line) => /^\s*(\/\/|.*'it\\'s\\n\\'; process)/.test(line))).toBe(true);
    expect(lines).toHaveLength(7);
  });
});
