import { describe, expect, it } from 'vitest';
import type {
  Episode,
  Move,
  RootsByReplica,
  Step,
  SubjectState,
  Told,
} from '../../functions/core/episode.ts';
import { GRACE_MS, heed } from '../../functions/core/moves.ts';
import { type PlaceId, placeId } from '../../functions/core/place.ts';

const MINUTE = 60_000;
const AT = 100 * MINUTE;
const US = placeId({ region: 'us-east-1' });
const EU = placeId({ region: 'eu-west-1', account: '222222222222' });

const roots = (us: string, eu: string): RootsByReplica => ({
  [US]: { env: `v1.k:${us}` },
  [EU]: { env: `v1.k:${eu}` },
});
const BEFORE: SubjectState = {
  subject: 'api',
  version: 1,
  wake: 0,
  agreed: { roots: roots('a', 'a'), at: 1 },
};
const told = (change: Partial<Told> = {}): Told => ({ id: 'd', source: 'aws.lambda', at: AT, ...change });

/** A step after which replicas have these roots. */
function to(now: RootsByReplica, given: Partial<Step> = {}): Step {
  return { state: { ...BEFORE, agreed: { roots: now, at: AT } }, isFlap: false, ...given };
}
const UNCHANGED: Step = { state: BEFORE, isFlap: false };

function openOf(given: Partial<Episode>): Episode {
  return {
    id: '1',
    cause: { id: 'd', source: 'look', at: AT },
    since: AT,
    lastChangeAt: AT,
    lastMovedAt: AT,
    firstSeenAt: AT,
    lastSeenAt: AT,
    looks: 1,
    isOverdue: false,
    roots: {},
    findings: [],
    ...given,
  };
}

const heeded = (
  before: SubjectState,
  step: Step,
  event: Told | undefined,
  at: number,
  unread: readonly PlaceId[] = [],
) => heed(before, step, { told: event, unread, at });

describe('a move', () => {
  it.each<{ reason: string; step: Step; told?: Told; waits: readonly string[] }>([
    { reason: 'nothing moved', step: to(roots('a', 'a')), waits: [] },
    { reason: 'nobody told', step: to(roots('a', 'b')), waits: [EU] },
    { reason: 'both moved', step: to(roots('b', 'b')), waits: [US, EU] },
    { reason: 'an event told that names no place', step: to(roots('b', 'b')), told: told(), waits: [] },
    {
      reason: 'an event told of another region',
      step: to(roots('b', 'b')),
      told: told({ from: { region: 'us-east-1', account: '111111111111' } }),
      waits: [EU],
    },
    {
      reason: 'an event told of the same region of another account',
      step: to(roots('b', 'b')),
      told: told({ from: { region: 'eu-west-1', account: '111111111111' } }),
      waits: [US, EU],
    },
    {
      reason: 'an event told of that account and region',
      step: to(roots('b', 'b')),
      told: told({ from: { region: 'eu-west-1', account: '222222222222' } }),
      waits: [US],
    },
    {
      reason: 'an event told that is too old to mean it',
      step: to(roots('a', 'b')),
      told: told({ at: AT - GRACE_MS }),
      waits: [EU],
    },
    {
      reason: 'a region is new, which is no move',
      step: to({ ...roots('a', 'a'), [placeId({ region: 'sa-east-1' })]: { env: 'v1.k:a' } }),
      waits: [],
    },
    {
      reason: 'roots are of another fingerprint key, which says nothing',
      step: to({ [US]: { env: 'v1.other:b' }, [EU]: { env: 'v1.other:b' } }),
      waits: [],
    },
    {
      reason: 'a replica that was known is missing',
      step: to(roots('a', 'a'), {
        state: {
          ...BEFORE,
          open: openOf({
            roots: roots('a', 'a'),
            findings: [{ replica: EU, facet: 'replica', kind: 'missing', keys: [] }],
          }),
        },
      }),
      waits: [EU],
    },
    {
      reason: 'a replica is missing that was never known',
      step: to(roots('a', 'a'), {
        state: {
          ...BEFORE,
          open: openOf({
            roots: roots('a', 'a'),
            findings: [{ replica: 'sa-east-1', facet: 'replica', kind: 'missing', keys: [] }],
          }),
        },
      }),
      waits: [],
    },
  ])('waits to be told, of what it is to be, when $reason', ({ step, told: event, waits }) => {
    const { state, lost } = heeded(BEFORE, step, event, AT);
    expect(state.untold ?? []).toEqual(waits.map((replica) => ({ replica, seenAt: AT })));
    expect(lost).toEqual([]);
  });

  it('of a secret is that of its primary: the others follow it', () => {
    const hops = [{ hop: 1, replica: US, state: 'agreed', evidence: 'described', at: AT }] as const;
    const rotation = { versionId: 'v2', isMove: true, hops };
    const open = openOf({ roots: roots('b', 'b'), rotation });
    const { state } = heeded(BEFORE, { state: { ...BEFORE, open }, isFlap: false }, undefined, AT);
    expect(state.untold).toEqual([{ replica: US, seenAt: AT }]);
  });

  it('of a missing replica waits once, however long it is missing', () => {
    const findings = [{ replica: EU, facet: 'replica', kind: 'missing', keys: [] }] as const;
    const open = openOf({ roots: roots('a', 'a'), findings });
    const before = { ...BEFORE, open };
    const step = { state: { ...before, open: { ...open, looks: 2 } }, isFlap: false };
    expect(heeded(before, step, undefined, AT).state.untold).toBeUndefined();
  });
});

