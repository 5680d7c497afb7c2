import { describe, expect, it } from 'vitest';
import type { EpisodeStatus, Overview, SubjectStatus } from '../../functions/contract/overview.ts';
import { type ServiceLevels, serviceLevels } from '../../functions/core/service-levels.ts';
import { anEpisode, aSubject, EMPTY, NOW } from '../app/sample-overview.ts';

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** The levels of two functions and a secret with these episodes. */
function levelsOf(episodes: readonly EpisodeStatus[], more: Partial<Overview> = {}): ServiceLevels {
  const subjects: readonly SubjectStatus[] = [
    aSubject('cart'),
    aSubject('payments'),
    aSubject('db', { kind: 'secret', targets: { convergenceMs: 2 * MINUTE, exposurePercent: 1 } }),
  ];
  return serviceLevels({ ...EMPTY, subjects, episodes, ...more });
}

const took = (subject: string, ms: number, more: Partial<EpisodeStatus> = {}) =>
  anEpisode(subject, DAY, { endedAt: NOW - DAY + ms, convergenceMs: ms, ...more });
const stillOpen = (subject: string, startedMsAgo: number, isOverdue: boolean) =>
  anEpisode(subject, startedMsAgo, { outcome: 'open', endedAt: null, convergenceMs: null, isOverdue });

describe('convergence', () => {
  const late = { isMet: false, withinPercent: 50, p95Ms: MINUTE, episodes: 2 };
  it.each<{ reason: string; episodes: EpisodeStatus[]; expected: ServiceLevels['convergence'] }>([
    {
      reason: 'nothing has happened',
      episodes: [],
      expected: { isMet: null, withinPercent: null, p95Ms: null, episodes: 0 },
    },
    {
      reason: 'the target itself is within the target',
      episodes: [took('cart', 5 * MINUTE)],
      expected: { isMet: true, withinPercent: 100, p95Ms: 5 * MINUTE, episodes: 1 },
    },
    {
      reason: 'one in two took longer',
      episodes: [took('cart', MINUTE), took('payments', 5 * MINUTE + 1)],
      expected: { isMet: false, withinPercent: 50, p95Ms: 5 * MINUTE + 1, episodes: 2 },
    },
    {
      reason: 'what is open and past its deadline is too late already, and has no time yet',
      episodes: [took('cart', MINUTE), stillOpen('payments', HOUR, true)],
      expected: late,
    },
    {
      reason: 'what is open and may still make it says nothing',
      episodes: [took('cart', MINUTE), stillOpen('payments', MINUTE, false)],
      expected: { isMet: true, withinPercent: 100, p95Ms: MINUTE, episodes: 1 },
    },
    {
      reason: 'what was rolled back in time never agreed on what it was to be',
      episodes: [took('cart', HOUR, { outcome: 'rolled-back', isOverdue: false })],
      expected: { isMet: null, withinPercent: null, p95Ms: null, episodes: 0 },
    },
    {
      reason: 'what was late stays late when it is rolled back: a failure makes no level better',
      episodes: [took('cart', HOUR, { outcome: 'rolled-back', isOverdue: true })],
      expected: { isMet: false, withinPercent: 0, p95Ms: null, episodes: 1 },
    },
    {
      reason: 'nothing is promised of a subject that is not watched any more',
      episodes: [took('gone', HOUR)],
      expected: { isMet: null, withinPercent: null, p95Ms: null, episodes: 0 },
    },
    {
      reason: 'secrets have a level of their own',
      episodes: [took('db', HOUR, { kind: 'secret' })],
      expected: { isMet: null, withinPercent: null, p95Ms: null, episodes: 0 },
    },
  ])('$reason', ({ episodes, expected, reason }) => {
    expect(levelsOf(episodes).convergence, reason).toEqual(expected);
  });

  it('meets its objective with 95 in 100 in time, and gives the time that these did not exceed', () => {
    const inTime = Array.from({ length: 95 }, (_, position) => took('cart', (position + 1) * SECOND));
    const late = Array.from({ length: 5 }, () => took('cart', HOUR));
    expect(levelsOf([...inTime, ...late]).convergence).toEqual({
      isMet: true,
      withinPercent: 95,
      p95Ms: 95 * SECOND,
      episodes: 100,
    });
    expect(levelsOf([...inTime.slice(1), ...late]).convergence).toMatchObject({ isMet: false, p95Ms: HOUR });
  });

  it('leaves out what is only learnt, and counts what is silenced', () => {
    const silence = { until: NOW + DAY, reason: 'moving' };
    const subjects = [aSubject('cart', { mode: 'learn' }), aSubject('payments', { silence })];
    const episodes = [took('cart', HOUR), took('payments', MINUTE)];
    expect(levelsOf(episodes, { subjects }).convergence).toMatchObject({ withinPercent: 100, episodes: 1 });
  });
});

it('holds secrets against their own target', () => {
  expect(levelsOf([took('db', 3 * MINUTE, { kind: 'secret' })]).propagation).toEqual({
    isMet: false,
    withinPercent: 0,
    p95Ms: 3 * MINUTE,
    episodes: 1,
  });
});

