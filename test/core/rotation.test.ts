import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { SubjectState } from '../../functions/core/episode.ts';
import { type PlaceId, placeId } from '../../functions/core/place.ts';
import {
  gradeOf,
  type Heard,
  isNews,
  judgeOnce,
  type RotationRules,
  rotate,
  superseded,
} from '../../functions/core/rotation.ts';
import type { Load, SecretDescription, SecretObservation } from '../../functions/core/secret.ts';

const SECOND = 1000;
const MINUTE = 60_000;
const NOW = 1_000 * MINUTE;
const US = placeId({ region: 'us-east-1' });
const EU = placeId({ region: 'eu-west-1' });
const AP = placeId({ region: 'ap-southeast-2' });
const NEW: SubjectState = { subject: 'prod/db', version: 0, wake: 0 };
const NOTHING_TOLD: Heard = { loads: [] };

/** As many as are kept of each consumer and replica. */
const PROCESSES_KEPT = 20;

const RULES: RotationRules = {
  replicas: [US, EU, AP],
  consumers: [{ name: 'api', cacheMs: 60 * SECOND, isProbed: false, replicas: [EU] }],
  replicationMs: 30 * SECOND,
  deadlineMs: 2 * MINUTE,
  maxRolloutMs: 60 * MINUTE,
  lookedAtForMs: 5 * MINUTE,
  alarmOn: ['version', 'consumer', 'rotation'],
};

const IN_SYNC = [EU, AP].map((region) => ({ region, status: 'InSync' as const }));

function primary(currentId = 'v1', change: Partial<SecretDescription> = {}): SecretDescription {
  return {
    currentId,
    labelledIds: [currentId],
    primaryRegion: US,
    replicas: IN_SYNC,
    changedAt: NOW - 24 * 60 * MINUTE,
    ...change,
  };
}

function replica(currentId = 'v1', change: Partial<SecretDescription> = {}): SecretDescription {
  return primary(currentId, { replicas: [], ...change });
}

type Seen = SecretDescription | 'absent' | 'denied' | undefined;

function lookAt(seen: readonly Seen[], at = NOW) {
  const observations = new Map<PlaceId, SecretObservation>();
  RULES.replicas.forEach((place, index) => {
    const own = seen[index];
    if (own === undefined) return;
    if (own === 'absent') observations.set(place, { state: 'absent', at });
    else if (own === 'denied')
      observations.set(place, { state: 'unobservable', at, refusal: { code: 'ACCESS_DENIED' } });
    else observations.set(place, { state: 'present', at, description: own });
  });
  return { observations, at };
}

/** `replica kind facet keys` of each finding of a look without a memory. */
function found(seen: readonly Seen[], rules = RULES): string[] {
  return judgeOnce(lookAt(seen), rules).outcome.findings.map(({ replica, kind, facet, keys }) =>
    [replica, kind, facet, ...keys].join(' '),
  );
}

function load(versionId: string, change: Partial<Load> = {}): Load {
  return {
    replica: EU,
    consumer: 'api',
    process: 'p1',
    at: NOW,
    used: { versionId, isKnown: true },
    ...change,
  };
}

/** A state that has agreed on v1, and knows what processes loaded. */
function agreed(loads: readonly Load[] = []): SubjectState {
  const seen = lookAt([primary(), replica(), replica()], NOW - MINUTE);
  const first = rotate(NEW, NOTHING_TOLD, seen, RULES).state;
  return rotate(first, { loads }, { ...seen, at: NOW - MINUTE + 1 }, RULES).state;
}

/** A look a second ago has seen that one replica is at the version before. */
function withStraggler(): SubjectState {
  const look = lookAt([primary('v1'), replica('v1'), replica('v0')], NOW - SECOND);
  return rotate(agreed(), NOTHING_TOLD, look, RULES).state;
}

/** Has agreed on v1 a day ago. */
function agreedLongAgo(): SubjectState {
  const state = agreed();
  return { ...state, agreed: state.agreed && { ...state.agreed, at: NOW - 24 * 60 * MINUTE } };
}