describe('an event of a replica that cannot be read', () => {
  const event = told({ from: { region: 'eu-west-1', account: '222222222222' } });
  const blind = heeded(BEFORE, UNCHANGED, event, AT, [EU]).state;

  it('is remembered, and tells of its move when that is seen, however late', () => {
    expect(blind.toldUnread).toEqual([EU]);
    const later = AT + 10 * GRACE_MS;
    const still = heeded(blind, { state: blind, isFlap: false }, undefined, later - 1, [EU]);
    expect(still.state).toBe(blind);
    const seen = { state: { ...blind, agreed: { roots: roots('a', 'b'), at: later } }, isFlap: false };
    const { state, lost } = heeded(blind, seen, undefined, later);
    expect([state.untold, state.toldUnread, lost]).toEqual([undefined, undefined, []]);
  });

  it('tells of no other replica, and of no second move', () => {
    const other = { state: { ...blind, agreed: { roots: roots('b', 'a'), at: AT } }, isFlap: false };
    expect(heeded(blind, other, undefined, AT + 1, [EU]).state.untold).toEqual([
      { replica: US, seenAt: AT + 1 },
    ]);
    const read = heeded(blind, { state: blind, isFlap: false }, undefined, AT + 1).state;
    const moved = { state: { ...read, agreed: { roots: roots('a', 'b'), at: AT + 2 } }, isFlap: false };
    expect(heeded(read, moved, undefined, AT + 2).state.untold).toEqual([{ replica: EU, seenAt: AT + 2 }]);
  });

  it('that names another place is forgotten', () => {
    const elsewhere = told({ from: { region: 'us-east-1', account: '222222222222' } });
    expect(heeded(BEFORE, UNCHANGED, elsewhere, AT, [EU]).state).toBe(BEFORE);
  });
});

it('a replica that could not be read when an episode opened is known by what was agreed before', () => {
  const open = openOf({ roots: { [US]: { env: 'v1.k:b' } } });
  const before = { ...BEFORE, open };
  const step = { state: { ...before, open: { ...open, roots: roots('b', 'b') } }, isFlap: false };
  expect(heeded(before, step, undefined, AT).state.untold).toEqual([{ replica: EU, seenAt: AT }]);
});

it('what follows a primary that cannot be read does not count: the primary will', () => {
  const before = { ...BEFORE, secret: { held: {}, loads: [] } };
  const step = to(roots('a', 'b'));
  const state = { ...step.state, secret: before.secret };
  expect(heeded(before, { ...step, state }, undefined, AT).state.untold).toBeUndefined();
});

it('a version that another one has superseded moves once', () => {
  const open = openOf({ roots: roots('b', 'b') });
  const before = { ...BEFORE, open };
  const closed = { outcome: 'superseded' } as NonNullable<Step['closed']>;
  const step = { state: { ...BEFORE, open: undefined }, closed, isFlap: false };
  expect(heeded(before, step, undefined, AT).state.untold).toBeUndefined();
});

describe('a move that waits', () => {
  const waiting: readonly Move[] = [{ replica: EU, seenAt: AT }];
  const before: SubjectState = { ...BEFORE, untold: waiting };
  const same: Step = { state: before, isFlap: false };

  it('is kept as it is while its time lasts', () => {
    const kept = heeded(before, same, undefined, AT + GRACE_MS - 1);
    expect(kept.state).toBe(before);
    expect(kept.lost).toEqual([]);
  });

  it('is lost after that, once', () => {
    const { state, lost } = heeded(before, same, undefined, AT + GRACE_MS);
    expect(lost).toEqual(waiting);
    expect(state.untold).toBeUndefined();
    expect(heeded(state, { state, isFlap: false }, undefined, AT + 2 * GRACE_MS).lost).toEqual([]);
  });

  it('is told by an event that comes late, and by none of another place', () => {
    const at = AT + GRACE_MS / 2;
    const other = heeded(before, same, told({ at, from: { region: 'us-east-1', account: '1' } }), at);
    expect(other.state).toBe(before);
    const { state, lost } = heeded(before, same, told({ id: 'late', at }), at);
    expect([state.untold, lost]).toEqual([undefined, []]);
    expect(state.heard).toEqual({ id: 'late', source: 'aws.lambda', at });
  });

  it('is one of a hundred at most, and lost if there are more', () => {
    const many = Array.from({ length: 100 }, (_, seenAt) => ({ replica: EU, seenAt: AT + seenAt }));
    const full = { ...BEFORE, untold: many };
    const { state, lost } = heeded(full, { ...to(roots('b', 'a')) }, undefined, AT + 200);
    expect(state.untold).toHaveLength(100);
    expect(state.untold?.at(-1)).toEqual({ replica: US, seenAt: AT + 200 });
    expect(lost).toEqual(many.slice(0, 1));
  });
});

it('nothing has moved of what was never read', () => {
  const never: SubjectState = { subject: 'api', version: 0, wake: 0 };
  const { state, lost } = heeded(never, { state: { ...never, wake: 1 }, isFlap: false }, undefined, AT);
  expect([state.untold, lost]).toEqual([undefined, []]);
});

it('nothing is written for an event that tells nothing new', () => {
  expect(heeded(BEFORE, UNCHANGED, told(), AT).state).toBe(BEFORE);
});

it('the last event is remembered with what is written anyway', () => {
  const { state } = heeded(BEFORE, to(roots('b', 'b')), told({ id: 'deploy-7' }), AT);
  expect(state.heard).toEqual({ id: 'deploy-7', source: 'aws.lambda', at: AT });
  const next = heeded(state, { state: { ...state, wake: 9 }, isFlap: false }, undefined, AT + 1);
  expect(next.state.heard?.id).toBe('deploy-7');
});
