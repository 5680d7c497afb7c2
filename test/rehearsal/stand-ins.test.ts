import { describe, expect, it } from 'vitest';
import { SeededRandom } from '../../functions/adapters/sim/seeded-random.ts';
import { SimulatedRegions } from '../../functions/adapters/sim/simulated-regions.ts';
import { VirtualClock } from '../../functions/adapters/sim/virtual-clock.ts';
import { type Look, look } from '../../functions/app/look.ts';
import { scopeOfConfig } from '../../functions/app/scope.ts';
import { type ParsedConfig, parseConfig, type RecohereConfig } from '../../functions/contract/config.ts';
import { placeId } from '../../functions/core/place.ts';
import { release, type StandIn, standInsFor, unselected } from '../../rehearsal/stand-ins.ts';

const HOUR_MS = 3_600_000;
const OTHER = '222222222222';
const REPLICAS = [{ region: 'us-east-1' }, { region: 'eu-west-1' }, { region: 'eu-west-1', account: OTHER }];

type Groups = NonNullable<RecohereConfig['functions']>;

function parsed(functions: Groups, more: Partial<RecohereConfig> = {}): ParsedConfig {
  const result = parseConfig({ hub: { region: 'us-east-1' }, replicas: REPLICAS, functions, ...more });
  if (!result.ok) throw new Error(result.mistakes.join('\n'));
  return result.config;
}

/** Deploys all that is made up for a config, and then something else, and looks. */
function lookedAt(
  config: ParsedConfig,
  lately: (world: SimulatedRegions, standIns: readonly StandIn[]) => void = () => {},
): Promise<Look> {
  const clock = new VirtualClock(0);
  const world = new SimulatedRegions(clock, () => 10);
  const standIns = standInsFor(config);
  return clock.run(async () => {
    for (const each of standIns)
      for (const copy of each.copies) release(world, each, copy, { code: '1', env: '1' });
    await clock.sleep(HOUR_MS);
    lately(world, standIns);
    await clock.sleep(HOUR_MS);
    const random = new SeededRandom(1, 'key');
    return look({ source: world, clock, random }, scopeOfConfig(config, {}), () => {});
  });
}

/** Subjects by the path of the group that selects them. */
function subjectsOf({ subjects }: Look): Record<string, string[]> {
  const groups: Record<string, string[]> = {};
  for (const { seen, subject } of subjects) {
    groups[seen.group.path] = [...(groups[seen.group.path] ?? []), subject];
  }
  return groups;
}