describe('one look at a secret', () => {
  const late = { changedAt: NOW - MINUTE };
  const early = { changedAt: NOW - 10 * SECOND };
  const status = (status: 'InSync' | 'InProgress' | 'Failed') => [
    { region: EU, status },
    { region: AP, status: 'InSync' as const },
  ];
  it.each([
    { reason: 'all agree', seen: [primary(), replica(), replica()], findings: [] },
    {
      reason: 'a replica is in sync and holds another version, as when an older label move came last',
      seen: [primary('v3', early), replica('v2'), replica('v3')],
      findings: ['eu-west-1 stale version InSync'],
    },
    {
      reason: 'a replica has the version, and its replication is under way',
      seen: [primary('v2', { ...early, replicas: status('InProgress') }), replica('v2'), replica('v2')],
      findings: ['eu-west-1 unsettled version'],
    },
    {
      reason: 'it is under way for too long, although the replica has the version',
      seen: [primary('v2', { ...late, replicas: status('InProgress') }), replica('v2'), replica('v2')],
      findings: ['eu-west-1 stale version InProgress'],
    },
    {
      reason: 'the version has long been there, and something else began to be replicated just now',
      seen: [primary('v1', { ...early, replicas: status('InProgress') }), replica('v1'), replica('v1')],
      findings: ['eu-west-1 unsettled version'],
    },
    {
      reason: 'replicas name two primaries: the one that more of them name is it',
      seen: [
        replica('v1', { primaryRegion: EU }),
        replica('v2', { primaryRegion: AP }),
        primary('v1', { primaryRegion: EU }),
      ],
      findings: ['us-east-1 stale version', 'ap-southeast-2 stale version'],
    },
    {
      reason: 'replication failed, as with a key that is disabled in that region',
      seen: [primary('v2', { ...early, replicas: status('Failed') }), replica('v1'), replica('v2')],
      findings: ['eu-west-1 failed version'],
    },
    {
      reason: 'the primary does not list a replica yet, which says that it is one',
      seen: [
        primary('v2', { ...early, replicas: [{ region: AP, status: 'InSync' }] }),
        replica('v1'),
        replica('v2'),
      ],
      findings: ['eu-west-1 unsettled version'],
    },
    {
      reason: 'the same, and it has the version',
      seen: [
        primary('v2', { ...early, replicas: [{ region: AP, status: 'InSync' }] }),
        replica('v2'),
        replica('v2'),
      ],
      findings: [],
    },
    {
      reason: 'a replica was promoted',
      seen: [
        primary('v1', { replicas: [{ region: AP, status: 'InSync' }] }),
        replica('v1', { primaryRegion: EU }),
        replica(),
      ],
      findings: ['eu-west-1 standalone version'],
    },
    {
      reason: 'nobody names a primary: the one that lists others is it',
      seen: [
        primary('v2', { primaryRegion: undefined, replicas: [] }),
        primary('v1', { primaryRegion: undefined, replicas: [{ region: AP, status: 'InSync' }] }),
        replica('v1', { primaryRegion: undefined }),
      ],
      findings: ['us-east-1 standalone version'],
    },
    {
      reason: 'nobody names one and none lists others: the one of the config is it',
      rules: { ...RULES, primary: AP },
      seen: [
        undefined,
        replica('v1', { primaryRegion: undefined }),
        replica('v1', { primaryRegion: undefined }),
      ],
      findings: ['us-east-1 unobservable replica', 'eu-west-1 standalone version'],
    },
    {
      reason: 'the primary is in a region that the config does not name',
      seen: [
        replica('v1', { primaryRegion: 'sa-east-1' }),
        replica('v1', { primaryRegion: 'sa-east-1' }),
        'absent' as const,
      ],
      findings: ['sa-east-1 unobservable replica', 'ap-southeast-2 missing replica'],
    },
    {
      reason: 'the primary cannot be read: nobody knows which version is the right one',
      seen: ['denied' as const, replica('v2'), replica('v1')],
      findings: ['us-east-1 unobservable replica'],
    },
    {
      reason: 'nothing can be read',
      seen: ['denied' as const, 'denied' as const, 'denied' as const],
      findings: [US, EU, AP].map((place) => `${place} unobservable replica`),
    },
  ])('says that $reason', ({ seen, findings, rules }) => {
    expect(found(seen, rules)).toEqual(findings);
  });

  it('has converging replicas until the target has passed, and diverged ones after it', () => {
    const verdict = (sinceMs: number) =>
      judgeOnce(lookAt([primary('v2', { changedAt: NOW - sinceMs }), replica('v1'), replica('v2')]), RULES)
        .outcome.verdict;
    expect(verdict(RULES.deadlineMs)).toBe('converging');
    expect(verdict(RULES.deadlineMs + 1)).toBe('diverged');
  });

  it('agrees exactly if every replica is there, was read, is in sync and has the primary’s version', () => {
    const version = fc.constantFrom('v1', 'v2');
    const one = fc.oneof(
      { weight: 4, arbitrary: version.map((id) => replica(id)) },
      fc.constantFrom('absent' as const, 'denied' as const, undefined),
    );
    const statuses = fc.tuple(
      fc.constantFrom('InSync' as const, 'InProgress' as const, 'Failed' as const),
      fc.constantFrom('InSync' as const, 'InProgress' as const, 'Failed' as const),
    );
    fc.assert(
      fc.property(version, statuses, one, one, (current, [eu, ap], second, third) => {
        const replicas = [
          { region: EU, status: eu },
          { region: AP, status: ap },
        ];
        const { outcome } = judgeOnce(lookAt([primary(current, { replicas }), second, third]), RULES);
        const isThere = (seen: Seen) => typeof seen === 'object' && seen.currentId === current;
        const all = isThere(second) && isThere(third) && eu === 'InSync' && ap === 'InSync';
        expect(outcome.verdict === 'agreed').toBe(all);
      }),
    );
  });
});

