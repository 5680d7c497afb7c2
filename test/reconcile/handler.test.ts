import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { ParsedConfig } from '../../functions/contract/config.ts';
import { deployMessageSchema, rotationMessageSchema } from '../../functions/contract/messages.ts';
import { type LambdaLike, startLambdaLike } from '../lambda-like.ts';

const SECRET = 'hunter2';
const TIME = '2026-01-05T03:00:00Z';
const ID = '12345678-1234-1234-1234-123456789012';
const TABLES = [
  {
    name: 'orders',
    dedupe: { key: 'orderId', keep: 'oldest', by: 'createdAt', where: {} },
    apply: false,
    maxRemovals: 10,
    maxErrors: 10,
    readUnitsPerSecond: 100,
    writeUnitsPerSecond: 100,
  },
] satisfies ParsedConfig['tables'];

const scheduled = (request: object) => ({ kind: 'recohere.scheduled', time: TIME, request });
const asked = (detail: object) => ({
  id: ID,
  source: 'recohere.data',
  'detail-type': 'Reconcile Requested',
  account: '111111111111',
  region: 'us-east-1',
  time: TIME,
  detail,
});

let lambda: LambdaLike;
beforeEach(async () => {
  const nobody = () => undefined;
  lambda = await startLambdaLike('reconcile', nobody, undefined, () => ({}), TABLES);
});
afterEach(() => lambda.stop());

describe('a request', () => {
  it.each([
    ['of no kind', {}, 'kind: '],
    ['of an unknown kind', { kind: SECRET }, 'kind: is not something that can be asked for'],
    ['that is no object', SECRET, 'request: '],
    ['without a table', { kind: 'dedupe' }, 'table: is missing'],
    ['with an impossible name', { kind: 'dedupe', table: `${SECRET}!` }, 'table: is not the name of a table'],
    [
      'with more than is known',
      { kind: 'runs', [SECRET]: 1 },
      'request: has something that is not known here',
    ],
    ['with an unknown mode', { kind: 'dedupe', table: 'orders', mode: SECRET }, 'mode: '],
    ['for nobody', { kind: 'verify', subjects: [] }, 'subjects: '],
  ])('%s is answered with its mistakes, and not repeated', async (_reason, request, words) => {
    const { error } = await lambda.handler(request);
    expect(error).toMatchObject({ code: 'BAD_REQUEST', mistakes: [expect.stringContaining(words)] });
    expect(JSON.stringify(error) + lambda.logged()).not.toContain(SECRET);
  });

  it.each([
    ['a table that is not in the config', { kind: 'dedupe', table: 'customers' }, 'NO_SUCH_TABLE'],
    ['a rule that the table has not', { kind: 'backfill', table: 'orders' }, 'NO_RULE'],
    ['an apply that the config forbids', { kind: 'dedupe', table: 'orders', mode: 'apply' }, 'APPLY_OFF'],
    ['a run that is not there', { kind: 'status', run: 'none' }, 'NO_SUCH_RUN'],
  ])('for %s is answered with a code', async (_reason, request, code) => {
    expect(await lambda.handler(request)).toEqual({ error: { code, message: expect.any(String) } });
    expect(lambda.started).toEqual([]);
  });

  it('for what AWS refuses says which permission is missing, and nothing that AWS said', async () => {
    await lambda.stop();
    const refusing = () => true;
    lambda = await startLambdaLike('reconcile', () => undefined, refusing);
    expect(await lambda.handler({ kind: 'verify', subjects: ['api'] })).toEqual({
      error: { code: 'ACCESS_DENIED', message: expect.any(String), permission: 'sqs:SendMessage' },
    });
  });

  it('for a dry run starts an execution of its name, and the same one if it is asked for twice', async () => {
    const request = { kind: 'dedupe', table: 'orders', token: 'once' };
    const first = await lambda.handler(request);
    const second = await lambda.handler(request);
    expect(first).toMatchObject({ id: expect.any(String), state: 'running' });
    expect(second.id).toBe(first.id);
    expect(await lambda.handler({ kind: 'runs' })).toMatchObject({ runs: [{ id: first.id }] });
    expect(new Set(lambda.started.map(({ name }) => name))).toEqual(new Set([`${first.id}-1`]));
    for (const { input } of lambda.started) expect(JSON.parse(input)).toEqual({ run: first.id });
  });

  it('for an overview is answered by the ledger alone, page by page, and for nobody who is unknown', async () => {
    for (const subject of ['api', 'web']) {
      const agreed = { roots: { 'us-east-1': {} }, at: 1 };
      await lambda.ledger.swap({ subject, version: 1, wake: 0, agreed });
    }
    const page = await lambda.handler({ kind: 'overview' });
    expect(page).toMatchObject({
      prefix: 'recohere',
      replicas: ['us-east-1', 'eu-west-1'],
      subjects: [
        { subject: 'api', kind: 'function', verdict: 'agreed' },
        { subject: 'web', kind: 'function', verdict: 'agreed' },
      ],
      sweep: null,
    });
    expect(await lambda.handler({ kind: 'overview', after: 'function api' })).toMatchObject({
      subjects: [{ subject: 'web' }],
    });
    expect(await lambda.handler({ kind: 'overview', subjects: ['apy'] })).toMatchObject({
      error: { code: 'UNKNOWN_SUBJECT' },
    });
    expect(lambda.read).toEqual([]);
  });

  it('for a silence is remembered with the subject', async () => {
    await lambda.ledger.swap({ subject: 'api', version: 1, wake: 0 });
    const request = { kind: 'silence', subject: 'api', seconds: 600, reason: 'moving house' };
    expect(await lambda.handler(request)).toMatchObject({ silence: { reason: 'moving house' } });
    expect((await lambda.ledger.read('api')).silence?.reason).toBe('moving house');
    expect(await lambda.handler({ ...request, reason: 'a\u0007b' })).toMatchObject({
      error: { code: 'BAD_REQUEST', mistakes: ['reason: has control characters'] },
    });
  });

  it('for a look is sent to who looks: secrets of the config to one, all others to the other', async () => {
    const answer = await lambda.handler({ kind: 'verify', subjects: ['api', 'prod/db', 'web'] });
    expect(answer).toMatchObject({ functions: ['api', 'web'], secrets: ['prod/db'] });
    const [functions, secrets, ...more] = lambda.sent;
    expect(more).toEqual([]);
    expect(functions?.queue).toBe('verify-deploy');
    expect(deployMessageSchema.parse(JSON.parse(functions?.body ?? ''))).toMatchObject({
      kind: 'recohere.look',
      at: Reflect.get(answer, 'at'),
      subjects: ['api', 'web'],
    });
    expect(secrets?.queue).toBe('verify-rotation');
    expect(rotationMessageSchema.parse(JSON.parse(secrets?.body ?? ''))).toMatchObject({
      kind: 'recohere.look',
      subjects: ['prod/db'],
    });
  });

  it('that the ledger does not answer is answered with a code, and logged', async () => {
    vi.stubEnv('RECOHERE_LEDGER', 'x');
    const answer = await lambda.handler({ kind: 'status', run: 'none' });
    expect(answer).toMatchObject({ error: { code: 'UNEXPECTED_ANSWER' } });
    expect(lambda.logged()).toContain('a request did not end well');
  });
});

