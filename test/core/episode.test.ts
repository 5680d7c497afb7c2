import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Finding } from '../../functions/contract/report.ts';
import {
  type Change,
  type EpisodeRules,
  type RootsByReplica,
  retire,
  type Seen,
  type Step,
  type SubjectState,
  step,
  type Told,
} from '../../functions/core/episode.ts';
import { placeId } from '../../functions/core/place.ts';

const MINUTE = 60_000;
const RULES: EpisodeRules = {
  deadlineMs: 5 * MINUTE,
  maxRolloutMs: 60 * MINUTE,
  alarmOn: ['env'],
  lookedAtForMs: 300_000,
};
const US = placeId({ region: 'us-east-1' });
const EU = placeId({ region: 'eu-west-1' });
const ASIA = placeId({ region: 'ap-south-1' });
const NEW: SubjectState = { subject: 'api', version: 0, wake: 0 };

const roots = (us: string, eu: string): RootsByReplica => ({
  [US]: { env: `v1.k:${us}` },
  [EU]: { env: `v1.k:${eu}` },
});
const different: Finding = { replica: EU, facet: 'env', kind: 'different', keys: ['A'], reference: US };
const unread: Finding = {
  replica: EU,
  facet: 'replica',
  kind: 'unobservable',
  keys: [],
  refusal: { code: 'THROTTLED' },
};
const deploy = (id: string, at: number): Change => ({ id, source: 'aws.cloudformation', at });

function agreed(at: number, root: string, movedAt = 0): Seen {
  return {
    outcome: { verdict: 'agreed', findings: [] },
    roots: roots(root, root),
    movedAt: { [EU]: movedAt },
    at,
  };
}
function differing(at: number, us: string, eu: string, movedAt = 0): Seen {
  return {
    outcome: { verdict: 'diverged', findings: [different] },
    roots: roots(us, eu),
    movedAt: { [EU]: movedAt },
    at,
  };
}
/** The same, with an update of the first replica that is under way, or has failed. */
function underWay(seen: Seen, kind: 'unsettled' | 'failed'): Seen {
  const remark = { replica: US, facet: 'replica', kind, keys: [] } as const;
  return { ...seen, outcome: { verdict: 'diverged', findings: [remark, ...seen.outcome.findings] } };
}
function unreadable(at: number, us: string): Seen {
  const outcome = { verdict: 'unobservable', findings: [unread] } as const;
  return { outcome, roots: { [US]: { env: `v1.k:${us}` } }, movedAt: {}, at };
}

/** Takes steps one after the other, from a subject that agreed on `a` at time 0. */
function play(...looks: (Seen | [Told, Seen])[]): Step[] {
  let state: SubjectState = { ...NEW, agreed: { roots: roots('a', 'a'), at: 1 } };
  return looks.map((given) => {
    const [change, seen] = Array.isArray(given) ? given : [undefined, given];
    const taken = step(state, change, seen, RULES);
    state = taken.state === state ? state : { ...taken.state, version: state.version + 1 };
    return { ...taken, state };
  });
}

describe('no episode', () => {
  it('opens at the first look that agrees: it is where the subject starts', () => {
    const { state, opened } = step(NEW, deploy('d', 5), agreed(10, 'a'), RULES);
    expect(opened).toBeUndefined();
    expect(state.agreed).toEqual({ roots: roots('a', 'a'), at: 10 });
  });

  it.each([
    { looks: agreed(10, 'a'), reason: 'nothing moved' },
    { looks: [deploy('d', 5), agreed(10, 'a')] as [Change, Seen], reason: 'a deploy moved nothing' },
    { looks: unreadable(10, 'a'), reason: 'something could not be read, and nothing else moved' },
  ])('opens, and nothing is written, when $reason', ({ looks }) => {
    const [taken] = play(looks);
    expect(taken?.state).toEqual({ ...NEW, agreed: { roots: roots('a', 'a'), at: 1 } });
    expect(taken?.opened).toBeUndefined();
  });

  it('opens for what is not known and is seen nowhere, while one place cannot be read: it may be nowhere', () => {
    const missing: Finding = { replica: US, facet: 'replica', kind: 'missing', keys: [] };
    const nowhere: Seen = {
      outcome: { verdict: 'diverged', findings: [missing, unread] },
      roots: {},
      movedAt: {},
      at: 10,
    };
    const { state, opened } = step(NEW, deploy('d', 5), nowhere, RULES);
    expect(opened).toBeUndefined();
    expect(state).toEqual(NEW);
    const [known] = play(nowhere);
    expect(known?.opened?.findings).toEqual([missing, unread]);
  });

  it('opens for an update under way that has moved nothing yet; another look is wanted', () => {
    const remark = { replica: EU, facet: 'replica', kind: 'unsettled', keys: [] } as const;
    const [taken] = play({ ...agreed(10, 'a', 4), outcome: { verdict: 'converging', findings: [remark] } });
    expect(taken).toMatchObject({ state: { wake: 1 }, next: { looks: 2, restedMs: 6 } });
    expect(taken?.opened).toBeUndefined();
  });

  it('opens for an update that hangs, while its deadline is far: the sweep alone looks then', () => {
    const updating: Seen = {
      outcome: {
        verdict: 'converging',
        findings: [{ replica: EU, facet: 'replica', kind: 'unsettled', keys: [] }],
      },
      roots: roots('a', 'a'),
      movedAt: { [EU]: 1000 },
      at: 1000 + 6 * MINUTE,
    };
    const before: SubjectState = { ...NEW, agreed: { roots: roots('a', 'a'), at: 1 } };
    const { state, next } = step(before, undefined, updating, { ...RULES, deadlineMs: 60 * MINUTE });
    expect(state).toBe(before);
    expect(next).toBeUndefined();
  });

  it('opens for another fingerprint key, another region or another facet; the new roots are remembered', () => {
    const before: SubjectState = { ...NEW, agreed: { roots: { [US]: { env: 'v1.old:a' } }, at: 1 } };
    const { state, opened } = step(before, undefined, agreed(10, 'a'), RULES);
    expect(opened).toBeUndefined();
    expect(state.agreed).toEqual({ roots: roots('a', 'a'), at: 10 });
  });
});