describe('what consumers load', () => {
  it('is news in any episode, of any other version, of a process where there is room, and once an hour', () => {
    const processes = Array.from({ length: PROCESSES_KEPT }, (_, index) =>
      load('v1', { process: `p${index}`, at: NOW - MINUTE }),
    );
    const state = agreed(processes);
    expect(state.secret?.loads).toHaveLength(PROCESSES_KEPT);
    expect(isNews(state, load('v1', { process: 'new' }), RULES)).toBe(false);
    expect(isNews(state, load('v2', { process: 'new' }), RULES)).toBe(true);
    expect(isNews(state, load('v1', { process: 'new', at: NOW + 61 * MINUTE }), RULES)).toBe(true);
    expect(isNews(state, load('v1', { process: 'new', replica: US }), RULES)).toBe(true);
    expect(isNews(agreed(), load('v1'), RULES)).toBe(true);
    expect(isNews(NEW, load('v1'), RULES)).toBe(true);
    expect(isNews(state, load('v1', { used: { refusal: { code: 'PROBE_FAILED' } } }), RULES)).toBe(true);
    const open = rotate(
      state,
      NOTHING_TOLD,
      lookAt([primary('v2'), replica('v1'), replica('v1')]),
      RULES,
    ).state;
    expect(open.open).toBeDefined();
    expect(isNews(open, load('v1', { process: 'new' }), RULES)).toBe(true);
  });

  it('counts by when it was loaded, whatever the order in which it is told, and however often', () => {
    const told = [load('v1', { at: NOW - 50 }), load('v2', { at: NOW - 10 }), load('v1', { at: NOW - 30 })];
    const look = lookAt([primary('v2'), replica('v2'), replica('v2')]);
    fc.assert(
      fc.property(fc.shuffledSubarray([...told, ...told], { minLength: 6 }), (order) => {
        let state = agreed([load('v1', { at: NOW - MINUTE })]);
        for (const one of order) state = rotate(state, { loads: [one] }, look, RULES).state;
        const [known] = state.secret?.loads ?? [];
        expect(known).toEqual(load('v2', { at: NOW - 10 }));
      }),
    );
  });

  it('is reported only when no cache can hold another version, if more processes may be there than are known', () => {
    const many = Array.from({ length: PROCESSES_KEPT }, (_, index) => load('v2', { process: `p${index}` }));
    const moved = lookAt([primary('v2'), replica('v2'), replica('v2')]);
    const some = rotate(agreed(), { loads: many.slice(1) }, moved, RULES);
    expect(some.closed?.rotation && gradeOf(some.closed.rotation)).toBe('reported');
    const all = rotate(agreed(), { loads: many }, moved, RULES);
    expect(all.closed).toBeUndefined();
    const later = rotate(all.state, NOTHING_TOLD, { ...moved, at: NOW + MINUTE }, RULES);
    expect(later.closed?.rotation?.hops.find(({ hop }) => hop === 3)).toMatchObject({
      state: 'agreed',
      evidence: 'reported',
      at: NOW + MINUTE,
    });
  });

  it('has the weakest grade of all consumers', () => {
    const hop = { hop: 3, replica: EU, state: 'agreed', at: 0 } as const;
    const grades = (...evidence: ('reported' | 'probed' | 'bounded')[]) =>
      gradeOf({ versionId: 'v1', isMove: true, hops: evidence.map((each) => ({ ...hop, evidence: each })) });
    expect(grades('reported', 'probed', 'bounded')).toBe('bounded');
    expect(grades('reported', 'probed')).toBe('probed');
    expect(grades('reported')).toBe('reported');
    expect(grades()).toBe('unwatched');
  });
});

