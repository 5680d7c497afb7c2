import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { TASK_ERRORS } from '../../functions/contract/deployment.ts';
import type { Run } from '../../functions/core/run.ts';
import { type LambdaLike, startLambdaLike } from '../lambda-like.ts';

const SECRET = 'hunter2';
const RUN: Run = {
  id: 'one',
  mode: 'dry-run',
  table: { name: 'orders', region: 'us-east-1' },
  rule: { kind: 'dedupe', key: ['orderId'], keep: 'oldest', by: 'createdAt', where: {} },
  version: 1,
  state: 'running',
  phase: 'scatter',
  layout: {
    segments: 2,
    totalSegments: 2,
    partitions: 1,
    concurrency: 2,
    readUnitsPerSecond: 100,
    writeUnitsPerSecond: 100,
    maxErrors: 10,
  },
  attempt: 1,
  salt: 'salt',
  startedAt: Date.UTC(2026, 0, 5, 9),
  keys: ['pk', 'sk'],
  expected: 0,
};

let lambda: LambdaLike;
beforeEach(async () => {
  lambda = await startLambdaLike('reconcile-worker', () => undefined);
});
afterEach(() => lambda.stop());

describe('the bundle of the worker', () => {
  it('says what is next for a run', async () => {
    await lambda.runLedger.swapRun(RUN);
    expect(await lambda.handler({ task: 'steer', run: 'one' })).toEqual({
      next: 'work',
      run: 'one',
      phase: 'scatter',
      segments: [0, 1],
      concurrency: 2,
    });
  });

  it('says that an execution ends with its run, and fails with it', async () => {
    await lambda.runLedger.swapRun({ ...RUN, state: 'finished', endedAt: RUN.startedAt });
    expect(await lambda.handler({ task: 'steer', run: 'one' })).toEqual({ next: 'end', run: 'one' });
    await lambda.runLedger.swapRun({
      ...RUN,
      version: 2,
      state: 'failed',
      failure: { code: 'BAD_TRANSFORM' },
    });
    expect(await lambda.handler({ task: 'steer', run: 'one' })).toEqual({ next: 'fail', run: 'one' });
  });

  it('ends a run whose table is not there, and is not asked again', async () => {
    await lambda.runLedger.swapRun(RUN);
    const task = { task: 'work', run: 'one', phase: 'scatter', index: 0 };
    expect(await lambda.handler(task)).toEqual({ isDone: true });
    expect(await lambda.runLedger.readRun('one')).toMatchObject({
      state: 'failed',
      failure: { code: 'NO_SUCH_TABLE' },
    });
  });

  it.each([
    ['a run that is not there', { task: 'steer', run: 'none' }, 'NO_SUCH_RUN'],
    ['no task', { run: 'one', secret: SECRET }, 'BAD_TASK'],
    ['an unknown phase', { task: 'work', run: 'one', phase: SECRET, index: 0 }, 'BAD_TASK'],
  ])('fails for good for %s, with a code and no text', async (_reason, task, code) => {
    await expect(lambda.handler(task)).rejects.toMatchObject({
      name: TASK_ERRORS.final,
      message: expect.stringContaining(code),
    });
    expect(lambda.logged()).toContain(code);
    expect(lambda.logged()).not.toContain(SECRET);
  });
});
