import { DynamoDBClient, GetItemCommand } from '@aws-sdk/client-dynamodb';
import { marshall, unmarshall } from '@aws-sdk/util-dynamodb';
import { type AwsClientStub, mockClient } from 'aws-sdk-client-mock';
import fc from 'fast-check';
import { afterAll, beforeAll, describe } from 'vitest';
import { renderDiff } from '../../bin/render-status.ts';
import { accessMemory } from '../../functions/adapters/aws/access-memory.ts';
import {
  episodeOfItem,
  itemOfEpisode,
  itemOfState,
  stateOfItem,
  subjectOfItem,
} from '../../functions/adapters/aws/ledger-item.ts';
import {
  holderOfItem,
  itemOfProof,
  itemOfRun,
  itemOfSegment,
  itemOfTable,
  proofOfItem,
  runIdOfItem,
  runOfItem,
  segmentOfItem,
} from '../../functions/adapters/aws/run-item.ts';
import type { Item } from '../../functions/adapters/aws/stored-item.ts';
import { dynamoSweepLedger } from '../../functions/adapters/aws/sweep-ledger.ts';
import { dynamoTurns } from '../../functions/adapters/aws/turns.ts';
import { SimulatedLedger } from '../../functions/adapters/sim/ledger.ts';
import { SimulatedSweepLedger } from '../../functions/adapters/sim/sweep-ledger.ts';
import { VirtualClock } from '../../functions/adapters/sim/virtual-clock.ts';
import { drawPage } from '../../functions/app/draw.ts';
import { overview } from '../../functions/app/overview.ts';
import { FORMAT } from '../../functions/contract/ledger.ts';
import type { SubjectState } from '../../functions/core/episode.ts';
import { configOf } from '../app/secret-system.ts';
import { closedOf, MEMORY, OPEN } from '../contract/ledger.ts';
import { proofOf, runOf, WHOLE, WORKED } from '../contract/run-ledger.ts';
import { fuzzed } from './fuzzed.ts';
import { anyJson, misnumbered, mutated, outcomeOf } from './inputs.ts';

const NOW = Date.UTC(2026, 0, 5, 9);
const ACCESS = { roleArn: 'arn:aws:iam::222222222222:role/recohere-read' };
const PLACE = { pk: 'PK', sk: 'SK', format: FORMAT };
/** Where an item is may be said of it. */
const NAMES = ['pk', 'sk'];

/** Reads what may have become of items. */
type Reader = readonly [item: Item, read: (item: Item) => unknown];
const changes = (all: readonly Reader[]) =>
  fc.constantFrom(...all).chain(([item, reading]) => {
    const own = unmarshall(item);
    const fields = fc
      .oneof(mutated(fc.constant(own), NAMES), misnumbered(own))
      .map((changed) =>
        marshall(itemLike(changed), { allowImpreciseNumbers: true, convertClassInstanceToMap: true }),
      );
    const wire = mutated(fc.constant(item), NAMES).map(itemLike);
    return fc.record({
      item: fc.oneof({ weight: 3, arbitrary: fields }, { weight: 1, arbitrary: wire }),
      reading: fc.constant(reading),
    });
  });
const outcome = ({ item, reading }: { readonly item: Item; readonly reading: Reader[1] }) =>
  outcomeOf(async () => reading(item));

/** At least an object, as the SDK gives one. */
function itemLike(value: unknown): Item {
  return (typeof value === 'object' && value !== null ? value : { value }) as Item;
}

const CLOSED = closedOf('api', 7, { deploy: OPEN.cause, rotation: OPEN.rotation });
const STATE: SubjectState = {
  subject: 'api',
  version: 7,
  wake: 3,
  agreed: { roots: OPEN.roots, at: NOW },
  open: OPEN,
  last: CLOSED,
  asked: { by: OPEN.cause, expected: { key: 'k1', root: 'r' }, isMet: false },
  secret: MEMORY,
  heard: OPEN.cause,
  silence: { until: NOW, reason: 'why' },
  group: 'functions[0]',
  answeredUntil: NOW,
};

