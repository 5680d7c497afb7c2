import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { SimulatedLedger } from '../../functions/adapters/sim/ledger.ts';
import { SimulatedNotices } from '../../functions/adapters/sim/notices.ts';
import { SimulatedTurns } from '../../functions/adapters/sim/turns.ts';
import { type NotifyPorts, notify } from '../../functions/app/notify.ts';
import { parseConfig } from '../../functions/contract/config.ts';
import { TIME_TO_WRITE_MS } from '../../functions/contract/deployment.ts';
import { FORMAT, type SubjectKind } from '../../functions/contract/ledger.ts';
import { TEXT_MAX } from '../../functions/contract/notices.ts';
import type { Finding } from '../../functions/contract/report.ts';
import type { Change, Episode, SubjectState } from '../../functions/core/episode.ts';
import { RefusedError } from '../../functions/core/errors.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const START = Date.UTC(2026, 0, 5, 9);
const [US, EU, AP] = ['us-east-1', 'eu-west-1', 'ap-southeast-2'];

const parsed = parseConfig({
  hub: { region: 'us-east-1' },
  replicas: [US, EU, AP].map((region) => ({ region })),
  functions: [
    { select: { name: '*' } },
    { select: { name: 'checkout-*' }, critical: true },
    { select: { name: 'learnt-*' }, mode: 'learn' },
  ],
  secrets: [{ name: 'prod/db' }],
});
if (!parsed.ok) throw new Error(parsed.mistakes.join('\n'));
const { config } = parsed;
const [PLAIN, CRITICAL, LEARNT] = ['functions[0]', 'functions[1]', 'functions[2]'];

let now: number;
let ports: NotifyPorts & {
  readonly ledgers: Record<SubjectKind, SimulatedLedger>;
  readonly turns: SimulatedTurns;
  readonly notices: SimulatedNotices;
};

beforeEach(() => {
  now = START;
  const clock = { now: () => now, sleep: async () => {} };
  ports = {
    clock,
    ledgers: { function: new SimulatedLedger(), secret: new SimulatedLedger() },
    turns: new SimulatedTurns(clock),
    notices: new SimulatedNotices(),
  };
});

/** Whatever has happened: each turn that was taken is given back. */
afterEach(async () => {
  now += HOUR;
  expect(await ports.turns.take('notify', now + MINUTE)).toBeDefined();
});

const shop = (at = now): Change => ({ id: 'shop', source: 'aws.cloudformation', at });
const differs = (replica: string): Finding => ({
  replica,
  facet: 'env',
  kind: 'different',
  keys: ['DB_HOST'],
  reference: US,
});

/** Puts down that an episode of a subject is open: overdue, unless it is said otherwise. */
function opens(
  subject: string,
  given: Partial<Episode> = {},
  state: Partial<SubjectState> = {},
  kind: SubjectKind = 'function',
): void {
  const cause = given.cause ?? shop();
  const open: Episode = {
    id: '0000000001',
    cause,
    since: cause.at,
    lastChangeAt: cause.at,
    lastMovedAt: cause.at,
    firstSeenAt: cause.at,
    lastSeenAt: cause.at,
    looks: 1,
    isOverdue: true,
    roots: {},
    findings: [differs(EU), differs(AP)],
    ...given,
  };
  ports.ledgers[kind].plant({
    format: FORMAT,
    state: { subject, version: 1, wake: 0, group: PLAIN, ...state, open },
  });
}

const stateOf = (subject: string, kind: SubjectKind = 'function') =>
  ports.ledgers[kind].stored(subject)?.state;
const openOf = (subject: string, kind?: SubjectKind) => stateOf(subject, kind)?.open;
const told = () =>
  ports.notices.sent.map(({ severity, notice }) => ({
    severity,
    deploy: notice.json.deploy.id,
    subjects: notice.json.subjects.map(({ subject }) => subject).toSorted(),
  }));
const asked = () =>
  ports.notices.paused.map(({ deployId, reason, subjects }) => ({ deployId, reason, subjects }));
const run = (options?: Parameters<typeof notify>[2]) => notify(ports, config, options);
const fail = () => {
  throw new RefusedError({ code: 'THROTTLED' }, { retryable: true });
};

it('nobody is told, and no pause asked for, in a window of maintenance; what is left is told when it ends', async () => {
  const maintenance = [{ schedule: 'cron(0 9 * * *)', minutes: 60, timezone: 'UTC' }];
  opens('checkout-api', {}, { group: CRITICAL });
  await notify(ports, { ...config, maintenance }, { burning: true });
  expect([told(), asked()]).toEqual([[], []]);
  now += HOUR + 1;
  await notify(ports, { ...config, maintenance });
  expect([told().length, asked().length]).toEqual([1, 1]);
});

