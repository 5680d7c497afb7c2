import {
  CreateAliasCommand,
  CreateFunctionCommand,
  DeleteFunctionCommand,
  GetFunctionConfigurationCommand,
  InvokeCommand,
  LambdaClient,
  PublishVersionCommand,
  ResourceConflictException,
  ResourceNotFoundException,
  UpdateAliasCommand,
  UpdateFunctionCodeCommand,
  UpdateFunctionConfigurationCommand,
} from '@aws-sdk/client-lambda';
import { functionZip } from './function-zip.ts';
import { until } from './until.ts';

const ROLE = 'arn:aws:iam::000000000000:role/any';

/** A function as it is created, or what of it is updated; what is not given stays. */
interface DeployedFunction {
  readonly environment?: Readonly<Record<string, string>>;
  /** Source of a module. The same text is the same zip. */
  readonly code?: string;
  readonly memoryMb?: number;
  /** Only when it is created. @default Lambda's 3 */
  readonly timeoutSeconds?: number;
  /** Only when it is created. */
  readonly tags?: Readonly<Record<string, string>>;
}

/** Real functions in any regions, made through the SDK, which are removed together. */
export class DeployedFunctions {
  readonly #endpoint: string | undefined;
  readonly #clients = new Map<string, LambdaClient>();
  readonly #known = new Map<string, { readonly region: string; readonly name: string }>();

  /** @param endpoint Another one than that of the environment. */
  constructor(endpoint?: string) {
    this.#endpoint = endpoint;
  }

  /** Creates or updates. An update under way is waited for first, as Lambda takes one at a time. */
  async deploy(region: string, name: string, given: DeployedFunction): Promise<void> {
    const isKnown = this.#known.has(`${region}/${name}`);
    this.#known.set(`${region}/${name}`, { region, name });
    if (isKnown || !(await this.#create(region, name, given))) await this.#update(region, name, given);
  }

  /** Returns the number of the version. */
  async publish(region: string, name: string): Promise<string> {
    await this.settled(region, name);
    const { Version = '' } = await this.#in(region).send(new PublishVersionCommand({ FunctionName: name }));
    return Version;
  }

  /** Makes or moves an alias; a weighted one shares its traffic with the version that follows. */
  async point(
    region: string,
    name: string,
    alias: string,
    { version, weighted }: { readonly version: string; readonly weighted: boolean },
  ): Promise<void> {
    const request = {
      FunctionName: name,
      Name: alias,
      FunctionVersion: version,
      RoutingConfig: { AdditionalVersionWeights: weighted ? { [Number(version) + 1]: 0.1 } : {} },
    };
    try {
      await this.#in(region).send(new CreateAliasCommand(request));
    } catch (error) {
      if (!(error instanceof ResourceConflictException)) throw error;
      await this.#in(region).send(new UpdateAliasCommand(request));
    }
  }

  /** Invokes, and waits for the end. @throws Error if the function fails */
  async invoke(region: string, name: string): Promise<void> {
    const { FunctionError: failed } = await this.#in(region).send(new InvokeCommand({ FunctionName: name }));
    if (failed !== undefined) throw new Error(`${name} has failed in ${region}; its log says why`);
  }

  async remove(region: string, name: string): Promise<void> {
    if (!this.#known.delete(`${region}/${name}`)) return;
    try {
      await this.#in(region).send(new DeleteFunctionCommand({ FunctionName: name }));
    } catch (error) {
      if (!(error instanceof ResourceNotFoundException)) throw error;
    }
  }

  async removeAll(): Promise<void> {
    for (const { region, name } of [...this.#known.values()]) await this.remove(region, name);
    for (const client of this.#clients.values()) client.destroy();
  }

  /** @returns Whether it did; if not, it is there already. */
  async #create(region: string, name: string, given: DeployedFunction): Promise<boolean> {
    const command = new CreateFunctionCommand({
      FunctionName: name,
      Role: ROLE,
      Runtime: 'nodejs22.x',
      Handler: 'index.handler',
      Code: { ZipFile: functionZip(given.code ?? '') },
      MemorySize: given.memoryMb,
      Timeout: given.timeoutSeconds,
      Tags: { ...given.tags },
      ...(given.environment && { Environment: { Variables: { ...given.environment } } }),
    });
    try {
      await this.#in(region).send(command);
      return true;
    } catch (error) {
      if (error instanceof ResourceConflictException) return false;
      throw error;
    }
  }

  async #update(region: string, name: string, { code, environment, memoryMb }: DeployedFunction) {
    if (code !== undefined) {
      await this.settled(region, name);
      await this.#in(region).send(
        new UpdateFunctionCodeCommand({ FunctionName: name, ZipFile: functionZip(code) }),
      );
    }
    if (environment !== undefined || memoryMb !== undefined) {
      await this.settled(region, name);
      await this.#in(region).send(
        new UpdateFunctionConfigurationCommand({
          FunctionName: name,
          MemorySize: memoryMb,
          ...(environment && { Environment: { Variables: { ...environment } } }),
        }),
      );
    }
  }

  /** Waits until Lambda has finished the last update. */
  async settled(region: string, name: string): Promise<void> {
    await until(
      `the last update of ${name} in ${region} is finished`,
      async () => {
        const command = new GetFunctionConfigurationCommand({ FunctionName: name });
        const { State, LastUpdateStatus } = await this.#in(region).send(command);
        return { State, LastUpdateStatus };
      },
      ({ State, LastUpdateStatus }) => State !== 'Pending' && LastUpdateStatus !== 'InProgress',
    );
  }

  #in(region: string): LambdaClient {
    const client =
      this.#clients.get(region) ??
      new LambdaClient({ region, ...(this.#endpoint !== undefined && { endpoint: this.#endpoint }) });
    this.#clients.set(region, client);
    return client;
  }
}
