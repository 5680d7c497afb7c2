import { describe, expect, it } from 'vitest';
import type { ComparedFacet, Finding } from '../../functions/contract/report.ts';
import { alarmOf } from '../../functions/core/alarming.ts';

const US = 'us-east-1';
const EU = 'eu-west-1';

const differs = (facet: ComparedFacet, replica = EU): Finding => ({
  replica,
  facet,
  kind: 'different',
  keys: ['A'],
  reference: US,
});
const whole = (kind: 'missing' | 'extra', facet: 'replica' | 'traffic' = 'replica'): Finding => ({
  replica: EU,
  facet,
  kind,
  keys: [],
});
const unread = (facet: Finding['facet']): Finding => ({
  replica: EU,
  facet,
  kind: 'unobservable',
  keys: [],
  refusal: { code: 'THROTTLED' },
});
const unexpected: Finding = { replica: EU, facet: 'code', kind: 'unexpected', keys: ['CodeSha256'] };

describe('an episode past its deadline', () => {
  it.each<{
    reason: string;
    findings: Finding[];
    alarmOn?: ComparedFacet[] | 'nothing';
    isStalled: boolean;
    drifted: number;
  }>([
    { reason: 'nothing was found', findings: [], isStalled: false, drifted: 0 },
    { reason: 'a facet that alarms differs', findings: [differs('env')], isStalled: true, drifted: 1 },
    {
      reason: 'facets that are only reported differ',
      findings: [differs('code'), differs('settings')],
      isStalled: false,
      drifted: 0,
    },
    {
      reason: 'one of them was switched on',
      findings: [differs('code'), differs('settings', US)],
      alarmOn: ['code'],
      isStalled: true,
      drifted: 1,
    },
    {
      reason: 'env was switched off',
      findings: [differs('env')],
      alarmOn: [],
      isStalled: false,
      drifted: 0,
    },
    {
      reason: 'a replica is counted once, whatever is wrong with it',
      findings: [differs('env'), differs('env'), whole('extra'), unexpected],
      isStalled: true,
      drifted: 1,
    },
    {
      reason: 'several replicas differ',
      findings: [differs('env', US), differs('env')],
      isStalled: true,
      drifted: 2,
    },
    {
      reason: 'a function is missing',
      findings: [whole('missing')],
      alarmOn: [],
      isStalled: true,
      drifted: 1,
    },
    {
      reason: 'an alias is missing',
      findings: [whole('missing', 'traffic')],
      alarmOn: [],
      isStalled: true,
      drifted: 1,
    },
    {
      reason: 'an alias splits its traffic',
      findings: [{ replica: EU, facet: 'traffic', kind: 'unsettled', keys: ['live'] }],
      isStalled: true,
      drifted: 1,
    },
    {
      reason: 'the code is not the one that was asked for',
      findings: [unexpected],
      isStalled: true,
      drifted: 1,
    },
    {
      reason: 'the subject is only learnt',
      findings: [differs('env'), whole('missing'), unexpected, unread('replica')],
      alarmOn: 'nothing',
      isStalled: false,
      drifted: 0,
    },
    { reason: 'a replica cannot be read', findings: [unread('replica')], isStalled: true, drifted: 0 },
    {
      reason: 'an environment cannot be read',
      findings: [unread('env')],
      alarmOn: [],
      isStalled: true,
      drifted: 0,
    },
    {
      reason: 'another facet cannot be read',
      findings: [unread('code')],
      isStalled: false,
      drifted: 0,
    },
    {
      reason: 'another facet, which alarms, cannot be read',
      findings: [unread('code')],
      alarmOn: ['code'],
      isStalled: true,
      drifted: 0,
    },
  ])(
    'has $drifted drifted replicas, and stalled is $isStalled, when $reason',
    ({ findings, alarmOn = ['env'], isStalled, drifted }) => {
      expect(alarmOf(findings, alarmOn === 'nothing' ? undefined : alarmOn)).toEqual({
        isStalled,
        driftedReplicas: drifted,
      });
    },
  );
});