describe('an episode', () => {
  it('opens and closes in one look where all replicas have moved together', () => {
    const [taken] = play([deploy('d', 100), agreed(400, 'b')]);
    expect(taken?.opened?.cause.id).toBe('d');
    expect(taken?.closed).toMatchObject({
      outcome: 'forward',
      timeToDetectMs: 300,
      convergenceMs: 300,
      exposureMs: 300,
      resolutionMs: 300,
    });
    expect(taken?.state).toMatchObject({ open: undefined, agreed: { roots: roots('b', 'b'), at: 400 } });
  });

  it('converges over several looks and changes; times are from the last joined change, and from the first', () => {
    const steps = play(
      [deploy('wave 1', 1000), differing(2000, 'b', 'a')],
      [deploy('wave 2', 60_000), differing(61_000, 'b', 'a')],
      agreed(70_000, 'b'),
    );
    expect(steps[0]?.opened?.id).toBe('0000000001');
    expect(steps[1]?.state.open?.lastChangeAt).toBe(60_000);
    expect(steps[2]?.closed).toMatchObject({
      outcome: 'forward',
      timeToDetectMs: 1000,
      convergenceMs: 10_000,
      exposureMs: 69_000,
      resolutionMs: 9000,
      findings: [different],
    });
  });

  it('opens where one replica has moved, though the only other one cannot be read', () => {
    const steps = play([deploy('d', 100), unreadable(400, 'b')], agreed(9000, 'b'));
    expect(steps[0]?.opened).toMatchObject({ cause: { id: 'd' }, findings: [unread] });
    expect(steps[0]?.next).toBeDefined();
    expect(steps[1]?.closed).toMatchObject({
      outcome: 'forward',
      timeToDetectMs: 300,
      convergenceMs: 8900,
      resolutionMs: 8900,
    });
  });

  it('may have ended since the last look that saw disagreement, not only since one that could not read', () => {
    const steps = play(
      [deploy('d', 1000), differing(2000, 'b', 'a')],
      unreadable(10_000, 'b'),
      unreadable(20_000, 'b'),
      agreed(30_000, 'b'),
    );
    expect(steps[3]?.closed).toMatchObject({ convergenceMs: 29_000, resolutionMs: 28_000 });
  });

  it('counts from when it was seen where a replica is gone, though one was written to before and changed nothing', () => {
    const missing: Finding = { replica: EU, facet: 'replica', kind: 'missing', keys: [] };
    const gone: Seen = {
      outcome: { verdict: 'diverged', findings: [missing] },
      roots: { [US]: { env: 'v1.k:a' } },
      movedAt: { [EU]: MINUTE },
      at: 60 * MINUTE,
    };
    const [taken] = play(gone);
    expect(taken?.opened?.cause.at).toBe(60 * MINUTE);
    expect(taken?.state.open?.isOverdue).toBe(false);
  });

  it('goes forward where nothing was agreed on before', () => {
    const { state } = step(NEW, undefined, differing(1000, 'b', 'a'), RULES);
    const { closed } = step(state, undefined, agreed(2000, 'a'), RULES);
    expect(closed?.outcome).toBe('forward');
  });

  it('that ends where it began is rolled back', () => {
    const steps = play([deploy('d', 1000), differing(2000, 'b', 'a')], agreed(9000, 'a'));
    expect(steps[1]?.closed?.outcome).toBe('rolled-back');
  });

  it('that ends where it began is rolled back, though a replica is not expected any more', () => {
    const rest: Seen = { ...agreed(9000, 'a'), roots: { [US]: { env: 'v1.k:a' } } };
    const steps = play([deploy('d', 1000), differing(2000, 'b', 'a')], rest);
    expect(steps[1]?.closed?.outcome).toBe('rolled-back');
  });

  it('in which the fingerprint key was changed is not called rolled back', () => {
    const open = step(
      { ...NEW, agreed: { roots: roots('a', 'a'), at: 1 } },
      undefined,
      differing(10, 'b', 'a'),
      RULES,
    );
    const renewed: Seen = {
      ...agreed(20, 'b'),
      roots: { [US]: { env: 'v1.new:b' }, [EU]: { env: 'v1.new:b' } },
    };
    expect(step(open.state, undefined, renewed, RULES).closed?.outcome).toBe('forward');
  });

  it('in which one facet cannot be compared any more is not called rolled back', () => {
    const both = (env: string, code: string): RootsByReplica => ({
      [US]: { env, code },
      [EU]: { env, code },
    });
    const before: SubjectState = { ...NEW, agreed: { roots: both('v1.k.r1:a', 'v1.k.r1:c'), at: 1 } };
    const open = step(
      before,
      deploy('d', 5),
      { ...differing(10, 'b', 'a'), roots: both('v1.k.r1:b', 'v1.k.r1:c') },
      RULES,
    );
    const renewed = { ...agreed(20, 'b'), roots: both('v1.k.r2:b', 'v1.k.r1:c') };
    expect(step(open.state, undefined, renewed, RULES).closed?.outcome).toBe('forward');
  });

  it('opens for an update that has been under way for longer than the deadline', () => {
    const remark = { replica: EU, facet: 'replica', kind: 'unsettled', keys: [] } as const;
    const late = {
      ...agreed(RULES.deadlineMs + 10, 'a', 5),
      outcome: { verdict: 'diverged', findings: [remark] },
    } as const;
    expect(play(late)[0]?.opened?.cause.at).toBe(5);
    const written = { ...late, movedAt: { ...late.movedAt, [US]: late.at } }; // elsewhere, and it changed nothing
    expect(play(written)[0]?.opened?.cause.at).toBe(5);
    const byPrimary = { ...late, movedAt: { [US]: late.at } }; // as of a secret, whose replicas have no date of their own
    expect(play(byPrimary)[0]).toMatchObject({ next: { restedMs: 0 } });
    expect(play(byPrimary)[0]?.opened).toBeUndefined();
  });

  it('of a subject that never agreed goes forward', () => {
    const first = step(NEW, undefined, differing(10, 'a', 'b', 4), RULES);
    expect(first.opened?.cause).toEqual({ id: 'seen-10', source: 'look', at: 10 }); // older than the installation
    expect(step(first.state, undefined, agreed(20, 'b'), RULES).closed?.outcome).toBe('forward');
  });

  it('is overdue once: after the deadline since the last change', () => {
    const steps = play(
      [deploy('d', 1000), differing(2000, 'b', 'a')],
      differing(1000 + RULES.deadlineMs, 'b', 'a'),
      differing(1001 + RULES.deadlineMs, 'b', 'a'),
      differing(1002 + RULES.deadlineMs, 'b', 'a'),
      agreed(1003 + RULES.deadlineMs, 'b'),
    );
    expect(steps.map(({ overdue }) => overdue !== undefined)).toEqual([false, false, true, false, false]);
    expect(steps[4]?.closed?.wasOverdue).toBe(true);
  });

  it('has its deadline put off by a change that joins, and by movement', () => {
    const late = 1000 + RULES.deadlineMs;
    const joined = play(
      [deploy('d', 1000), differing(2000, 'b', 'a')],
      [deploy('e', late), differing(late + 1, 'b', 'a')],
      differing(late + RULES.deadlineMs, 'b', 'a'),
    );
    expect(joined[2]?.state.open?.isOverdue).toBe(false);
    const moved = play(
      [deploy('d', 1000), differing(2000, 'b', 'a')],
      differing(late, 'c', 'a'),
      differing(late + RULES.deadlineMs, 'c', 'a'),
    );
    expect(moved[2]?.state.open).toMatchObject({ isOverdue: false, lastMovedAt: late, looks: 2 });
  });

  it('has its deadline put off by what moved before it could first be read, by its date', () => {
    const late = 1000 + RULES.deadlineMs;
    const read = play(
      [deploy('d', 1000), unreadable(2000, 'b')],
      differing(late, 'b', 'c', late - MINUTE),
      differing(late - MINUTE + RULES.deadlineMs, 'b', 'c', late - MINUTE),
      differing(late - MINUTE + RULES.deadlineMs + 1, 'b', 'c', late - MINUTE),
    );
    expect(read[1]?.state.open?.lastMovedAt).toBe(late - MINUTE);
    expect(read.map(({ overdue }) => overdue !== undefined)).toEqual([false, false, false, true]);
  });

  it.each([
    {
      look: differing(1000 + RULES.deadlineMs, 'b', 'a', 1000 + RULES.deadlineMs),
      reason: 'that was read before, and has the same roots',
    },
    {
      look: {
        ...differing(1000 + RULES.deadlineMs, 'b', 'a'),
        roots: { ...roots('b', 'a'), [ASIA]: { env: 'v1.k:a' } },
        movedAt: { [EU]: 1000 + RULES.deadlineMs },
      },
      reason: 'that was read before, while another is read for the first time',
    },
  ])('has its deadline put off by no date of a replica $reason', ({ look }) => {
    const read = play(
      [deploy('d', 1000), differing(2000, 'b', 'a')],
      look,
      differing(1001 + RULES.deadlineMs, 'b', 'a', 1000 + RULES.deadlineMs),
    );
    expect(read.map(({ overdue }) => overdue !== undefined)).toEqual([false, false, true]);
  });

  it('that opens late counts from the move that AWS dates, if that is later than its cause', () => {
    const movedAt = 1000 + 2 * MINUTE;
    const steps = play(
      [deploy('d', 1000), differing(movedAt + 1000, 'a', 'b', movedAt)],
      differing(movedAt + RULES.deadlineMs, 'a', 'b', movedAt),
      differing(movedAt + RULES.deadlineMs + 1, 'a', 'b', movedAt),
    );
    expect(steps[0]?.opened).toMatchObject({ cause: deploy('d', 1000), lastMovedAt: movedAt });
    expect(steps.map(({ overdue }) => overdue !== undefined)).toEqual([false, false, true]);
  });

  it.each([
    {
      looked: differing(15 * MINUTE, 'a', 'b'),
      last: 11,
      reason: 'one with the roots of before changed nothing',
    },
    { looked: differing(15 * MINUTE, 'b', 'c'), last: 14, reason: 'each has moved' },
    {
      looked: underWay(differing(15 * MINUTE, 'a', 'b'), 'unsettled'),
      last: 14,
      reason: 'an update is under way where nothing has moved yet',
    },
    {
      looked: underWay(differing(15 * MINUTE, 'a', 'b'), 'failed'),
      last: 14,
      reason: 'an update has failed where nothing has moved',
    },
    {
      looked: {
        ...differing(15 * MINUTE, 'a', 'b'),
        roots: { ...roots('a', 'b'), [US]: { env: 'v1.new:a' } },
      },
      last: 14,
      reason: 'nobody knows whether one with another fingerprint key has moved',
    },
    {
      looked: differing(15 * MINUTE, 'a', 'b'),
      known: [EU],
      last: 14,
      reason: 'one is read for the first time',
    },
  ])('that nobody told counts from the last date of the replicas that may have moved: $reason', (row) => {
    const { looked, known = [US, EU], last } = row;
    const of = Object.fromEntries(known.map((replica) => [replica, { env: 'v1.k:a' }]));
    const before: SubjectState = { ...NEW, agreed: { roots: of, at: 10 * MINUTE } };
    const seen = { ...looked, movedAt: { [US]: 14 * MINUTE, [EU]: 11 * MINUTE } };
    const at = last * MINUTE;
    expect(step(before, undefined, seen, RULES).opened).toMatchObject({
      cause: { id: `moved-${at}`, source: 'look', at },
      since: at,
      lastMovedAt: at,
    });
  });

  it('is overdue after the longest rollout, however often it moves', () => {
    const looks = Array.from({ length: 40 }, (_, minute) =>
      differing(2 * minute * MINUTE + 2000, `b${minute}`, 'a'),
    );
    const steps = play([deploy('d', 1000), differing(1500, 'b', 'a')], ...looks);
    expect(steps.find(({ overdue }) => overdue)?.state.open?.lastSeenAt).toBe(60 * MINUTE + 2000);
  });

  it('that does not alarm has a new deadline when it begins to', () => {
    const code: Finding = { ...different, facet: 'code' };
    const inCode = (at: number): Seen => ({
      outcome: { verdict: 'diverged', findings: [code] },
      roots: roots('b', 'a'),
      movedAt: {},
      at,
    });
    const late = 10 * RULES.maxRolloutMs;
    const steps = play(
      [deploy('d', 1000), inCode(2000)],
      inCode(late),
      [deploy('e', late + 1000), differing(late + 2000, 'c', 'a')],
      differing(late + 3000 + RULES.deadlineMs, 'c', 'a'),
    );
    expect(steps.map(({ overdue }) => overdue !== undefined)).toEqual([false, true, false, true]);
    expect(steps[2]?.state.open).toMatchObject({ isOverdue: false, since: late + 2000 });
  });

  it('that lasts is written no more until something is new', () => {
    const minutes = (count: number) => 2000 + count * MINUTE;
    const steps = play(
      [deploy('d', 1000), differing(minutes(0), 'b', 'a')],
      differing(minutes(4), 'b', 'a'),
      differing(minutes(6), 'b', 'a'), // the deadline has passed
      differing(minutes(11), 'b', 'a'),
      unreadable(minutes(16), 'b'),
      differing(minutes(21), 'b', 'a'),
      differing(minutes(26), 'c', 'a'),
      agreed(minutes(31), 'c'),
    );
    const written = steps.map(({ state }, position) => state !== steps[position - 1]?.state);
    expect(written).toEqual([true, true, true, false, true, true, true, true]);
    expect(steps.map(({ next }) => next !== undefined)).toEqual([
      ...[true, true, false, false, false, false],
      ...[true, false],
    ]);
    expect(steps[7]?.closed?.resolutionMs).toBe(5 * MINUTE);
  });

  it('is written once for a change that is told several times at once, and again for each wake-up', () => {
    const told: [Told, Seen] = [deploy('d', 1000), differing(2000, 'b', 'a')];
    const steps = play(
      told,
      told,
      [deploy('d', 1000), differing(2900, 'b', 'a')],
      [deploy('e', 1500), differing(2900, 'b', 'a')], // another change joins
      differing(2950, 'b', 'a'), // a wake-up
      [deploy('d', 1000), differing(3950, 'b', 'a')], // long after it
    );
    const written = steps.map(({ state }, position) => state !== steps[position - 1]?.state);
    expect(written).toEqual([true, false, false, true, true, true]);
  });

  it('stays open while a replica cannot be read', () => {
    const steps = play(
      [deploy('d', 1000), differing(2000, 'b', 'a')],
      unreadable(3000, 'b'),
      agreed(4000, 'b'),
    );
    expect(steps[1]?.state.open).toMatchObject({ findings: [unread, different], roots: roots('b', 'a') });
    expect(steps[2]?.closed?.outcome).toBe('forward');
  });

  it('in which one facet of a replica cannot be read keeps what is known of it, once', () => {
    const locked: Finding = { ...unread, facet: 'env' };
    const code: Finding = { ...different, facet: 'code' };
    const partly = (at: number): Seen => ({
      outcome: { verdict: 'diverged', findings: [locked, code] },
      roots: { [US]: { env: 'v1.k:b', code: 'v1.k:b' }, [EU]: { code: 'v1.k:a' } },
      movedAt: {},
      at,
    });
    const updating = { replica: EU, facet: 'replica', kind: 'unsettled', keys: [] } as const;
    const first = {
      ...differing(10, 'b', 'a'),
      outcome: { verdict: 'diverged', findings: [updating, different] },
    } as const;
    const steps = play(first, partly(20), partly(30), partly(40));
    expect(steps.at(-1)?.state.open?.findings).toEqual([locked, code, different]);
  });

  it.each([
    { keys: ['A'], reason: 'many findings' },
    { keys: Array.from({ length: 300 }, (_, i) => `KEY_${i}`), reason: 'many keys' },
  ])('keeps as many findings as there is room for: $reason', ({ keys }) => {
    const findings = Array.from(
      { length: 60 },
      (_, i): Finding => ({ ...different, replica: `r-${i}`, keys }),
    );
    const [first = different, ...rest] = findings;
    const [taken] = play({
      ...differing(10, 'b', 'a'),
      outcome: { verdict: 'diverged', findings: [first, ...rest] },
    });
    const kept = taken?.state.open?.findings ?? [];
    expect(kept).toEqual(findings.slice(0, kept.length));
    expect(kept.length).toBeGreaterThan(9);
    expect(kept.length).toBeLessThanOrEqual(50);
    expect(JSON.stringify(kept).length).toBeLessThan(61_000);
  });

  it('asks for another look with a new number each time, and none once it has closed', () => {
    const steps = play(differing(10, 'b', 'a'), differing(20, 'b', 'a'), agreed(30, 'b'));
    expect(steps.map(({ state }) => state.wake)).toEqual([1, 2, 2]);
    expect(steps.map(({ next }) => next?.looks)).toEqual([1, 2, undefined]);
  });

  it('flaps if it opens soon after one closed', () => {
    const steps = play(
      agreed(MINUTE, 'b'),
      agreed(2 * MINUTE, 'a'),
      agreed(2 * MINUTE + RULES.deadlineMs + 1, 'b'),
    );
    expect(steps.map(({ isFlap }) => isFlap)).toEqual([false, true, false]);
  });

  it('ends as retired when the subject is gone', () => {
    const [first] = play([deploy('d', 1000), differing(2000, 'b', 'a')]);
    const taken = retire(first?.state ?? NEW, 5000);
    expect(taken).toMatchObject({
      closed: { outcome: 'retired', closedAt: 5000 },
      state: { open: undefined, agreed: undefined },
    });
    expect(retire(NEW, 5000).state).toBe(NEW);
    // a sweep that began before what a later look has seen
    expect(retire(first?.state ?? NEW, 1500).state).toBe(first?.state);
  });
});

