import {
  GetAliasCommand,
  GetFunctionConfigurationCommand,
  LambdaClient,
  ListFunctionsCommand,
  ResourceNotFoundException,
} from '@aws-sdk/client-lambda';
import {
  GetResourcesCommand,
  ResourceGroupsTaggingAPIClient,
} from '@aws-sdk/client-resource-groups-tagging-api';
import { GetCallerIdentityCommand, STSClient } from '@aws-sdk/client-sts';
import * as z from 'zod/mini';
import type { Place } from '../../core/place.ts';
import { Sealed } from '../../core/sealed.ts';
import {
  type FunctionDescription,
  type FunctionSource,
  PAGE_SIZE,
  type TagFilter,
} from '../../ports/function-source.ts';
import { readOf, required, unexpected } from './answers.ts';
import { asking, type Bounded } from './asking.ts';
import { CALL_TIMEOUT_MS, CLIENT_BOUNDS } from './bounds.ts';
import { type Credentials, oncePerPlace, placeCredentials } from './credentials.ts';
import { refusedKey } from './errors.ts';

const text = z.optional(z.string());
const number = z.optional(z.number());

/** What is read of the configuration of a function. */
const configurationSchema = z.object({
  FunctionArn: text,
  Version: text,
  RevisionId: text,
  LastModified: text,
  CodeSha256: text,
  Environment: z.optional(
    z.object({
      Error: z.optional(z.object({ ErrorCode: text, Message: text })),
      Variables: z.optional(z.record(z.string(), z.string())),
    }),
  ),
  State: text,
  LastUpdateStatus: text,
  Architectures: z.optional(z.array(z.string())),
  EphemeralStorage: z.optional(z.object({ Size: number })),
  Handler: text,
  Layers: z.optional(z.array(z.object({ Arn: text }))),
  MemorySize: number,
  Runtime: text,
  Timeout: number,
  TracingConfig: z.optional(z.object({ Mode: text })),
});
type FunctionConfiguration = z.output<typeof configurationSchema>;

const pageSchema = z.object({ Functions: z.optional(z.array(configurationSchema)), NextMarker: text });
const identitySchema = z.object({ Account: text });
const aliasSchema = z.object({
  FunctionVersion: text,
  RoutingConfig: z.optional(
    z.object({ AdditionalVersionWeights: z.optional(z.record(z.string(), z.number())) }),
  ),
});
const taggedSchema = z.object({
  ResourceTagMappingList: z.optional(
    z.array(z.object({ ResourceARN: text, Tags: z.optional(z.array(z.object({ Key: text, Value: text }))) })),
  ),
  PaginationToken: text,
});

interface Clients {
  readonly lambda: LambdaClient;
  readonly tagging: ResourceGroupsTaggingAPIClient;
}

/**
 * Lambda and the tagging API, with the credentials of each place.
 * @see placeCredentials
 * @param bounds Shorter ones are for tests.
 */
