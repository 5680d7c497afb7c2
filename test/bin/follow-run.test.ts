import { describe, expect, it, vi } from 'vitest';
import { followRun } from '../../bin/follow-run.ts';
import type { ReportedStatus } from '../../functions/adapters/aws/reconcile-client.ts';
import { VirtualClock } from '../../functions/adapters/sim/virtual-clock.ts';

const RUN: ReportedStatus = {
  id: 'x',
  kind: 'dedupe',
  mode: 'dry-run',
  state: 'running',
  table: 'orders',
  scanned: 0,
  duplicates: 0,
  removed: 0,
  restored: 0,
  verified: 0,
  counts: {},
  skipped: {},
  problems: [],
  readUnits: 0,
  writeUnits: 0,
  costUsd: 0,
  durationMs: 0,
  phase: 'scatter',
  progress: { done: 0, of: 0 },
};

describe('waiting for a run', () => {
  it('asks often at first, then every two seconds, until it has ended', async () => {
    const clock = new VirtualClock(0);
    const asked: number[] = [];
    const show = vi.fn();
    const run = async (): Promise<ReportedStatus> => {
      asked.push(clock.now());
      const done = clock.now() / 10; // 100 a second
      if (clock.now() < 30_000) return { ...RUN, phase: 'scatter', progress: { done, of: 10_000 } };
      if (clock.now() < 60_000) return { ...RUN, phase: 'gather', progress: { done: 0, of: 4 } };
      return { ...RUN, state: 'finished' };
    };
    const ended = await clock.run(() => followRun({ run }, clock, RUN, show));
    expect(ended.state).toBe('finished');
    const waits = asked.map((at, position) => at - (asked[position - 1] ?? 0));
    expect(waits[0]).toBe(200);
    expect(waits.at(-1)).toBe(2_000);
    expect(waits).toEqual(waits.toSorted((a, b) => a - b));
    expect(asked.length).toBeLessThan(60);
    expect(show).toHaveBeenCalledWith(0, 1, 'reading 0 · 0 read units');
    expect(show.mock.calls.some(([, , words]) => /^reading .* · 100\/s · .* left$/.test(words))).toBe(true);
    expect(show.mock.calls.at(-1)?.[2]).toBe('comparing part 0/4 · 0 read units');
  });

  it('does not ask for one that has ended', async () => {
    const run = vi.fn();
    const ended = { ...RUN, state: 'failed' } as const;
    expect(await followRun({ run }, new VirtualClock(0), ended, () => {})).toBe(ended);
    expect(run).not.toHaveBeenCalled();
  });
});