describe('the deploy of an episode', () => {
  const call = (at: number): Change => ({ id: `call-${at}`, source: 'aws.lambda', at });
  const finished = (at: number): Change => ({ id: 'build-42', source: 'recohere.deploy', at });

  it.each([
    { changes: [deploy('Shop', 900)], named: 'Shop', reason: 'it is the cause' },
    { changes: [deploy('Shop', 900), call(800)], named: 'Shop', reason: 'a call is older, and names none' },
    { changes: [call(800), deploy('Shop', 900)], named: 'Shop', reason: 'a call comes first' },
    { changes: [finished(950), deploy('Shop', 900)], named: 'Shop', reason: 'it is the older one of two' },
    { changes: [deploy('Shop', 900), call(800), finished(950)], named: 'Shop', reason: 'others come after' },
    { changes: [finished(950), call(800), deploy('Shop', 900)], named: 'Shop', reason: 'in any order' },
    { changes: [call(800)], named: undefined, reason: 'nobody names one' },
  ])('is $named when $reason', ({ changes, named }) => {
    const looks = changes.map((change, n) => [change, differing(1000 + n, 'b', 'a')] as [Change, Seen]);
    const steps = play(...looks, agreed(9000, 'b'));
    expect(steps.at(-2)?.state.open?.deploy?.id).toBe(named);
    expect(steps.at(-1)?.closed?.deploy?.id).toBe(named);
    expect(steps.at(-1)?.closed?.cause.at).toBe(Math.min(...changes.map(({ at }) => at)));
  });
});

