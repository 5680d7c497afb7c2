import { describe, expect, it } from 'vitest';
import type { SimulatedSecrets } from '../../functions/adapters/sim/simulated-secrets.ts';
import { VirtualClock } from '../../functions/adapters/sim/virtual-clock.ts';
import {
  lookAtSecret,
  type SecretsLook,
  secretsOfAccount,
  secretsOfConfig,
} from '../../functions/app/look-secrets.ts';
import { RefusedError } from '../../functions/core/errors.ts';
import type { Place } from '../../functions/core/place.ts';
import { configOf, LAG_MS, lookAt, SECOND } from '../bin/looked-secrets.ts';
import { AP, EU, US } from './simulated.ts';

const DB = 'prod/db';
const API = 'prod/api';
const CALL = 'secretsmanager:DescribeSecret';
const OWN = '111111111111';
const OTHER = '222222222222';

const everywhere = (world: SimulatedSecrets) => world.create(US, DB, [EU, AP], 'v1');

/** `subject verdict`, then `replica kind facet keys` of each finding. */
function told({ subjects }: SecretsLook): string[][] {
  return subjects.map(({ subject, verdict, findings }) => [
    `${subject} ${verdict}`,
    ...findings.map(({ replica, kind, facet, keys }) => [replica, kind, facet, ...keys].join(' ')),
  ]);
}

function refuse(world: SimulatedSecrets, isRefused: (region: string, name?: string) => boolean): void {
  world.inject('describe', ({ region }, name) => {
    if (isRefused(region, name)) throw new RefusedError({ code: 'ACCESS_DENIED', call: CALL });
  });
}