export function awsFunctionSource(
  bounds = { client: CLIENT_BOUNDS, callTimeoutMs: CALL_TIMEOUT_MS },
): FunctionSource {
  const credentials = placeCredentials(bounds);
  const clientsOf = oncePerPlace((place) => makeClients(place, credentials.of(place), bounds.client));
  const ask = <T>(call: string, send: (options: Bounded) => Promise<T>) =>
    asking(call, send, bounds.callTimeoutMs);
  let account: Promise<unknown> | undefined;
  const unlessAbsent = <T>(call: string, send: (options: Bounded) => Promise<T>) =>
    ask(call, (options) => send(options).catch(undefinedIfAbsent));
  return {
    async ownAccount({ region }) {
      const call = 'sts:GetCallerIdentity';
      account ??= ask(call, (options) => {
        const sts = new STSClient({ region, credentials: credentials.own, ...bounds.client });
        return sts.send(new GetCallerIdentityCommand({}), options);
      });
      try {
        return required(call, readOf(call, identitySchema, await account).Account);
      } catch (error) {
        account = undefined; // else one answer that failed would hold for the life of the process
        throw error;
      }
    },

    async list(place, from) {
      const call = 'lambda:ListFunctions';
      const command = new ListFunctionsCommand({
        MaxItems: PAGE_SIZE,
        ...(from !== undefined && { Marker: from }),
      });
      const answer = await ask(call, (options) => clientsOf(place).lambda.send(command, options));
      const page = readOf(call, pageSchema, answer);
      const functions = (page.Functions ?? []).map((configuration) => describe(call, configuration));
      return {
        functions: functions.map((description) => ({ ...description, progress: undefined })),
        next: page.NextMarker || undefined,
      };
    },

    async read(place, name, version) {
      const call = 'lambda:GetFunctionConfiguration';
      const command = new GetFunctionConfigurationCommand({ FunctionName: name, Qualifier: version });
      const configuration = await unlessAbsent(call, (options) =>
        clientsOf(place).lambda.send(command, options),
      );
      return configuration && describe(call, readOf(call, configurationSchema, configuration));
    },

    async alias(place, name, alias) {
      const call = 'lambda:GetAlias';
      const command = new GetAliasCommand({ FunctionName: name, Name: alias });
      const answer = await unlessAbsent(call, (options) => clientsOf(place).lambda.send(command, options));
      if (answer === undefined) return undefined;
      const found = readOf(call, aliasSchema, answer);
      const weights = Object.keys(found.RoutingConfig?.AdditionalVersionWeights ?? {});
      return { version: required(call, found.FunctionVersion), weighted: weights.length > 0 };
    },

    async tagged(place, filters, from) {
      const call = 'tag:GetResources';
      const command = new GetResourcesCommand({
        ResourceTypeFilters: ['lambda:function'],
        TagFilters: filters.map(({ key, values }: TagFilter) => ({ Key: key, Values: [...values] })),
        ...(from !== undefined && { PaginationToken: from }),
      });
      const answer = await ask(call, (options) => clientsOf(place).tagging.send(command, options));
      const page = readOf(call, taggedSchema, answer);
      const functions = (page.ResourceTagMappingList ?? []).map(({ ResourceARN, Tags = [] }) => ({
        name: parseArn(call, ResourceARN).name,
        tags: new Map(Tags.map(({ Key, Value }) => [required(call, Key), Value ?? ''])),
      }));
      return { functions, next: page.PaginationToken || undefined };
    },
  };
}

function makeClients({ region }: Place, credentials: Credentials, bounds: typeof CLIENT_BOUNDS): Clients {
  const options = { region, credentials, ...bounds };
  return { lambda: new LambdaClient(options), tagging: new ResourceGroupsTaggingAPIClient(options) };
}

function undefinedIfAbsent(error: unknown): undefined {
  if (error instanceof ResourceNotFoundException) return undefined;
  throw error;
}

function describe(call: string, configuration: FunctionConfiguration): FunctionDescription {
  const { name, account } = parseArn(call, configuration.FunctionArn);
  const lastModified = Date.parse(required(call, configuration.LastModified));
  if (Number.isNaN(lastModified)) throw unexpected(call);
  return {
    name,
    account,
    version: required(call, configuration.Version),
    revisionId: required(call, configuration.RevisionId),
    lastModified,
    environment: environmentOf(call, configuration),
    codeSha256: required(call, configuration.CodeSha256),
    settings: settingsOf(configuration),
    progress: progressOf(configuration),
  };
}

function environmentOf(
  call: string,
  { Environment: environment }: FunctionConfiguration,
): FunctionDescription['environment'] {
  if (environment?.Error) return refusedKey(call, environment.Error);
  return new Sealed(new Map(Object.entries(environment?.Variables ?? {})));
}

/** Named as Lambda names them. Layers by name and order: AWS's own differ by account and version per region. */
function settingsOf(configuration: FunctionConfiguration): ReadonlyMap<string, string> {
  const { Architectures, EphemeralStorage, Handler, Layers, MemorySize, Runtime, Timeout, TracingConfig } =
    configuration;
  const texts = {
    Architectures: Architectures?.join(),
    EphemeralStorage: EphemeralStorage?.Size,
    Handler,
    Layers: Layers?.map(({ Arn }) => Arn?.split(':')[6]).join(),
    MemorySize,
    Runtime,
    Timeout,
    TracingConfig: TracingConfig?.Mode,
  };
  const given = Object.entries(texts).filter(([, text]) => text !== undefined && text !== '');
  return new Map(given.map(([key, text]) => [key, String(text)]));
}

/** `Inactive` is a function that Lambda has put to rest after weeks without a call: its configuration stands. */
function progressOf({ State, LastUpdateStatus }: FunctionConfiguration): FunctionDescription['progress'] {
  if (State === 'Failed' || LastUpdateStatus === 'Failed') return 'failed';
  return State === 'Pending' || LastUpdateStatus === 'InProgress' ? 'unsettled' : 'settled';
}

/** `arn:aws:lambda:<region>:<account>:function:<name>`, with or without a version. */
function parseArn(call: string, arn: string | undefined): { account: string; name: string } {
  const [, , , , account, , name] = required(call, arn).split(':');
  return { account: required(call, account), name: required(call, name) };
}
