import type { Context } from 'aws-lambda';
import fc from 'fast-check';
import { describe, expect } from 'vitest';
import { queueHandler } from '../../functions/adapters/aws/queue-handler.ts';
import { requestHandler } from '../../functions/adapters/aws/request-handler.ts';
import { taskHandler } from '../../functions/adapters/aws/task-handler.ts';
import { SimulatedLedger } from '../../functions/adapters/sim/ledger.ts';
import { SimulatedSweepLedger } from '../../functions/adapters/sim/sweep-ledger.ts';
import { type AnswerPorts, answer } from '../../functions/app/answer.ts';
import { askingToLook } from '../../functions/app/ask-to-look.ts';
import { nextStep } from '../../functions/app/next-step.ts';
import { work } from '../../functions/app/work.ts';
import { TASK_ERRORS } from '../../functions/contract/deployment.ts';
import { ORDERS, orderItem, RunSystem } from '../app/run-system.ts';
import { fuzzed } from './fuzzed.ts';
import { anyJson, expectUntold, mutated, PLANTED } from './inputs.ts';

const API = 'api';
const AT = Date.UTC(2026, 0, 5);
const TIME = '2026-01-05T03:00:00Z';
/** What names something, and what is said of a silence on purpose, are told again. */
const NAMES = ['subject', 'subjects', 'look', 'reason'];

const context = { getRemainingTimeInMillis: () => 900_000 } as Context;

/** Items that were written twice, a subject, and all that answers requests about them. */
async function system() {
  const runs = new RunSystem();
  runs.orders.put(orderItem('a', 'o', 1, { secret: { S: PLANTED } }));
  runs.orders.put(orderItem('b', 'o', 2, { secret: { S: PLANTED } }));
  const ledgers = { function: new SimulatedLedger(), secret: new SimulatedLedger() };
  await ledgers.function.swap({ subject: API, version: 1, wake: 0, agreed: { roots: {}, at: AT } });
  const looks: object[] = [];
  const send = async (look: object) => void looks.push(look);
  const verify = askingToLook(runs.config, runs.ports, { functions: { send }, secrets: { send } });
  const ports: AnswerPorts = { ...runs.ports, ledgers, sweeps: new SimulatedSweepLedger(), verify };
  const run = await runs.run({ kind: 'dedupe', table: ORDERS, token: 'known' });
  return { runs, ports, looks, run: run.id };
}
const known = await system().then(({ run }) => run);

const requests = fc.oneof(
  fc.constantFrom<object>(
    {
      kind: 'dedupe',
      table: ORDERS,
      region: 'us-east-1',
      account: '111111111111',
      sample: 0.01,
      token: 'once',
    },
    {
      kind: 'dedupe',
      table: ORDERS,
      mode: 'apply',
      plan: known,
      count: 1,
      acknowledge: ['streams'],
      token: 't',
    },
    { kind: 'verify', subjects: [API] },
    { kind: 'overview', subjects: [API], after: 'function a' },
    { kind: 'silence', subject: API, seconds: 3_600, reason: 'a drill' },
    { kind: 'runs', limit: 5 },
    { kind: 'status', run: known, showKeys: true },
    { kind: 'recohere.scheduled', time: TIME, request: { kind: 'dedupe', table: ORDERS } },
    {
      ...{ id: '12345678-1234-1234-1234-123456789012', source: 'recohere.data', time: TIME },
      detail: { table: ORDERS, kind: 'dedupe' },
    },
  ),
  fc.constantFrom('undo', 'forget', 'cancel', 'resume', 'audit').map((kind) => ({ kind, run: known })),
);

describe('what a function is invoked with may be anything', () => {
  fuzzed(
    'requests to reconcile',
    fc.oneof({ weight: 1, arbitrary: anyJson }, { weight: 6, arbitrary: mutated(requests, NAMES) }),
    { past: ['granted', 'refused'], ended: ['BAD_REQUEST', 'thrown to its rule'] },
    async (request) => {
      const { runs, ports } = await system();
      const handler = requestHandler(async () => ({
        answer: (asked) => runs.clock.run(() => answer(ports, runs.config, asked)),
        ended: () => {},
      }));
      const answered = await handler(request).catch((error: Error) => {
        expect(error.message).toMatch(/^a rule asked for what cannot be done: [A-Z_]+$/);
        return error;
      });
      expectUntold(answered);
      if (answered instanceof Error) return 'thrown to its rule';
      const code = Reflect.get(Object(Reflect.get(answered, 'error')), 'code');
      expect(code).not.toBe('INVARIANT');
      return code === undefined || code === 'BAD_REQUEST' ? (code ?? 'granted') : 'refused';
    },
  );

  fuzzed(
    'tasks of the worker',
    fc.oneof(
      { weight: 1, arbitrary: anyJson },
      {
        weight: 6,
        arbitrary: mutated(
          fc.constantFrom<object>(
            { task: 'steer', run: known },
            { task: 'work', run: known, phase: 'gather', index: 0 },
          ),
        ),
      },
    ),
    { past: ['done'], ended: [TASK_ERRORS.final] },
    async (task) => {
      const { runs } = await system();
      const handler = taskHandler(async () => ({
        perform: (asked, until) =>
          runs.clock.run<object>(() =>
            asked.task === 'steer' ? nextStep(runs.ports, asked.run) : work(runs.ports, asked, until),
          ),
        ended: () => {},
      }));
      const outcome = await handler(task, context).then(
        () => 'done',
        (error: Error) => {
          expectUntold(error);
          return error.name;
        },
      );
      return outcome;
    },
  );

  fuzzed(
    'batches of a queue',
    fc.oneof(
      { weight: 1, arbitrary: anyJson },
      {
        weight: 6,
        arbitrary: mutated(
          fc.constant({
            Records: ['m1', 'm2'].map((messageId) => ({
              ...{ messageId, body: PLANTED, receiptHandle: PLANTED, eventSource: 'aws:sqs' },
              attributes: { ApproximateReceiveCount: '1', SentTimestamp: '1' },
            })),
          }),
          ['messageId'],
        ),
      },
    ),
    { past: ['handled'], ended: ['failed as a whole'] },
    async (batch) => {
      const received: unknown[] = [];
      const handler = queueHandler(async () => ({
        readUntil: () => {},
        receive: async ({ messageId, body, tries }) => {
          expect([typeof messageId, typeof body, typeof tries]).toEqual(['string', 'string', 'number']);
          received.push(messageId);
        },
      }));
      const answered = await handler(batch, context).catch((error: Error) => error);
      expectUntold(answered);
      if (answered instanceof Error) {
        expect(answered.message).toBe('what it was invoked with is no batch of messages');
        expect(received).toEqual([]);
        return 'failed as a whole';
      }
      expect(answered).toEqual({ batchItemFailures: [] });
      return 'handled';
    },
  );
});
