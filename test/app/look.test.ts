import { inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import { SeededRandom } from '../../functions/adapters/sim/seeded-random.ts';
import { SimulatedRegions } from '../../functions/adapters/sim/simulated-regions.ts';
import { type LookProgress, look } from '../../functions/app/look.ts';
import { RefusedError } from '../../functions/core/errors.ts';
import type { Place } from '../../functions/core/place.ts';
import type { FunctionPage } from '../../functions/ports/function-source.ts';
import {
  AP,
  configScope,
  EU,
  everywhere,
  findingsOf,
  flagScope,
  lookAt,
  PLACES,
  US,
  verdicts,
} from './simulated.ts';

const refuse = (region: Place, call: string) => (place: Place) => {
  if (place.region === region.region)
    throw new RefusedError({ code: 'ACCESS_DENIED', call, permission: call });
};

describe('a look at functions', () => {
  it('says which replica differs, in which keys', async () => {
    const seen = await lookAt(configScope(), (world) =>
      everywhere((place) =>
        world.deploy(place, 'api', { environment: { A: place === EU ? 'x' : 'y', B: '1' } }),
      ),
    );
    expect(verdicts(seen)).toEqual({ api: 'diverged' });
    expect(findingsOf(seen, 'api')).toEqual(['eu-west-1 different env A']);
  });

  it('keeps once what places have alike', async () => {
    const { subjects } = await lookAt(configScope(), (world) =>
      everywhere((place) => world.deploy(place, 'api', { environment: { A: '1' } })),
    );
    const fingerprints = subjects.flatMap(({ seen }) =>
      [...seen.sightings.values()].map(({ observation }) => {
        const env = observation.state === 'present' ? observation.facets.env : undefined;
        return env && 'fingerprint' in env ? env.fingerprint : undefined;
      }),
    );
    expect(fingerprints).toHaveLength(PLACES.length);
    for (const fingerprint of fingerprints) expect(fingerprint).toBe(fingerprints[0]);
  });

  it.each([
    {
      reason: 'code',
      change: { code: 'other' },
      finding: 'eu-west-1 different code CodeSha256',
    },
    {
      reason: 'settings',
      change: { settings: { Timeout: '30', Runtime: 'nodejs24.x' } },
      finding: 'eu-west-1 different settings Timeout',
    },
    { reason: 'a failed update', change: { updateFails: true }, finding: 'eu-west-1 failed replica' },
  ])('tells $reason', async ({ change, finding }) => {
    const seen = await lookAt(
      configScope(),
      (world) => {
        everywhere((place) =>
          world.deploy(place, 'api', { settings: { Timeout: '3', Runtime: 'nodejs24.x' } }),
        );
      },
      (world) => world.deploy(EU, 'api', change),
    );
    expect(findingsOf(seen, 'api')).toEqual([finding]);
  });

  it.each([
    { reason: 'ignored keys', group: { ignore: ['BUILD_*'] }, verdict: 'agreed' },
    { reason: 'keys that may differ', group: { perReplica: ['BUILD_*'] }, verdict: 'agreed' },
    { reason: 'another pattern', group: { ignore: ['BUILT_*'] }, verdict: 'diverged' },
    { reason: 'a pattern in another case', group: { ignore: ['build_*'] }, verdict: 'diverged' },
    { reason: 'a build id in a variable', group: { code: { variable: 'BUILD_ID' } }, verdict: 'diverged' },
  ])('is $verdict for $reason', async ({ group, verdict }) => {
    const seen = await lookAt(configScope({ functions: [{ select: { name: '*' }, ...group }] }), (world) =>
      everywhere((place) =>
        world.deploy(place, 'api', { environment: { BUILD_ID: place.region.slice(0, 4) } }),
      ),
    );
    expect(verdicts(seen)).toEqual({ api: verdict });
  });

  it('compares code by a tag or by a variable, as the config says', async () => {
    const build = (world: SimulatedRegions) =>
      everywhere((place) =>
        world.deploy(place, 'api', {
          code: place.region,
          environment: { BUILD_ID: place === EU ? '1' : '2' },
          tags: { build: place === AP ? '1' : '2' },
        }),
      );
    const by = async (code: { tag: string } | { variable: string } | 'off') =>
      findingsOf(
        await lookAt(
          configScope({ functions: [{ select: { name: '*' }, ignore: ['BUILD_ID'], code }] }),
          build,
        ),
        'api',
      );
    expect(await by({ tag: 'build' })).toEqual(['ap-southeast-2 different code build']);
    expect(await by({ variable: 'BUILD_ID' })).toEqual(['eu-west-1 different code BUILD_ID']);
    expect(await by('off')).toEqual([]);
  });

  it('calls environments that hold nothing, and none at all, equal; and keeps odd keys and values apart', async () => {
    const long = 'x'.repeat(4000);
    const odd = { 'ключ ✓': 'line one\nline two', __proto__x: '', 'a=b': `${long}\n` };
    const seen = await lookAt(configScope(), (world) =>
      everywhere((place) => {
        world.deploy(place, 'bare', place === US ? {} : { environment: {} });
        world.deploy(place, 'odd', { environment: { ...odd, 'a=b': place === AP ? long : `${long}\n` } });
      }),
    );
    expect(verdicts(seen)).toEqual({ bare: 'agreed', odd: 'diverged' });
    expect(findingsOf(seen, 'odd')).toEqual(['ap-southeast-2 different env a=b']);
  });

  it('keeps no value', async () => {
    const seen = await lookAt(configScope(), (world) =>
      everywhere((place) =>
        world.deploy(place, 'api', { environment: { TOKEN: `hunter2-${place.region}` } }),
      ),
    );
    expect(inspect(seen, { depth: Number.POSITIVE_INFINITY }) + JSON.stringify(seen)).not.toContain(
      'hunter2',
    );
  });
});

describe('an alias', () => {
  const scope = configScope({ functions: [{ select: { name: '*' }, qualifier: 'live' }] });
  const released = (world: SimulatedRegions, place: Place) =>
    world.point(place, 'api', 'live', { version: world.publish(place, 'api'), weighted: false });

  it('is followed to its version, which is compared by content and never by number', async () => {
    const seen = await lookAt(scope, (world) =>
      everywhere((place) => {
        world.deploy(place, 'api', { environment: { A: '1' } });
        if (place === US) world.publish(place, 'api');
        released(world, place);
      }),
    );
    expect(verdicts(seen)).toEqual({ api: 'agreed' });
  });

  it('that lags differs while $LATEST agrees', async () => {
    const seen = await lookAt(scope, (world) =>
      everywhere((place) => {
        world.deploy(place, 'api', { environment: { A: '1' } });
        released(world, place);
        world.deploy(place, 'api', { environment: { A: '2' } });
        if (place !== EU) released(world, place);
      }),
    );
    expect(findingsOf(seen, 'api')).toEqual(['eu-west-1 different env A']);
  });

  it('of a version that is not there is no missing copy: one of the two answers is old', async () => {
    const seen = await lookAt(scope, (world) => {
      everywhere((place) => {
        world.deploy(place, 'api', {});
        released(world, place);
      });
      world.point(EU, 'api', 'live', { version: '2', weighted: false });
    });
    expect(verdicts(seen)).toEqual({ api: 'unobservable' });
    expect(findingsOf(seen, 'api')).toEqual(['eu-west-1 unobservable replica']);
  });

  it('that splits its traffic is converging, and one that is not there is missing', async () => {
    const seen = await lookAt(scope, (world) => {
      everywhere((place) => {
        world.deploy(place, 'api', {});
        world.deploy(place, 'bare', {});
        released(world, place);
        if (place !== AP)
          world.point(place, 'bare', 'live', { version: world.publish(place, 'bare'), weighted: false });
      });
      world.point(EU, 'api', 'live', { version: '1', weighted: true });
    });
    expect(verdicts(seen)).toEqual({ api: 'converging', bare: 'diverged' });
    expect(findingsOf(seen, 'api')).toEqual(['eu-west-1 unsettled traffic live']);
    expect(findingsOf(seen, 'bare')).toEqual(['ap-southeast-2 missing traffic live']);
  });
});

describe('what cannot be read', () => {
  const two = (world: SimulatedRegions) =>
    everywhere((place) => {
      world.deploy(place, 'a', {});
      world.deploy(place, 'b', { environment: { K: place === AP ? '1' : '2' } });
    });

  it('is a region whose list is refused: the others are shown', async () => {
    const seen = await lookAt(configScope(), (world) => {
      two(world);
      world.inject('list', refuse(EU, 'lambda:ListFunctions'));
    });
    expect(verdicts(seen)).toEqual({ a: 'unobservable', b: 'diverged' });
    expect(findingsOf(seen, 'a')).toEqual(['eu-west-1 unobservable replica']);
    expect(seen.refusals).toEqual([
      {
        replica: 'eu-west-1',
        refusal: { code: 'ACCESS_DENIED', call: 'lambda:ListFunctions', permission: 'lambda:ListFunctions' },
      },
    ]);
  });

  it('is one function whose own read is refused', async () => {
    const seen = await lookAt(flagScope({ name: 'a' }), (world) => {
      two(world);
      world.inject('read', refuse(AP, 'lambda:GetFunctionConfiguration'));
    });
    expect(findingsOf(seen, 'a')).toEqual(['ap-southeast-2 unobservable replica']);
    expect(seen.refusals).toEqual([]);
  });

  it('is an environment whose key cannot be used: its code is compared all the same', async () => {
    const seen = await lookAt(configScope(), (world) =>
      everywhere((place) =>
        world.deploy(place, 'a', { undecryptable: place === US, code: place === EU ? 'x' : 'y' }),
      ),
    );
    expect(findingsOf(seen, 'a')).toEqual([
      'us-east-1 unobservable env',
      'eu-west-1 different code CodeSha256',
    ]);
  });

  it('is not what fails for another reason: that is a defect, and stops', async () => {
    const broken = lookAt(configScope(), (world) => {
      two(world);
      world.inject('list', () => {
        throw new TypeError('a defect');
      });
    });
    await expect(broken).rejects.toThrow('a defect');
  });
});

describe('a place that was not read', () => {
  const refusedIn = (region: Place) => (world: SimulatedRegions) => {
    everywhere((place) => world.deploy(place, 'two', {}));
    world.remove(AP, 'two');
    world.deploy(US, 'one', {});
    world.inject('list', refuse(region, 'lambda:ListFunctions'));
  };

  it('may hold a copy: nothing that it may lack is called alone or agreed', async () => {
    const named = await lookAt(flagScope(), refusedIn(EU));
    expect(named.alone).toEqual([]);
    expect(verdicts(named)).toEqual({ one: 'unobservable', two: 'unobservable' });
    const unnamed = await lookAt({ ...flagScope(), expected: 'where-seen' }, refusedIn(AP));
    expect(verdicts(unnamed)).toEqual({ one: 'unobservable', two: 'unobservable' });
  });
});

describe('the account that a config names', () => {
  const build = (world: SimulatedRegions) =>
    everywhere(({ region }) => world.deploy({ region, account: '222222222222' }, 'api', {}));

  it('must be that of the credentials, whether or not a function is found', async () => {
    const hub = { region: 'us-east-1', account: '222222222222' };
    for (const functions of [[{ select: { name: 'api' } }], [{ select: { name: 'typo' } }]]) {
      const seen = await lookAt(configScope({ hub, functions }), build);
      expect(seen.subjects).toEqual([]);
      expect(seen.refusals.map(({ refusal }) => refusal.code)).toEqual(Array(3).fill('OTHER_ACCOUNT'));
    }
  });

  it('of a role need not be: the role is of that account', async () => {
    const replicas = PLACES.map(({ region }) => ({ region, account: '222222222222' }));
    const hub = { region: 'us-east-1', account: '111111111111' };
    expect(verdicts(await lookAt(configScope({ hub, replicas }), build))).toEqual({ api: 'agreed' });
  });
});

describe('a region that stops to answer', () => {
  it('is not asked once more for each of its functions', async () => {
    const seen = await lookAt(
      configScope(),
      () => {},
      (world) => {
        everywhere((place) => {
          for (let i = 0; i < 100; i++) world.deploy(place, `f-${i}`, {});
        });
        world.inject('read', ({ region }) => {
          if (region === EU.region) throw new RefusedError({ code: 'REGION_UNREACHABLE', call: 'x' });
        });
      },
    );
    expect(seen.refusals).toMatchObject([{ replica: 'eu-west-1', refusal: { code: 'REGION_UNREACHABLE' } }]);
    expect(seen.calls.get('lambda:GetFunctionConfiguration')).toBeLessThan(210);
  });
});

describe('groups of a config', () => {
  it('that select nothing are told, unless flags narrowed them away', async () => {
    const functions = [{ select: { name: 'api' } }, { select: { name: 'typo' } }];
    const build = (world: SimulatedRegions) => everywhere((place) => world.deploy(place, 'api', {}));
    expect((await lookAt(configScope({ functions }), build)).unmatched).toEqual(['functions[1]']);
    expect((await lookAt(configScope({ functions }, { name: 'api' }), build)).unmatched).toEqual([]);
  });

  it('keep apart subjects of one name, which other rules compare', async () => {
    const scope = configScope({
      functions: [{ select: { tags: { tier: 'critical' } }, ignore: ['BUILD'] }, { select: { name: '*' } }],
    });
    const seen = await lookAt(scope, (world) =>
      everywhere((place) =>
        world.deploy(place, 'api', {
          environment: { BUILD: '1' },
          tags: place === AP ? {} : { tier: 'critical' },
        }),
      ),
    );
    expect(findingsOf(seen, 'api')).toEqual(['ap-southeast-2 missing replica']);
    expect(findingsOf(seen, 'api (functions[1])')).toEqual([
      'us-east-1 missing replica',
      'eu-west-1 missing replica',
    ]);
  });

  it('narrow by the name that they give, though another group has one of that name', async () => {
    const scope = configScope({
      functions: [
        { select: { tags: { tier: '1' } }, replicas: { api: ['us-east-1', 'eu-west-1'] } },
        { select: { tags: { tier: '2' } }, replicas: { api: ['ap-southeast-2'] } },
      ],
    });
    const seen = await lookAt(scope, (world) =>
      everywhere((place) => world.deploy(place, 'api', { tags: { tier: place === AP ? '2' : '1' } })),
    );
    expect(verdicts(seen)).toEqual({ api: 'agreed', 'api (functions[1])': 'agreed' });
  });

  it('have deadlines of their own', async () => {
    const build = (world: SimulatedRegions) =>
      everywhere((place) => world.deploy(place, 'api', { code: '1' }));
    const patient = configScope({
      functions: [{ select: { name: '*' }, deadlineSeconds: 2 * 86_400 }],
      maxRolloutSeconds: 604_800,
    });
    const drift = (world: SimulatedRegions) => {
      build(world);
      world.deploy(EU, 'api', { code: '2' });
    };
    expect(verdicts(await lookAt(patient, drift))).toEqual({ api: 'converging' });
    expect(verdicts(await lookAt(configScope(), drift))).toEqual({ api: 'diverged' });
  });

  it('before one that is refused stand; those after it do not, for nobody knows whose functions are whose', async () => {
    const scope = configScope({
      functions: [{ select: { name: 'api' } }, { select: { tags: { a: 'b' } } }, { select: { name: '*' } }],
    });
    const seen = await lookAt(scope, (world) => {
      everywhere((place) => {
        world.deploy(place, 'api', { code: place === EU ? 'x' : 'y' });
        world.deploy(place, 'job', {});
      });
      world.inject('tagged', refuse(EU, 'tag:GetResources'));
    });
    expect(verdicts(seen)).toEqual({ api: 'diverged', job: 'unobservable' });
    expect(seen.refusals).toMatchObject([{ replica: 'eu-west-1', refusal: { call: 'tag:GetResources' } }]);
  });

  it('read singly no more than a few functions at once in one place', async () => {
    let [now, most] = [0, 0];
    const seen = await lookAt(
      flagScope(),
      (world) => {
        world.inject('read', () => now--);
        everywhere((place) => {
          for (let i = 0; i < 30; i++) world.deploy(place, `f-${i}`, {});
        });
      },
      (world) => {
        const read = world.read.bind(world);
        world.read = (place, ...rest) => {
          most = Math.max(most, place.region === US.region ? ++now : now);
          return read(place, ...rest);
        };
        everywhere((place) => {
          for (let i = 0; i < 30; i++) world.deploy(place, `f-${i}`, {});
        });
      },
    );
    expect(Object.values(verdicts(seen))).toHaveLength(30);
    expect(most).toBeLessThanOrEqual(4);
  });
});

describe('an order that wants some groups only', () => {
  const scope = configScope({
    functions: [{ select: { tags: { tier: 'critical' } } }, { select: { name: '*' } }],
  });
  const read: string[] = [];
  const subjectsOf = async (wanted: readonly string[]) => {
    read.length = 0;
    const order = { isWanted: ({ path }: { readonly path: string }) => wanted.includes(path) };
    const seen = await lookAt({ ...scope, order }, (world) => {
      everywhere((place) => {
        world.deploy(place, 'api', { tags: place === AP ? {} : { tier: 'critical' } });
        world.deploy(place, 'pay', { tags: { tier: 'critical' } });
        world.deploy(place, 'job', {});
      });
      world.inject('read', (_place, name) => read.push(name ?? ''));
    });
    return verdicts(seen);
  };

  it('leaves functions and names to the groups that have them', async () => {
    const first = { api: 'diverged', pay: 'agreed' };
    const second = { 'api (functions[1])': 'diverged', job: 'agreed' };
    expect(await subjectsOf(['functions[0]', 'functions[1]'])).toEqual({ ...first, ...second });
    expect(read.toSorted()).toEqual(['api', 'api', 'pay', 'pay', 'pay']);
    expect(await subjectsOf(['functions[1]'])).toEqual(second);
    expect(read).toEqual([]); // pages that list all were enough
    expect(await subjectsOf(['functions[0]'])).toEqual(first);
    expect(read.toSorted()).toEqual(['api', 'api', 'pay', 'pay', 'pay']);
  });

  it('takes no name from a group before', async () => {
    const later = configScope({
      functions: [{ select: { name: '*-api' }, names: { 'eu-api': 'x' } }, { select: { name: 'x' } }],
    });
    const isWanted = ({ path }: { readonly path: string }) => path === 'functions[0]';
    const seen = await lookAt({ ...later, order: { isWanted } }, (world) =>
      everywhere((place) => {
        world.deploy(place, 'eu-api', {});
        world.deploy(place, 'x', {});
      }),
    );
    expect(verdicts(seen)).toEqual({ x: 'agreed' });
  });
});

describe('a function that comes and goes', () => {
  it('between page and read is not there', async () => {
    const seen = await lookAt(
      configScope(),
      (world) => everywhere((place) => world.deploy(place, 'a', {})),
      (world) => {
        world.deploy(EU, 'a', {}); // changed lately, so it is read once more
        world.inject('read', (place, name) => world.remove(place, name ?? ''));
      },
    );
    expect(findingsOf(seen, 'a')).toEqual(['eu-west-1 missing replica']);
  });

  it('and changed lately is converging until its deadline', async () => {
    const build = (world: SimulatedRegions) => everywhere((place) => world.deploy(place, 'a', { code: '1' }));
    const change = (world: SimulatedRegions) => world.deploy(EU, 'a', { code: '2', updateMs: 60_000 });
    expect(verdicts(await lookAt(configScope(), build, change))).toEqual({ a: 'converging' });
  });
});

describe('the selection', () => {
  const build = (world: SimulatedRegions) =>
    everywhere((place) => {
      const deploy = (name: string, tags: Record<string, string>) => world.deploy(place, name, { tags });
      deploy('shop-api', { app: 'shop', tier: '1' });
      deploy('shop-job', { app: 'shop', tier: '2', 'aws:cloudformation:stack-name': 'shop-jobs' });
      deploy('billing', { app: 'billing', 'aws:cloudformation:stack-name': 'billing' });
    });

  it.each([
    { flags: {}, found: ['billing', 'shop-api', 'shop-job'] },
    { flags: { name: 'shop-*' }, found: ['shop-api', 'shop-job'] },
    { flags: { name: 'shop-api' }, found: ['shop-api'] },
    { flags: { name: 'Shop-*' }, found: [] },
    { flags: { stack: 'billing' }, found: ['billing'] },
    { flags: { stack: '*-jobs' }, found: ['shop-job'] },
    { flags: { tags: { app: 'shop' } }, found: ['shop-api', 'shop-job'] },
    { flags: { tags: { app: 'shop', tier: '2' } }, found: ['shop-job'] },
    { flags: { tags: { app: 'shop' }, name: '*-api' }, found: ['shop-api'] },
    { flags: { stack: 'billing', name: 'shop-*' }, found: [] },
  ])('by $flags finds $found', async ({ flags, found }) => {
    expect(Object.keys(verdicts(await lookAt(flagScope(flags), build)))).toEqual(found);
    expect(Object.keys(verdicts(await lookAt(configScope({}, flags), build)))).toEqual(found);
  });

  it('gives a function to the first group that selects it', async () => {
    const scope = configScope({
      functions: [{ select: { name: 'shop-api' }, code: 'off' }, { select: { name: '*' } }],
    });
    const seen = await lookAt(scope, (world) => {
      build(world);
      world.deploy(EU, 'shop-api', { code: 'x' });
      world.deploy(EU, 'billing', { code: 'x' });
    });
    expect(verdicts(seen)).toEqual({ billing: 'diverged', 'shop-api': 'agreed', 'shop-job': 'agreed' });
  });

  it('chooses regions', async () => {
    const seen = await lookAt(configScope({}, { regions: ['eu-west-1', 'us-west-2'] }), build);
    expect(seen.replicas).toEqual(['eu-west-1', 'us-west-2']);
    expect(findingsOf(seen, 'billing')).toEqual(['us-west-2 missing replica']);
  });
});

describe('copies', () => {
  const STACK = 'aws:cloudformation:stack-name';
  const LOGICAL_ID = 'aws:cloudformation:logical-id';
  const deployed = (world: SimulatedRegions, logicalId: string, env: (place: Place) => string) =>
    everywhere((place) =>
      world.deploy(place, `Shop-${logicalId}-${place.region.toUpperCase()}`, {
        environment: { A: env(place) },
        tags: { [STACK]: 'Shop', [LOGICAL_ID]: logicalId },
      }),
    );

  it('of other names are paired by stack and logical id, with a config that says so and without any', async () => {
    const build = (world: SimulatedRegions) =>
      deployed(world, 'Api', ({ region }) => (region === EU.region ? '1' : '2'));
    const config = configScope({ functions: [{ select: { name: '*' }, identity: 'stack+logicalId' }] });
    for (const scope of [config, flagScope()]) {
      const seen = await lookAt(scope, build);
      expect(findingsOf(seen, 'Shop/Api')).toEqual(['eu-west-1 different env A']);
      expect(seen.subjects).toHaveLength(1);
    }
  });

  it('whose tags cannot be read stay apart, and the refusal is told', async () => {
    const seen = await lookAt(flagScope(), (world) => {
      deployed(world, 'Api', () => '1');
      world.inject('tagged', refuse(EU, 'tag:GetResources'));
    });
    expect(seen.refusals).toMatchObject([{ replica: 'eu-west-1', refusal: { call: 'tag:GetResources' } }]);
    expect(seen.alone).toMatchObject([{ subject: 'Shop-Api-EU-WEST-1', replica: 'eu-west-1' }]);
    expect(findingsOf(seen, 'Shop/Api')).toEqual(['eu-west-1 unobservable replica']);
  });

  it('are named by a tag, or by hand, as the config says', async () => {
    const scope = configScope({
      functions: [{ select: { name: '*' }, identity: { tag: 'service' }, names: { 'api-eu': 'api' } }],
    });
    const seen = await lookAt(scope, (world) => {
      world.deploy(US, 'api-us', { tags: { service: 'api' } });
      world.deploy(EU, 'api-eu', {});
      world.deploy(AP, 'api-ap', { tags: { service: 'api' } });
    });
    expect(verdicts(seen)).toEqual({ api: 'agreed' });
  });

  it('of which a place has two are told: the first by name stands', async () => {
    const scope = configScope({ functions: [{ select: { name: '*' }, names: { 'api-b': 'api' } }] });
    const seen = await lookAt(scope, (world) => {
      everywhere((place) => world.deploy(place, 'api', {}));
      world.deploy(EU, 'api-b', { code: 'x' });
    });
    expect(findingsOf(seen, 'api')).toEqual(['eu-west-1 extra replica api-b']);
  });

  it('are expected where the config narrows them to', async () => {
    const scope = configScope({
      functions: [{ select: { name: '*' }, replicas: { 'billing-*': ['us-east-1', 'eu-west-1'] } }],
    });
    const seen = await lookAt(scope, (world) => {
      for (const place of [US, EU]) world.deploy(place, 'billing-a', {});
      everywhere((place) => world.deploy(place, 'billing-b', {}));
    });
    expect(verdicts(seen)).toEqual({ 'billing-a': 'agreed', 'billing-b': 'diverged' });
    expect(findingsOf(seen, 'billing-b')).toEqual(['ap-southeast-2 extra replica']);
  });

  it("without a config: two of three miss the third, one is nobody's copy unless it is selected", async () => {
    const build = (world: SimulatedRegions) => {
      for (const place of [US, EU]) world.deploy(place, 'two', {});
      world.deploy(US, 'one', {});
    };
    const bare = await lookAt(flagScope(), build);
    expect(findingsOf(bare, 'two')).toEqual(['ap-southeast-2 missing replica']);
    expect(bare.alone).toEqual([{ subject: 'one', name: 'one', replica: 'us-east-1' }]);
    const selected = await lookAt(flagScope({ name: 'one' }), build);
    expect(findingsOf(selected, 'one')).toEqual([
      'eu-west-1 missing replica',
      'ap-southeast-2 missing replica',
    ]);
    const unnamed = await lookAt({ ...flagScope(), expected: 'where-seen' }, build);
    expect(verdicts(unnamed)).toEqual({ two: 'agreed' });
  });
});

describe('calls', () => {
  it('are pages for many functions, single reads for few', async () => {
    const build = (world: SimulatedRegions) =>
      everywhere((place) => {
        for (let i = 0; i < 120; i++)
          world.deploy(place, `f-${i}`, { tags: { group: i < 10 ? 'few' : 'many' } });
      });
    const callsOf = async (flags: object) =>
      Object.fromEntries((await lookAt(flagScope(flags), build)).calls);
    expect(await callsOf({})).toEqual({ 'lambda:ListFunctions': 9 });
    expect(await callsOf({ name: 'f-1' })).toEqual({ 'lambda:GetFunctionConfiguration': 3 });
    expect(await callsOf({ tags: { group: 'few' } })).toEqual({
      'tag:GetResources': 3,
      'lambda:GetFunctionConfiguration': 30,
    });
    expect(await callsOf({ tags: { group: 'many' } })).toEqual({
      'tag:GetResources': 6,
      'lambda:ListFunctions': 9,
    });
  });

  it('read once more only what changed lately', async () => {
    const seen = await lookAt(
      configScope(),
      (world) =>
        everywhere((place) =>
          ['a', 'b', 'c'].forEach((name) => {
            world.deploy(place, name, {});
          }),
        ),
      (world) => world.deploy(EU, 'b', {}),
    );
    expect(seen.calls.get('lambda:GetFunctionConfiguration')).toBe(1);
  });

  it('stay few for 2,000 functions, of which all agree but one', async () => {
    const seen = await lookAt(configScope(), (world) =>
      everywhere((place) => {
        for (let i = 0; i < 2000; i++) {
          world.deploy(place, `f-${i}`, { environment: { N: i === 1234 && place === AP ? 'x' : String(i) } });
        }
      }),
    );
    expect(Object.values(verdicts(seen)).filter((verdict) => verdict !== 'agreed')).toEqual(['diverged']);
    expect(findingsOf(seen, 'f-1234')).toEqual(['ap-southeast-2 different env N']);
    expect(Object.fromEntries(seen.calls)).toEqual({ 'lambda:ListFunctions': 3 * 40 });
  });

  it('end if pages go round in a circle', async () => {
    class Circle extends SimulatedRegions {
      override async list(_: Place, from?: string): Promise<FunctionPage> {
        return { functions: [], next: from === 'b' ? 'a' : from === 'a' ? 'b' : 'a' };
      }
    }
    const clock = { now: () => 0, sleep: async () => {} };
    const source = new Circle(clock, () => 0);
    const seen = await look({ source, clock, random: new SeededRandom(1, 'key') }, configScope(), () => {});
    expect(seen.refusals).toHaveLength(3);
    expect(seen.refusals[0]).toMatchObject({
      refusal: { code: 'UNEXPECTED_ANSWER', call: 'lambda:ListFunctions' },
    });
    expect(seen.calls.get('lambda:ListFunctions')).toBe(9);
  });

  it('are told while they are made', async () => {
    const told: LookProgress[] = [];
    await lookAt(
      configScope(),
      (world) => everywhere((place) => world.deploy(place, 'a', {})),
      () => {},
      (progress) => told.push(progress),
    );
    expect(told.at(0)).toEqual({ places: 3, placesRead: 0, functions: 0, calls: 1 });
    expect(told.at(-1)).toEqual({ places: 3, placesRead: 3, functions: 3, calls: 3 });
  });
});
