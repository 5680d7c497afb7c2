import { StackStatus } from '@aws-sdk/client-cloudformation';
import { describe, expect, it, vi } from 'vitest';
import { exitCodeOfChecks, renderChecks } from '../../bin/doctor.ts';
import { type Check, examine } from '../../bin/examine.ts';
import type { Inspection } from '../../functions/adapters/aws/inspection.ts';
import { parseConfig, type RecohereConfig } from '../../functions/contract/config.ts';
import type { SweepStatus } from '../../functions/contract/overview.ts';
import { RecohereError, RefusedError } from '../../functions/core/errors.ts';
import { EMPTY, NOW } from '../app/sample-overview.ts';

const RELEASE = '0.1.0';
const OWN = '111111111111';
const OTHER = '222222222222';
const HUB = 'us-east-1';
const MINUTE = 60_000;

const WRITTEN: RecohereConfig = {
  hub: { region: HUB },
  replicas: [{ region: HUB }, { region: 'eu-west-1' }],
  functions: [{ select: { name: '*' } }],
};
const SWEEP: SweepStatus = {
  startedAt: NOW - MINUTE,
  endedAt: NOW - MINUTE,
  expected: 10,
  read: 10,
  left: 0,
  unread: [],
  unreadSubjects: [],
  unreadSubjectsLeft: 0,
};
const DENIED = new RefusedError({
  code: 'ACCESS_DENIED',
  call: 'sqs:GetQueueUrl',
  permission: 'sqs:GetQueueUrl',
});
/** What each state of a stack comes to. */
const STACKS = [
  { status: 'CREATE_COMPLETE', state: 'ok', reason: 'it was deployed' },
  { status: 'UPDATE_COMPLETE', state: 'ok', reason: 'it was deployed again' },
  { status: 'UPDATE_COMPLETE_CLEANUP_IN_PROGRESS', state: 'ok', reason: 'only what is old is yet to go' },
  { status: 'IMPORT_COMPLETE', state: 'ok', reason: 'resources were imported' },
  { status: 'CREATE_IN_PROGRESS', state: 'unknown', reason: 'it is being deployed' },
  { status: 'UPDATE_IN_PROGRESS', state: 'unknown', reason: 'it is being deployed again' },
  { status: 'IMPORT_IN_PROGRESS', state: 'unknown', reason: 'resources are being imported' },
  { status: 'DELETE_IN_PROGRESS', state: 'unknown', reason: 'it is being deleted' },
  { status: 'ROLLBACK_IN_PROGRESS', state: 'unknown', reason: 'it may be deployed anew soon' },
  { status: 'UPDATE_ROLLBACK_IN_PROGRESS', state: 'unknown', reason: 'it is going back' },
  { status: 'UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS', state: 'unknown', reason: 'it is going back' },
  { status: 'IMPORT_ROLLBACK_IN_PROGRESS', state: 'unknown', reason: 'it is going back' },
  { status: 'REVIEW_IN_PROGRESS', state: 'wrong', reason: 'it was never deployed' },
  { status: 'CREATE_FAILED', state: 'wrong', reason: 'the first deploy failed' },
  { status: 'ROLLBACK_COMPLETE', state: 'wrong', reason: 'the first deploy failed' },
  { status: 'ROLLBACK_FAILED', state: 'wrong', reason: 'the first deploy failed' },
  { status: 'UPDATE_FAILED', state: 'wrong', reason: 'the last deploy failed' },
  { status: 'UPDATE_ROLLBACK_COMPLETE', state: 'wrong', reason: 'the last deploy failed' },
  { status: 'UPDATE_ROLLBACK_FAILED', state: 'wrong', reason: 'the last deploy failed' },
  { status: 'IMPORT_ROLLBACK_COMPLETE', state: 'wrong', reason: 'an import failed' },
  { status: 'IMPORT_ROLLBACK_FAILED', state: 'wrong', reason: 'an import failed' },
  { status: 'DELETE_FAILED', state: 'wrong', reason: 'a part of it is gone' },
  { status: 'DELETE_COMPLETE', state: 'wrong', reason: 'all of it is gone' },
] as const;
const HEARTBEAT = 'see alarm-heartbeat in the README';
const GRANT = 'grant what is missing, or take the region out of replicas';
const GOES_ON =
  'the next sweep goes on there; if time is up again and again, see alarm-incomplete in the README';