describe('a notice', () => {
  it('is one for one deploy of 20 functions in three regions, told once', async () => {
    const names = Array.from({ length: 20 }, (_, n) => `api-${n}`);
    for (const [n, name] of names.entries()) opens(name, { cause: shop(now + n * 1000) });
    await run();
    await run();
    now += DAY;
    await run();
    expect(told()).toEqual([{ severity: 'ticket', deploy: 'shop', subjects: names.toSorted() }]);
    expect(ports.notices.sent[0]?.notice.text).toContain(
      '\napi-7 · eu-west-1, ap-southeast-2: env DB_HOST differs from us-east-1\n',
    );
    for (const name of names) expect(openOf(name)?.noticedAt).toBe(START);
    expect(asked()).toEqual([]);
  });

  it('is not sent before something is overdue, and then names what is not, so that stragglers need no second one', async () => {
    opens('api', { isOverdue: false });
    opens('job', { isOverdue: false });
    await run();
    expect(told()).toEqual([]);
    expect(openOf('api')?.noticedAt).toBeUndefined();
    opens('api');
    await run();
    opens('job', { noticedAt: openOf('job')?.noticedAt });
    await run();
    expect(told()).toEqual([{ severity: 'ticket', deploy: 'shop', subjects: ['api', 'job'] }]);
  });

  it('follows another one when what is overdue was not named yet', async () => {
    const cause = shop();
    opens('api', { cause });
    await run();
    now += 10 * MINUTE;
    opens('job', { cause, isOverdue: false });
    await run();
    expect(told()).toHaveLength(1);
    opens('job', { cause });
    await run();
    expect(told().map(({ subjects }) => subjects)).toEqual([['api'], ['api', 'job']]);
    expect(openOf('api')?.noticedAt).toBe(START);
    expect(openOf('job')?.noticedAt).toBe(now);
  });

  it('is one for each deploy, also of one stack a day apart', async () => {
    opens('api');
    opens('cart', { cause: { id: 'cart', source: 'aws.cloudformation', at: now } });
    await run();
    now += DAY;
    opens('job');
    await run();
    expect(told()).toMatchObject([
      { deploy: 'shop', subjects: ['api'] },
      { deploy: 'cart', subjects: ['cart'] },
      { deploy: 'shop', subjects: ['job'] },
    ]);
  });

  it.each<{ reason: string; given?: Partial<Episode>; state?: Partial<SubjectState>; subject?: string }>([
    { reason: 'silenced', state: { silence: { until: START + 1, reason: 'known' } } },
    { reason: 'learnt', state: { group: LEARNT } },
    {
      reason: 'of a facet that does not alarm',
      given: { findings: [{ ...differs(EU), facet: 'code' } as Finding] },
    },
    { reason: 'noticed', given: { noticedAt: START - 1 } },
  ])('is not sent for what is $reason', async ({ given, state }) => {
    opens('api', given, state);
    await run({ burning: false });
    expect(told()).toEqual([]);
    expect(openOf('api')?.noticedAt).toBe(given?.noticedAt);
    opens('job');
    await run();
    expect(told()[0]?.subjects).toEqual(given?.noticedAt ? ['api', 'job'] : ['job']);
  });

  it('is sent when silence is over', async () => {
    opens('api', {}, { silence: { until: START, reason: 'known' } });
    await run();
    expect(told()).toHaveLength(1);
  });

  it('names functions and secrets of one time together, and no secret that is not watched any more', async () => {
    const cause: Change = { id: 'moved-1', source: 'look', at: now };
    const findings: Finding[] = [{ replica: EU, facet: 'version', kind: 'stale', keys: ['InProgress'] }];
    opens('api', { cause });
    opens('prod/db', { cause: { ...cause, id: 'seen-2', at: now + 10 * MINUTE }, findings }, {}, 'secret');
    opens('prod/old', { cause, findings }, {}, 'secret');
    await run();
    expect(told()).toMatchObject([{ deploy: 'moved-1', subjects: ['api', 'prod/db'] }]);
    expect(openOf('prod/db', 'secret')?.noticedAt).toBe(now);
  });

  it('names a deploy that joined after the call that it made', async () => {
    opens('api', { cause: { id: 'call', source: 'aws.lambda', at: now - 1000 }, deploy: shop() });
    opens('job');
    await run({ burning: true });
    expect(told()).toEqual([{ severity: 'ticket', deploy: 'shop', subjects: ['api', 'job'] }]);
    expect(asked()).toMatchObject([{ deployId: 'shop', subjects: ['api', 'job'] }]);
  });

  it('pages for what is critical and overdue', async () => {
    opens('checkout-api', { isOverdue: false }, { group: CRITICAL });
    opens('api');
    opens('checkout-web', { cause: { ...shop(), id: 'web' } }, { group: CRITICAL });
    await run();
    expect(told()).toEqual([
      { severity: 'ticket', deploy: 'shop', subjects: ['api', 'checkout-api'] },
      { severity: 'page', deploy: 'web', subjects: ['checkout-web'] },
    ]);
  });

  it('that was a ticket is followed by a page when something critical that it named becomes overdue', async () => {
    const cause = shop();
    opens('checkout-api', { cause, isOverdue: false }, { group: CRITICAL });
    opens('checkout-web', { cause, isOverdue: false }, { group: CRITICAL });
    opens('api', { cause });
    await run();
    await run();
    opens('checkout-api', { ...openOf('checkout-api'), isOverdue: true }, { group: CRITICAL });
    await run();
    opens('checkout-web', { ...openOf('checkout-web'), isOverdue: true }, { group: CRITICAL });
    await run();
    const subjects = ['api', 'checkout-api', 'checkout-web'];
    expect(told()).toEqual([
      { severity: 'ticket', deploy: 'shop', subjects },
      { severity: 'page', deploy: 'shop', subjects },
    ]);
  });

  it('is a ticket, and leaves what is critical to a page, if what was overdue and critical has just ended', async () => {
    opens('checkout-api', {}, { group: CRITICAL });
    opens('checkout-web', { isOverdue: false }, { group: CRITICAL });
    opens('api');
    ports.ledgers.function.inject('swap', (subject) => {
      const { open: _, ...state } = stateOf('checkout-api') ?? expect.fail();
      if (subject === 'checkout-api')
        ports.ledgers.function.plant({ format: FORMAT, state: { ...state, version: 9 } });
    });
    ports.notices.inject('pause', fail); // its mark is what ends it
    await run().catch(() => {});
    expect(told()).toEqual([{ severity: 'ticket', deploy: 'shop', subjects: ['api', 'checkout-web'] }]);
    expect(openOf('checkout-web')?.noticedAt).toBeUndefined();
    expect(openOf('api')?.noticedAt).toBe(now);
  });

  it('is bounded for 10,000 open episodes, which are all marked', async () => {
    const names = Array.from({ length: 10_000 }, (_, n) => `api-${n}`);
    for (const name of names) opens(name);
    await run();
    await run();
    const [{ notice } = expect.fail(), ...more] = ports.notices.sent;
    expect(more).toEqual([]);
    expect(notice.text.length).toBeLessThanOrEqual(TEXT_MAX);
    expect(notice.title).toContain('10,000 subjects');
    expect(Buffer.byteLength(JSON.stringify(notice.json))).toBeLessThan(200_000);
    expect(notice.json.subjects.length + notice.json.subjectsLeft).toBe(10_000);
    expect(names.filter((name) => openOf(name)?.noticedAt === undefined)).toEqual([]);
  });
});