describe('a look that is older than another', () => {
  it('changes nothing of what replicas are known to hold, and what it was told is kept', () => {
    const open = rotate(
      agreed(),
      NOTHING_TOLD,
      lookAt([primary('v2'), replica('v1'), replica('v1')]),
      RULES,
    ).state;
    const old = lookAt([primary('v1'), replica('v1'), replica('v1')], NOW - 1);
    const { state } = rotate(open, { loads: [load('v1')] }, old, RULES);
    expect(state.secret?.held).toEqual(open.secret?.held);
    expect(state.secret?.loads).toEqual([load('v1', { at: NOW - 1 })]);
    expect(state.open).toMatchObject({ rotation: { versionId: 'v2' } });
  });

  it('is no agreement once another version has ended the episode', () => {
    const [v2, v3] = ['v2', 'v3'].map((id) => lookAt([primary(id), replica('v1'), replica('v1')]));
    const open = rotate(agreed(), NOTHING_TOLD, v2 ?? lookAt([]), RULES).state;
    const ended = superseded(open, v3 ?? lookAt([]), RULES)?.state;
    expect(ended).toMatchObject({ last: { outcome: 'superseded' } });
    const old = lookAt([primary('v1'), replica('v1'), replica('v1')], NOW - 1);
    expect(rotate(ended ?? NEW, NOTHING_TOLD, old, RULES).state).toBe(ended);
  });

  it('counts where it saw what a later one has seen too, as of many reports that come at once', () => {
    const open = withStraggler();
    const at = (time: number) => lookAt([primary('v2'), replica('v1'), replica('v1')], time);
    const reported = rotate(open, { loads: [load('v2')] }, at(NOW), RULES).state;
    const again = rotate(reported, { loads: [load('v2', { process: 'p2' })] }, at(NOW - 1), RULES).state;
    expect(again.open?.findings).toEqual(reported.open?.findings);
    expect(again.open?.rotation).toEqual(reported.open?.rotation);
  });

  it('cannot tell of a replica what it holds that was looked at since, for a report', () => {
    const open = withStraggler();
    const reported = rotate(
      open,
      { loads: [load('v2')] },
      lookAt([primary('v2'), replica('v1'), replica('v1')]),
      RULES,
    ).state;
    const old = lookAt([primary('v1'), replica('v1'), replica('v1')], NOW - 1);
    const { state, next } = rotate(reported, NOTHING_TOLD, old, RULES);
    expect(state.open?.findings).toContainEqual({
      replica: US,
      facet: 'replica',
      kind: 'unobservable',
      keys: [],
      refusal: { code: 'NOT_READ' },
    });
    expect(next).toBeDefined();
  });

  it('changes nothing of the looks: neither when the next one is, nor which was the last', () => {
    const open = rotate(
      agreed(),
      NOTHING_TOLD,
      lookAt([primary('v2'), replica('v1'), replica('v2')]),
      RULES,
    ).state;
    const report = {
      loads: [load('v2')],
      change: { id: 'report', source: 'recohere.probe', at: NOW + SECOND },
    };
    const later = lookAt([primary('v2'), replica('v1'), replica('v2')], NOW + SECOND);
    const { state, next } = rotate(open, report, later, RULES);
    expect(next).toBeUndefined();
    expect(state.secret?.loads).toEqual([load('v2')]);
    expect(state).toMatchObject({
      wake: open.wake,
      open: {
        looks: open.open?.looks,
        lastSeenAt: open.open?.lastSeenAt,
        lastChangeAt: open.open?.lastChangeAt,
      },
    });
    expect(rotate(state, report, later, RULES).state).toBe(state);
  });

  it('keeps the chain of looks going if it is a report, and sees that something has moved', () => {
    const moved = { changedAt: NOW - 20 * MINUTE };
    const stuck = [primary('v2', moved), replica('v1'), replica('v2', moved)];
    let taken = rotate(agreedLongAgo(), NOTHING_TOLD, lookAt(stuck, NOW - 19 * MINUTE), RULES);
    for (const minutes of [10, 5])
      taken = rotate(taken.state, NOTHING_TOLD, lookAt(stuck, NOW - minutes * MINUTE), RULES);
    expect(taken.next).toBeUndefined();
    const look = lookAt(
      [primary('v2', moved), replica('v2', { changedAt: NOW }), replica('v2', moved)],
      NOW + SECOND,
    );
    const consumers = ['api', 'job'].map((name) => ({
      name,
      cacheMs: MINUTE,
      isProbed: false,
      replicas: [EU],
    }));
    const reported = rotate(taken.state, { loads: [load('v2')] }, look, { ...RULES, consumers });
    expect(reported).toMatchObject({ next: { looks: 1 }, state: { wake: taken.state.wake + 1 } });
    expect(reported.state.open?.lastSeenAt).toBe(taken.state.open?.lastSeenAt);
  });

  it('is forgotten of the oldest processes first', () => {
    const many = Array.from({ length: PROCESSES_KEPT + 5 }, (_, index) =>
      load('v1', { process: `p${index}`, at: NOW - MINUTE - index }),
    );
    const kept = agreed(many).secret?.loads.map(({ process }) => process);
    expect(kept).toEqual(many.slice(0, PROCESSES_KEPT).map(({ process }) => process));
  });

  it('dates a hop once, whoever loads the version later', () => {
    const stuck = [primary('v2'), replica('v2'), replica('v1')];
    const first = rotate(agreed(), { loads: [load('v2', { at: NOW })] }, lookAt(stuck), RULES).state;
    const again = { loads: [load('v2', { process: 'p2', at: NOW + MINUTE })] };
    const { open } = rotate(first, again, lookAt(stuck, NOW + MINUTE), RULES).state;
    const third = open?.rotation?.hops.find(({ hop }) => hop === 3);
    expect(third).toMatchObject({ state: 'agreed', evidence: 'reported', at: NOW });
  });

  it.each([
    { code: 'PROBE_FAILED', isStill: true },
    { code: 'PROBE_UNREADABLE', isStill: true },
    { code: 'PROBE_MISSING', isStill: false },
    { code: 'PROBE_SILENT', isStill: false },
    { code: 'ACCESS_DENIED', isStill: false },
  ] as const)(
    'is bounded by its cache after a probe was refused as $code, unless that says something',
    ({ code, isStill }) => {
      const rules = {
        ...RULES,
        consumers: RULES.consumers.map((consumer) => ({ ...consumer, isProbed: true })),
      };
      const moved = [primary('v2'), replica('v2'), replica('v2')];
      const first = rotate(agreed(), NOTHING_TOLD, lookAt(moved), rules).state;
      const probed = { loads: [load('v2', { process: undefined, used: { refusal: { code } } })] };
      const second = rotate(first, probed, lookAt(moved, NOW + SECOND), rules).state;
      expect(second.open?.findings).toMatchObject([{ facet: 'consumer', kind: 'failed', refusal: { code } }]);
      const later = rotate(second, NOTHING_TOLD, lookAt(moved, NOW + 10 * MINUTE), rules);
      expect(later.closed === undefined).toBe(isStill);
    },
  );

  const CACHED = [{ name: 'api', cacheMs: 5 * MINUTE, isProbed: false, replicas: [US, EU, AP] }];
  it.each([
    {
      what: 'an open episode saw the primary unreadable',
      seen: [['denied', replica('v2'), replica('v2')]],
      others: [replica(), replica()],
      loads: [],
    },
    { what: 'a replica still holds it', seen: [], others: [replica(), replica('v2')], loads: [] },
    {
      what: 'a process still uses it',
      seen: [],
      others: [replica(), replica()],
      loads: [load('v2', { replica: AP })],
    },
  ] satisfies { what: string; seen: Seen[][]; others: Seen[]; loads: Load[] }[])(
    'is bounded from when the label came back, although nobody saw it leave: $what',
    ({ seen, others, loads }) => {
      const rules = { ...RULES, consumers: CACHED };
      const away = seen.map((each) => lookAt(each, NOW - SECOND));
      const state = away.reduce((before, look) => rotate(before, NOTHING_TOLD, look, rules).state, agreed());
      const back = primary('v1', { changedAt: NOW });
      const { open } = rotate(state, { loads }, lookAt([back, ...others], NOW + 1), rules).state;
      const usOf = (hops = open?.rotation?.hops) => hops?.filter(({ replica }) => replica === US);
      expect(usOf()).toMatchObject([
        { hop: 1, state: 'agreed', at: NOW },
        { hop: 3, state: 'converging' },
      ]);
      const later = lookAt([back, replica(), replica()], NOW + 5 * MINUTE);
      const bounded = rotate({ ...state, open }, NOTHING_TOLD, later, rules).state;
      expect(usOf((bounded.open ?? bounded.last)?.rotation?.hops)).toMatchObject([
        { hop: 1, state: 'agreed', at: NOW },
        { hop: 3, state: 'agreed', evidence: 'bounded', at: NOW + 5 * MINUTE },
      ]);
    },
  );

  it('is bounded from when the label came back to a replica that could not be read', () => {
    const rules = { ...RULES, consumers: CACHED };
    const away = lookAt(['denied', 'denied', replica('v2')], NOW - SECOND);
    const { state } = rotate(agreed(), NOTHING_TOLD, away, rules);
    const back = [NOW, NOW + 2 * SECOND, NOW + SECOND].map((changedAt) => primary('v1', { changedAt }));
    const { open } = rotate(state, NOTHING_TOLD, lookAt(back, NOW + MINUTE), rules).state;
    expect(open?.rotation?.hops.filter(({ replica }) => replica === EU)).toMatchObject([
      { hop: 2, state: 'agreed', at: NOW + 2 * SECOND },
      { hop: 3, state: 'converging' },
    ]);
  });

  it('is bounded from when the label moved, where that was after the look began', () => {
    const rules = { ...RULES, consumers: CACHED };
    const moved = { changedAt: NOW + MINUTE };
    const look = lookAt([primary('v2', moved), replica('v2', moved), replica('v2', moved)], NOW);
    for (const state of [agreed(), NEW]) {
      const { open, secret } = rotate(state, NOTHING_TOLD, look, rules).state;
      expect(secret?.held[EU]).toEqual({ versionId: 'v2', since: NOW + MINUTE });
      const hops = open?.rotation?.hops.filter(({ hop }) => hop < 3);
      expect(new Set(hops?.map(({ at }) => at))).toEqual(new Set(open ? [NOW + MINUTE] : []));
    }
  });

  it('is put off by no other change of the secret while all agree', () => {
    const tagged = [primary('v1', { changedAt: NOW }), replica(), replica()];
    const rules = { ...RULES, consumers: CACHED };
    expect(rotate(agreed(), NOTHING_TOLD, lookAt(tagged, NOW + 1), rules).state.open).toBeUndefined();
  });

  it('is not bounded before its probe was asked', () => {
    const rules = {
      ...RULES,
      consumers: RULES.consumers.map((consumer) => ({ ...consumer, isProbed: true })),
    };
    const moved = [primary('v2'), replica('v2'), replica('v2')];
    const first = rotate(agreed(), NOTHING_TOLD, lookAt(moved), rules).state;
    expect(rotate(first, NOTHING_TOLD, lookAt(moved, NOW + 10 * MINUTE), rules).closed).toBeUndefined();
  });

  it('is not called all, where room for the processes of many consumers is short', () => {
    const consumers = Array.from({ length: 40 }, (_, index) => ({
      name: `api-${index}`,
      cacheMs: 60 * SECOND,
      isProbed: false,
      replicas: [EU],
    }));
    const rules = { ...RULES, consumers };
    const loads = consumers.flatMap(({ name }) =>
      Array.from({ length: 15 }, (_, index) => load('v2', { consumer: name, process: `p${index}` })),
    );
    const { state } = rotate(
      agreed(),
      { loads },
      lookAt([primary('v2'), replica('v2'), replica('v2')]),
      rules,
    );
    expect(state.secret?.loads).toHaveLength(400);
    const third = state.open?.rotation?.hops.filter(({ hop }) => hop === 3) ?? [];
    expect(third.map(({ state }) => state)).toEqual(Array(40).fill('converging'));
  });

  it('is judged by itself where nothing is remembered', () => {
    const state: SubjectState = {
      ...NEW,
      version: 1,
      agreed: { at: NOW + 1, roots: { [EU]: { version: 'v1:v1' } } },
    };
    const replicas = [EU, AP].map((region) => ({ region, status: 'InProgress' as const }));
    const look = lookAt([primary('v2', { replicas }), replica('v1'), replica('v1')]);
    const taken = rotate(state, { loads: [load('v1')] }, look, RULES);
    expect(taken.state.secret).toEqual({ held: {}, loads: [load('v1')] });
    expect(taken.state.open).toBeUndefined();
    expect(isNews(state, load('v1'), RULES)).toBe(true);
  });
});

