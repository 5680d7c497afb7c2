import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Finding } from '../../functions/contract/report.ts';
import { fingerprint, fingerprintKey } from '../../functions/core/fingerprint.ts';
import type { Observation } from '../../functions/core/observation.ts';
import { type PlaceId, placeId } from '../../functions/core/place.ts';
import { type PlanInput, plan } from '../../functions/core/plan.ts';

const NOW = 1_000_000;
const DEADLINE_MS = 300_000;
const key = fingerprintKey('k1', new Uint8Array(32).fill(7));
const otherKey = fingerprintKey('k2', new Uint8Array(32).fill(8));
const REGIONS = ['us-east-1', 'eu-west-1', 'ap-southeast-2'];
const [US, EU, AP] = REGIONS.map((region) => placeId({ region })) as [PlaceId, PlaceId, PlaceId];

type Present = Extract<Observation, { state: 'present' }>;

function seen(region: string, env: Record<string, string>, change: Partial<Present> = {}): Observation {
  const home = { region, account: '111111111111' };
  const print = fingerprint(key, 'env', new Map(Object.entries(env)), home);
  return {
    state: 'present',
    at: NOW,
    movedAt: 0,
    remarks: [],
    facets: { env: { fingerprint: print } },
    ...change,
  };
}

function planOf(observations: Record<string, Observation>, change: Partial<PlanInput> = {}) {
  return plan({
    replicas: [US, EU, AP],
    isPerReplica: () => false,
    observations: new Map(Object.entries(observations) as [PlaceId, Observation][]),
    now: NOW,
    maxAgeMs: 60_000,
    deadlineMs: DEADLINE_MS,
    ...change,
  });
}

const three = (env: (region: string) => Record<string, string>) =>
  Object.fromEntries(REGIONS.map((region) => [region, seen(region, env(region))]));

describe('plan agrees', () => {
  it.each([
    { env: () => ({ A: '1' }), reason: 'all replicas say the same' },
    { env: () => ({}), reason: 'none has a variable' },
    { env: () => ({ PRIMARY_REGION: 'us-east-1' }), reason: 'all name one region' },
    {
      env: (region: string) => ({ ARN: `arn:aws:sqs:${region}:111111111111:q` }),
      reason: 'each names its own',
    },
    {
      env: (region: string) => ({ PRIMARY_REGION: 'us-east-1', ARN: `arn:aws:sqs:${region}:111111111111:q` }),
      reason: 'one key agrees as it stands and another without its region',
    },
  ])('when $reason', ({ env }) => {
    expect(planOf(three(env))).toEqual({ verdict: 'agreed', findings: [] });
  });

  it('when a key that may differ is there everywhere', () => {
    const observations = three((region) => ({ DB_HOST: `db-${region.length}-${region[0]}` }));
    expect(planOf(observations, { isPerReplica: (name) => name === 'DB_HOST' }).verdict).toBe('agreed');
    expect(planOf(observations).verdict).toBe('diverged');
  });
});