describe('what goes wrong', () => {
  it('a sending that fails takes the marks back, and is tried again', async () => {
    opens('api');
    opens('job', { isOverdue: false });
    let fails = 1;
    ports.notices.inject('send', () => fails-- > 0 && fail());
    await expect(run()).rejects.toMatchObject({ code: 'THROTTLED' });
    expect([openOf('api')?.noticedAt, openOf('job')?.noticedAt]).toEqual([undefined, undefined]);
    expect(told()).toEqual([]);
    await run();
    await run();
    expect(told()).toMatchObject([{ subjects: ['api', 'job'] }]);
  });

  it('takes back no mark but its own', async () => {
    opens('api');
    ports.notices.inject('send', () => {
      opens('api', { noticedAt: START + 1 }, { version: 3 }); // another run has told of it since
      fail();
    });
    await expect(run()).rejects.toMatchObject({ code: 'THROTTLED' });
    expect(openOf('api')?.noticedAt).toBe(START + 1);
  });

  it('a process that ends between marking and sending has told nobody, and nobody is told', async () => {
    opens('api');
    ports.notices.inject('send', () => {
      ports.ledgers.function.inject('read', fail); // the process is no more
      fail();
    });
    await expect(run()).rejects.toThrow();
    expect(openOf('api')?.noticedAt).toBe(START);
  });

  it('of one deploy is not the trouble of others', async () => {
    opens('api');
    opens('cart', { cause: { ...shop(), id: 'cart' } });
    ports.notices.inject('send', (title) => title.includes('shop') && fail());
    await expect(run()).rejects.toMatchObject({ code: 'THROTTLED' });
    expect(told()).toMatchObject([{ deploy: 'cart' }]);
  });

  it('with one state is not the trouble of other subjects', async () => {
    opens('api');
    opens('job');
    ports.ledgers.function.plant({ format: FORMAT + 1, state: { subject: 'later', version: 1, wake: 0 } });
    ports.ledgers.function.inject('swap', (subject) => subject === 'job' && fail());
    await expect(run()).rejects.toMatchObject({ code: 'FUTURE_ITEM' });
    expect(told()).toMatchObject([{ subjects: ['api'] }]);
    expect(openOf('job')?.noticedAt).toBeUndefined();
  });

  it('a swap that is lost is tried again, with what is there then', async () => {
    opens('api');
    let rivals = 3;
    ports.ledgers.function.inject('swap', (subject) => {
      const state = stateOf(subject ?? '');
      if (state && rivals-- > 0)
        ports.ledgers.function.plant({
          format: FORMAT,
          state: { ...state, version: state.version + 1, wake: 9 },
        });
    });
    await run();
    expect(told()).toHaveLength(1);
    expect(stateOf('api')).toMatchObject({ version: 5, wake: 9, open: { noticedAt: START } });
  });

  it('swaps that are lost all the time end', async () => {
    opens('api');
    ports.ledgers.function.inject('swap', (subject) => {
      const state = stateOf(subject ?? '') ?? expect.fail();
      ports.ledgers.function.plant({ format: FORMAT, state: { ...state, version: state.version + 1 } });
    });
    await expect(run()).rejects.toMatchObject({ code: 'CONTENDED', retryable: true });
    expect(told()).toEqual([]);
  });

  it.each<{ reason: string; since: Partial<SubjectState> }>([
    { reason: 'has ended', since: { open: undefined } },
    { reason: 'was silenced', since: { silence: { until: START + HOUR, reason: 'known' } } },
    { reason: 'is another one', since: { open: { id: '0000000005' } as Episode } },
  ])(
    'an episode that $reason since it was read is not named; nor is anything if nothing else is overdue',
    async ({ since }) => {
      opens('api');
      opens('job', { isOverdue: false });
      let reads = 0;
      ports.ledgers.function.inject('read', (subject) => {
        if (subject !== 'api' || ++reads !== 2) return;
        const before = stateOf('api') ?? expect.fail();
        const open = since.open ? ({ ...before.open, ...since.open } as Episode) : before.open;
        const state = {
          ...before,
          version: 2,
          ...since,
          open: 'open' in since && !since.open ? undefined : open,
        };
        ports.ledgers.function.plant({ format: FORMAT, state });
      });
      await run();
      expect(told()).toEqual([]);
      expect(openOf('job')?.noticedAt).toBeUndefined();
      expect(openOf('api')?.noticedAt).toBeUndefined();
    },
  );

  it('a subject that was silenced since it was read is not named beside others', async () => {
    opens('api');
    opens('job');
    let reads = 0;
    ports.ledgers.function.inject('read', (subject) => {
      if (subject === 'api' && ++reads === 2)
        opens('api', {}, { silence: { until: now + 1, reason: 'known' } });
    });
    await run();
    expect(told()).toMatchObject([{ subjects: ['job'] }]);
    expect(openOf('api')?.noticedAt).toBeUndefined();
  });

  it('time that is up leaves other deploys to the next run', async () => {
    opens('api');
    opens('cart', { cause: { ...shop(), id: 'cart' } });
    ports.notices.inject('send', () => {
      now += 2 * MINUTE;
    });
    await run({ until: now + MINUTE });
    expect(told()).toHaveLength(1);
    await run();
    expect(told()).toMatchObject([{ deploy: 'shop' }, { deploy: 'cart' }]);
  });
});