describe('what a rotation counts from', () => {
  const seen = (id: string, changedAt: number, eu = id) => [
    primary(id, { changedAt }),
    replica(eu, { changedAt }),
    replica(id, { changedAt }),
  ];
  const rules = { ...RULES, maxRolloutMs: 2 * MINUTE }; // its target
  const told = (at: number): Heard => ({
    change: { id: 'told', source: 'aws.secretsmanager', at },
    loads: [],
  });

  it('is the move of the label, and not that somebody had begun to rotate, told late', () => {
    const { opened, overdue } = rotate(
      agreedLongAgo(),
      told(NOW - 3 * MINUTE),
      lookAt(seen('v2', NOW, 'v1'), NOW + SECOND),
      rules,
    );
    expect(opened?.cause).toMatchObject({ id: 'told', at: NOW });
    expect(overdue).toBeUndefined();
  });

  it('is no event of the version before', () => {
    const first = rotate(
      agreedLongAgo(),
      NOTHING_TOLD,
      lookAt(seen('v2', NOW - 5 * MINUTE, 'v1'), NOW - 4 * MINUTE),
      rules,
    );
    const look = lookAt(seen('v3', NOW, 'v1'), NOW + SECOND);
    const ended = superseded(first.state, look, rules)?.state ?? NEW;
    const taken = rotate(ended, told(NOW - 5 * MINUTE), look, rules);
    expect(taken.state.open).toMatchObject({
      cause: { at: NOW },
      isOverdue: false,
      rotation: { versionId: 'v3' },
    });
  });
});

