import { randomUUID } from 'node:crypto';
import { DeleteRuleCommand, EventBridgeClient, PutRuleCommand } from '@aws-sdk/client-eventbridge';
import {
  ListStateMachinesCommand,
  SFNClient,
  StartExecutionCommand,
  StopExecutionCommand,
  UpdateStateMachineCommand,
} from '@aws-sdk/client-sfn';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { awsRegionSource } from '../../functions/adapters/aws/region-source.ts';
import { findRegions } from '../../functions/app/account-scope.ts';
import type { RecohereConfig } from '../../functions/contract/config.ts';
import { DEPLOYED } from '../../functions/contract/deployment.ts';
import { DeployedTables } from '../../local/deployed-tables.ts';
import { EMULATED_ACCOUNT } from '../../local/emulator.ts';
import { Folder } from './command.ts';
import { Deployed } from './deployed.ts';
import { emulatorEndpoint } from './emulator.ts';
import { resourcesNamed } from './leftovers.ts';

/** Others than those of other tests, which may prepare theirs for the CDK at the same time. */
const HUB = 'ap-south-1';
const REGIONS = [HUB, 'eu-west-2'];

/** Of this run alone, so that nothing is in its way in an emulator that is not new. */
const PREFIX = `e2e-${randomUUID().slice(0, 8)}`;
const ORDERS = `${PREFIX}-orders`;
const BUCKET = DEPLOYED.bucket(PREFIX, EMULATED_ACCOUNT, HUB);

/** Two of them were written twice. */
const ITEMS = [0, 1, 2, 0, 1].map((number, position) => ({
  id: { S: `id-${position}` },
  order: { S: `number-${number}` },
  at: { N: String(position) },
}));

const CONFIG = {
  prefix: PREFIX,
  hub: { region: HUB },
  replicas: REGIONS.map((region) => ({ region })),
  functions: [{ select: { name: PREFIX } }],
  tables: [{ name: ORDERS, apply: true, dedupe: { key: 'order', keep: 'oldest', by: 'at' } }],
} satisfies RecohereConfig;

