import { describe, expect, it } from 'vitest';
import type { SweepStatus } from '../../functions/contract/overview.ts';
import { dueAt, type SweepMemory, sweptBy } from '../../functions/core/sweep.ts';

const MINUTE = 60_000;
const NOW = 1_000 * MINUTE;
const STATUS = {
  startedAt: NOW,
  endedAt: NOW + MINUTE,
  expected: 3,
  read: 3,
  left: 0,
  unread: [],
  unreadSubjects: [],
} satisfies Omit<SweepStatus, 'unreadSubjectsLeft'>;
const KEPT: SweepStatus = { ...STATUS, unreadSubjectsLeft: 0 };

describe('due', () => {
  it.each<{ reason: string; memory: Omit<SweepMemory, 'version'>; functions: boolean; secrets: boolean }>([
    { reason: 'there was no sweep before', memory: {}, functions: true, secrets: true },
    {
      reason: 'the last round began a minute ago',
      memory: { roundAt: NOW - MINUTE, secretsAt: NOW - MINUTE },
      functions: false,
      secrets: false,
    },
    {
      reason: 'the last round began a minute ago and is not over',
      memory: { roundAt: NOW - MINUTE, secretsAt: NOW - MINUTE, from: 'functions[0] api' },
      functions: true,
      secrets: false,
    },
    {
      reason: 'the last round began a minute ago and had no time to find all functions',
      memory: { roundAt: NOW - MINUTE, secretsAt: NOW - MINUTE, isSlow: true },
      functions: true,
      secrets: false,
    },
    {
      reason: 'it is time, though the schedule is a little early',
      memory: { roundAt: NOW - 5 * MINUTE + 20_000, secretsAt: NOW - 60 * MINUTE + 20_000 },
      functions: true,
      secrets: true,
    },
    {
      reason: 'an hour is not over for secrets',
      memory: { roundAt: NOW - 5 * MINUTE, secretsAt: NOW - 55 * MINUTE },
      functions: true,
      secrets: false,
    },
    {
      reason: 'the clock has been put back',
      memory: { roundAt: NOW + 60 * MINUTE, secretsAt: NOW + 60 * MINUTE },
      functions: true,
      secrets: true,
    },
  ])('is what is to be looked at when $reason', ({ memory, functions, secrets }) => {
    expect(dueAt({ version: 1, ...memory }, NOW)).toEqual({ functions, secrets });
  });
});

describe('a sweep leaves', () => {
  const due = { functions: true, secrets: false };

  it('where the next one goes on, and keeps when its round began', () => {
    const begun = sweptBy(
      { version: 0 },
      { ...due, secrets: true },
      { from: 'functions[0] job', criticalFrom: 'c', isSlow: true },
      STATUS,
    );
    expect(begun).toEqual({
      version: 1,
      roundAt: NOW,
      from: 'functions[0] job',
      criticalFrom: 'c',
      isSlow: true,
      secretsAt: NOW,
      status: KEPT,
    });
    const later = { ...STATUS, startedAt: NOW + MINUTE };
    expect(sweptBy(begun, due, {}, later)).toEqual({
      version: 2,
      roundAt: NOW,
      secretsAt: NOW,
      status: { ...later, unreadSubjectsLeft: 0 },
    });
  });

  it('a new round after one that was over', () => {
    const after = sweptBy({ version: 3, roundAt: NOW - 5 * MINUTE }, due, {}, STATUS);
    expect(after).toEqual({ version: 4, roundAt: NOW, status: KEPT });
  });

  it('no more names of what it could not read than an item has room for, and how many it leaves out', () => {
    const unread = Array.from({ length: 500 }, (_, id) => ({
      replica: `r${id}`,
      refusal: { code: 'THROTTLED' } as const,
    }));
    const unreadSubjects = unread.map(({ replica }) => replica.padEnd(600, '-'));
    const { status } = sweptBy({ version: 0 }, due, {}, { ...STATUS, unread, unreadSubjects });
    expect([status?.unread.length, status?.unreadSubjects.length]).toEqual([100, 166]);
    expect(status?.unreadSubjectsLeft).toBe(500 - 166);
  });
});