describe('what has been there for long', () => {
  const consumers = [{ name: 'api', cacheMs: MINUTE, isProbed: false, replicas: [EU, AP] }];

  it('opens nothing in a region that is new in the config', () => {
    const two = { ...RULES, replicas: [US, EU], consumers: [] };
    const first = lookAt([primary('v1', { replicas: IN_SYNC.slice(0, 1) }), replica()], NOW - 5 * MINUTE);
    const { state } = rotate(NEW, NOTHING_TOLD, first, two);
    const look = lookAt([primary(), replica(), replica()], NOW);
    expect(rotate(state, NOTHING_TOLD, look, { ...RULES, consumers }).state.open).toBeUndefined();
  });

  it('opens nothing after a look that could read nothing, where the primary is not in the config', () => {
    const rules = { ...RULES, replicas: [EU, AP], consumers };
    const seen = (at: number, ...all: Seen[]) => {
      const { observations } = lookAt([all[2], all[0], all[1]], at);
      return { observations, at };
    };
    let { state } = rotate(NEW, NOTHING_TOLD, seen(NOW - 9 * MINUTE, replica(), replica(), primary()), rules);
    ({ state } = rotate(state, NOTHING_TOLD, seen(NOW - 5 * MINUTE, 'denied', 'denied'), rules));
    expect(
      rotate(state, NOTHING_TOLD, seen(NOW, replica(), replica(), primary()), rules).opened,
    ).toBeUndefined();
  });

  it('is not called bounded by the look that opens an episode if the secret has just changed', () => {
    const rules = {
      ...RULES,
      consumers: [{ name: 'api', cacheMs: MINUTE, isProbed: false, replicas: [US] }],
    };
    const look = lookAt([primary('v1', { changedAt: NOW }), replica(), 'absent'], NOW + SECOND);
    const { opened } = rotate(agreed(), NOTHING_TOLD, look, rules);
    expect(opened?.rotation?.hops.find(({ hop }) => hop === 3)).toMatchObject({ state: 'converging' });
  });
});