describe('recohere uninstall', { timeout: 120_000 }, () => {
  const tables = new DeployedTables(HUB);
  const deployed = new Deployed(CONFIG);
  let folder: Folder;

  beforeAll(async () => {
    folder = await Folder.make();
    await folder.write('recohere.config.json', JSON.stringify(CONFIG));
    await Promise.all([deployed.deploy(), tables.create(ORDERS, { key: 'id', items: ITEMS })]);
  });

  afterAll(async () => {
    const ends = await Promise.allSettled([tables.removeAll(), deployed.remove(), folder.remove()]);
    expect(ends.map(({ status }) => status)).toEqual(['fulfilled', 'fulfilled', 'fulfilled']);
  });

  /** All that the installation has made, in all of its regions; roles and buckets are in none, and so in each. */
  async function left(): Promise<readonly string[]> {
    const { table, secret } = deployed.retained;
    const found = await Promise.all(REGIONS.map((region) => resourcesNamed(region, [PREFIX, table, secret])));
    return [...new Set(found.flat())].filter((name) => name !== `table ${ORDERS}`).sort();
  }

  /** Makes a run over the table with the command line. */
  async function run(...more: string[]): Promise<{ readonly id: string; readonly removed: number }> {
    const { stdout } = await folder.recohere(['reconcile', ORDERS, '--dedupe', '--json', ...more]);
    return JSON.parse(stdout);
  }

  /** Has an execution of a run that does not end. @returns What ends it. */
  async function workFor(run: string): Promise<() => Promise<unknown>> {
    const sfn = new SFNClient({ region: HUB, endpoint: emulatorEndpoint() });
    const { stateMachines = [] } = await sfn.send(new ListStateMachinesCommand({}));
    const machine = stateMachines.find(({ name }) => name === DEPLOYED.runs(PREFIX));
    const stateMachineArn = machine?.stateMachineArn;
    const definition = { StartAt: 'Wait', States: { Wait: { Type: 'Wait', Seconds: 3_600, End: true } } };
    await sfn.send(
      new UpdateStateMachineCommand({ stateMachineArn, definition: JSON.stringify(definition) }),
    );
    const { executionArn } = await sfn.send(
      new StartExecutionCommand({ stateMachineArn, name: `${run}-7`, input: '{}' }),
    );
    return () => sfn.send(new StopExecutionCommand({ executionArn }));
  }

  /** Has a rule on the bus of the hub that no stack of ours has made. @returns What removes it. */
  async function listen(): Promise<() => Promise<unknown>> {
    const events = new EventBridgeClient({ region: HUB, endpoint: emulatorEndpoint() });
    const rule = { EventBusName: DEPLOYED.bus(PREFIX), Name: 'pause' };
    await events.send(new PutRuleCommand({ ...rule, EventPattern: '{"source":["recohere"]}' }));
    return () => events.send(new DeleteRuleCommand(rule));
  }

  it('shows what would go, refuses while items are quarantined or a run is at work, and leaves nothing but ledger and key', async () => {
    const before = await left();
    expect(
      [...new Set(before.map((name) => name.replace(/ \S+$/, '')))],
      'the lists show what is there',
    ).toEqual([
      'bucket',
      'bus',
      'function',
      'log group',
      'mapping',
      'queue',
      'role',
      'rule',
      'secret',
      'stack',
      'state machine',
      'table',
      'topic',
    ]);

    const { id: plan } = await run();
    const applied = await run(
      ...['--apply', '--plan', plan, '--count', '2', '--acknowledge', 'no-point-in-time-recovery'],
    );
    expect(applied).toMatchObject({ state: 'finished', removed: 2 });

    const shown = await folder.recohere(['uninstall']);
    expect(shown).toMatchObject({ code: 1, stderr: '' });
    for (const [region, stack] of [
      [HUB, 'hub'],
      ['eu-west-2', 'region'],
    ] as const) {
      expect(shown.stdout).toMatch(
        new RegExp(`^goes · ${region} · ${DEPLOYED.stack(PREFIX, stack)} · \\d+ resources: `, 'm'),
      );
    }
    expect(shown.stdout).toContain(`stays · ${HUB} · the ledger ${deployed.retained.table}\n`);
    expect(shown.stdout).toContain(`stays · ${HUB} · the fingerprint key ${deployed.retained.secret}`);
    expect(shown.stdout).toContain(`refused · ${HUB} · ${BUCKET} has what was removed by ${applied.id}`);

    const refused = await folder.recohere(['uninstall', '--yes']);
    expect(refused).toMatchObject({ code: 2, stdout: '' });
    expect(refused.stderr).toContain(`${BUCKET} has what was removed by ${applied.id}`);
    expect(await left(), 'neither has changed anything').toEqual(before);

    expect(await folder.recohere(['forget', applied.id, '--yes'])).toMatchObject({ code: 0, stderr: '' });
    const { id: another } = await run();
    const stop = await workFor(another);
    const leave = await listen();
    const working = await folder.recohere(['uninstall', '--yes']);
    expect(working).toMatchObject({ code: 2, stdout: '' });
    expect(working.stderr).toContain(`${another} is at work: let it end, or recohere cancel ${another}`);
    expect(working.stderr.match(/the rule \S+ is on the bus/g)).toEqual(['the rule pause is on the bus']);
    await leave();
    expect(await left(), 'it has changed nothing').toEqual(before);
    await stop();

    if ('regions' in (await findRegions(awsRegionSource()))) {
      const replicas = [{ region: HUB }]; // and no longer the other one
      await folder.write('recohere.config.json', JSON.stringify({ ...CONFIG, replicas }));
    }
    const gone = await folder.recohere(['uninstall', '--yes']);
    expect(gone, `although ${another} has spilled into the bucket`).toMatchObject({ code: 0, stderr: '' });
    const deleted = [...gone.stdout.matchAll(/^deleted · (\S+) · (\S+)$/gm)].map(([, ...named]) =>
      named.join(' '),
    );
    expect(deleted.slice(0, 2).sort()).toEqual(
      REGIONS.map((region) => `${region} ${DEPLOYED.stack(PREFIX, 'region')}`),
    );
    expect(deleted.slice(2)).toEqual([
      `${HUB} ${DEPLOYED.stack(PREFIX, 'data')}`,
      `${HUB} ${DEPLOYED.stack(PREFIX, 'hub')}`,
    ]);
    expect(gone.stdout).toContain(
      `  aws dynamodb delete-table --table-name ${deployed.retained.table} --region ${HUB}\n`,
    );

    // MiniStack does not know that a resource may be retained, and leaves nothing
    const kept = [`secret ${deployed.retained.secret}`, `table ${deployed.retained.table}`];
    expect([[], kept]).toContainEqual(await left());
    expect(await folder.recohere(['uninstall', '--yes'])).toEqual({
      code: 0,
      stdout: expect.stringContaining(`Nothing of ${PREFIX} is deployed in account ${EMULATED_ACCOUNT}.\n`),
      stderr: '',
    });
  });
});