describe('two at once', () => {
  it('are none while the first one writes what it has begun in time', async () => {
    opens('api');
    const until = now + MINUTE;
    let rival: ReturnType<typeof ports.turns.take> | undefined;
    ports.notices.inject('send', () => {
      now = until + TIME_TO_WRITE_MS - 1;
      rival = ports.turns.take('notify', now + 1);
    });
    await run({ until });
    expect(told()).toHaveLength(1);
    expect(await rival).toBeUndefined();
  });

  it('send one notice', async () => {
    opens('api');
    opens('job');
    await Promise.all([run(), run()]);
    expect(told()).toMatchObject([{ subjects: ['api', 'job'] }]);
  });

  it('send one also when the first one outlives its turn', async () => {
    opens('api');
    opens('job');
    let second: Promise<void> | undefined;
    ports.ledgers.function.inject('swap', () => {
      now += 10 * MINUTE;
      second ??= run();
    });
    await run();
    await second;
    expect(told()).toHaveLength(1);
  });

  it('are quiet if another has the turn, and ask for a pause all the same', async () => {
    opens('checkout-api', {}, { group: CRITICAL });
    const turn = (await ports.turns.take('notify', now + MINUTE)) ?? expect.fail();
    await run();
    expect([...told(), ...asked()]).toEqual([]);
    await run({ burning: true });
    expect(told()).toEqual([]);
    expect(asked()).toMatchObject([{ deployId: 'shop' }]);
    await ports.turns.end(turn);
    await run();
    expect(told()).toHaveLength(1);
    expect(asked()).toHaveLength(1);
  });
});