describe('a subject that is gone', () => {
  const known: SubjectState = { ...NEW, version: 3, agreed: { roots: roots('a', 'a'), at: 1000 } };

  it('forgets what it agreed on, once, though nothing was open', () => {
    const { state, closed } = retire(known, 5000);
    expect(state).toMatchObject({ agreed: undefined, retiredAt: 5000 });
    expect(closed).toBeUndefined();
    expect(retire(state, 9000).state).toBe(state);
  });

  it('is new when it comes back, and moved nothing', () => {
    const back = step(retire(known, 5000).state, undefined, agreed(9000, 'b'), RULES);
    expect(back.opened).toBeUndefined();
    expect(back.state.agreed).toEqual({ roots: roots('b', 'b'), at: 9000 });
  });
});

describe('replicas', () => {
  it('have reached what they have when they were first seen to have moved to it', () => {
    const [first, second, third] = play(
      differing(1000, 'b', 'a'),
      differing(5000, 'b', 'a'),
      agreed(9000, 'b'),
    );
    expect(first?.state.open?.reached).toEqual({ [US]: 1000 });
    expect(second?.state.open?.reached).toEqual({ [US]: 1000 });
    expect(third?.closed?.reached).toEqual({ [US]: 1000, [EU]: 9000 });
  });

  it('have reached it anew when they move once more', () => {
    const [, second] = play(differing(1000, 'b', 'a'), differing(5000, 'c', 'a'));
    expect(second?.state.open?.reached).toEqual({ [US]: 5000 });
  });

  it('of which none has moved have reached nothing', () => {
    const [first] = play([deploy('d', 900), { ...differing(1000, 'a', 'a') }]);
    expect(first?.state.open).not.toHaveProperty('reached');
  });
});

