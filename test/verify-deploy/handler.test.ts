import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { type LambdaLike, recordsOf, startLambdaLike } from '../lambda-like.ts';

const SECRET = 'hunter2';
let lambda: LambdaLike;

beforeEach(async () => {
  lambda = await startLambdaLike(
    'verify-deploy',
    (region) => ({ DB_HOST: `${SECRET}-${region === 'us-east-1' ? 'new' : 'old'}` }),
    (body) => body.includes('"bytes":13'),
  );
});
afterEach(() => lambda.stop());

function deployFinished(deployId: string): string {
  return JSON.stringify({
    id: 'event-1',
    account: '111111111111',
    region: 'us-east-1',
    time: new Date().toISOString(),
    source: 'recohere.deploy',
    'detail-type': 'Deploy Finished',
    detail: { deployId, functions: ['api'] },
  });
}

describe('the bundle of verify-deploy', () => {
  it('handles each message of a batch on its own, and keeps the one that failed', async () => {
    const malformed = `{"${SECRET}`;
    const refused = 'x'.repeat(13); // its dead letter is not taken
    const answer = await lambda.handler(recordsOf(malformed, deployFinished('build-1'), refused));
    expect(answer).toEqual({ batchItemFailures: [{ itemIdentifier: 'm3' }] });

    const { open } = await lambda.ledger.read('api');
    expect(open).toMatchObject({
      cause: { id: 'build-1', source: 'recohere.deploy' },
      findings: [{ replica: 'eu-west-1', facet: 'env', kind: 'different', keys: ['DB_HOST'] }],
    });
    const letters = lambda.sent
      .filter(({ queue }) => queue === 'dead-letters')
      .map(({ body }) => JSON.parse(body));
    expect(letters).toMatchObject([
      { reason: 'NOT_JSON', messageId: 'm1', bytes: malformed.length, envelope: {} },
    ]);
    const wakes = lambda.sent
      .filter(({ queue }) => queue === 'verify-deploy')
      .map(({ body }) => JSON.parse(body));
    expect(wakes).toEqual([{ kind: 'recohere.wake', subject: 'api', wake: 1 }]);

    expect(lambda.logged()).toContain('"TimeToDetect"');
    expect(lambda.logged()).toContain('eu-west-1 env different DB_HOST');
    expect(lambda.logged()).toContain('a message stays in its queue');
    expect(lambda.logged() + JSON.stringify([open, lambda.sent])).not.toContain(SECRET);
  });

  it('looks once at what several messages of a batch tell of', async () => {
    await lambda.handler(recordsOf(...Array.from({ length: 5 }, () => deployFinished('build-1'))));
    expect(lambda.read.toSorted()).toEqual(['eu-west-1', 'us-east-1']);
    expect(lambda.sent).toHaveLength(1); // one wake-up
  });

  it('looks again at what a wake-up names, and drops one that is old', async () => {
    await lambda.handler(recordsOf(deployFinished('build-1')));
    const wake = (number: number) => JSON.stringify({ kind: 'recohere.wake', subject: 'api', wake: number });
    expect(await lambda.handler(recordsOf(wake(1)))).toEqual({ batchItemFailures: [] });
    const { version } = await lambda.ledger.read('api');
    expect(await lambda.handler(recordsOf(wake(1)))).toEqual({ batchItemFailures: [] });
    expect((await lambda.ledger.read('api')).version).toBe(version);
    expect(version).toBe(2);
  });

  it('fails as a whole for what is no batch', async () => {
    const batch = { Records: [{ messageId: 'm1', body: { secret: SECRET } }] };
    for (const event of [undefined, {}, batch]) {
      await expect(lambda.handler(event)).rejects.toThrow('what it was invoked with is no batch of messages');
    }
  });

  it('fails as a whole while its installation is broken, and works when it is mended', async () => {
    vi.stubEnv('RECOHERE_LEDGER', '');
    const batch = recordsOf(deployFinished('build-1'));
    await expect(lambda.handler(batch)).rejects.toThrow('the installation is broken'); // which Lambda counts as an error
    expect(lambda.logged()).toMatch(/BAD_INSTALLATION.*RECOHERE_LEDGER/);
    vi.stubEnv('RECOHERE_LEDGER', 'ledger');
    expect(await lambda.handler(batch)).toEqual({ batchItemFailures: [] });
  });
});