describe('a pause', () => {
  it('is asked for once for a deploy with a critical subject that is overdue', async () => {
    opens('checkout-api', {}, { group: CRITICAL });
    opens('checkout-web', { isOverdue: false }, { group: CRITICAL });
    opens('api');
    await run();
    opens('checkout-web', { ...openOf('checkout-web'), isOverdue: true }, { group: CRITICAL });
    now += DAY;
    await run();
    expect(ports.notices.paused).toEqual([
      {
        deployId: 'shop',
        source: 'aws.cloudformation',
        at: START,
        reason: 'critical-stalled',
        subjects: ['checkout-api', 'checkout-web'],
      },
    ]);
    expect(openOf('api')?.pausedAt).toBeUndefined();
    expect(told()).toEqual([
      { severity: 'page', deploy: 'shop', subjects: ['api', 'checkout-api', 'checkout-web'] },
    ]);
  });

  it('is asked for of every deploy that has not arrived while budget burns, once an hour', async () => {
    const cause = shop();
    opens('api', { isOverdue: false, cause });
    opens('job', { cause });
    opens('cart', { cause: { ...cause, id: 'cart' } });
    opens('quiet', { cause }, { silence: { until: now + DAY, reason: 'known' } });
    const both = [
      { deployId: 'shop', reason: 'exposure-burn', subjects: ['job', 'api'] },
      { deployId: 'cart', reason: 'exposure-burn', subjects: ['cart'] },
    ];
    await run({ burning: true });
    expect(asked()).toEqual(both);
    now += HOUR - 1;
    await run({ burning: true });
    await run();
    expect(asked()).toEqual(both);
    now += 1;
    await run({ burning: true });
    expect(asked()).toEqual([...both, ...both]);
  });

  it('is asked for again after a clock that ran ahead', async () => {
    opens('api', { pausedAt: now + DAY });
    await run({ burning: true });
    expect(asked()).toHaveLength(1);
    expect(openOf('api')?.pausedAt).toBe(now);
  });

  it('is asked for of no deploy that has just begun, and is in time, while another one burns', async () => {
    opens('api', { isOverdue: false, cause: { id: 'fresh', source: 'aws.codedeploy', at: now - MINUTE } });
    opens('job', {
      isOverdue: false,
      cause: { id: 'slow', source: 'aws.codedeploy', at: now - 20 * MINUTE },
    });
    await run({ burning: true });
    expect(asked().map(({ deployId }) => deployId)).toEqual(['slow']);
  });

  it('says that something critical has stalled, also while budget burns', async () => {
    opens('checkout-api', {}, { group: CRITICAL });
    opens('api');
    await run({ burning: true });
    expect(asked()).toEqual([
      { deployId: 'shop', reason: 'critical-stalled', subjects: ['checkout-api', 'api'] },
    ]);
  });

  it('that cannot be asked for is asked for again, and keeps no notice back', async () => {
    opens('checkout-api', { pausedAt: now - HOUR }, { group: CRITICAL });
    let fails = 1;
    ports.notices.inject('pause', () => fails-- > 0 && fail());
    await expect(run({ burning: true })).rejects.toMatchObject({ code: 'THROTTLED' });
    expect(openOf('checkout-api')).toMatchObject({ pausedAt: now - HOUR, noticedAt: now });
    expect(told()).toHaveLength(1);
    await run({ burning: true });
    expect(asked()).toHaveLength(1);
  });

  it('names at most 100 subjects', async () => {
    for (let n = 0; n < 150; n++) opens(`api-${n}`);
    await run({ burning: true });
    expect(asked().map(({ subjects }) => subjects.length)).toEqual([100]);
  });
});
