import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { vi } from 'vitest';
import { createLedgerTable, dynamoLedger } from '../../functions/adapters/aws/ledger.ts';
import { startLocalDynamo } from '../../functions/adapters/aws/local-dynamo.ts';
import { dynamoSweepLedger } from '../../functions/adapters/aws/sweep-ledger.ts';
import { dynamoTurns } from '../../functions/adapters/aws/turns.ts';
import { SimulatedAccessMemory } from '../../functions/adapters/sim/access-memory.ts';
import { VirtualClock } from '../../functions/adapters/sim/virtual-clock.ts';
import { type Considerate, considerate } from '../../functions/app/considerate.ts';
import { type ParsedConfig, parseConfig, type RecohereConfig } from '../../functions/contract/config.ts';
import type { SubjectKind } from '../../functions/contract/ledger.ts';
import type { Ledger } from '../../functions/ports/ledger.ts';
import type { SweepLedger } from '../../functions/ports/sweep-ledger.ts';
import type { Turns } from '../../functions/ports/turns.ts';
import { all } from '../all.ts';

/** A page of 50 functions, or any other call of a region on another continent. */
export const CALL_MS = 2000;
const LEDGER_CALL_MS = 50;

/** What something is measured on. */
export interface Ground {
  readonly clock: VirtualClock;
  readonly ledgerOf: (kind: SubjectKind) => Ledger;
  readonly turns: Turns;
  readonly sweeps: SweepLedger;
  /** What all has taken so far. */
  readonly consumed: Readonly<Consumed>;
  /** As a process that has just begun is: the last one's pace is forgotten, which is the dearer case. */
  readonly newProcess: () => Considerate;
}

/** Does something on a virtual clock, with a ledger on a DynamoDB-compatible server, which says what each call consumes. */
export async function measuring<T>(work: (ground: Ground) => Promise<T>): Promise<T> {
  const dynamo = await startLocalDynamo();
  const { consumed, stop } = countConsumption();
  const clock = new VirtualClock(Date.UTC(2026, 0, 5, 9));
  try {
    const table = await createLedgerTable(dynamo.client, 'ledger');
    const call = async <T>(work: () => Promise<T>): Promise<T> => {
      await clock.sleep(LEDGER_CALL_MS);
      return clock.outside(work);
    };
    const ledgerOf = (kind: SubjectKind) => onClock(dynamoLedger(dynamo.client, table, kind), call);
    const turns = dynamoTurns(dynamo.client, table, clock);
    const sweeps = dynamoSweepLedger(dynamo.client, table);
    const newProcess = () => {
      const memory = new SimulatedAccessMemory(clock, () => LEDGER_CALL_MS);
      return considerate({ memory, clock }, { warn() {}, info() {} });
    };
    return await clock.run(() =>
      work({
        clock,
        ledgerOf,
        turns: {
          take: (name, untilMs) => call(() => turns.take(name, untilMs)),
          end: (turn) => call(() => turns.end(turn)),
        },
        sweeps: { read: () => call(() => sweeps.read()), swap: (next) => call(() => sweeps.swap(next)) },
        consumed,
        newProcess,
      }),
    );
  } finally {
    stop();
    await dynamo.stop();
  }
}

/** What the calls of all clients of DynamoDB have consumed, as the server says. */
interface Consumed {
  readUnits: number;
  writes: number;
  /** Of the largest item that was written, as JSON, which is more than DynamoDB counts. */
  itemBytes: number;
}

export function configOf(written: RecohereConfig): ParsedConfig {
  const parsed = parseConfig(written);
  if (!parsed.ok) throw new Error(parsed.mistakes.join());
  return parsed.config;
}

/** What is logged meanwhile. */
export async function linesOf(work: () => Promise<void>): Promise<string[]> {
  vi.stubEnv('POWERTOOLS_SERVICE_NAME', 'recohere');
  let logged = '';
  const write = vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
    logged += text;
    return true;
  });
  try {
    await work();
  } finally {
    write.mockRestore();
    vi.unstubAllEnvs();
  }
  return logged.split('\n').filter((line) => line !== '');
}

/** Calls take their time on the virtual clock, which stands still while the server works. */
function onClock(ledger: Ledger, call: <T>(work: () => Promise<T>) => Promise<T>): Ledger {
  return {
    read: (subject) => call(() => ledger.read(subject)),
    swap: (next) => call(() => ledger.swap(next)),
    record: (episode) => call(() => ledger.record(episode)),
    history: (subject, limit) => call(() => ledger.history(subject, limit)),
    async *subjects() {
      yield* await call(() => all(ledger.subjects()));
    },
  };
}

type Send = (
  this: unknown,
  command: { readonly input: { readonly Item?: object; ReturnConsumedCapacity?: string } },
  ...rest: unknown[]
) => Promise<{ readonly ConsumedCapacity?: { readonly CapacityUnits?: number } }>;

/** Adds up what the calls of all clients consume from now on, as the server says. */
function countConsumption() {
  const consumed: Consumed = { readUnits: 0, writes: 0, itemBytes: 0 };
  const prototype = DynamoDBClient.prototype as unknown as { send: Send };
  const { send } = prototype;
  const spy = vi.spyOn(prototype, 'send').mockImplementation(async function (
    this: unknown,
    command,
    ...rest
  ) {
    const { input } = command;
    input.ReturnConsumedCapacity = 'TOTAL';
    const answer = await send.call(this, command, ...rest);
    if (input.Item) {
      consumed.writes++;
      consumed.itemBytes = Math.max(consumed.itemBytes, Buffer.byteLength(JSON.stringify(input.Item)));
    } else {
      consumed.readUnits += answer.ConsumedCapacity?.CapacityUnits ?? 0;
    }
    return answer;
  });
  return { consumed, stop: () => spy.mockRestore() };
}
