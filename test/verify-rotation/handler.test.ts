import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type LambdaLike, recordsOf, startLambdaLike } from '../lambda-like.ts';

const SECRET = 'hunter2';
const US = 'us-east-1';
const EU = 'eu-west-1';
let lambda: LambdaLike;
let current: Record<string, string>;

beforeEach(async () => {
  current = { [US]: 'v1', [EU]: 'v1' };
  lambda = await startLambdaLike(
    'verify-rotation',
    () => undefined,
    (body) => body.includes('"bytes":13'),
    (region) => ({
      ARN: `arn:aws:secretsmanager:${region}:111111111111:secret:prod/db-AbCdEf`,
      Name: 'prod/db',
      PrimaryRegion: US,
      CreatedDate: 1_700_000_000,
      LastChangedDate: 1_700_000_000,
      VersionIdsToStages: { [current[region] ?? '']: ['AWSCURRENT'] },
      ...(region === US && { ReplicationStatus: [{ Region: EU, Status: 'InSync' }] }),
    }),
  );
});
afterEach(() => lambda.stop());

/** @param time When the label moved: the same for events that tell of one move. */
function labelUpdated(id: string, time = new Date().toISOString()): string {
  return JSON.stringify({
    id,
    account: '111111111111',
    region: US,
    time,
    source: 'aws.secretsmanager',
    'detail-type': 'Secret Label Updated',
    resources: [`arn:aws:secretsmanager:${US}:111111111111:secret:prod/db-AbCdEf`],
    detail: { name: 'prod/db', labelUpdated: 'AWSCURRENT', versionId: SECRET },
  });
}

const sentTo = (name: string) =>
  lambda.sent.filter(({ queue }) => queue === name).map(({ body }) => JSON.parse(body));

describe('the bundle of verify-rotation', () => {
  it('remembers what agrees, and opens an episode when a label has moved, told as often as it likes', async () => {
    await lambda.handler(recordsOf(labelUpdated('event-1')));
    expect(await lambda.secretsLedger.read('prod/db')).toMatchObject({
      agreed: { roots: { [US]: { version: 'v1:v1' }, [EU]: { version: 'v1:v1' } } },
    });
    current = { ...current, [US]: 'v2' };
    const movedAt = new Date().toISOString();
    const told = ['event-2', 'event-3', 'event-4'].map((id) => labelUpdated(id, movedAt));
    await lambda.handler(recordsOf(...told));
    const { open } = await lambda.secretsLedger.read('prod/db');
    expect(open).toMatchObject({
      findings: [{ replica: EU, facet: 'version', kind: 'stale' }],
      rotation: { versionId: 'v2' },
    });
    expect(lambda.read.toSorted()).toEqual([EU, EU, US, US]); // one look for each batch
    expect(sentTo('verify-rotation')).toEqual([{ kind: 'recohere.wake', subject: 'prod/db', wake: 1 }]);

    current = { [US]: 'v2', [EU]: 'v2' };
    await lambda.handler(recordsOf(JSON.stringify({ kind: 'recohere.wake', subject: 'prod/db', wake: 1 })));
    const { last } = await lambda.secretsLedger.read('prod/db');
    expect(last).toMatchObject({ outcome: 'forward', rotation: { versionId: 'v2' } });
    expect(lambda.logged()).toMatch(/"SecretPropagationTime":\d+/);
    expect(lambda.logged()).toContain('"evidence":"unwatched"');
  });

  it('keeps the message that failed, and makes dead letters of what it does not understand', async () => {
    const malformed = `{"${SECRET}`;
    const refused = 'x'.repeat(13); // its dead letter is not taken
    const answer = await lambda.handler(recordsOf(malformed, labelUpdated('event-1'), refused));
    expect(answer).toEqual({ batchItemFailures: [{ itemIdentifier: 'm3' }] });
    expect(sentTo('dead-letters')).toMatchObject([{ reason: 'NOT_JSON', messageId: 'm1', envelope: {} }]);
    expect((await lambda.secretsLedger.read('prod/db')).version).toBe(1);
    expect(lambda.logged() + JSON.stringify(lambda.sent)).not.toContain(SECRET);
  });
});
