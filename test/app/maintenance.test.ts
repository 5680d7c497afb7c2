import { describe, expect, it } from 'vitest';
import { isMaintenance } from '../../functions/app/maintenance.ts';

const NIGHTLY = { schedule: 'cron(0 2 * * *)', minutes: 90, timezone: 'UTC' };
const SUNDAYS = { schedule: 'cron(30 1 * * SUN)', minutes: 60, timezone: 'Europe/Berlin' };
const ONCE = { schedule: 'at(2026-12-24T18:00)', minutes: 120, timezone: 'America/New_York' };

describe('a window of maintenance', () => {
  it.each([
    { window: NIGHTLY, at: '2026-01-05T01:59:59Z', isIn: false, reason: 'a second before it begins' },
    { window: NIGHTLY, at: '2026-01-05T02:00:01Z', isIn: true, reason: 'a second after it has begun' },
    { window: NIGHTLY, at: '2026-01-05T03:29:59Z', isIn: true, reason: 'a second before it ends' },
    { window: NIGHTLY, at: '2026-01-05T03:30:01Z', isIn: false, reason: 'a second after it has ended' },
    { window: SUNDAYS, at: '2026-01-04T00:45:00Z', isIn: true, reason: 'on its day, in its own zone' },
    { window: SUNDAYS, at: '2026-01-05T00:45:00Z', isIn: false, reason: 'on another day' },
    { window: SUNDAYS, at: '2026-01-04T01:45:00Z', isIn: false, reason: 'when it would be in UTC' },
    { window: ONCE, at: '2026-12-24T23:30:00Z', isIn: true, reason: 'at its one time' },
    { window: ONCE, at: '2027-12-24T23:30:00Z', isIn: false, reason: 'a year later' },
  ])('is open: $isIn, $reason', ({ window, at, isIn }) => {
    expect(isMaintenance([window], Date.parse(at))).toBe(isIn);
  });

  it('that never begins is none: better told once too often', () => {
    const never = { ...NIGHTLY, schedule: 'cron(99 2 * * *)' };
    expect(isMaintenance([never], Date.parse('2026-01-05T02:30:00Z'))).toBe(false);
  });

  it('is one of several, or of none', () => {
    expect(isMaintenance([ONCE, NIGHTLY], Date.parse('2026-01-05T02:30:00Z'))).toBe(true);
    expect(isMaintenance([], Date.parse('2026-01-05T02:30:00Z'))).toBe(false);
  });
});