describe('functions that stand in for those of a config', () => {
  it.each<{ reason: string; functions: Groups; subjects: Record<string, string[]> }>([
    {
      reason: 'have the names that it selects',
      functions: [{ select: { name: 'checkout-*' } }],
      subjects: { 'functions[0]': ['checkout-api', 'checkout-export', 'checkout-worker'] },
    },
    {
      reason: 'are one where it names one',
      functions: [{ select: { name: 'billing' } }],
      subjects: { 'functions[0]': ['billing'] },
    },
    {
      reason: 'belong each to its own group, though another one would select it too',
      functions: [{ select: { name: '*', tags: { team: 'shop' } } }, { select: { name: '*' } }],
      subjects: {
        'functions[0]': ['api', 'export', 'worker'],
        'functions[1]': ['api-1', 'export-1', 'worker-1'],
      },
    },
    {
      reason: 'are of a stack, with other names in each place',
      functions: [{ select: { stack: 'Shop-*' }, identity: 'stack+logicalId' }],
      subjects: { 'functions[0]': ['Shop-Shop/api', 'Shop-Shop/export', 'Shop-Shop/worker'] },
    },
    {
      reason: 'are of a stack, and go by their names',
      functions: [{ select: { stack: 'Shop', name: 's-*' } }],
      subjects: { 'functions[0]': ['s-api', 's-export', 's-worker'] },
    },
    {
      reason: 'go by the value of a tag',
      functions: [{ select: { tags: { team: 'shop' } }, identity: { tag: 'service' } }],
      subjects: { 'functions[0]': ['api', 'export', 'worker'] },
    },
    {
      reason: 'go by the value of the tag that selects them',
      functions: [{ select: { tags: { service: 'shop' } }, identity: { tag: 'service' } }],
      subjects: { 'functions[0]': ['shop'] },
    },
    {
      reason: 'have the odd names that it maps',
      functions: [{ select: { name: 'shop*' }, names: { 'shop-eu': 'shop', 'shop-us': 'shop' } }],
      subjects: { 'functions[0]': ['shop', 'shopapi', 'shopworker'] },
    },
    {
      reason: 'have odd names that are all that it selects of a subject',
      functions: [{ select: { name: 'a-*' }, names: { 'a-eu': 'b' } }],
      subjects: { 'functions[0]': ['a-api', 'a-worker', 'b'] },
    },
    {
      reason: 'are three at most, whatever it maps and narrows',
      functions: [
        {
          select: { name: '*' },
          names: Object.fromEntries(Array.from({ length: 12 }, (_, n) => [`odd-${n}`, `subject-${n}`])),
          replicas: { 'one-*': ['us-east-1'], 'two-*': ['eu-west-1'] },
        },
      ],
      subjects: { 'functions[0]': ['api', 'one-few', 'subject-0'] },
    },
    {
      reason: 'live where it lets them',
      functions: [
        { select: { name: 'shop-*' }, replicas: { 'shop-*-us': ['us-east-1'], other: ['eu-west-1'] } },
      ],
      subjects: { 'functions[0]': ['shop-api', 'shop-few-us', 'shop-worker'] },
    },
    {
      reason: 'have an alias',
      functions: [{ select: { name: 'shop' }, qualifier: 'live' }],
      subjects: { 'functions[0]': ['shop'] },
    },
    {
      reason: 'have keys of their own, and others that do not matter',
      functions: [{ select: { name: 'shop' }, perReplica: ['DB_*', 'HOST'], ignore: ['BUILD_*', 'RELEASE'] }],
      subjects: { 'functions[0]': ['shop'] },
    },
    {
      reason: 'have a build id in a tag',
      functions: [{ select: { name: 'shop' }, code: { tag: 'build' } }],
      subjects: { 'functions[0]': ['shop'] },
    },
    {
      reason: 'have a build id in a variable',
      functions: [{ select: { name: 'shop' }, code: { variable: 'RELEASE' } }],
      subjects: { 'functions[0]': ['shop'] },
    },
    {
      reason: 'have nothing but settings that is compared',
      functions: [{ select: { name: 'shop' }, code: 'off', ignore: ['*'] }],
      subjects: { 'functions[0]': ['shop'] },
    },
  ])('$reason', async ({ functions, subjects }) => {
    const config = parsed(functions);
    const seen = await lookedAt(config);
    expect(subjectsOf(seen)).toEqual(subjects);
    expect(new Set(seen.subjects.map(({ verdict }) => verdict))).toEqual(new Set(['agreed']));
    expect(seen.unmatched).toEqual([]);
    for (const { subject, copies } of standInsFor(config)) {
      const found = seen.subjects.find((each) => each.subject === subject);
      expect(found?.seenIn).toEqual(copies.map(({ place }) => placeId(place)));
      expect(found?.expectedIn).toEqual(found?.seenIn);
    }

    const differing = await lookedAt(config, (world, standIns) => {
      for (const each of standIns) {
        const [first] = each.copies;
        if (first) release(world, each, first, { code: '2', env: '2' });
      }
    });
    for (const { subject, copies, facets } of standInsFor(config)) {
      const found = differing.subjects.find((each) => each.subject === subject);
      const told = new Set(found?.findings.map(({ facet }) => facet));
      expect(told, subject).toEqual(new Set(copies.length > 1 ? facets : []));
    }
  });

  it('are none of a group whose functions belong to one before it', () => {
    const made = standInsFor(parsed([{ select: { name: '*' } }, { select: { name: 'shop-*' } }]));
    expect(new Set(made.map(({ group }) => group.select.name))).toEqual(new Set(['*']));
  });

  it('are told apart by nothing where nothing is compared', () => {
    const blind = { select: { name: 'shop' }, code: 'off', ignore: ['*'], settings: false } as const;
    expect(standInsFor(parsed([{ ...blind, ignore: ['*'] }])).map(({ facets }) => facets)).toEqual([[]]);
  });

  it('are fewer where there are many groups and places', () => {
    const functions = Array.from({ length: 90 }, (_, group) => ({ select: { name: `group-${group}-*` } }));
    expect(standInsFor(parsed(functions))).toHaveLength(2 * functions.length);
  });

  it('are judged to be of no group only where there is time for it', () => {
    const groups = (count: number): Groups => [
      ...Array.from({ length: count }, (_, group) => ({ select: { name: `group-${group}-*` } })),
      { select: { name: 'group-0-*' } },
    ];
    expect(unselected(parsed(groups(199)))).toEqual(['functions[199]']);
    expect(unselected(parsed(groups(200)))).toEqual([]);
  });
});
