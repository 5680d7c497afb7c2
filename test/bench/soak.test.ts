import { afterEach, describe, expect, it, vi } from 'vitest';
import { soakFlags } from '../../bench/soak-flags.ts';
import { replay, soak } from '../../bench/soaking.ts';
import { Fate } from '../../rehearsal/fate.ts';
import { endingAs } from './ending-as.ts';

const NOW = Date.UTC(2026, 0, 5);

afterEach(() => {
  vi.restoreAllMocks();
});

describe('the arguments of a soak', () => {
  it.each([
    { reason: 'its first seed is the time', args: [], flags: { minutes: 1, from: NOW } },
    { reason: 'both are given', args: ['--minutes', '0.5', '--from', '7'], flags: { minutes: 0.5, from: 7 } },
    { reason: 'one seed is played', args: ['--seed', '4'], flags: { seed: 4 } },
    { reason: 'with these faults', args: ['--seed', '4', '--faults', '["a"]'], flags: { faults: ['a'] } },
    { reason: 'with none', args: ['--seed', '4', '--faults', '[]'], flags: { faults: [] } },
  ])('are taken: $reason', ({ args, flags }) => {
    expect(soakFlags(args, NOW)).toMatchObject(flags);
  });

  it.each([
    { reason: 'no JSON', args: ['--seed', '4', '--faults', 'notjson'] },
    { reason: 'an object', args: ['--seed', '4', '--faults', '{}'] },
    { reason: 'a number', args: ['--seed', '4', '--faults', '3'] },
    { reason: 'numbers', args: ['--seed', '4', '--faults', '["a", 3]'] },
    { reason: 'faults of no seed', args: ['--faults', '[]'] },
    { reason: 'a part of a seed', args: ['--seed', '1.5'] },
    { reason: 'a seed without end', args: ['--seed', '1e400'] },
    { reason: 'seeds begin with 1', args: ['--seed', '0'] },
    { reason: 'a part of a first seed', args: ['--from', '2.5'] },
    { reason: 'a seed after which none can be counted', args: ['--from', '9007199254740993'] },
    { reason: 'no time', args: ['--minutes', '0'] },
    { reason: 'time without end', args: ['--minutes', '1e400'] },
    { reason: 'one seed, and others after it', args: ['--seed', '4', '--from', '5'] },
    { reason: 'one seed, and a time', args: ['--seed', '4', '--minutes', '5'] },
    { reason: 'an option that is not there', args: ['--sed', '4'] },
  ])('are refused: $reason', ({ args }) => {
    const { code, lines } = endingAs(() => soakFlags(args, NOW));
    expect(code).toBe(2);
    expect(lines).toHaveLength(1);
    expect(lines[0]).toMatch(/^error: /);
  });
});

describe('a seed that is played again', () => {
  it.each([
    { reason: 'all that may strike', only: undefined, code: 0, missed: [] },
    { reason: 'no fault', only: [], code: 0, missed: [] },
    {
      reason: 'one that strikes nobody',
      only: ['nonsense\n'],
      code: 2,
      missed: ['did not strike: nonsense '],
    },
  ])('says which faults did not strike: $reason', async ({ only, code, missed }) => {
    const said: string[] = [];
    expect(await replay(4, only, (line) => said.push(line))).toBe(code);
    expect(said.slice(0, -1)).toEqual(missed);
    expect(said.at(-1)).toMatch(/^\d+ faults, \d+ invariants judged, 0 violations$/);
  });

  it('says what did not hold before which faults did not strike', async () => {
    vi.spyOn(Fate.prototype, 'strikes').mockImplementation(() => {
      throw new Error('lost its way');
    });
    const said: string[] = [];
    expect(await replay(4, ['nonsense'], (line) => said.push(line))).toBe(1);
    expect(said.join('\n')).toMatch(/^at the end {2}18: .*lost its way.*\ndid not strike: nonsense\n/s);
  });
});

describe('a soak', () => {
  it('says with which seed it begins, and what it has counted', async () => {
    const said: string[] = [];
    expect(await soak(Number.MIN_VALUE, 2_001, (line) => said.push(line))).toBe(0);
    expect(said.at(0)).toBe('seeds from 2001 on');
    expect(said.at(-1)).toMatch(/^\d+ seeds from 2001 on, \d+ of \d+ invariants were judged, 0 violations$/);
  });

  it('ends with the first seed that fails', async () => {
    vi.spyOn(Fate.prototype, 'strikes').mockImplementation(() => {
      throw new Error('lost its way');
    });
    const said: string[] = [];
    expect(await soak(60, 2_001, (line) => said.push(line))).toBe(1);
    expect(said.at(-1)).toContain("again: npm run soak -- --seed 2001 --faults '[]'");
  });
});