/** An installation that is well, but for some things. */
function anInspection(different: Partial<Inspection> = {}): Inspection {
  return {
    account: async () => OWN,
    stack: async () => ({ status: 'UPDATE_COMPLETE', release: RELEASE }),
    ownerOf: async () => undefined,
    rules: async () => [{ name: 'rule-1', state: 'enabled' }],
    functionState: async () => 'settled',
    messages: async () => 0,
    ...different,
  };
}

async function examined({
  config = {},
  inspection = {},
  overview = async () => ({ ...EMPTY, sweep: SWEEP }),
}: {
  config?: Partial<RecohereConfig>;
  inspection?: Partial<Inspection>;
  overview?: () => Promise<typeof EMPTY>;
} = {}): Promise<readonly Check[]> {
  const parsed = parseConfig({ ...WRITTEN, ...config });
  if (!parsed.ok) throw new Error(parsed.mistakes.join());
  const loaded = { path: 'recohere.config.ts', config: parsed.config };
  return examine(
    { loaded, release: RELEASE, inspection: anInspection(inspection), asked: { overview } },
    () => {},
  );
}

const notOk = (checks: readonly Check[]) => checks.filter(({ state }) => state !== 'ok');

describe('what a doctor looks at', () => {
  it('is all that is deployed, in the order in which one thing needs another', async () => {
    const checks = await examined();
    expect(checks.map(({ check, place, state }) => [state, place, check].join(' '))).toEqual([
      'ok  config',
      'ok  credentials',
      'ok us-east-1 stack recohere-hub',
      'ok us-east-1 rules of recohere-hub',
      'ok us-east-1 function recohere-verify-deploy',
      'ok us-east-1 function recohere-verify-rotation',
      'ok us-east-1 function recohere-sweep',
      'ok us-east-1 function recohere-notify',
      'ok us-east-1 function recohere-widget',
      'ok us-east-1 function recohere-reconcile',
      'ok us-east-1 queue recohere-hub-dead-letters',
      'ok us-east-1 queue recohere-verify-deploy-dead-letters',
      'ok us-east-1 queue recohere-verify-rotation-dead-letters',
      'ok us-east-1 stack recohere-monitoring',
      'ok us-east-1 stack recohere-region',
      'ok us-east-1 rules of recohere-region',
      'ok us-east-1 queue recohere-region-dead-letters',
      'ok eu-west-1 stack recohere-region',
      'ok eu-west-1 rules of recohere-region',
      'ok eu-west-1 queue recohere-region-dead-letters',
      'ok us-east-1 sweep',
    ]);
    expect(exitCodeOfChecks(checks)).toBe(0);
  });

  it('is the worker and the stack beside the tables too, if there are any', async () => {
    const dedupe = { key: 'orderNumber', keep: 'oldest', by: 'createdAt' } as const;
    const checks = await examined({
      config: {
        tables: [
          { name: 'orders', region: 'eu-west-1', dedupe },
          { name: 'carts', dedupe },
        ],
      },
    });
    const names = checks.map(({ check, place }) => `${place} ${check}`);
    expect(names).toEqual(
      expect.arrayContaining([
        'us-east-1 function recohere-reconcile-worker',
        'us-east-1 stack recohere-data',
        'eu-west-1 stack recohere-data',
      ]),
    );
    expect(new Set(names).size).toBe(names.length);
  });

  it('is not what is in other accounts, whose credentials would be needed', async () => {
    const stack = vi.fn(anInspection().stack);
    const config = {
      hub: { region: HUB, account: OTHER },
      replicas: [{ region: HUB }, { region: 'eu-west-1', account: OWN }],
    };
    const checks = await examined({ config, inspection: { stack } });
    expect(checks[1]?.words).toContain(`and that of the hub is ${OTHER}`);
    expect(notOk(checks).map(({ state, check, place }) => [state, check, place])).toEqual([
      ['unknown', 'stack recohere-hub', `${OTHER}/us-east-1`],
      ['unknown', 'stack recohere-monitoring', `${OTHER}/us-east-1`],
      ['unknown', 'stack recohere-region', `${OTHER}/us-east-1`],
    ]);
    expect(notOk(checks)[0]?.fix).toContain('AWS_PROFILE=');
    expect(stack.mock.calls).toEqual([['eu-west-1', 'recohere-region']]);
    expect(exitCodeOfChecks(checks)).toBe(3);
  });

  it('begins with whose credentials these are, in a region that takes them', async () => {
    const account = async (region: string) => {
      if (region === HUB)
        throw new RefusedError({ code: 'CREDENTIALS_REJECTED', call: 'sts:GetCallerIdentity' });
      return OWN;
    };
    const [, credentials] = await examined({ inspection: { account } });
    expect(credentials).toMatchObject({ check: 'credentials', state: 'ok' });
  });

  it('ends with credentials that nobody takes', async () => {
    const refused = new RefusedError({ code: 'NO_CREDENTIALS', call: 'sts:GetCallerIdentity' });
    const checks = await examined({ inspection: { account: () => Promise.reject(refused) } });
    expect(checks).toHaveLength(2);
    expect(checks[1]).toMatchObject({
      check: 'credentials',
      state: 'unknown',
      fix: expect.stringMatching(/^sign in, or .*AWS_PROFILE=/),
    });
  });

  it('does not hide a defect', async () => {
    const defect = new TypeError('no');
    await expect(examined({ inspection: { stack: () => Promise.reject(defect) } })).rejects.toBe(defect);
  });

  it('tells what a config warns of', async () => {
    const consumers = [{ name: 'checkout', cacheSeconds: 300 }];
    const [valid] = await examined({ config: { secrets: [{ name: 'prod/db', consumers }] } });
    expect(valid).toMatchObject({ state: 'ok', words: expect.stringContaining('cannot meet the target') });
  });
});

