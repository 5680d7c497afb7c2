import { EventBridge } from '@aws-sdk/client-eventbridge';
import { GetSecretValueCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { consumer } from '../../functions/probe/index.ts';
import {
  BATCH_ENTRIES,
  type PutEvents,
  type ReportEntry,
  reporter,
  TRIES,
  WAITING_AT_MOST,
} from '../../functions/probe/reporter.ts';
import { type Loopback, startLoopback } from './loopback.ts';

/** A bound for a machine that is busy with other things. */
const SOON = { timeout: 20_000 };

let warnings: string[];
beforeEach(() => {
  warnings = [];
  vi.spyOn(process, 'emitWarning').mockImplementation((...args: unknown[]) => {
    if (args[1] === 'RecohereWarning') warnings.push(String(args[0]));
  });
});
afterEach(() => {
  vi.restoreAllMocks();
});

const reportOf = (versionId: string) => ({
  consumer: 'api',
  process: 'p1',
  secret: 'db',
  versionId,
  loadedAt: '2026-01-01T00:00:00.000Z',
});

const versionsIn = (entries: readonly ReportEntry[]): string[] =>
  entries.map(({ Detail }) => JSON.parse(Detail).versionId);

const numbers = (count: number): string[] => Array.from({ length: count }, (_, index) => String(index));

describe('reports', () => {
  it('are sent in order, a batch at a time, those of loads meanwhile too', async () => {
    const batches: string[][] = [];
    let underWay = 0;
    const { report, settle } = reporter(async ({ Entries }) => {
      expect(underWay++).toBe(0);
      batches.push(versionsIn(Entries));
      if (batches.length === 1) report(reportOf('meanwhile'));
      await Promise.resolve();
      underWay--;
      return { Entries: Entries.map(() => ({})) };
    });
    for (const version of numbers(25)) report(reportOf(version));
    await settle();
    expect(batches.flat()).toEqual([...numbers(25), 'meanwhile']);
    expect(batches.map(({ length }) => length)).toEqual([BATCH_ENTRIES, BATCH_ENTRIES, 6]);
    report(reportOf('later'));
    await settle();
    expect(batches.at(-1)).toEqual(['later']);
  });

  it('are tried again as far as they were not taken, and then dropped with a warning', async () => {
    const batches: string[][] = [];
    const { report } = reporter(async ({ Entries }) => {
      batches.push(versionsIn(Entries));
      const first = batches.length === 1;
      return {
        Entries: versionsIn(Entries).map((version) =>
          version === 'never' || (first && version === 'second') ? { ErrorCode: 'ThrottlingException' } : {},
        ),
      };
    });
    for (const version of ['first', 'never', 'second']) report(reportOf(version));
    await vi.waitFor(() => expect(warnings).not.toEqual([]), SOON);
    expect(batches).toEqual([
      ['first', 'never', 'second'],
      ['never', 'second'],
      ...Array(TRIES - 2).fill(['never']),
    ]);
    expect(warnings).toEqual(['Reports of loaded secrets that were not taken: 1 (ThrottlingException).']);
  });

  const failing: { reason: string; putEvents: PutEvents; named: string }[] = [
    {
      reason: 'throws at once',
      putEvents() {
        throw new TypeError('hunter2');
      },
      named: 'TypeError',
    },
    {
      reason: 'throws later, what is no error',
      putEvents: () => Promise.reject('hunter2'),
      named: 'Error',
    },
    {
      reason: 'throws nothing at all',
      putEvents: () => Promise.reject(),
      named: 'Error',
    },
    {
      reason: 'answers what is no answer',
      putEvents: async () => JSON.parse('null'),
      named: 'TypeError',
    },
  ];
  it.each(failing)('are tried again, and dropped, by a sender that $reason', async ({ putEvents, named }) => {
    const tried = vi.fn(putEvents);
    const { report } = reporter(tried);
    report(reportOf('v1'));
    await vi.waitFor(() => expect(warnings).not.toEqual([]), SOON);
    expect(tried).toHaveBeenCalledTimes(TRIES);
    expect(warnings).toEqual([`Reports of loaded secrets that were not taken: 1 (${named}).`]);
  });

  it('are held up by a call that hangs for its time at most, whether it heeds the signal or not', async () => {
    const timeouts: AbortController[] = [];
    vi.spyOn(AbortSignal, 'timeout').mockImplementation(() => {
      timeouts.push(new AbortController());
      return timeouts.at(-1)?.signal as AbortSignal;
    });
    const sent: string[] = [];
    const { report } = reporter(({ Entries }) => {
      if (timeouts.length <= TRIES) return new Promise(() => {});
      sent.push(...versionsIn(Entries));
      return Promise.resolve({ Entries: Entries.map(() => ({})) });
    });
    report(reportOf('held up'));
    for (let tries = 1; tries <= TRIES; tries++) {
      await vi.waitFor(() => expect(timeouts).toHaveLength(tries), SOON);
      if (tries === 1) report(reportOf('behind it'));
      timeouts.at(-1)?.abort(new DOMException('hunter2', 'TimeoutError'));
    }
    await vi.waitFor(() => expect(sent).toEqual(['behind it']), SOON);
    expect(warnings).toEqual(['Reports of loaded secrets that were not taken: 1 (TimeoutError).']);
  });

  it('wait up to a bound, past which the oldest go', async () => {
    const taken: string[] = [];
    const held: (() => void)[] = [];
    const { report } = reporter(async ({ Entries }) => {
      if (taken.length === 0) await new Promise<void>((resolve) => held.push(resolve));
      taken.push(...versionsIn(Entries));
      return { Entries: Entries.map(() => ({})) };
    });
    report(reportOf('under way'));
    await vi.waitFor(() => expect(held).toHaveLength(1), SOON);
    for (const version of numbers(WAITING_AT_MOST + 20)) report(reportOf(version));
    held[0]?.();
    await vi.waitFor(() => expect(taken.length).toBe(WAITING_AT_MOST + 1), SOON);
    expect(taken).toEqual(['under way', ...numbers(WAITING_AT_MOST + 20).slice(20)]);
    expect(warnings).toEqual([]);
  });

  it('are settled when there are none, at once', async () => {
    const timer = vi.spyOn(globalThis, 'setTimeout');
    await reporter(vi.fn()).settle();
    expect(timer).not.toHaveBeenCalled();
  });
});

describe('reports to EventBridge', () => {
  let aws: Loopback;
  beforeEach(async () => {
    aws = await startLoopback();
    aws.rotate('db', 'v1', 'hunter2');
  });
  afterEach(() => aws.stop());

  const load = (secrets: SecretsManagerClient) => secrets.send(new GetSecretValueCommand({ SecretId: 'db' }));

  it('that are refused leave the answer to the caller as it is', async () => {
    aws.putEvents = 'refuses';
    const { SecretString } = await load(consumer().watch(new SecretsManagerClient()));
    expect(SecretString).toBe('hunter2');
    await vi.waitFor(() => expect(warnings).not.toEqual([]), SOON);
    expect(aws.batches).toEqual(Array(TRIES).fill(1));
    expect(warnings).toEqual(['Reports of loaded secrets that were not taken: 1 (AccessDeniedException).']);
  });

  it('that hang do not keep the caller waiting, nor an invocation for long', async () => {
    aws.putEvents = 'hangs';
    const { watch, answering } = consumer();
    const secrets = watch(new SecretsManagerClient());
    const handler = answering(async () => (await load(secrets)).SecretString, { use: async () => {} });
    expect(await handler()).toBe('hunter2');
    expect(aws.reports).toEqual([]);
    await vi.waitFor(() => expect(aws.batches.length).toBeGreaterThan(0), SOON);
  });

  it('are tried again for each entry that was not taken', async () => {
    aws.rotate('other', 'o1');
    const refused: string[] = [];
    aws.putEvents = ({ versionId }) => {
      if (versionId !== 'v1' || refused.length > 0) return undefined;
      refused.push(versionId);
      return 'InternalFailure';
    };
    const secrets = consumer().watch(new SecretsManagerClient());
    await Promise.all([load(secrets), secrets.send(new GetSecretValueCommand({ SecretId: 'other' }))]);
    await vi.waitFor(() => expect(aws.reports).toHaveLength(2), SOON);
    expect(refused).toEqual(['v1']);
    expect(warnings).toEqual([]);
  });

  it('can be sent by a client of the user', async () => {
    const events = new EventBridge({ region: 'eu-west-1' });
    const putEvents = vi.fn<PutEvents>((input, options) => events.putEvents(input, options));
    await load(consumer({ putEvents }).watch(new SecretsManagerClient()));
    await vi.waitFor(() => expect(aws.reports).toHaveLength(1), SOON);
    expect(putEvents).toHaveBeenCalledTimes(1);
  });
});