describe('a look at secrets', () => {
  it('says that all replicas have the version of the primary, with one call each', async () => {
    const seen = await lookAt(configOf([DB, API]), (world) => {
      everywhere(world);
      world.create(EU, API, [US, AP], 'v1');
    });
    expect(told(seen)).toEqual([['prod/api agreed'], ['prod/db agreed']]);
    expect(seen.replicas).toEqual(['us-east-1', 'eu-west-1', 'ap-southeast-2']);
    expect(seen.subjects[1]?.seenIn).toEqual(seen.replicas);
    expect(seen.calls).toEqual(new Map([[CALL, 6]]));
    expect(seen).toMatchObject({ alone: [], refusals: [], unmatched: [] });
  });

  it('tells of the first two hops alone, and of no version', async () => {
    const seen = await lookAt(
      configOf([DB], { secrets: [{ name: DB, consumers: [{ name: 'api', cacheSeconds: 60 }] }] }),
      everywhere,
      (world) => {
        world.follow(AP, DB, 'lying');
        world.rotate(US, DB, 'v2');
      },
    );
    const done = { state: 'agreed', evidence: 'described' };
    expect(seen.subjects[0]?.hops).toEqual([
      { hop: 1, replica: 'us-east-1', ...done },
      { hop: 2, replica: 'eu-west-1', ...done },
      { hop: 2, replica: 'ap-southeast-2', state: 'stuck', evidence: null },
    ]);
    expect(told(seen)).toEqual([['prod/db converging', 'ap-southeast-2 stale version InSync']]);
    expect(JSON.stringify(seen)).not.toContain('v2');
  });

  it.each([
    { afterMs: 60 * SECOND, verdict: 'converging', reason: 'before the target' },
    { afterMs: 121 * SECOND, verdict: 'diverged', reason: 'after it' },
  ])('has $verdict $reason', async ({ afterMs, verdict }) => {
    const stuck = (world: SimulatedSecrets) => {
      world.follow(AP, DB, 'stuck');
      world.rotate(US, DB, 'v2');
    };
    const seen = await lookAt(configOf([DB]), everywhere, stuck, afterMs);
    expect(told(seen)).toEqual([[`prod/db ${verdict}`, 'ap-southeast-2 stale version InProgress']]);
  });

  it.each([
    {
      reason: 'replication is under way',
      lately: (world: SimulatedSecrets) => world.rotate(US, DB, 'v2'),
      afterMs: LAG_MS / 2,
      findings: ['eu-west-1 unsettled version', 'ap-southeast-2 unsettled version'],
    },
    {
      reason: 'replication failed',
      lately: (world: SimulatedSecrets) => {
        world.follow(EU, DB, 'failed');
        world.rotate(US, DB, 'v2');
      },
      findings: ['eu-west-1 failed version'],
    },
    {
      reason: 'a replica was promoted',
      lately: (world: SimulatedSecrets) => world.promote(EU, DB),
      findings: ['eu-west-1 standalone version'],
    },
    {
      reason: 'a replica was removed',
      lately: (world: SimulatedSecrets) => world.removeReplica(EU, DB),
      findings: ['eu-west-1 missing replica'],
    },
    {
      reason: 'the secret is scheduled for deletion',
      lately: (world: SimulatedSecrets) => {
        for (const place of [EU, AP]) world.removeReplica(place, DB);
        world.scheduleDeletion(US, DB);
      },
      findings: [
        'us-east-1 missing replica DeletedDate',
        'eu-west-1 missing replica',
        'ap-southeast-2 missing replica',
      ],
    },
    {
      reason: 'a rotation is overdue',
      lately: (world: SimulatedSecrets) => world.schedule(US, DB, { nextRotationAt: 0 }),
      findings: ['us-east-1 failed rotation NextRotationDate'],
    },
    {
      reason: 'a replica is where none is expected',
      lately: (world: SimulatedSecrets) => world.addReplica(US, DB, { region: 'sa-east-1' }),
      findings: ['sa-east-1 extra replica'],
    },
  ])('finds that $reason', async ({ lately, afterMs, findings }) => {
    const seen = await lookAt(configOf([DB]), everywhere, lately, afterMs);
    expect(told(seen)[0]?.slice(1)).toEqual(findings);
  });

  it('finds that a secret has no value yet', async () => {
    const seen = await lookAt(configOf([DB]), (world) => world.create(US, DB, [EU, AP]));
    expect(told(seen)[0]).toContain('us-east-1 missing version');
    expect(seen.subjects[0]?.hops).toEqual([]);
  });

  it('names what is in none of its places, which has no verdict', async () => {
    const seen = await lookAt(configOf([DB, API]), everywhere);
    expect(told(seen)).toEqual([['prod/db agreed']]);
    expect(seen.unmatched).toEqual([API]);
  });

  it('tells a refusal once for the region if all secrets met it there', async () => {
    const build = (world: SimulatedSecrets) => {
      everywhere(world);
      world.create(US, API, [EU, AP], 'v1');
    };
    const refusal = { code: 'ACCESS_DENIED', call: CALL };
    const all = await lookAt(configOf([DB, API]), build, (world) =>
      refuse(world, (region) => region === 'eu-west-1'),
    );
    expect(all.refusals).toEqual([{ replica: 'eu-west-1', refusal }]);
    expect(told(all).flat()).toEqual([
      'prod/api unobservable',
      'eu-west-1 unobservable replica',
      'prod/db unobservable',
      'eu-west-1 unobservable replica',
    ]);
    const one = await lookAt(configOf([DB, API]), build, (world) =>
      refuse(world, (region, name) => region === 'eu-west-1' && name === DB),
    );
    expect(one.refusals).toEqual([]);
    expect(told(one)).toEqual([
      ['prod/api agreed'],
      ['prod/db unobservable', 'eu-west-1 unobservable replica'],
    ]);
  });

  it('calls nothing unknown that could not be read everywhere', async () => {
    const seen = await lookAt(
      configOf([DB]),
      () => {},
      (world) => refuse(world, () => true),
    );
    expect(seen.unmatched).toEqual([]);
    expect(told(seen)[0]?.[0]).toBe('prod/db unobservable');
  });

  it('asks nothing with credentials of another account than the config names', async () => {
    const config = configOf([DB], { hub: { region: 'us-east-1', account: OWN } });
    const refused = await lookAt(config, everywhere, undefined, undefined, OTHER);
    expect(refused.calls).toEqual(new Map());
    expect(refused.refusals).toHaveLength(3);
    expect(refused.refusals[0]).toEqual({
      replica: `${OWN}/us-east-1`,
      refusal: { code: 'OTHER_ACCOUNT', call: 'sts:GetCallerIdentity' },
    });
  });

  it('reads other accounts through their roles, and has no column for places of none', async () => {
    const away = { region: 'eu-west-1', account: OTHER };
    const config = configOf([], {
      hub: { region: 'us-east-1', account: OWN },
      replicas: [US, EU, away, { region: 'us-east-1', account: OTHER }],
      secrets: [{ name: DB, account: OTHER }],
    });
    const seen = await lookAt(config, (world) =>
      world.create(away, DB, [{ region: 'us-east-1', account: OTHER }], 'v1'),
    );
    expect(told(seen)).toEqual([[`${OTHER}:prod/db agreed`]]);
    expect(seen.replicas).toEqual([`${OTHER}/eu-west-1`, `${OTHER}/us-east-1`]);
  });
});