describe('what a doctor finds', () => {
  const inRegion =
    <T>(value: T, other: T) =>
    async (region: string) =>
      region === 'eu-west-1' ? value : other;
  const good = { status: 'CREATE_COMPLETE', release: RELEASE };
  it.each<{
    inspection: Partial<Inspection>;
    check: string;
    state: Check['state'];
    words: string;
    fix?: string;
    reason: string;
  }>([
    {
      inspection: { stack: inRegion({ status: 'UPDATE_ROLLBACK_COMPLETE', release: RELEASE }, good) },
      check: 'stack recohere-region',
      state: 'wrong',
      words: 'UPDATE_ROLLBACK_COMPLETE',
      fix: 'events in CloudFormation',
      reason: 'the last deploy failed',
    },
    {
      inspection: { stack: inRegion({ status: 'UPDATE_IN_PROGRESS', release: RELEASE }, good) },
      check: 'stack recohere-region',
      state: 'unknown',
      words: 'is being changed: UPDATE_IN_PROGRESS',
      reason: 'nobody knows how a deploy will end',
    },
    {
      inspection: { stack: inRegion({ status: 'UPDATE_COMPLETE', release: '0.0.9' }, good) },
      check: 'stack recohere-region',
      state: 'wrong',
      words: 'is of release 0.0.9, this command of 0.1.0',
      fix: 'npx cdk deploy --all',
      reason: 'one region was left out of an upgrade',
    },
    {
      inspection: {
        stack: inRegion<{ status: string; release: string | undefined }>(
          { status: 'UPDATE_COMPLETE', release: undefined },
          good,
        ),
      },
      check: 'stack recohere-region',
      state: 'wrong',
      words: 'is of an older release',
      reason: 'releases before had no output that says which',
    },
    {
      inspection: {
        rules: inRegion(
          [
            { name: 'a', state: 'enabled' },
            { name: 'b', state: 'disabled' },
          ],
          [],
        ),
      },
      check: 'rules of recohere-region',
      state: 'wrong',
      words: 'b is disabled',
      fix: 'aws events enable-rule --region eu-west-1 --name b',
      reason: 'somebody switched a rule off',
    },
    {
      inspection: {
        rules: inRegion(
          [
            { name: 'a', state: 'missing' },
            { name: 'b', state: 'disabled' },
          ],
          [],
        ),
      },
      check: 'rules of recohere-region',
      state: 'wrong',
      words: 'a is missing, b is disabled',
      fix: 'REVERT_DRIFT',
      reason: 'somebody deleted a rule, and a deploy alone does not make it again',
    },
    {
      inspection: { messages: inRegion(1, 0) },
      check: 'queue recohere-region-dead-letters',
      state: 'wrong',
      words: 'has 1 dead letter',
      fix: 'alarm-dead-letters',
      reason: 'an event could not be sent to the hub',
    },
    {
      inspection: { messages: inRegion<number | undefined>(undefined, 0) },
      check: 'queue recohere-region-dead-letters',
      state: 'wrong',
      words: 'is not there',
      reason: 'somebody deleted a queue',
    },
    {
      inspection: {
        messages: (region) => (region === 'eu-west-1' ? Promise.reject(DENIED) : Promise.resolve(0)),
      },
      check: 'queue recohere-region-dead-letters',
      state: 'unknown',
      words: 'access denied: missing permission sqs:GetQueueUrl',
      reason: 'a permission is missing, which is named',
    },
  ])('is $state: $reason', async ({ inspection, check, state, words, fix }) => {
    const found = notOk(await examined({ inspection }));
    expect(found).toEqual([
      {
        check,
        place: 'eu-west-1',
        state,
        words: expect.stringContaining(words),
        ...(found[0]?.fix && { fix: found[0].fix }),
      },
    ]);
    if (fix) expect(found[0]?.fix).toContain(fix);
    expect(exitCodeOfChecks(found)).toBe(state === 'wrong' ? 1 : 3);
  });

  it.each(STACKS)('is $state for a stack in $status: $reason', async ({ status, state }) => {
    const checks = await examined({ inspection: { stack: inRegion({ status, release: RELEASE }, good) } });
    const found = checks.find(({ check, place }) => check === 'stack recohere-region' && place !== HUB);
    expect(found?.state).toBe(state);
    expect(found?.fix === undefined).toBe(state === 'ok');
  });

  it('is every state that a stack may have', () => {
    expect(STACKS.map(({ status }) => status).toSorted()).toEqual(Object.values(StackStatus).toSorted());
  });

  it.each<{
    release: string | undefined;
    state: Check['state'];
    words: string;
    fix?: string;
    reason: string;
  }>([
    { release: RELEASE, state: 'ok', words: `release ${RELEASE}`, reason: 'it is of this release' },
    {
      release: '0.0.9',
      state: 'wrong',
      words: 'is of release 0.0.9',
      fix: 'deploy it anew, with what has made it',
      reason: 'it was left behind',
    },
    {
      release: undefined,
      state: 'unknown',
      words: 'does not say of which release',
      reason: 'an app that takes the constructs does not say it',
    },
  ])(
    'is $state for a stack of another name that has our parts: $reason',
    async ({ release, state, words, fix }) => {
      const name = 'StackSet-recohere-1';
      const inspection: Partial<Inspection> = {
        stack: async (region, asked) => {
          if (region === HUB || asked === 'CDKToolkit') return good;
          return asked === name ? { status: 'UPDATE_COMPLETE', release } : undefined;
        },
        ownerOf: async (_, resource) => (resource === 'recohere-forward-eu-west-1' ? name : undefined),
      };
      const checks = (await examined({ inspection })).filter(({ place }) => place === 'eu-west-1');
      expect(checks[0]).toEqual({
        check: `stack ${name}`,
        place: 'eu-west-1',
        state,
        words: expect.stringContaining(words),
        ...(fix && { fix }),
      });
      expect(
        checks.slice(1).map(({ check }) => check),
        'and what is in it is looked at',
      ).toEqual([`rules of ${name}`, 'queue recohere-region-dead-letters']);
    },
  );

  it('is a rule of the hub that is off, which may be on the bus of its own', async () => {
    const rules: Inspection['rules'] = async (_, stack) =>
      stack === 'recohere-hub'
        ? [
            { name: 'a', state: 'disabled' },
            { name: 'b', state: 'disabled' },
          ]
        : [];
    expect(notOk(await examined({ inspection: { rules } }))).toMatchObject([
      {
        check: 'rules of recohere-hub',
        fix: 'aws events enable-rule --region us-east-1 --name a; aws events enable-rule --region us-east-1 --name b; for a rule that is not found there, add --event-bus-name recohere',
      },
    ]);
  });

  it.each([
    { progress: 'failed', state: 'wrong', words: 'its last update failed' },
    { progress: 'unsettled', state: 'unknown', words: 'is being updated' },
    { progress: undefined, state: 'wrong', words: 'is not there' },
  ] as const)('is a function that is $progress', async ({ progress, state, words }) => {
    const functionState: Inspection['functionState'] = async (_, name) =>
      name === 'recohere-sweep' ? progress : 'settled';
    expect(notOk(await examined({ inspection: { functionState } }))).toMatchObject([
      { check: 'function recohere-sweep', place: HUB, state, words },
    ]);
  });

  it('is a queue of the hub that somebody has left to fill up', async () => {
    const messages: Inspection['messages'] = async (_, queue) =>
      queue.includes('verify-rotation') ? 2_000 : 0;
    expect(notOk(await examined({ inspection: { messages } }))).toMatchObject([
      {
        check: 'queue recohere-verify-rotation-dead-letters',
        words: 'has 2,000 dead letters',
        fix: 'see alarm-dead-letters in the README',
      },
    ]);
  });

  it.each([
    { bootstrap: undefined, state: 'wrong', fix: `npx cdk bootstrap aws://${OWN}/eu-west-1` },
    { bootstrap: { status: 'CREATE_COMPLETE', release: undefined }, state: 'ok', fix: undefined },
  ] as const)(
    'is a stack that is missing, and whether it can be deployed: $state',
    async ({ bootstrap, state, fix }) => {
      const rules = vi.fn(anInspection().rules);
      const stack: Inspection['stack'] = async (region, name) => {
        if (region !== 'eu-west-1') return good;
        return name === 'CDKToolkit' ? bootstrap : undefined;
      };
      const own = (await examined({ inspection: { stack, rules } })).filter(
        ({ place }) => place === 'eu-west-1',
      );
      expect(own).toMatchObject([
        {
          check: 'stack recohere-region',
          state: 'wrong',
          words: 'is not there',
          fix: 'npx cdk deploy --all',
        },
        { check: 'stack CDKToolkit', state, ...(fix && { fix }) },
      ]);
      expect(rules.mock.calls).not.toContainEqual(['eu-west-1', 'recohere-region', 'recohere']);
    },
  );

  it.each<{ sweep: SweepStatus | null; words: string; fix: string; reason: string }>([
    {
      sweep: null,
      words: 'none has come to its end',
      fix: `wait for five minutes, then ${HEARTBEAT}`,
      reason: 'nobody has looked',
    },
    {
      sweep: { ...SWEEP, endedAt: NOW - 16 * MINUTE },
      words: 'ended 16m ago',
      fix: HEARTBEAT,
      reason: 'sweeps have stopped',
    },
    {
      sweep: {
        ...SWEEP,
        read: 5,
        unread: [
          { replica: 'eu-west-1', refusal: { code: 'ACCESS_DENIED', permission: 'lambda:ListFunctions' } },
        ],
        unreadSubjects: ['cart'],
        unreadSubjectsLeft: 0,
        left: 2,
      },
      words:
        'ended 1m ago and read 5 of 10 replicas; eu-west-1: access denied: missing permission lambda:ListFunctions; not all of cart; no time for 2 subjects',
      fix: `${GRANT}; ${GOES_ON}`,
      reason: 'what the hub may not read is named with the permission, and what is left is another matter',
    },
    {
      sweep: { ...SWEEP, read: 5, unread: [{ replica: 'eu-west-1', refusal: DENIED.refusal }] },
      words: 'missing permission',
      fix: GRANT,
      reason: 'a permission is missing, and there was time',
    },
    {
      sweep: { ...SWEEP, read: 8, left: 2 },
      words: 'no time for 2 subjects',
      fix: GOES_ON,
      reason: 'no permission is missing, there was no time',
    },
    {
      sweep: { ...SWEEP, read: 8, unread: [{ replica: 'eu-west-1', refusal: { code: 'NOT_READ' } }] },
      words: 'eu-west-1: ',
      fix: GOES_ON,
      reason: 'there was no time even to find all functions',
    },
    {
      sweep: { ...SWEEP, read: 9 },
      words: 'read 9 of 10 replicas',
      fix: 'see its log group /aws/lambda/recohere-sweep',
      reason: 'something was not read, and nothing says why',
    },
  ])('is a sweep: $reason', async ({ sweep, words, fix }) => {
    const found = notOk(await examined({ overview: async () => ({ ...EMPTY, sweep }) }));
    expect(found).toMatchObject([{ check: 'sweep', place: HUB, state: 'wrong' }]);
    expect(found[0]?.words).toContain(words);
    expect(found[0]?.fix).toBe(fix);
  });

  it.each([
    {
      error: new RefusedError({ code: 'ACCESS_DENIED', permission: 'lambda:InvokeFunction' }),
      state: 'unknown',
      words: 'missing permission lambda:InvokeFunction',
    },
    {
      error: new RecohereError('NOT_DEPLOYED', 'there is no function'),
      state: 'wrong',
      words: 'there is no function',
    },
    {
      error: new RecohereError('BAD_REQUEST', 'is it of another release?\n  request.kind: no'),
      state: 'wrong',
      words: 'is it of another release? request.kind: no',
    },
  ])('is a hub that does not answer: $words', async ({ error, state, words }) => {
    const found = notOk(await examined({ overview: () => Promise.reject(error) }));
    expect(found).toMatchObject([{ check: 'sweep', state, words: expect.stringContaining(words) }]);
  });
});