describe('exposure', () => {
  it.each<{ reason: string; episodes: EpisodeStatus[]; percent: number; above: number }>([
    { reason: 'nothing was exposed', episodes: [], percent: 0, above: 0 },
    {
      reason: 'a day of one of three subjects in 28 is above 1 % of its own time',
      episodes: [took('cart', DAY)],
      percent: 100 / 28 / 3,
      above: 1,
    },
    {
      reason: 'an open episode counts until now',
      episodes: [stillOpen('cart', DAY, true)],
      percent: 100 / 28 / 3,
      above: 1,
    },
    {
      reason: 'of what began before the window, its part in it counts',
      episodes: [stillOpen('cart', 90 * DAY, true)],
      percent: 100 / 3,
      above: 1,
    },
    {
      reason: 'what two episodes cover counts once',
      episodes: [stillOpen('cart', DAY, true), took('cart', HOUR), took('cart', DAY)],
      percent: 100 / 28 / 3,
      above: 1,
    },
    {
      reason: 'by clocks that differ, an episode ends before its cause, or after now',
      episodes: [took('cart', -HOUR), took('payments', 2 * DAY)],
      percent: 100 / 28 / 3,
      above: 1,
    },
    { reason: 'an hour is below 1 %', episodes: [took('cart', HOUR)], percent: 100 / 28 / 24 / 3, above: 0 },
    {
      reason: 'a function is not exposed by a secret of the same name',
      episodes: [took('cart', DAY, { kind: 'secret' })],
      percent: 0,
      above: 0,
    },
  ])('$reason', ({ episodes, percent, above, reason }) => {
    const { exposure } = levelsOf(episodes);
    expect(exposure, reason).toMatchObject({ isMet: above === 0, subjects: 3, above });
    expect(exposure.percent, reason).toBeCloseTo(percent, 9);
  });

  it('has nothing to say of no subjects', () => {
    expect(serviceLevels(EMPTY).exposure).toEqual({ isMet: null, percent: null, subjects: 0, above: 0 });
  });
});

describe('time to detect', () => {
  const seenAfter = (ms: number, source = 'aws.lambda') =>
    anEpisode('cart', DAY, { cause: { id: 'x', source, at: NOW - DAY }, firstSeenAt: NOW - DAY + ms });
  it.each<{ reason: string; episodes: EpisodeStatus[]; expected: ServiceLevels['detection'] }>([
    { reason: 'nothing has happened', episodes: [], expected: { isMet: null, p95Ms: null, episodes: 0 } },
    {
      reason: 'seen in time',
      episodes: [seenAfter(5 * MINUTE)],
      expected: { isMet: true, p95Ms: 5 * MINUTE, episodes: 1 },
    },
    {
      reason: 'seen too late, by a sweep that AWS told of when it was',
      episodes: [seenAfter(6 * MINUTE, 'look')],
      expected: { isMet: false, p95Ms: 6 * MINUTE, episodes: 1 },
    },
    {
      reason: 'nobody knows when it was',
      episodes: [seenAfter(0, 'look')],
      expected: { isMet: null, p95Ms: null, episodes: 0 },
    },
    {
      reason: 'the clock of who told is ahead',
      episodes: [seenAfter(-HOUR)],
      expected: { isMet: true, p95Ms: 0, episodes: 1 },
    },
  ])('$reason', ({ episodes, expected, reason }) => {
    expect(levelsOf(episodes).detection, reason).toEqual(expected);
  });
});

describe('shares', () => {
  it('counts partial deploys of all episodes, and rollbacks of those that ended', () => {
    const { overdue, rollbacks } = levelsOf([
      took('cart', MINUTE),
      took('cart', HOUR, { outcome: 'rolled-back', isOverdue: true }),
      stillOpen('payments', HOUR, false),
      stillOpen('cart', HOUR, false),
    ]);
    expect(overdue).toEqual({ isMet: false, percent: 25, count: 1, of: 4 });
    expect(rollbacks).toEqual({ isMet: null, percent: 50, count: 1, of: 2 });
  });

  it.each([
    { reason: 'no sweep yet', sweep: null, expected: { isMet: null, percent: null, count: 0, of: 0 } },
    {
      reason: 'more than 99 % were read',
      sweep: { read: 199, expected: 200 },
      expected: { isMet: true, percent: 99.5, count: 199, of: 200 },
    },
    {
      reason: '99 % is not more than 99 %',
      sweep: { read: 99, expected: 100 },
      expected: { isMet: false, percent: 99, count: 99, of: 100 },
    },
    {
      reason: 'nothing was to be read',
      sweep: { read: 0, expected: 0 },
      expected: { isMet: null, percent: null, count: 0, of: 0 },
    },
  ])('says how complete a sweep was: $reason', ({ sweep, expected, reason }) => {
    const whole = {
      startedAt: NOW,
      endedAt: NOW,
      left: 0,
      unread: [],
      unreadSubjects: [],
      unreadSubjectsLeft: 0,
    };
    const { completeness } = levelsOf([], { sweep: sweep && { ...whole, ...sweep } });
    expect(completeness, reason).toEqual(expected);
  });
});