describe('what a rule sends', () => {
  it('is a dry run, the same for the same event', async () => {
    const schedule = scheduled({ kind: 'dedupe', table: 'orders' });
    const { id } = await lambda.handler(schedule);
    expect(await lambda.handler(schedule)).toMatchObject({ id });
    const event = asked({ kind: 'dedupe', table: 'orders' });
    const { id: other } = await lambda.handler(event);
    expect(await lambda.handler(event)).toMatchObject({ id: other, mode: 'dry-run' });
    expect(other).not.toBe(id);
  });

  it('is a dry run whatever else it says', async () => {
    const detail = { kind: 'dedupe', table: 'orders', mode: 'apply', token: 'mine' };
    expect(await lambda.handler(asked(detail))).toMatchObject({ mode: 'dry-run' });
  });

  it.each([
    ['a table that is not in the config', scheduled({ kind: 'dedupe', table: 'customers' }), 'NO_SUCH_TABLE'],
    ['something without a table', asked({ kind: 'dedupe' }), 'BAD_REQUEST'],
    ['what changes something', asked({ kind: 'forget', run: 'a' }), 'BAD_REQUEST'],
    ['what somebody else is to look at', asked({ kind: 'verify', subjects: ['api'] }), 'BAD_REQUEST'],
  ])('fails for %s, so that a queue keeps it', async (_reason, event, code) => {
    await expect(lambda.handler(event)).rejects.toThrow(`a rule asked for what cannot be done: ${code}`);
    expect(lambda.started).toEqual([]);
    expect(lambda.sent).toEqual([]);
  });
});
