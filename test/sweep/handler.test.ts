import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { type LambdaLike, startLambdaLike } from '../lambda-like.ts';

const SECRET = 'hunter2';
let lambda: LambdaLike;

beforeEach(async () => {
  lambda = await startLambdaLike('sweep', () => ({ DB_HOST: SECRET }));
});
afterEach(() => lambda.stop());

describe('the bundle of the sweep', () => {
  it('looks at everything, and publishes all gauges in one line', async () => {
    await lambda.handler({});
    const lines = lambda
      .logged()
      .split('\n')
      .filter((line) => line.includes('SweepHeartbeat'));
    expect(lines.map((line) => JSON.parse(line))).toMatchObject([
      { service: 'recohere', SweepHeartbeat: 1, EpisodesOpen: 0, ConfigDriftCount: 0 },
    ]);
    expect((await lambda.ledger.read('api')).agreed?.roots).toMatchObject({
      'us-east-1': {},
      'eu-west-1': {},
    });
    expect(lambda.logged()).not.toContain(SECRET);
  });

  it('fails with a reason in its log, and none of its text', async () => {
    vi.stubEnv('RECOHERE_LEDGER', 'no-such-table');
    await expect(lambda.handler({})).rejects.toThrow('the sweep did not end well');
    expect(lambda.logged()).toMatch(/the sweep did not end well.*"code":"UNEXPECTED_ANSWER"/);
    expect(lambda.logged()).not.toContain('SweepHeartbeat":1');
  });
});
