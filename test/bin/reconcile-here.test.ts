import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  DescribeContinuousBackupsCommand,
  DescribeTableCommand,
  DynamoDBClient,
  ScanCommand,
} from '@aws-sdk/client-dynamodb';
import { mockClient } from 'aws-sdk-client-mock';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { followRun } from '../../bin/follow-run.ts';
import { dryRunHere } from '../../bin/reconcile-here.ts';
import { systemClock } from '../../functions/adapters/aws/system.ts';
import { parseConfig } from '../../functions/contract/config.ts';
import { COPIES, DEDUPE, HUB, ORDERS, orderItem } from '../app/run-system.ts';

const dynamo = mockClient(DynamoDBClient);
let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'recohere-'));
  vi.stubEnv('TMPDIR', folder);
});
afterEach(async () => {
  dynamo.reset();
  vi.unstubAllEnvs();
  await rm(folder, { recursive: true });
});

/** What a table says of itself. @param bytes How large it is. */
function described(bytes: number): void {
  dynamo.on(DescribeContinuousBackupsCommand).resolves({});
  dynamo.on(DescribeTableCommand).resolves({
    Table: {
      TableArn: `arn:aws:dynamodb:${HUB}:111111111111:table/${ORDERS}`,
      KeySchema: [{ AttributeName: 'id', KeyType: 'HASH' }],
      ItemCount: 2,
      TableSizeBytes: bytes,
    },
  });
  const copies = ['a', 'b'].map((id) => ({ ...orderItem(id, 'x', 1) }));
  dynamo.on(ScanCommand).callsFake(async ({ Segment }) => ({ Items: Segment === 0 ? copies : [] }));
}

async function begun() {
  const tables = [
    { ...DEDUPE[0], name: ORDERS, backfill: { to: COPIES, transform: join(folder, 'none.ts') } },
  ];
  const parsed = parseConfig({ hub: { region: HUB }, replicas: [{ region: HUB }], tables });
  if (!parsed.ok) throw new Error(parsed.mistakes.join('\n'));
  const { config } = parsed;
  return async (kind: 'dedupe' | 'backfill') => {
    const here = await dryRunHere(config, { kind, table: ORDERS });
    const ended = await followRun(here, systemClock, await here.run({ kind, table: ORDERS }), () => {});
    return { here, ended };
  };
}

describe('a dry run in this process', () => {
  it('writes down what it finds of a large table, and removes that at its end', async () => {
    described(300 * 1024 * 1024);
    const { here, ended } = await (await begun())('dedupe');
    expect(ended).toMatchObject({ state: 'finished', duplicates: 1 });
    const [made = ''] = await readdir(folder);
    expect(await readdir(join(folder, made, 'runs'))).toEqual([ended.id]);
    here.close();
    expect(await readdir(folder)).toEqual([]);
    here.close(); // a signal may come at the end
  });

  it('keeps what it finds of a small table in memory', async () => {
    described(1024);
    const { ended } = await (await begun())('dedupe');
    expect(ended).toMatchObject({ state: 'finished', duplicates: 1 });
    expect(await readdir(folder)).toEqual([]);
  });

  it('fails if the transform cannot be loaded', async () => {
    described(1024);
    const { ended } = await (await begun())('backfill');
    expect(ended).toMatchObject({ state: 'failed', failure: { code: 'BAD_TRANSFORM' } });
    await writeFile(join(folder, 'none.ts'), 'export default (item: object): object => item;');
    expect((await (await begun())('backfill')).ended.state).toBe('finished');
  });

  it('says what is refused, and throws what nobody expected', async () => {
    described(1024);
    dynamo.on(ScanCommand).rejects(Object.assign(new Error('no'), { name: 'AccessDeniedException' }));
    expect((await (await begun())('dedupe')).ended).toMatchObject({
      state: 'failed',
      failure: { code: 'ACCESS_DENIED', permission: 'dynamodb:Scan' },
    });
    dynamo.on(ScanCommand).resolves({ Items: [null as never] });
    await expect((await begun())('dedupe')).rejects.toThrow(TypeError);
  });
});
