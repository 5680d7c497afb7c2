import { describe, expect, it, vi } from 'vitest';
import { followLook } from '../../bin/follow-look.ts';
import { VirtualClock } from '../../functions/adapters/sim/virtual-clock.ts';
import type { SubjectStatus } from '../../functions/contract/overview.ts';
import { RecohereError, RefusedError } from '../../functions/core/errors.ts';
import { aSubject, EMPTY } from '../app/sample-overview.ts';

const AT = 1_000;
const TIMEOUT_MS = 600_000;
/** More than any wait here takes. */
const POLLS_MAX = 1_000;
const UNKNOWN = new RecohereError('UNKNOWN_SUBJECT', 'nothing is known');

/** Follows a look at two subjects, of which this is known at a time. */
async function followed(
  at: (now: number) => readonly Partial<SubjectStatus>[] | Error,
  timeoutMs = TIMEOUT_MS,
) {
  const clock = new VirtualClock(0);
  const polls: number[] = [];
  const overviewOf = vi.fn(async (names: readonly string[]) => {
    if (polls.push(clock.now()) > POLLS_MAX) throw new Error('it asks without end');
    const known = at(clock.now());
    if (known instanceof Error) throw known;
    return { ...EMPTY, subjects: known.map((status, position) => aSubject(names[position] ?? '', status)) };
  });
  const show = vi.fn();
  const looking = { at: AT, subjects: ['cart', 'prod/db'], timeoutMs };
  const ended = await clock.run(() => followLook({ overviewOf }, clock, looking, show));
  return { ...ended, polls, overviewOf, show, endedAt: clock.now() };
}

const SEEN = { answeredUntil: AT } as const;

describe('waiting for a look', () => {
  it('ends when each subject was looked at and none is on its way', async () => {
    const { isSettled, unseen, polls, overviewOf, show } = await followed((now) => {
      if (now < 10_000) return [{}, { answeredUntil: AT - 1 }];
      if (now < 60_000) return [SEEN, { ...SEEN, verdict: 'converging' }];
      return [SEEN, SEEN];
    });
    expect({ isSettled, unseen }).toEqual({ isSettled: true, unseen: [] });
    expect(overviewOf).toHaveBeenCalledWith(['cart', 'prod/db']);
    expect(show.mock.calls[0]).toEqual([0, 2, '0/2 looked at · 0 settled']);
    expect(show.mock.calls.at(-1)).toEqual([1, 2, '2/2 looked at · 1 settled']);
    const waits = polls.slice(1).map((at, position) => at - (polls[position] ?? 0));
    expect(waits[0]).toBe(200);
    expect(Math.max(...waits)).toBe(2_000);
  });

  it.each([
    { verdict: 'diverged', reason: 'its deadline has passed, and no look will change that' },
    { verdict: 'unobservable', reason: 'it cannot be read' },
  ] as const)('ends with what is $verdict: $reason', async ({ verdict }) => {
    const { isSettled, overview } = await followed(() => [SEEN, { ...SEEN, verdict }]);
    expect(isSettled).toBe(true);
    expect(overview.subjects[1]?.verdict).toBe(verdict);
  });

  it('waits for what has diverged and is being mended', async () => {
    const unsettled = { replica: 'eu-west-1', facet: 'replica', kind: 'unsettled', keys: [] } as const;
    const { isSettled, endedAt } = await followed((now) => [
      SEEN,
      now < 10_000 ? { ...SEEN, verdict: 'diverged', findings: [unsettled] } : SEEN,
    ]);
    expect(isSettled).toBe(true);
    expect(endedAt).toBeGreaterThanOrEqual(10_000);
  });

  it.each([
    { known: {}, unseen: ['prod/db'], reason: 'nobody has looked' },
    { known: { ...SEEN, verdict: 'converging' } as const, unseen: [], reason: 'it is still on its way' },
  ])('gives up when time is up: $reason', async ({ known, unseen }) => {
    const ended = await followed(() => [SEEN, known]);
    expect(ended).toMatchObject({ isSettled: false, unseen, endedAt: TIMEOUT_MS });
  });

  it('looks once if there is no time', async () => {
    expect(await followed(() => [{}, SEEN], 0)).toMatchObject({ unseen: ['cart'], polls: [0] });
  });

  it('waits for the first look at what was never seen before', async () => {
    const { isSettled } = await followed((now) => (now < 100_000 ? UNKNOWN : [SEEN, SEEN]));
    expect(isSettled).toBe(true);
  });

  it.each([
    { timeoutMs: TIMEOUT_MS, least: 120_000, most: 122_000, reason: 'a first look has had its time' },
    { timeoutMs: 30_000, least: 30_000, most: 30_000, reason: 'there is no more time than that' },
  ])('does not wait for ever for what nobody knows: $reason', async ({ timeoutMs, least, most }) => {
    let asked = 0;
    await expect(
      followed((now) => {
        asked = now;
        return UNKNOWN;
      }, timeoutMs),
    ).rejects.toBe(UNKNOWN);
    expect(asked).toBeGreaterThanOrEqual(least);
    expect(asked).toBeLessThanOrEqual(most);
  });

  it('ends at once with what is refused', async () => {
    const refused = new RefusedError({ code: 'ACCESS_DENIED' });
    await expect(followed(() => refused)).rejects.toBe(refused);
  });
});