describe('how a rotation ended', () => {
  const ended = (event: 'RotationSucceeded' | 'RotationFailed', at: number): Heard => ({
    loads: [],
    ended: { event, at },
  });

  it('is blamed on no version where the primary has never been read', () => {
    const unread = lookAt(['denied', replica(), replica()]);
    const rules = { ...RULES, consumers: [] };
    const heard = rotate(NEW, ended('RotationFailed', NOW - 10), unread, rules).state;
    expect(heard.secret?.ended).toEqual({ event: 'RotationFailed', at: NOW - 10, versionId: undefined });
    const read = lookAt([primary(), replica(), replica()], NOW + 1);
    expect(rotate(heard, NOTHING_TOLD, read, rules).state.open).toBeUndefined();
  });

  it('is over when AWS says that it was rotated since, and not before', () => {
    const failed = rotate(
      agreed(),
      ended('RotationFailed', NOW - 10),
      lookAt([primary(), replica(), replica()]),
      RULES,
    );
    expect(failed.state.open?.findings).toMatchObject([{ facet: 'rotation', keys: ['RotationFailed'] }]);
    const rotated = (rotatedAt: number) =>
      rotate(
        failed.state,
        NOTHING_TOLD,
        lookAt([primary('v1', { rotatedAt }), replica(), replica()], NOW + 1),
        RULES,
      ).state.open;
    expect(rotated(NOW - 11)).toBeDefined();
    expect(rotated(NOW)).toBeUndefined();
  });

  it('is overdue a day after the date that AWS names', () => {
    const day = 24 * 60 * MINUTE;
    const due = (ms: number) => found([primary('v1', { nextRotationAt: NOW - ms }), replica(), replica()]);
    expect(due(day)).toEqual([]);
    expect(due(day + 1)).toEqual(['us-east-1 failed rotation NextRotationDate']);
  });

  it('is the better one of two that AWS dates alike, whatever the order', () => {
    const look = lookAt([primary(), replica(), replica()]);
    const ends = [ended('RotationFailed', NOW - 10), ended('RotationSucceeded', NOW - 10)];
    for (const order of [ends, ends.toReversed()]) {
      let state = agreed();
      for (const [index, heard] of order.entries())
        state = rotate(state, heard, { ...look, at: NOW + index }, RULES).state;
      expect(state.secret?.ended?.event).toBe('RotationSucceeded');
    }
  });

  it('is what was told last by time, whatever the order', () => {
    const look = lookAt([primary(), replica(), replica()]);
    const failed = ended('RotationFailed', NOW - 20);
    const succeeded = ended('RotationSucceeded', NOW - 10);
    for (const order of [
      [failed, succeeded],
      [succeeded, failed],
    ]) {
      let state = agreed();
      for (const [index, heard] of order.entries())
        state = rotate(state, heard, { ...look, at: NOW + index }, RULES).state;
      expect(state.open).toBeUndefined();
      expect(state.secret?.ended).toEqual({ ...succeeded.ended, versionId: 'v1' });
    }
  });
});
