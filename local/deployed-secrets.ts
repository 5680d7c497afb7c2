import {
  CreateSecretCommand,
  DeleteSecretCommand,
  DescribeSecretCommand,
  PutSecretValueCommand,
  ReplicateSecretToRegionsCommand,
  ResourceExistsException,
  SecretsManagerClient,
  UpdateSecretVersionStageCommand,
} from '@aws-sdk/client-secrets-manager';

/** Real secrets, made through the SDK, which are removed together. Each is named by its primary region and its name. */
export class DeployedSecrets {
  readonly #clients = new Map<string, SecretsManagerClient>();
  readonly #made: { readonly region: string; readonly name: string }[] = [];

  /** Creates a secret and its replicas. One that is there already stays as it is. */
  async create(region: string, name: string, value: string, replicas: readonly string[]): Promise<void> {
    const client = this.#in(region);
    const AddReplicaRegions = replicas.map((Region) => ({ Region }));
    try {
      await client.send(new CreateSecretCommand({ Name: name, SecretString: value }));
      this.#made.push({ region, name });
      await client.send(new ReplicateSecretToRegionsCommand({ SecretId: name, AddReplicaRegions }));
    } catch (error) {
      if (!(error instanceof ResourceExistsException)) throw error;
    }
  }

  /**
   * Gives it a new value, as a rotation does: first as a version that is pending, which is then made the current one.
   * @returns The id of the version.
   */
  async rotate(region: string, name: string, value: string): Promise<string> {
    const command = new PutSecretValueCommand({
      SecretId: name,
      SecretString: value,
      VersionStages: ['AWSPENDING'],
    });
    const { VersionId: versionId = '' } = await this.#in(region).send(command);
    await this.makeCurrent(region, name, versionId);
    return versionId;
  }

  /** Moves `AWSCURRENT`, to a newer version or back to an older one. */
  async makeCurrent(region: string, name: string, versionId: string): Promise<void> {
    const command = new UpdateSecretVersionStageCommand({
      SecretId: name,
      VersionStage: 'AWSCURRENT',
      MoveToVersionId: versionId,
      RemoveFromVersionId: await this.current(region, name),
    });
    await this.#in(region).send(command);
  }

  /** The id of the version that is current. */
  async current(region: string, name: string): Promise<string> {
    const command = new DescribeSecretCommand({ SecretId: name });
    const { VersionIdsToStages = {} } = await this.#in(region).send(command);
    const [current] =
      Object.entries(VersionIdsToStages).find(([, labels]) => labels.includes('AWSCURRENT')) ?? [];
    if (current === undefined) throw new Error(`no version of ${name} is current in ${region}`);
    return current;
  }

  /** Emulators remove the replicas with their primary; AWS would want that before. */
  async removeAll(): Promise<void> {
    for (const { region, name } of this.#made.splice(0)) {
      const command = new DeleteSecretCommand({ SecretId: name, ForceDeleteWithoutRecovery: true });
      await this.#in(region).send(command);
    }
    for (const client of this.#clients.values()) client.destroy();
  }

  #in(region: string): SecretsManagerClient {
    const client = this.#clients.get(region) ?? new SecretsManagerClient({ region });
    this.#clients.set(region, client);
    return client;
  }
}
