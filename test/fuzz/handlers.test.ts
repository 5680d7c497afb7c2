import type { Context } from 'aws-lambda';
import fc from 'fast-check';
import { beforeAll, describe, expect, vi } from 'vitest';
import { SimulatedAccessMemory } from '../../functions/adapters/sim/access-memory.ts';
import { SimulatedLedger } from '../../functions/adapters/sim/ledger.ts';
import { SimulatedNotices } from '../../functions/adapters/sim/notices.ts';
import { SimulatedRunLedger } from '../../functions/adapters/sim/run-ledger.ts';
import { SimulatedRegions } from '../../functions/adapters/sim/simulated-regions.ts';
import { SimulatedTurns } from '../../functions/adapters/sim/turns.ts';
import { FORMAT } from '../../functions/contract/ledger.ts';
import { handler as notifies } from '../../functions/notify/handler.ts';
import { handler as sweeps } from '../../functions/sweep/handler.ts';
import { handler as draws } from '../../functions/widget/handler.ts';
import { configOf, DB, system } from '../app/secret-system.ts';
import { AP, EU, everywhere, US } from '../app/simulated.ts';
import { OPEN } from '../contract/ledger.ts';
import { fuzzed } from './fuzzed.ts';
import { anyJson, expectUntold, mutated, PLANTED } from './inputs.ts';

const API = 'api';
const DAY_MS = 86_400_000;
const CONFIG = configOf([{ name: DB }], { functions: [{ select: { name: '*' } }] });
/** What names something is told again. */
const NAMES = ['look'];

const context = {
  getRemainingTimeInMillis: () => 900_000,
  invokedFunctionArn: 'arn:aws:lambda',
} as Context;

const { clock, ports, world } = system([{ name: DB }]);
const regions = new SimulatedRegions(clock, () => 20);
const ledgers = { function: new SimulatedLedger(), secret: new SimulatedLedger() };
const notices = new SimulatedNotices();
const looks: object[] = [];
/** Handlers are made once of what stands for AWS. */
const installed = {
  installation: () => ({
    config: CONFIG,
    environment: {},
    ports: {
      ...{ clock, random: ports.random, memory: new SimulatedAccessMemory(clock, () => 0) },
      telemetry: { ...ports.telemetry, publishStored: () => {} },
    },
  }),
  functionPorts: async () => ({ ...ports, source: regions }),
  secretPorts: () => ports.rotation,
  overviewPorts: () => ({ ledgers, sweeps: ports.sweeps }),
};
vi.mock('../../functions/adapters/aws/installation.ts', () => ({
  installation: () => installed.installation(),
  functionPorts: () => installed.functionPorts(),
  secretPorts: () => installed.secretPorts(),
  overviewPorts: () => installed.overviewPorts(),
}));
vi.mock('../../functions/adapters/aws/ledger.ts', () => ({
  dynamoLedger: (_options: object, _table: string, kind: 'function' | 'secret' = 'function') => ledgers[kind],
}));
vi.mock('../../functions/adapters/aws/turns.ts', () => ({ dynamoTurns: () => new SimulatedTurns(clock) }));
vi.mock('../../functions/adapters/aws/notices.ts', () => ({ awsNotices: () => notices }));
vi.mock('../../functions/adapters/aws/sweep-ledger.ts', () => ({ dynamoSweepLedger: () => ports.sweeps }));
vi.mock('../../functions/adapters/aws/run-ledger.ts', () => ({
  dynamoRunLedger: () => new SimulatedRunLedger(clock),
}));
vi.mock('../../functions/adapters/aws/queues.ts', () => ({
  sqsLooks: () => ({ send: async (look: object) => void looks.push(look) }),
}));

/** An episode that nobody has been told of, and that is to be told of. */
function plantOverdue(): void {
  const open = { ...OPEN, noticedAt: undefined, pausedAt: undefined };
  const state = { subject: API, version: 1, wake: 0, group: 'functions[0]', open };
  ledgers.function.plant({ format: FORMAT, state });
}

/** Whether everything that something has stands in an event, whatever else does. */
function isLike(event: unknown, like: object): boolean {
  return Object.entries(like).every(([key, value]) => {
    const member: unknown = Reflect.get(Object(event), key);
    return typeof value === 'object' ? isLike(member, value) : member === value;
  });
}

/** What any function may be invoked with. */
const events = (own: fc.Arbitrary<object>) =>
  fc.oneof({ weight: 1, arbitrary: anyJson }, { weight: 6, arbitrary: mutated(own, NAMES) });

describe('what a handler is invoked with may be anything: it does its work, and only what asks for more gets more', () => {
  beforeAll(() =>
    clock.run(async () => {
      everywhere((place) =>
        regions.deploy(place, API, { environment: { A: place === US ? PLANTED : `${PLANTED}-2` } }),
      );
      world.create(US, DB, [EU, AP], 'v1');
      await clock.sleep(DAY_MS);
      plantOverdue();
    }),
  );
  const alarm = {
    source: 'aws.cloudwatch',
    'detail-type': 'CloudWatch Alarm State Change',
    detail: { state: { value: 'ALARM' } },
  };
  fuzzed(
    'what notify is invoked with',
    events(
      fc.constant({
        ...alarm,
        detail: { alarmName: 'burn', state: { ...alarm.detail.state, reason: PLANTED } },
      }),
    ),
    { past: ['told and paused'], ended: ['told'] },
    async (event) => {
      plantOverdue();
      const [told, paused] = [notices.sent.length, notices.paused.length];
      await clock.run(() => notifies(event, context));
      expect(notices.sent).toHaveLength(told + 1);
      expectUntold(notices.sent.at(-1), notices.paused.at(-1), ledgers.function.stored(API));
      const isPaused = notices.paused.length > paused;
      expect(isPaused).toBe(isLike(event, alarm));
      return isPaused ? 'told and paused' : 'told';
    },
  );

  fuzzed(
    'what sweep is invoked with',
    events(fc.constant({ all: true, secret: PLANTED })),
    { past: ['all'], ended: ['what is due'] },
    async (event) => {
      let end = '';
      await clock.run(async () => {
        await sweeps({ all: true }, context); // from now on nothing is due
        const describes = vi.spyOn(world, 'describe');
        await sweeps(event, context);
        end = describes.mock.calls.length > 0 ? 'all' : 'what is due';
        describes.mockRestore();
        expect(end === 'all').toBe(isLike(event, { all: true }));
        expectUntold(await ports.sweeps.read(), await ports.rotation.ledger.read(DB));
        expectUntold((await ports.ledger.read(API)).open ?? expect.fail('the sweep has seen what differs'));
      });
      return end;
    },
  );

  fuzzed(
    'what a dashboard asks the widget',
    events(
      fc.constantFrom<object>(
        { describe: true },
        { look: [API], widgetContext: { theme: 'dark', width: 600, params: { secret: PLANTED } } },
      ),
    ),
    { past: ['described', 'drawn after a look'], ended: ['drawn'] },
    async (request) => {
      looks.length = 0;
      const drawn = await clock.run(() => draws(request, context));
      expectUntold(drawn, looks);
      if (typeof drawn !== 'string') return 'described';
      return looks.length > 0 ? 'drawn after a look' : 'drawn';
    },
  );
});
