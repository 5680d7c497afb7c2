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
import { vi } from 'vitest';
import { awsSecretSource } from '../../functions/adapters/aws/secret-source.ts';
import { systemClock } from '../../functions/adapters/aws/system.ts';
import { describeSecretSource, type SecretWorld } from '../contract/secret-source.ts';
import { startDenyingProxy } from './denying-proxy.ts';
import { emulatorEndpoint } from './emulator.ts';

const PRIMARY = { region: 'us-west-2' };
const REPLICA = { region: 'eu-north-1' };
const REFUSING = { region: 'sa-east-1' };

describeSecretSource(
  async (): Promise<SecretWorld> => {
    const proxy = await startDenyingProxy(emulatorEndpoint(), REFUSING.region);
    const made = new Set<string>();
    const doomed = new Set<string>();
    const client = new SecretsManagerClient({ ...PRIMARY, endpoint: emulatorEndpoint() });
    vi.stubEnv('AWS_ENDPOINT_URL', proxy.endpoint);

    /** The version that is `AWSCURRENT`, which Secrets Manager wants to be told. */
    async function currentOf(name: string): Promise<string | undefined> {
      const { VersionIdsToStages } = await client.send(new DescribeSecretCommand({ SecretId: name }));
      const stages = Object.entries(VersionIdsToStages ?? {});
      return stages.find(([, labels]) => labels.includes('AWSCURRENT'))?.[0];
    }

    return {
      source: awsSecretSource(),
      clock: systemClock,
      primary: PRIMARY,
      replica: REPLICA,
      refusing: REFUSING,
      run: (work) => work(),
      async create(name) {
        made.add(name);
        const command = new CreateSecretCommand({ Name: name, SecretString: 'first' });
        const { VersionId = '' } = await client.send(command);
        return VersionId;
      },
      async createEmpty(name) {
        made.add(name);
        await client.send(new CreateSecretCommand({ Name: name }));
      },
      async replicate(name) {
        const AddReplicaRegions = [{ Region: REPLICA.region }];
        await client.send(new ReplicateSecretToRegionsCommand({ SecretId: name, AddReplicaRegions }));
      },
      async put(name, versionId) {
        await client.send(
          new PutSecretValueCommand({
            SecretId: name,
            ClientRequestToken: versionId,
            SecretString: versionId,
            VersionStages: ['AWSPENDING'],
          }),
        );
      },
      async move(name, versionId) {
        await client.send(
          new UpdateSecretVersionStageCommand({
            SecretId: name,
            VersionStage: 'AWSCURRENT',
            MoveToVersionId: versionId,
            RemoveFromVersionId: await currentOf(name),
          }),
        );
      },
      async scheduleDeletion(name) {
        doomed.add(name);
        await client.send(new DeleteSecretCommand({ SecretId: name, RecoveryWindowInDays: 7 }));
      },
      async close() {
        // what is scheduled for deletion is not deleted a second time
        for (const name of doomed) await client.send(new RestoreSecretCommand({ SecretId: name }));
        for (const name of made) {
          await client.send(new DeleteSecretCommand({ SecretId: name, ForceDeleteWithoutRecovery: true }));
        }
        client.destroy();
        await proxy.close();
        vi.unstubAllEnvs();
      },
    };
  },
  {
    silentPrimary: 'MiniStack names no primary region in the primary',
    noneEmpty: 'MiniStack gives a version to a secret without a value',
  },
);