describe('plan finds', () => {
  const different = (replica: string, keys: string[], reference: string): Finding => ({
    replica,
    facet: 'env',
    kind: 'different',
    keys,
    reference,
  });

  it.each<{
    reason: string;
    given: Record<string, Observation>;
    findings: Finding[];
    change?: Partial<PlanInput>;
  }>([
    {
      reason: 'the one replica that differs from the majority, with all its keys',
      given: {
        [US]: seen(US, { B: '2', A: '1' }),
        [EU]: seen(EU, { A: 'x', B: 'y' }),
        [AP]: seen(AP, { A: '1', B: '2' }),
      },
      findings: [different(EU, ['A', 'B'], US)],
    },
    {
      reason: 'what differs from the primary, even where the primary is alone',
      given: { [US]: seen(US, { A: '1' }), [EU]: seen(EU, { A: '2' }), [AP]: seen(AP, { A: '2' }) },
      findings: [different(EU, ['A'], US), different(AP, ['A'], US)],
      change: { primary: US },
    },
    {
      reason: 'the majority while the primary is not readable',
      given: {
        [US]: { state: 'unobservable', at: NOW, refusal: { code: 'THROTTLED' } },
        [EU]: seen(EU, { A: '2' }),
        [AP]: seen(AP, { A: '3' }),
      },
      findings: [
        { replica: US, facet: 'replica', kind: 'unobservable', keys: [], refusal: { code: 'THROTTLED' } },
        different(AP, ['A'], EU),
      ],
      change: { primary: US },
    },
    {
      reason: 'a key that most have and one lacks',
      given: { [US]: seen(US, {}), [EU]: seen(EU, { A: '1' }), [AP]: seen(AP, { A: '1' }) },
      findings: [{ replica: US, facet: 'env', kind: 'missing', keys: ['A'], reference: EU }],
    },
    {
      reason: 'a key that one has and most lack',
      given: { [US]: seen(US, { A: '1' }), [EU]: seen(EU, {}), [AP]: seen(AP, {}) },
      findings: [{ replica: US, facet: 'env', kind: 'extra', keys: ['A'], reference: EU }],
    },
    {
      reason: 'a present key as the reference when as many lack it',
      given: { [US]: seen(US, {}), [EU]: seen(EU, { A: '1' }) },
      findings: [{ replica: US, facet: 'env', kind: 'missing', keys: ['A'], reference: EU }],
      change: { replicas: [US, EU] },
    },
    {
      reason: 'the replica that fits neither way, by the way that names fewer',
      given: {
        [US]: seen(US, { ARN: 'arn:us-east-1:x' }),
        [EU]: seen(EU, { ARN: 'arn:eu-west-1:x' }),
        [AP]: seen(AP, { ARN: 'arn:ap-southeast-2:y' }),
      },
      findings: [different(AP, ['ARN'], US)],
    },
    {
      reason: 'a mix of the two ways to agree',
      given: {
        [US]: seen(US, { R: 'us-east-1' }),
        [EU]: seen(EU, { R: 'us-east-1' }),
        [AP]: seen(AP, { R: 'ap-southeast-2' }),
      },
      findings: [different(AP, ['R'], US)],
    },
    {
      reason: 'a key that may differ and is not there',
      given: { [US]: seen(US, { H: '1' }), [EU]: seen(EU, { H: '2' }), [AP]: seen(AP, {}) },
      findings: [{ replica: AP, facet: 'env', kind: 'missing', keys: ['H'], reference: US }],
      change: { isPerReplica: () => true },
    },
    {
      reason: 'a replica, or an alias, that is not there',
      given: {
        [US]: seen(US, { A: '1' }),
        [EU]: { state: 'absent', at: NOW },
        [AP]: { state: 'absent', at: NOW, alias: 'live' },
      },
      findings: [
        { replica: EU, facet: 'replica', kind: 'missing', keys: [] },
        { replica: AP, facet: 'traffic', kind: 'missing', keys: ['live'] },
      ],
    },
    {
      reason: 'a replica where none is expected, after the others',
      given: { [US]: { state: 'absent', at: NOW }, [EU]: seen(EU, {}), [AP]: { state: 'absent', at: NOW } },
      findings: [
        { replica: US, facet: 'replica', kind: 'missing', keys: [] },
        { replica: EU, facet: 'replica', kind: 'extra', keys: [] },
      ],
      change: { replicas: [US] },
    },
    {
      reason: 'a failed update',
      given: {
        [US]: seen(US, {}),
        [EU]: seen(EU, {}, { remarks: [{ kind: 'failed', facet: 'replica', keys: [] }] }),
        [AP]: seen(AP, {}),
      },
      findings: [{ replica: EU, facet: 'replica', kind: 'failed', keys: [] }],
    },
  ])('$reason', ({ given, findings, change }) => {
    expect(planOf(given, change)).toEqual({ verdict: 'diverged', findings });
  });
});

describe('plan never counts as agreement', () => {
  it.each<{ reason: string; europe: Observation | undefined; code: string }>([
    { reason: 'a replica that nobody read', europe: undefined, code: 'NOT_READ' },
    {
      reason: 'a replica that refused',
      europe: { state: 'unobservable', at: NOW, refusal: { code: 'ACCESS_DENIED' } },
      code: 'ACCESS_DENIED',
    },
    {
      reason: 'a reading that is too old',
      europe: seen(EU, { A: '1' }, { at: NOW - 60_001 }),
      code: 'TOO_OLD',
    },
    {
      reason: 'a facet that refused',
      europe: seen(EU, {}, { facets: { env: { refusal: { code: 'ACCESS_DENIED' } } } }),
      code: 'ACCESS_DENIED',
    },
    {
      reason: 'a fingerprint of another key',
      europe: seen(
        EU,
        {},
        {
          facets: {
            env: {
              fingerprint: fingerprint(otherKey, 'env', new Map([['A', '1']]), {
                region: EU,
                account: '111111111111',
              }),
            },
          },
        },
      ),
      code: 'OTHER_KEY',
    },
  ])('$reason', ({ europe, code }) => {
    const outcome = planOf({
      [US]: seen(US, { A: '1' }),
      [AP]: seen(AP, { A: '1' }),
      ...(europe && { [EU]: europe }),
    });
    expect(outcome.verdict).toBe('unobservable');
    expect(outcome.findings).toMatchObject([{ replica: EU, kind: 'unobservable', refusal: { code } }]);
  });
});