describe('events', () => {
  it('are absorbed if they are older than the look that saw agreement', () => {
    const steps = play(
      [deploy('d', 1000), agreed(2500, 'b')],
      [deploy('late', 1500), differing(3000, 'b', 'c', 2900)],
    );
    expect(steps[1]?.opened?.cause).toEqual({ id: 'moved-2900', source: 'look', at: 2900 });
  });

  it('of the second of that look may be news, since AWS cuts their times to whole seconds', () => {
    const steps = play(
      [deploy('d', 1000), agreed(2500, 'b')],
      [deploy('next', 2000), differing(3000, 'b', 'c', 2900)],
    );
    expect(steps[1]?.opened?.cause.id).toBe('next');
  });

  it('from a clock that is ahead count from when they were heard', () => {
    const [taken] = play([deploy('d', 60 * MINUTE), differing(2000, 'b', 'a')]);
    expect(taken?.opened?.cause.at).toBe(2000);
  });

  it('of one deploy in waves join, though they have one id', () => {
    const steps = play(
      [deploy('d', 1000), differing(2000, 'b', 'a')],
      [deploy('d', 60_000), differing(61_000, 'b', 'a')],
      agreed(62_000, 'b'),
    );
    expect(steps[2]?.closed).toMatchObject({ convergenceMs: 2000, exposureMs: 61_000 });
  });

  it('that never came leave movement as the cause, which is never later than the look', () => {
    const causes = [2900, 3100].map(
      (movedAt) => play(differing(3000, 'a', 'b', movedAt))[0]?.opened?.cause.at,
    );
    expect(causes).toEqual([2900, 3000]);
  });

  it('that come again do not put the deadline off', () => {
    const steps = play(
      [deploy('d', 1000), differing(2000, 'b', 'a')],
      [deploy('d', 1000), differing(9000, 'b', 'a')],
    );
    expect(steps[1]?.state.open?.lastChangeAt).toBe(1000);
  });

  it('in any order, any number of times, leave the same episode', () => {
    const times = fc.uniqueArray(fc.integer({ min: 1000, max: 1900 }), { minLength: 1, maxLength: 5 });
    fc.assert(
      fc.property(times, fc.array(fc.nat(4), { maxLength: 10 }), (at, again) => {
        const heard = [...at.keys(), ...again.map((each) => each % at.length)];
        const open = (order: number[]) =>
          play(
            ...order.map((each, i): [Change, Seen] => [
              deploy(`${each}`, at[each] ?? 0),
              differing(2000 + i, 'b', 'a'),
            ]),
          ).at(-1)?.state.open;
        const [one, other] = [open(heard), open(heard.toReversed())];
        expect(other?.lastChangeAt).toBe(one?.lastChangeAt);
        expect(other?.cause).toEqual(one?.cause);
        expect(other?.findings).toEqual(one?.findings);
      }),
    );
  });
});