describe('a selection of secrets', () => {
  const config = configOf([], {
    secrets: [
      { name: DB, targetSeconds: 600 },
      { name: API, regions: ['us-east-1', 'eu-west-1'] },
    ],
  });
  const selected = (narrowing: Parameters<typeof secretsOfConfig>[1]) => {
    const { secrets, elsewhere, places } = secretsOfConfig(config, narrowing);
    return {
      secrets: secrets.map(({ name, targetSeconds }) => `${name} ${targetSeconds}`),
      elsewhere,
      places: places.map(({ region }) => region),
    };
  };

  it('is all of the config', () => {
    expect(selected({})).toEqual({
      secrets: ['prod/db 600', 'prod/api 120'],
      elsewhere: [],
      places: ['us-east-1', 'eu-west-1', 'ap-southeast-2'],
    });
  });

  it('by name has the settings of the config, or the defaults', () => {
    expect(selected({ names: [DB, 'prod/new'] }).secrets).toEqual(['prod/db 600', 'prod/new 120']);
  });

  it('by region narrows, and takes a region that the config does not declare', () => {
    expect(selected({ regions: ['ap-southeast-2', 'sa-east-1'] })).toEqual({
      secrets: ['prod/db 600'],
      elsewhere: [API],
      places: ['ap-southeast-2', 'sa-east-1'],
    });
  });

  it('by region counts no replica elsewhere, but reads the primary wherever it is', async () => {
    const regions = ['eu-west-1', 'ap-southeast-2'];
    for (const scope of [
      secretsOfConfig(config, { names: [DB], regions }),
      secretsOfAccount([DB], regions),
    ]) {
      const agreed = await lookAt(scope, (world) => {
        everywhere(world);
        world.addReplica(US, DB, { region: 'sa-east-1' });
      });
      expect(told(agreed)).toEqual([['prod/db agreed']]);
      expect(agreed.replicas).toEqual(['eu-west-1', 'ap-southeast-2', 'us-east-1']);
      const [calls] = agreed.calls.values();
      expect(calls).toBe(3);
      const stale = await lookAt(scope, everywhere, (world) => {
        world.follow(EU, DB, 'lying');
        world.rotate(US, DB, 'v2');
      });
      expect(told(stale)[0]?.slice(1)).toEqual(['eu-west-1 stale version InSync']);
    }
  });

  it('reads a primary elsewhere by the same way into its account', async () => {
    const access = { roleArn: 'arn:aws:iam::222222222222:role/recohere-read' };
    const replica = { region: 'eu-west-1', account: '222222222222', access };
    const asked: Place[] = [];
    const secrets = {
      async describe(place: Place) {
        asked.push(place);
        return {
          currentId: 'v1',
          labelledIds: ['v1'],
          primaryRegion: 'us-east-1',
          replicas: [],
          changedAt: 0,
        };
      },
    };
    await lookAtSecret({ secrets, clock: new VirtualClock(0) }, DB, [replica]);
    expect(asked).toEqual([replica, { ...replica, region: 'us-east-1' }]);
  });

  it('without a config expects each in all regions', async () => {
    const seen = await lookAt(secretsOfAccount([DB, API], ['us-east-1', 'eu-west-1']), (world) => {
      everywhere(world);
      world.create(US, API, [], 'v1');
    });
    expect(told(seen)).toEqual([['prod/api diverged', 'eu-west-1 missing replica'], ['prod/db agreed']]);
  });
});
