import { EventBridgeClient, PutEventsCommand } from '@aws-sdk/client-eventbridge';
import { PublishCommand, SNSClient } from '@aws-sdk/client-sns';
import { mockClient } from 'aws-sdk-client-mock';
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import { awsNotices } from '../../../functions/adapters/aws/notices.ts';
import type { PauseRequest } from '../../../functions/contract/notices.ts';
import type { Finding } from '../../../functions/contract/report.ts';
import { noticeOf } from '../../../functions/core/notice.ts';

const TOPICS = {
  page: 'arn:aws:sns:us-east-1:111111111111:acme-page',
  ticket: 'arn:aws:sns:us-east-1:111111111111:acme-ticket',
};
/** What SNS takes as one message. */
const MESSAGE_BYTES_MAX = 262_144;
const DEPLOY = { id: 'shop', source: 'aws.cloudformation', at: 0 };
const finding = (keys: string[]): Finding => ({
  replica: 'eu-west-1',
  facet: 'env',
  kind: 'different',
  keys,
  reference: 'us-east-1',
});
const named = (subject: string, keys = ['DB_HOST']) =>
  ({ subject, kind: 'function', critical: false, isOverdue: true, findings: [finding(keys)] }) as const;
const PAUSE: PauseRequest = {
  deployId: 'shop',
  source: 'aws.cloudformation',
  at: 7,
  reason: 'critical-stalled',
  subjects: ['api'],
};

const sns = mockClient(SNSClient);
const events = mockClient(EventBridgeClient);
const notices = awsNotices({ topics: TOPICS, bus: 'acme' });

beforeEach(() => {
  sns.reset();
  events.reset();
  sns.onAnyCommand().resolves({ MessageId: '1' });
  events.onAnyCommand().resolves({ FailedEntryCount: 0, Entries: [{ EventId: '1' }] });
});
afterAll(() => {
  sns.restore();
  events.restore();
});

describe('a notice', () => {
  it.each(['page', 'ticket'] as const)('goes to the topic of its severity: %s', async (severity) => {
    const notice = noticeOf(DEPLOY, [named('api')], 60_000);
    await notices.send(severity, notice);
    const [{ Message = '', ...rest } = {}, ...more] = sns
      .commandCalls(PublishCommand)
      .map(({ args }) => args[0].input);
    expect(more).toEqual([]);
    expect(rest).toEqual({ TopicArn: TOPICS[severity], Subject: notice.title, MessageStructure: 'json' });
    const { default: machines, https: chats, ...people } = JSON.parse(Message);
    expect(people).toEqual({ email: notice.text, sms: notice.title });
    const content = { textType: 'client-markdown', title: notice.title, description: notice.text };
    expect(JSON.parse(chats)).toEqual({ version: '1.0', source: 'custom', content });
    expect(JSON.parse(machines)).toEqual({ title: notice.title, text: notice.text, ...notice.json });
  });

  it.each([
    { reason: 'of many subjects', keys: ['DB_HOST'] },
    { reason: 'of keys that JSON writes longer', keys: ['"\\\u0001'.repeat(500)] },
    { reason: 'of keys in another script', keys: ['変数'.repeat(500)] },
  ])('is one message that SNS takes: $reason', async ({ keys }) => {
    const many = Array.from({ length: 2_000 }, (_, n) => named(`function-${n}`, keys));
    await notices.send('ticket', noticeOf({ ...DEPLOY, id: '"'.repeat(2_048) }, many, 0));
    const [call] = sns.commandCalls(PublishCommand);
    const { Message = '' } = call?.args[0].input ?? {};
    expect(Buffer.byteLength(Message)).toBeLessThan(MESSAGE_BYTES_MAX);
    expect(Buffer.byteLength(Message)).toBeGreaterThan(150_000);
  });

  it('that is refused is an error that names the call', async () => {
    sns.rejects(Object.assign(new Error('hunter2'), { name: 'AuthorizationErrorException' }));
    await expect(notices.send('page', noticeOf(DEPLOY, [named('api')], 0))).rejects.toMatchObject({
      refusal: { call: 'sns:Publish' },
      message: expect.not.stringContaining('hunter2'),
    });
  });
});

describe('a pause', () => {
  it('is an event on the bus of the hub', async () => {
    await notices.pause(PAUSE);
    const [{ Entries: [{ Detail = '', ...entry } = {}, ...more] = [] } = {}] = events
      .commandCalls(PutEventsCommand)
      .map(({ args }) => args[0].input);
    expect(more).toEqual([]);
    expect(entry).toEqual({
      EventBusName: 'acme',
      Source: 'recohere',
      DetailType: 'Rollout Pause Requested',
    });
    expect(JSON.parse(Detail)).toEqual(PAUSE);
  });

  it.each([
    { ErrorCode: 'ThrottlingException', code: 'THROTTLED', retryable: true },
    { ErrorCode: 'InternalFailure', code: 'UNEXPECTED_ANSWER', retryable: false },
  ])('that the bus did not take is an error: $ErrorCode', async ({ ErrorCode, code, retryable }) => {
    events
      .onAnyCommand()
      .resolves({ FailedEntryCount: 1, Entries: [{ ErrorCode, ErrorMessage: 'hunter2' }] });
    await expect(notices.pause(PAUSE)).rejects.toMatchObject({
      refusal: { code, call: 'events:PutEvents' },
      retryable,
      message: expect.not.stringContaining('hunter2'),
    });
  });

  it('that is refused is an error that names the call', async () => {
    events.rejects(Object.assign(new Error('hunter2'), { name: 'AccessDeniedException' }));
    await expect(notices.pause(PAUSE)).rejects.toMatchObject({
      refusal: { code: 'ACCESS_DENIED', call: 'events:PutEvents' },
    });
  });
});
