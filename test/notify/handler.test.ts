import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Episode } from '../../functions/core/episode.ts';
import { type LambdaLike, startLambdaLike } from '../lambda-like.ts';

const AT = Date.UTC(2026, 0, 5, 9);
const OPEN: Episode = {
  id: '0000000001',
  cause: { id: 'shop', source: 'aws.cloudformation', at: AT },
  since: AT,
  lastChangeAt: AT,
  lastMovedAt: AT,
  firstSeenAt: AT,
  lastSeenAt: AT,
  looks: 1,
  isOverdue: true,
  roots: {},
  findings: [
    { replica: 'eu-west-1', facet: 'env', kind: 'different', keys: ['DB_HOST'], reference: 'us-east-1' },
  ],
};
const alarm = (value: string) => ({
  version: '0',
  source: 'aws.cloudwatch',
  'detail-type': 'CloudWatch Alarm State Change',
  detail: {
    alarmName: 'recohere-exposure-burn',
    state: { value, reason: 'x' },
    previousState: { value: 'OK' },
  },
});

let lambda: LambdaLike;
let isDown: boolean;

beforeEach(async () => {
  isDown = false;
  lambda = await startLambdaLike(
    'notify',
    () => undefined,
    () => isDown,
  );
  await lambda.ledger.swap({ subject: 'api', version: 1, wake: 0, group: 'functions[0]', open: OPEN });
});
afterEach(() => lambda.stop());

describe('the bundle that notifies', () => {
  it('sends what the ledger says, once', async () => {
    await lambda.handler({});
    await lambda.handler(undefined);
    const [{ queue, body } = expect.fail(), ...more] = lambda.sent;
    expect(more).toEqual([]);
    expect(queue).toBe('recohere-ticket');
    const { default: machines, email } = JSON.parse(body);
    expect(email).toContain('api · eu-west-1: env DB_HOST differs from us-east-1');
    expect(JSON.parse(machines)).toMatchObject({ severity: 'ticket', deploy: { id: 'shop' } });
    expect((await lambda.ledger.read('api')).open?.noticedAt).toBeGreaterThan(AT);
  });

  it.each([
    { reason: 'an alarm that has fired', event: alarm('ALARM'), pauses: 1 },
    { reason: 'one that is over', event: alarm('OK'), pauses: 0 },
    { reason: 'one of another shape', event: { ...alarm('ALARM'), detail: { state: 'ALARM' } }, pauses: 0 },
    { reason: 'one of another source', event: { ...alarm('ALARM'), source: 'mine' }, pauses: 0 },
  ])('asks for $pauses pauses after $reason', async ({ event, pauses }) => {
    await lambda.handler(event);
    const asked = lambda.sent.filter(({ queue }) => queue === 'recohere').map(({ body }) => JSON.parse(body));
    expect(asked).toEqual(
      Array.from({ length: pauses }, () => ({
        deployId: 'shop',
        source: 'aws.cloudformation',
        at: AT,
        reason: 'exposure-burn',
        subjects: ['api'],
      })),
    );
  });

  it('begins with no other deploy when it has just time to write', async () => {
    const cause = { ...OPEN.cause, id: 'cart' };
    const open = { ...OPEN, cause };
    await lambda.ledger.swap({ subject: 'job', version: 1, wake: 0, group: 'functions[0]', open });
    const { now } = Date;
    const later = vi
      .spyOn(Date, 'now')
      .mockImplementation(() => now() + (lambda.sent.length > 0 ? 100_000 : 0)); // of its 120 seconds
    await lambda.handler({});
    expect(lambda.sent).toHaveLength(1);
    later.mockRestore();
    await lambda.handler({});
    expect(lambda.sent).toHaveLength(2);
  });

  it('fails with a reason in its log and none of its text, and is to be called again', async () => {
    isDown = true;
    await expect(lambda.handler({})).rejects.toThrow('deploys could not all be told of');
    expect(lambda.logged()).toMatch(/deploys could not all be told of.*"code":"ACCESS_DENIED".*sns:Publish/);
    isDown = false;
    await lambda.handler({});
    expect(lambda.sent).toHaveLength(1);
  });

  it('fails where the hub did not set what it needs', async () => {
    vi.stubEnv('RECOHERE_PAGE_TOPIC', '');
    await expect(lambda.handler({})).rejects.toThrow('deploys could not all be told of');
    expect(lambda.logged()).toContain('BAD_INSTALLATION');
  });
});
