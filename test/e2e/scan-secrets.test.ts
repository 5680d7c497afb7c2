import {
  CreateSecretCommand,
  DeleteSecretCommand,
  DescribeSecretCommand,
  PutSecretValueCommand,
  ReplicateSecretToRegionsCommand,
  RestoreSecretCommand,
  SecretsManagerClient,
  UpdateSecretVersionStageCommand,
} from '@aws-sdk/client-secrets-manager';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Run } from '../bin/run.ts';
import { Folder } from './command.ts';
import { startDenyingProxy } from './denying-proxy.ts';
import { emulatorEndpoint } from './emulator.ts';

const [US, EU, AP] = ['us-east-1', 'eu-west-1', 'ap-southeast-2'] as const;
const ALL = `--regions=${[US, EU, AP].join()}`;
const CALL = 'secretsmanager:DescribeSecret';

describe('recohere scan --secrets', () => {
  const clients = new Map<string, SecretsManagerClient>();
  const made: { region: string; name: string }[] = [];
  const planted: string[] = [];
  const versions: string[] = [];
  let folder: Folder;

  function clientOf(region: string): SecretsManagerClient {
    const client = clients.get(region) ?? new SecretsManagerClient({ region, endpoint: emulatorEndpoint() });
    clients.set(region, client);
    return client;
  }

  /** A value that must never be printed. */
  function value() {
    const SecretString = `planted-value-${planted.length}`;
    planted.push(SecretString);
    return { SecretString };
  }

  async function create(region: string, name: string, replicas: readonly string[]): Promise<void> {
    const { VersionId = '' } = await clientOf(region).send(
      new CreateSecretCommand({ Name: name, ...value() }),
    );
    made.push({ region, name });
    versions.push(VersionId);
    if (replicas.length === 0) return;
    const AddReplicaRegions = replicas.map((Region) => ({ Region }));
    await clientOf(region).send(new ReplicateSecretToRegionsCommand({ SecretId: name, AddReplicaRegions }));
  }

  /** As a rotation does: a pending version, which is then made the current one. */
  async function rotate(region: string, name: string): Promise<void> {
    const client = clientOf(region);
    const put = { SecretId: name, VersionStages: ['AWSPENDING'], ...value() };
    const { VersionId = '' } = await client.send(new PutSecretValueCommand(put));
    versions.push(VersionId);
    const { VersionIdsToStages = {} } = await client.send(new DescribeSecretCommand({ SecretId: name }));
    const current = Object.entries(VersionIdsToStages).find(([, stages]) => stages.includes('AWSCURRENT'));
    await client.send(
      new UpdateSecretVersionStageCommand({
        SecretId: name,
        VersionStage: 'AWSCURRENT',
        MoveToVersionId: VersionId,
        RemoveFromVersionId: current?.[0],
      }),
    );
  }

  /** Runs a scan, and searches all that it prints for what must never be there. */
  async function scan(args: readonly string[], change: Readonly<Record<string, string>> = {}): Promise<Run> {
    const ended = await folder.recohere(['scan', ...args], change);
    for (const never of [...planted, ...versions]) expect(ended.stdout + ended.stderr).not.toContain(never);
    return ended;
  }

  beforeAll(async () => {
    folder = await Folder.make();
    await create(US, 'scan/db', [EU, AP]);
    await rotate(US, 'scan/db');
    await create(EU, 'scan/api', [US]);
    await create(US, 'scan/alone', [AP]);
    await create(EU, 'scan/alone', []);
    await create(US, 'scan/gone', []);
    await clientOf(US).send(new DeleteSecretCommand({ SecretId: 'scan/gone', RecoveryWindowInDays: 7 }));
    expect(new Set(planted).size).toBe(6);
    expect(new Set(versions).size).toBe(6);
    await folder.write(
      'secrets.json',
      JSON.stringify({
        hub: { region: US },
        replicas: [US, EU, AP].map((region) => ({ region })),
        secrets: [
          { name: 'scan/db', consumers: [{ name: 'shop', cacheSeconds: 300 }] },
          { name: 'scan/api', regions: [EU, US] },
        ],
      }),
    );
  });

  afterAll(async () => {
    await clientOf(US).send(new RestoreSecretCommand({ SecretId: 'scan/gone' }));
    for (const { region, name } of made) {
      const deleted = { SecretId: name, ForceDeleteWithoutRecovery: true };
      await clientOf(region).send(new DeleteSecretCommand(deleted));
    }
    for (const client of clients.values()) client.destroy();
    await folder.remove();
  });

  it('ends with 0 where all replicas have the version of the primary, after a rotation too', async () => {
    const { code, stdout, stderr } = await scan([ALL, '--secrets=scan/db']);
    expect(stdout).toMatch(/^scan\/db +agreed +ok +ok +ok$/m);
    expect(stdout).toContain('1 secret in 3 regions: 1 agreed. 3 calls, all of them reads.\n');
    expect(stdout).toContain('Consumers are not watched by a scan.\n');
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  });

  it('ends with 1 where replicas differ, and names secret and region', async () => {
    const { code, stdout } = await scan([ALL, '--secrets=scan/api,scan/alone,scan/gone']);
    expect(stdout).toMatch(/^scan\/api +converging +ok +ok +missing$/m);
    expect(stdout).toContain(`  scan/api · ${AP} · missing\n`);
    expect(stdout).toContain(`  scan/alone · ${EU} · a standalone secret: promoted, or never a replica\n`);
    expect(stdout).toContain(`  scan/gone · ${US} · scheduled for deletion\n`);
    expect(stdout).toContain('3 secrets in 3 regions: 3 converging. 9 calls, all of them reads.\n');
    expect(code).toBe(1);
  });

  it('ends with 2 where a secret is nowhere, and names it', async () => {
    const { code, stdout } = await scan([ALL, '--secrets=scan/db,scan/typo']);
    expect(stdout).toContain('not found in any of these regions · scan/typo\n');
    expect(code).toBe(2);
  });

  it('prints one JSON document with findings and hops', async () => {
    const { code, stdout } = await scan([ALL, '--secrets=scan/api', '--json']);
    const done = { state: 'agreed', evidence: 'described' };
    expect(JSON.parse(stdout)).toEqual({
      regions: [US, EU, AP],
      subjects: [
        {
          subject: 'scan/api',
          verdict: 'converging',
          findings: [{ replica: AP, facet: 'replica', kind: 'missing', keys: [] }],
          hops: [
            { hop: 1, replica: EU, ...done },
            { hop: 2, replica: US, ...done },
            { hop: 2, replica: AP, state: 'missing', evidence: null },
          ],
        },
      ],
      alone: [],
      refusals: [],
      unmatched: [],
      calls: { [CALL]: 3 },
    });
    expect(code).toBe(1);
  });

  it('reads the primary where the regions leave it out', async () => {
    const { code, stdout } = await scan([`--regions=${EU},${AP}`, '--secrets=scan/db']);
    expect(stdout).toMatch(new RegExp(`^SUBJECT +VERDICT +${EU} +${AP} +${US}$`, 'm'));
    expect(stdout).toMatch(/^scan\/db +agreed +ok +ok +ok$/m);
    expect(code).toBe(0);
  });

  it('looks at those of a config, each where it is to be, and warns of its caches', async () => {
    const { code, stdout, stderr } = await scan(['--config=secrets.json', '--secrets']);
    expect(stdout).toMatch(/^scan\/api +agreed +ok +ok +-$/m);
    expect(stdout).toMatch(/^scan\/db +agreed +ok +ok +ok$/m);
    expect(stdout).toContain('2 secrets in 3 regions: 2 agreed. 5 calls, all of them reads.\n');
    expect(stderr).toContain('recohere: warning: secrets[0].consumers[0].cacheSeconds: 300 s of cache');
    expect(code).toBe(0);
  });

  it('ends with 3 where AWS refuses, and shows the other regions', async () => {
    const proxy = await startDenyingProxy(emulatorEndpoint(), AP);
    const args = [ALL, '--secrets=scan/db'];
    const { code, stdout } = await scan(args, { AWS_ENDPOINT_URL: proxy.endpoint });
    await proxy.close();
    expect(stdout).toMatch(/^scan\/db +unobservable +ok +ok +unread$/m);
    expect(stdout).toContain(`not readable · ${AP} · access denied`);
    expect(code).toBe(3);
  });
});