describe('code that a deploy asks for', () => {
  const asks = (id: string, at: number, code = 'x'): Told => ({
    ...deploy(id, at),
    expected: { key: 'CodeSha256', root: `v1.k:${code}` },
  });
  const nobody = (id: string, at: number): Told => ({ ...deploy(id, at), namesNobody: true });
  const running = (at: number, us: string, eu = us, movedAt = 0): Seen => ({
    outcome:
      us === eu
        ? { verdict: 'agreed', findings: [] }
        : { verdict: 'diverged', findings: [{ ...different, facet: 'code', keys: ['CodeSha256'] }] },
    roots: { [US]: { env: 'v1.k:a', code: `v1.k:${us}` }, [EU]: { env: 'v1.k:a', code: `v1.k:${eu}` } },
    movedAt: { [EU]: movedAt },
    at,
  });
  const hidden = (at: number, roots: RootsByReplica = {}): Seen => ({
    outcome: { verdict: 'unobservable', findings: [unread] },
    roots,
    movedAt: {},
    at,
  });
  const unexpected = (replica: string): Finding => ({
    replica,
    facet: 'code',
    kind: 'unexpected',
    keys: ['CodeSha256'],
  });
  const BOTH = [unexpected(US), unexpected(EU)];
  /** What was found last, in an episode that is open. */
  const found = (steps: Step[]) => steps.at(-1)?.state.open?.findings;

  it('opens an episode if it is not there, though nothing has moved and replicas agree', () => {
    const [, taken] = play(running(2, 'w'), [asks('d', 1000), running(2000, 'w')]);
    expect(taken?.opened).toMatchObject({ cause: deploy('d', 1000), firstSeenAt: 2000, findings: BOTH });
    expect(taken).toMatchObject({ next: { looks: 1 }, state: { wake: 1 } });
  });

  it('keeps it open until replicas agree and have it; then nobody looks for it any more', () => {
    const steps = play(
      running(2, 'w'),
      [asks('d', 1000), running(2000, 'w')],
      running(3000, 'v'),
      running(4000, 'x', 'v'),
      running(5000, 'x'),
      running(900_000, 'z'),
    );
    expect(steps.map(({ opened, closed }) => [opened?.id, closed?.outcome])).toEqual([
      [undefined, undefined],
      ['0000000002', undefined],
      [undefined, undefined],
      [undefined, undefined],
      [undefined, 'forward'],
      ['0000000006', 'forward'],
    ]);
    expect(steps[3]?.state.open?.findings).toMatchObject([unexpected(EU), { kind: 'different' }]);
    expect(steps[4]?.closed).toMatchObject({ convergenceMs: 4000, exposureMs: 4000 });
    expect(steps[5]?.closed?.findings).toEqual([]);
  });

  it('is overdue by the deadline of all episodes, and once', () => {
    const late = 1000 + RULES.deadlineMs;
    const steps = play(
      running(2, 'w'),
      [asks('d', 1000), running(2000, 'w')],
      running(late, 'w'),
      running(late + 1, 'w'),
      running(late + 2, 'w'),
    );
    expect(steps.map(({ overdue }) => overdue?.findings)).toEqual([
      undefined,
      undefined,
      undefined,
      BOTH,
      undefined,
    ]);
  });

  it('opens nothing if it is there; that is written once, however often it is told', () => {
    const told = [asks('d', 1000), running(2000, 'x')] as [Told, Seen];
    const steps = play(running(2, 'x'), told, told, [nobody('p', 2500), running(3000, 'x')]);
    expect(steps.map(({ state }) => state.version)).toEqual([1, 2, 2, 2]);
    expect(steps.at(-1)?.state.asked?.isMet).toBe(true);
  });

  it.each<{ reason: string; changes: Told[]; findings: Finding[] | undefined }>([
    {
      reason: 'is ended by a later change that asks for nothing',
      changes: [deploy('e', 1500)],
      findings: undefined,
    },
    {
      reason: 'is replaced by what a later one asks for',
      changes: [asks('e', 1500, 'w')],
      findings: undefined,
    },
    {
      reason: 'is replaced by what a later one asks for, met or not',
      changes: [asks('e', 1400, 'w'), asks('f', 1500, 'y')],
      findings: BOTH,
    },
    { reason: 'is left by a later change that names nobody', changes: [nobody('p', 1500)], findings: BOTH },
    { reason: 'is left by an older change', changes: [deploy('e', 900)], findings: BOTH },
    { reason: 'is left by what an older one asks for', changes: [asks('e', 900, 'w')], findings: BOTH },
    { reason: 'is left by a change of the same second', changes: [deploy('e', 1000)], findings: BOTH },
    { reason: 'is left by itself', changes: [asks('d', 1000), asks('d', 1000)], findings: BOTH },
    {
      reason: 'is ended by a later change, though it is told once more',
      changes: [deploy('e', 1500), asks('d', 1000)],
      findings: undefined,
    },
  ])('$reason', ({ changes, findings }) => {
    const later = changes.map((change, i): [Told, Seen] => [change, running(3000 + i, 'w')]);
    const steps = play(running(2, 'w'), [asks('d', 1000), running(2000, 'w')], ...later);
    expect(found(steps)).toEqual(findings);
  });

  it('counts though a change of the same second asked for nothing before', () => {
    const steps = play(
      running(2, 'w'),
      [deploy('e', 1000), running(2000, 'w', 'v')],
      [asks('d', 1000), running(2001, 'w')],
    );
    expect(found(steps)).toEqual(BOTH);
  });

  it('counts though the last agreement has absorbed the change that asks for it', () => {
    const steps = play(
      running(2, 'w'),
      [deploy('e', 900), running(2000, 'v')],
      [asks('d', 1000), running(3000, 'v')],
    );
    expect(steps[1]?.closed?.outcome).toBe('forward');
    expect(steps[2]?.opened).toMatchObject({ cause: deploy('d', 1000), findings: BOTH });
  });

  it('counts not, if a later change closed an episode before it came', () => {
    const steps = play(
      running(2, 'w'),
      [deploy('e', 1500), running(2000, 'v')],
      [asks('d', 1000), running(3000, 'v')],
    );
    expect(steps.at(-1)?.opened).toBeUndefined();
  });

  it('that came with a look that could not read is looked for by the next one', () => {
    const steps = play(running(2, 'w'), [asks('d', 1000), hidden(2000)], running(3000, 'w'));
    expect(steps[1]?.opened).toBeUndefined();
    expect(steps[2]?.opened).toMatchObject({ cause: deploy('d', 1000), findings: BOTH });
  });

  it('is not looked for by a look that began before it was asked for', () => {
    const steps = play(
      running(2, 'w'),
      [asks('d', 2000), hidden(2000)],
      running(1999, 'x'),
      running(1999, 'w'),
      running(2001, 'w'),
    );
    expect(steps.map(({ opened }) => opened?.firstSeenAt)).toEqual([
      undefined,
      undefined,
      undefined,
      undefined,
      2001,
    ]);
  });

  it('that came with a look that was too slow has another look, whether it opens an episode or ends one', () => {
    const open = play(
      running(2, 'w'),
      [deploy('e', 900), running(2000, 'v')],
      [asks('d', 1000), running(1900, 'w')],
      running(3000, 'v'),
      [deploy('f', 2100), running(2500, 'v')],
      running(4000, 'v'),
    );
    expect(open[2]).toMatchObject({ state: { wake: 1, open: undefined }, next: { looks: 1, restedMs: 0 } });
    expect(open[3]?.opened?.findings).toEqual(BOTH);
    expect(open[4]).toMatchObject({ state: { open: { findings: BOTH } }, next: { looks: 1 } });
    expect(open[5]?.closed?.findings).toEqual(BOTH);
  });

  it('is missing from what could be read, whatever could not', () => {
    const [, taken] = play(running(2, 'w'), [asks('d', 1000), hidden(2000, { [US]: { code: 'v1.k:w' } })]);
    expect(taken?.opened?.findings).toEqual([unexpected(US), unread]);
  });

  it('is missing from a replica that cannot be read any more, until something else is asked for', () => {
    const us = (code: string): RootsByReplica => ({ [US]: { code: `v1.k:${code}` } });
    const steps = play(
      running(2, 'w'),
      [asks('d', 1000), running(2000, 'w')],
      hidden(3000, us('x')),
      hidden(4000),
      [asks('e', 4500, 'w'), hidden(5000)],
    );
    expect(steps.slice(2).map((taken) => found([taken]))).toEqual([
      [unexpected(EU), unread],
      [unexpected(EU), unread],
      [unread],
    ]);
    expect(steps[3]?.state.open?.roots[US]).toEqual({ code: 'v1.k:x' });
  });

  it('is missing from replicas whose update is under way, and is waited for if all of them have it', () => {
    const remark = { replica: EU, facet: 'replica', kind: 'unsettled', keys: [] } as const;
    const outcome = { verdict: 'converging', findings: [remark] } as const;
    const [, missing] = play(running(2, 'w'), [
      asks('d', 1000),
      { ...running(2000, 'w', 'w', 1900), outcome },
    ]);
    expect(missing?.opened?.findings).toEqual([...BOTH, remark]);
    const [, there] = play(running(2, 'x'), [asks('d', 1000), { ...running(2000, 'x', 'x', 1900), outcome }]);
    expect(there?.opened).toBeUndefined();
    expect(there?.state).toMatchObject({ wake: 1, asked: { isMet: false } });
  });

  it.each([
    { root: 'v1.new:w', reason: 'it was asked for under another fingerprint key' },
    { root: undefined, reason: 'code is not compared' },
  ])('cannot be missing, and is let go, where $reason', ({ root }) => {
    const roots = { [US]: root ? { code: root } : {}, [EU]: root ? { code: root } : {} };
    const [taken] = play([asks('d', 1000), { ...running(2000, 'w'), roots }]);
    expect(taken?.opened).toBeUndefined();
    expect(taken?.state.asked?.isMet).toBe(true);
  });

  it('is forgotten with a subject that is gone', () => {
    const open = play(running(2, 'w'), [asks('d', 1000), running(2000, 'w')]).at(-1)?.state;
    expect(retire(open ?? NEW, 3000).state.asked).toBeUndefined();
  });

  it('by a clock that is ahead is asked for when it was heard', () => {
    const steps = play(
      running(2, 'w'),
      [asks('d', 60 * MINUTE), running(2000, 'w')],
      [deploy('e', 2500), running(3000, 'w')],
    );
    expect(steps[1]?.state.asked?.by.at).toBe(2000);
    expect(steps[2]?.state.open).toBeUndefined();
  });

  describe('of changes in any order, any number of times', () => {
    const at = fc.integer({ min: 10, max: 18 }).map((tenth) => 100 * tenth); // so that some are of one time
    const asking = fc.oneof(
      fc.tuple(at, fc.constantFrom('w', 'x', 'y')).map(([time, code]) => asks(`${time} ${code}`, time, code)),
      at.map((time) => nobody(`${time}`, time)),
    );
    const any = fc.oneof(
      asking,
      at.map((time) => deploy(`${time}`, time)),
    );
    const orders = (change: fc.Arbitrary<Told>) =>
      fc.array(change, { minLength: 1, maxLength: 6 }).chain((changes) => {
        const repeated = fc.array(fc.constantFrom(...changes), { maxLength: 6 });
        const order = repeated.chain((again) =>
          fc.shuffledSubarray([...changes, ...again], { minLength: changes.length + again.length }),
        );
        return fc.tuple(fc.constant(changes), order);
      });
    const last = (changes: readonly Told[], look: (at: number) => Seen) =>
      play(look(500), ...changes.map((change, i): [Told, Seen] => [change, look(2000 + i)]), look(3000)).at(
        -1,
      )?.state;

    it('is the same in an open episode', () => {
      fc.assert(
        fc.property(orders(any), ([changes, order]) => {
          const [one, other] = [changes, order].map((each) => last(each, (time) => running(time, 'w', 'v')));
          expect(other?.asked?.expected).toEqual(one?.asked?.expected);
          expect(other?.asked?.by.at).toBe(one?.asked?.by.at);
          expect(other?.open?.findings).toEqual(one?.open?.findings);
        }),
      );
    });

    it('is the same where replicas agree: one is open if the last thing asked for is not there', () => {
      fc.assert(
        fc.property(orders(asking), ([changes, order]) => {
          const [one, other] = [changes, order].map((each) => last(each, (time) => running(time, 'w')));
          expect(other?.asked).toEqual(one?.asked);
          expect(other?.open?.findings).toEqual(one?.open?.findings);
          const isUnmet = one?.asked !== undefined && one.asked.expected?.root !== 'v1.k:w';
          expect(other?.open !== undefined).toBe(isUnmet);
        }),
      );
    });
  });
});