describe('code that is told apart by a build id', () => {
  const code = (region: string, values: Record<string, string>) => {
    const home = { region, account: '111111111111' };
    return { fingerprint: fingerprint(key, 'code', new Map(Object.entries(values)), home) };
  };
  const built = (region: string, values: Record<string, string>) =>
    seen(region, {}, { facets: { code: code(region, values) } });

  it('is not known to agree where no replica has one', () => {
    const outcome = planOf({ [US]: built(US, {}), [EU]: built(EU, {}), [AP]: built(AP, {}) });
    expect(outcome.verdict).toBe('unobservable');
    expect(outcome.findings).toMatchObject(
      [US, EU, AP].map((replica) => ({ replica, refusal: { code: 'NO_BUILD_ID' } })),
    );
  });

  it('is missing where others have one', () => {
    const outcome = planOf({
      [US]: built(US, { build: '1' }),
      [EU]: built(EU, { build: '1' }),
      [AP]: built(AP, {}),
    });
    expect(outcome).toMatchObject({
      verdict: 'diverged',
      findings: [{ replica: AP, kind: 'missing', keys: ['build'] }],
    });
  });
});

describe('an alias that splits its traffic', () => {
  const split = { remarks: [{ kind: 'unsettled', facet: 'traffic', keys: ['live'] }] } as const;

  it('is converging by itself, for AWS does not say since when', () => {
    expect(planOf({ ...three(() => ({})), [EU]: seen(EU, {}, split) }).verdict).toBe('converging');
  });

  it('puts off no deadline of a difference beside it', () => {
    const drifted = {
      [US]: seen(US, { A: '1' }),
      [EU]: seen(EU, { A: '2' }),
      [AP]: seen(AP, { A: '1' }, split),
    };
    expect(planOf(drifted).verdict).toBe('diverged');
  });
});

describe('plan waits until the deadline', () => {
  const moved = (movedAt: number) =>
    planOf({
      [US]: seen(US, { A: '1' }),
      [EU]: seen(EU, { A: '2' }, { movedAt }),
      [AP]: seen(AP, { A: '1' }),
    });

  it('and counts it from the last movement', () => {
    expect(moved(NOW - DEADLINE_MS).verdict).toBe('converging');
    expect(moved(NOW - DEADLINE_MS - 1).verdict).toBe('diverged');
  });

  it('for an update under way too', () => {
    const updating = (movedAt: number) =>
      planOf({
        ...three(() => ({})),
        [EU]: seen(EU, {}, { movedAt, remarks: [{ kind: 'unsettled', facet: 'replica', keys: [] }] }),
      });
    expect(updating(NOW).verdict).toBe('converging');
    expect(updating(0).verdict).toBe('diverged');
  });
});

describe('plan, whatever was seen,', () => {
  const environment = fc.dictionary(
    fc.constantFrom('A', 'B', 'C'),
    fc.constantFrom('1', '2', 'us-east-1', 'eu-west-1'),
  );
  const observation = (region: string): fc.Arbitrary<Observation> =>
    fc.oneof(
      { weight: 6, arbitrary: environment.map((env) => seen(region, env)) },
      fc.constant<Observation>({ state: 'absent', at: NOW }),
      fc.constant<Observation>({ state: 'unobservable', at: NOW, refusal: { code: 'THROTTLED' } }),
      fc.constant(seen(region, {}, { facets: { env: { refusal: { code: 'ACCESS_DENIED' } } } })),
    );
  const world = fc.tuple(
    ...REGIONS.map((region) => fc.tuple(fc.constant(region), fc.option(observation(region)))),
  );
  const present = (entries: [string, Observation | null][]) =>
    Object.fromEntries(entries.filter((entry): entry is [string, Observation] => entry[1] !== null));

  it('gives the same outcome again, and for any order of the observations', () => {
    fc.assert(
      fc.property(world, fc.option(fc.constantFrom(US, EU, AP), { nil: undefined }), (entries, primary) => {
        const once = planOf(present(entries), { primary });
        expect(planOf(present(entries), { primary })).toEqual(once);
        expect(planOf(present(entries.toReversed()), { primary })).toEqual(once);
      }),
    );
  });

  it('agrees only if every expected replica was read in full and nothing is found', () => {
    fc.assert(
      fc.property(world, (entries) => {
        const observations = present(entries);
        const outcome = planOf(observations);
        const allRead = REGIONS.every((region) => {
          const found = observations[region];
          return (
            found?.state === 'present' && found.facets.env !== undefined && 'fingerprint' in found.facets.env
          );
        });
        expect(outcome.verdict === 'agreed').toBe(outcome.findings.length === 0);
        if (outcome.verdict === 'agreed') expect(allRead).toBe(true);
      }),
    );
  });
});