describe('what a doctor says', () => {
  it('is one line a check, with what mends it beneath', () => {
    const checks: Check[] = [
      { check: 'config', state: 'ok', words: 'recohere.config.ts is valid' },
      {
        check: 'stack recohere-hub',
        place: HUB,
        state: 'wrong',
        words: 'is not there',
        fix: 'npx cdk deploy --all',
      },
      { check: 'sweep', place: HUB, state: 'unknown', words: 'access denied' },
    ];
    expect(renderChecks(checks, { colors: false, width: 80 })).toBe(`\
ok · config · recohere.config.ts is valid
wrong · stack recohere-hub · us-east-1 · is not there
  → npx cdk deploy --all
unknown · sweep · us-east-1 · access denied

3 checks: 1 ok, 1 wrong, 1 unknown.
`);
    expect(exitCodeOfChecks(checks)).toBe(1);
  });

  it('is nothing that a terminal obeys', () => {
    const hostile = 'a\u001b[2J\r\nok\u009b31m\u202e';
    const shown = renderChecks(
      [{ check: hostile, place: hostile, state: 'wrong', words: hostile, fix: hostile }],
      { colors: false, width: 80 },
    );
    expect(shown).not.toMatch(/[^\P{Cc}\n]|\p{Cf}/u);
    expect(shown.split('\n')).toHaveLength(5);
  });
});