describe('an older look', () => {
  it('of a change that is the first one makes it the cause, once', () => {
    const late: [Told, Seen] = [deploy('first', 4000), differing(5000, 'b', 'a')];
    const steps = play([deploy('second', 5500), differing(6000, 'b', 'a')], late, late);
    expect(steps[1]?.state.open).toMatchObject({
      cause: { id: 'first' },
      lastChangeAt: 5500,
      lastSeenAt: 6000,
    });
    expect(steps[1]?.next).toBeDefined();
    expect(steps[2]?.state).toBe(steps[1]?.state);
  });

  it('says nothing new, whether an episode is open or has closed', () => {
    const [open, older] = play([deploy('d', 1000), differing(2000, 'b', 'a')], agreed(1900, 'a'));
    expect(older?.closed).toBeUndefined();
    const { looks, ...known } = open?.state.open ?? {};
    expect(older?.state.open).toMatchObject(known);
    const closed = play([deploy('d', 1000), agreed(2000, 'b')], differing(1900, 'b', 'a'));
    expect(closed[1]?.state).toBe(closed[0]?.state);
  });

  it('is followed by another one while the episode moves, ever later, and not once it rests: the clock of who woke may be behind', () => {
    const moving = play(
      [deploy('d', 1000), differing(2000, 'b', 'a')],
      differing(1900, 'b', 'a'),
      differing(1950, 'b', 'a'),
    );
    expect(moving.map(({ next }) => next?.looks)).toEqual([1, 2, 3]);
    const later = 2000 + RULES.lookedAtForMs + 1;
    const resting = play(
      [deploy('d', 1000), differing(2000, 'b', 'a')],
      differing(later, 'b', 'a'),
      differing(later - 1, 'b', 'a'),
    );
    expect(resting[2]).toEqual({ state: resting[1]?.state, isFlap: false });
  });

  it('is one that began before a change which was joined since: no time to agreement is negative', () => {
    const [, , taken] = play(
      [deploy('d', 1000), differing(2000, 'b', 'a')],
      [deploy('e', 16_000), unreadable(17_000, 'b')],
      agreed(9000, 'b'),
    );
    expect(taken?.closed).toBeUndefined();
    expect(taken?.next).toBeDefined();
  });

  it('is followed by another one that an event caused while nothing is open', () => {
    const [closed, older] = play(
      [deploy('d', 1000), agreed(2000, 'b')],
      [deploy('e', 1950), agreed(1990, 'b')],
    );
    expect(older).toMatchObject({ next: { looks: 1 } });
    expect(older?.state).toMatchObject({ wake: (closed?.state.wake ?? 0) + 1, agreed: closed?.state.agreed });
  });
});