/** What was read can be told of, and drawn. */
async function told(state: SubjectState): Promise<void> {
  const ledger = new SimulatedLedger();
  ledger.plant({ format: FORMAT, state: { ...state, subject: 'api', retiredAt: undefined } });
  const ports = {
    clock: new VirtualClock(NOW),
    ledgers: { function: ledger, secret: new SimulatedLedger() },
    sweeps: new SimulatedSweepLedger(),
    runs: async () => [],
  };
  const known = await overview(ports, configOf([], { functions: [{ select: { name: '*' } }] }), {
    subjects: ['api'],
  });
  renderDiff(known, { colors: false, width: 80 });
  drawPage(known);
}

const STATES: readonly Reader[] = [
  [itemOfState('function', STATE, 'swap'), (item) => told(stateOfItem(item))],
  [itemOfState('secret', STATE, 'swap'), (item) => itemOfState('secret', stateOfItem(item), 'swap')],
  [itemOfState('secret', STATE, 'swap'), subjectOfItem],
  [itemOfEpisode('secret', CLOSED), (item) => told({ ...STATE, last: episodeOfItem(item) })],
];

const RUN = { ...runOf('a'), ...WHOLE, version: 7 };
const entry = { key: 'k', because: 'b', item: 'i', outcome: 'removed' } as const;
const RUNS: readonly Reader[] = [
  [itemOfRun(RUN, 'swap'), (item) => itemOfRun(runOfItem(item), 'swap')],
  [itemOfRun(RUN, 'swap'), runIdOfItem],
  [
    itemOfSegment({ run: 'a', phase: 'apply', index: 1, version: 7, ...WORKED }, 'swap'),
    (item) => itemOfSegment(segmentOfItem(item), 'swap'),
  ],
  [itemOfProof(proofOf('a', 7, { entries: [entry], object: 'o' })), (item) => itemOfProof(proofOfItem(item))],
  [itemOfTable('arn', 'a'), holderOfItem],
];

describe('an item of the ledger that may be anything is read, or refused in words that repeat no value', () => {
  let dynamo: AwsClientStub<DynamoDBClient>;
  beforeAll(() => {
    dynamo = mockClient(DynamoDBClient);
    dynamo.onAnyCommand().resolves({});
  });
  afterAll(() => dynamo.restore());

  const options = { region: 'eu-west-1' };
  const sweeps = dynamoSweepLedger(options, 'ledger');
  const turns = dynamoTurns(options, 'ledger');
  const accesses = accessMemory(options, 'ledger');
  const stored = async (item: Item, reading: () => Promise<unknown>) => {
    dynamo.on(GetItemCommand).resolves({ Item: item });
    await reading();
  };
  const status = {
    ...{ startedAt: NOW, endedAt: NOW, expected: 2, read: 1, left: 0 },
    unread: [{ replica: 'eu-west-1', refusal: { code: 'ACCESS_DENIED', call: 'lambda:ListFunctions' } }],
    ...{ unreadSubjects: ['api'], unreadSubjectsLeft: 0 },
  };
  const remembered = { roundAt: NOW, from: 'api', criticalFrom: 'api', isSlow: true, secretsAt: NOW, status };
  const REMEMBERED: readonly Reader[] = [
    [
      marshall({ ...PLACE, version: 7, swapId: 's', ...remembered }),
      (item) => stored(item, () => sweeps.read()),
    ],
    [
      marshall({ ...PLACE, version: 7, swapId: 's', until: 0 }),
      (item) => stored(item, () => turns.take('sweep', NOW)),
    ],
    [
      marshall({ ...PLACE, since: NOW, tries: 3, nextAt: NOW }),
      (item) => stored(item, () => accesses.read(ACCESS)),
    ],
  ];

  const outcomes = { past: ['read'], ended: ['FUTURE_ITEM', 'MALFORMED_ITEM'] };
  fuzzed('states and episodes of the ledger', changes(STATES), outcomes, outcome);
  fuzzed('runs, segments, proofs and tables of the ledger', changes(RUNS), outcomes, outcome);
  fuzzed('what sweeps, turns and accesses remember', changes(REMEMBERED), outcomes, outcome);
  fuzzed(
    'any items of the ledger',
    fc.record({
      item: anyJson.map(itemLike),
      reading: fc.constantFrom(...STATES, ...RUNS, ...REMEMBERED).map(([, reading]) => reading),
    }),
    { past: ['read'], ended: ['MALFORMED_ITEM'] }, // what is remembered of accesses is read, whatever it is
    outcome,
    0,
  );
});