it('what begins to alarm has its deadline from then on: one read that is refused is no partial deploy', () => {
  const code = (at: number): Seen => ({
    ...differing(at, 'b', 'a'),
    outcome: { verdict: 'diverged', findings: [{ ...different, facet: 'code' }] },
  });
  const refused = (at: number): Seen => ({
    ...unreadable(at, 'b'),
    outcome: { verdict: 'diverged', findings: [unread] },
  });
  const steps = play(
    [deploy('d', 1000), code(2000)],
    code(30 * MINUTE),
    refused(60 * MINUTE),
    code(66 * MINUTE),
    refused(90 * MINUTE),
    refused(94 * MINUTE),
    refused(96 * MINUTE),
  );
  // of what does not alarm nobody is told
  const told = steps.map(({ overdue }) => overdue?.findings.some(({ kind }) => kind === 'unobservable'));
  expect(told).toEqual([undefined, false, undefined, false, undefined, undefined, true]);
});

describe('any looks in any order', () => {
  it('keep at most one episode open, count each deadline once, and never go back in time', () => {
    const root = fc.constantFrom('a', 'b', 'c');
    const look = fc.oneof(
      fc.tuple(root, root).map(
        ([us, eu]) =>
          (at: number) =>
            us === eu ? agreed(at, us) : differing(at, us, eu),
      ),
      root.map((us) => (at: number) => unreadable(at, us)),
    );
    fc.assert(
      fc.property(fc.array(fc.tuple(look, fc.nat(4 * MINUTE), fc.boolean()), { maxLength: 30 }), (looks) => {
        let at = 1;
        const steps = play(
          ...looks.map(([make, passed, isTold], i): Seen | [Change, Seen] => {
            at += passed;
            return isTold ? [deploy(`${i}`, at - passed / 2), make(at)] : make(at);
          }),
        );
        let isOpen = false;
        for (const { state, opened, closed, overdue } of steps) {
          if (opened) expect(isOpen).toBe(false);
          if (closed) expect(isOpen || opened !== undefined).toBe(true);
          if (overdue) expect(state.open?.isOverdue).toBe(true);
          isOpen = state.open !== undefined;
          const { timeToDetectMs = 0, convergenceMs = 0, exposureMs = 0, resolutionMs = 0 } = closed ?? {};
          expect(Math.min(timeToDetectMs, convergenceMs, exposureMs, resolutionMs)).toBeGreaterThanOrEqual(0);
          expect(convergenceMs).toBeLessThanOrEqual(exposureMs);
        }
        const overdues = steps.filter(({ overdue }) => overdue).map(({ overdue }) => overdue?.id);
        expect(new Set(overdues).size).toBe(overdues.length);
      }),
    );
  });
});
