import { inspect } from 'node:util';
import {
  type FunctionConfiguration,
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
import { mockClient } from 'aws-sdk-client-mock';
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import { awsFunctionSource } from '../../../functions/adapters/aws/function-source.ts';
import { RefusedError } from '../../../functions/core/errors.ts';
import { Sealed } from '../../../functions/core/sealed.ts';
import { CART } from './cart.ts';

const lambda = mockClient(LambdaClient);
const tagging = mockClient(ResourceGroupsTaggingAPIClient);
const source = awsFunctionSource();
const PLACE = { region: 'eu-west-1' };

/** Reads a function that AWS describes so. */
async function read(configuration: FunctionConfiguration) {
  lambda.on(GetFunctionConfigurationCommand).resolves(configuration);
  const description = await source.read(PLACE, 'cart');
  if (description === undefined) throw new Error('the function was read');
  return description;
}

beforeEach(() => {
  lambda.reset();
  tagging.reset();
});
afterAll(() => {
  lambda.restore();
  tagging.restore();
});

describe('requests', () => {
  it('asks for pages of 50, the first without a marker', async () => {
    lambda.on(ListFunctionsCommand).resolves({ Functions: [], NextMarker: 'more' });
    expect(await source.list(PLACE)).toEqual({ functions: [], next: 'more' });
    expect(lambda.commandCalls(ListFunctionsCommand)[0]?.args[0].input).toEqual({ MaxItems: 50 });
  });

  it('hands the marker on, and takes an empty one for the end', async () => {
    lambda.on(ListFunctionsCommand).resolves({ Functions: [], NextMarker: '' });
    expect(await source.list(PLACE, 'more')).toEqual({ functions: [], next: undefined });
    expect(lambda.commandCalls(ListFunctionsCommand)[0]?.args[0].input).toEqual({
      MaxItems: 50,
      Marker: 'more',
    });
  });

  it('reads a version by its number, and the newest code without one', async () => {
    await read(CART);
    await source.read(PLACE, 'cart', '7');
    expect(lambda.commandCalls(GetFunctionConfigurationCommand).map(({ args }) => args[0].input)).toEqual([
      { FunctionName: 'cart', Qualifier: undefined },
      { FunctionName: 'cart', Qualifier: '7' },
    ]);
  });

  it('asks for an alias by its name', async () => {
    lambda.on(GetAliasCommand).resolves({ FunctionVersion: '7' });
    expect(await source.alias(PLACE, 'cart', 'live')).toEqual({ version: '7', weighted: false });
    expect(lambda.commandCalls(GetAliasCommand)[0]?.args[0].input).toEqual({
      FunctionName: 'cart',
      Name: 'live',
    });
  });

  it('asks the tagging API for functions alone, with all filters', async () => {
    tagging.on(GetResourcesCommand).resolves({ ResourceTagMappingList: [], PaginationToken: 'more' });
    const filters = [
      { key: 'team', values: ['shop', 'bank'] },
      { key: 'stage', values: [] },
    ];
    expect(await source.tagged(PLACE, filters)).toEqual({ functions: [], next: 'more' });
    expect(tagging.commandCalls(GetResourcesCommand)[0]?.args[0].input).toEqual({
      ResourceTypeFilters: ['lambda:function'],
      TagFilters: [
        { Key: 'team', Values: ['shop', 'bank'] },
        { Key: 'stage', Values: [] },
      ],
    });
  });

  it('hands the pagination token on, and takes an empty one for the end', async () => {
    tagging.on(GetResourcesCommand).resolves({ ResourceTagMappingList: [], PaginationToken: '' });
    expect(await source.tagged(PLACE, [], 'more')).toEqual({ functions: [], next: undefined });
    expect(tagging.commandCalls(GetResourcesCommand)[0]?.args[0].input).toMatchObject({
      PaginationToken: 'more',
    });
  });

  it('uses one client for each place', async () => {
    lambda.on(ListFunctionsCommand).resolves({});
    for (const region of ['eu-west-1', 'us-east-1', 'eu-west-1']) await source.list({ region });
    const clients = lambda.commandCalls(ListFunctionsCommand).map(({ thisValue }) => thisValue);
    expect(clients[2]).toBe(clients[0]);
    expect(clients[1]).not.toBe(clients[0]);
  });
});

describe('descriptions', () => {
  it('hold what Lambda says', async () => {
    const { environment, settings, ...rest } = await read(CART);
    expect(rest).toEqual({
      name: 'cart',
      account: '111111111111',
      version: '$LATEST',
      revisionId: 'revision-1',
      lastModified: Date.UTC(2026, 0, 5, 9),
      codeSha256: 'c2hhMjU2',
      progress: 'settled',
    });
    expect(environment instanceof Sealed && environment.reveal()).toEqual(new Map([['LEVEL', 'info']]));
    expect(Object.fromEntries(settings)).toEqual({
      Architectures: 'arm64',
      EphemeralStorage: '512',
      Handler: 'index.handler',
      MemorySize: '256',
      Runtime: 'nodejs24.x',
      Timeout: '10',
      TracingConfig: 'PassThrough',
    });
  });

  it('name a function without its version', async () => {
    const published = await read({ ...CART, FunctionArn: `${CART.FunctionArn}:7`, Version: '7' });
    expect(published).toMatchObject({ name: 'cart', version: '7' });
  });

  it('leave out settings that do not apply, as those of a container image', async () => {
    const { Runtime: _, Handler: __, ...image } = CART;
    const { settings } = await read({ ...image, PackageType: 'Image' });
    expect([...settings.keys()]).not.toContain('Runtime');
    expect([...settings.keys()]).not.toContain('Handler');
  });

  for (const { layers, text, reason } of [
    {
      layers: [
        'arn:aws:lambda:eu-west-1:580247275435:layer:LambdaInsightsExtension:38',
        'arn:aws:lambda:eu-west-1:111111111111:layer:shared:2',
      ],
      text: 'LambdaInsightsExtension,shared',
      reason: 'accounts and versions of AWS’s own layers differ per region',
    },
    {
      layers: [
        'arn:aws:lambda:eu-west-1:111111111111:layer:shared:2',
        'arn:aws:lambda:eu-west-1:580247275435:layer:LambdaInsightsExtension:38',
      ],
      text: 'shared,LambdaInsightsExtension',
      reason: 'a later layer overrides an earlier one, so their order matters',
    },
    { layers: [], text: undefined, reason: 'none and an empty list are the same' },
  ]) {
    it(`hold layers by name and order: ${reason}`, async () => {
      const { settings } = await read({ ...CART, Layers: layers.map((Arn) => ({ Arn })) });
      expect(settings.get('Layers')).toBe(text);
    });
  }

  for (const { status, progress, reason } of [
    {
      status: { State: 'Active', LastUpdateStatus: 'Successful' },
      progress: 'settled',
      reason: 'all is done',
    },
    {
      status: { State: 'Active', LastUpdateStatus: 'InProgress' },
      progress: 'unsettled',
      reason: 'an update is under way',
    },
    {
      status: { State: 'Pending', LastUpdateStatus: 'Successful' },
      progress: 'unsettled',
      reason: 'it is being created',
    },
    {
      status: { State: 'Inactive', LastUpdateStatus: 'Successful' },
      progress: 'settled',
      reason: 'Lambda put it to rest, and its configuration stands',
    },
    {
      status: { State: 'Active', LastUpdateStatus: 'Failed' },
      progress: 'failed',
      reason: 'the last update failed',
    },
    {
      status: { State: 'Failed', LastUpdateStatus: 'InProgress' },
      progress: 'failed',
      reason: 'a function that cannot run has failed, whatever else is under way',
    },
    { status: {}, progress: 'settled', reason: 'regions that say nothing of states have none' },
  ] as const) {
    it(`say that the function is ${progress}: ${reason}`, async () => {
      const { State: _, LastUpdateStatus: __, ...silent } = CART;
      expect((await read({ ...silent, ...status })).progress).toBe(progress);
    });
  }

  it('say nothing of the progress in a list, where Lambda says nothing either', async () => {
    lambda.on(ListFunctionsCommand).resolves({ Functions: [{ ...CART, LastUpdateStatus: 'InProgress' }] });
    expect((await source.list(PLACE)).functions[0]?.progress).toBeUndefined();
  });

  for (const { environment, reason } of [
    { environment: undefined, reason: 'there is no environment' },
    { environment: {}, reason: 'there are no variables' },
    { environment: { Variables: {} }, reason: 'the variables are none' },
  ]) {
    it(`have an empty environment where ${reason}`, async () => {
      const { Environment: _, ...bare } = CART;
      const described = await read({ ...bare, ...(environment && { Environment: environment }) });
      expect(described.environment instanceof Sealed && described.environment.reveal().size).toBe(0);
    });
  }
});

describe('an environment that cannot be decrypted', () => {
  it('is refused with the permission that AWS names', async () => {
    const { environment } = await read({
      ...CART,
      Environment: {
        Error: {
          ErrorCode: 'AccessDeniedException',
          Message:
            'User: arn:aws:sts::1:assumed-role/r/s is not authorized to perform: kms:GenerateDataKey on resource: x',
        },
      },
    });
    expect(environment).toEqual({
      code: 'ACCESS_DENIED',
      call: 'lambda:GetFunctionConfiguration',
      permission: 'kms:GenerateDataKey',
    });
  });

  it('is refused with kms:Decrypt where AWS names none, and shows nothing of the text', async () => {
    const { environment } = await read({
      ...CART,
      Environment: { Error: { ErrorCode: 'AccessDeniedException', Message: 'PASSWORD=hunter2' } },
    });
    expect(environment).toMatchObject({ code: 'ACCESS_DENIED', permission: 'kms:Decrypt' });
    expect(JSON.stringify(environment)).not.toContain('hunter2');
  });

  it('hides no other function of the same page', async () => {
    lambda.on(ListFunctionsCommand).resolves({
      Functions: [
        { ...CART, Environment: { Error: { ErrorCode: 'AccessDeniedException', Message: '' } } },
        { ...CART, FunctionArn: `${CART.FunctionArn}-2` },
      ],
    });
    const { functions } = await source.list(PLACE);
    expect(functions.map(({ environment }) => environment instanceof Sealed)).toEqual([false, true]);
  });
});

describe('answers that AWS does not document', () => {
  for (const field of [
    'FunctionArn',
    'Version',
    'RevisionId',
    'LastModified',
    'CodeSha256',
  ] as const satisfies (keyof FunctionConfiguration)[]) {
    it(`are refused: a function without ${field}`, async () => {
      const { [field]: _, ...lacking } = CART;
      await expect(read(lacking)).rejects.toMatchObject({ code: 'UNEXPECTED_ANSWER' });
    });
  }

  for (const { change, reason } of [
    { change: { LastModified: 'yesterday' }, reason: 'a time that is none' },
    { change: { FunctionArn: 'cart' }, reason: 'an ARN that is none' },
    { change: { FunctionArn: 7 as never }, reason: 'an ARN that is no text' },
    { change: { Environment: { Variables: { LEVEL: 7 as never } } }, reason: 'a variable that is no text' },
  ]) {
    it(`are refused: ${reason}`, async () => {
      await expect(read({ ...CART, ...change })).rejects.toMatchObject({ code: 'UNEXPECTED_ANSWER' });
    });
  }

  it('are refused: an alias without a version', async () => {
    lambda.on(GetAliasCommand).resolves({});
    await expect(source.alias(PLACE, 'cart', 'live')).rejects.toMatchObject({ code: 'UNEXPECTED_ANSWER' });
  });

  it('are refused: a tagged resource without an ARN, or a tag without a key', async () => {
    for (const mapping of [
      { Tags: [] },
      { ResourceARN: CART.FunctionArn, Tags: [{ Key: undefined, Value: 'x' }] },
    ]) {
      tagging.on(GetResourcesCommand).resolves({ ResourceTagMappingList: [mapping] });
      await expect(source.tagged(PLACE, [])).rejects.toMatchObject({ code: 'UNEXPECTED_ANSWER' });
    }
  });
});

describe('aliases and tags', () => {
  for (const { routing, weighted, reason } of [
    { routing: { AdditionalVersionWeights: { '8': 0.1 } }, weighted: true, reason: 'a second version' },
    { routing: { AdditionalVersionWeights: {} }, weighted: false, reason: 'weights of no version' },
    { routing: {}, weighted: false, reason: 'no weights' },
  ]) {
    it(`split their traffic or not: ${reason}`, async () => {
      lambda.on(GetAliasCommand).resolves({ FunctionVersion: '7', RoutingConfig: routing });
      expect(await source.alias(PLACE, 'cart', 'live')).toEqual({ version: '7', weighted });
    });
  }

  it('come with the name that the ARN holds, and with all tags', async () => {
    tagging.on(GetResourcesCommand).resolves({
      ResourceTagMappingList: [
        {
          ResourceARN: CART.FunctionArn,
          Tags: [
            { Key: 'team', Value: 'shop' },
            { Key: 'note', Value: undefined },
          ],
        },
        { ResourceARN: `${CART.FunctionArn}-2` },
      ],
    });
    expect((await source.tagged(PLACE, [])).functions).toEqual([
      {
        name: 'cart',
        tags: new Map([
          ['team', 'shop'],
          ['note', ''],
        ]),
      },
      { name: 'cart-2', tags: new Map() },
    ]);
  });
});

describe('refusals', () => {
  const calls = [
    { call: 'lambda:ListFunctions', ask: () => source.list(PLACE) },
    { call: 'lambda:GetFunctionConfiguration', ask: () => source.read(PLACE, 'cart') },
    { call: 'lambda:GetAlias', ask: () => source.alias(PLACE, 'cart', 'live') },
    { call: 'tag:GetResources', ask: () => source.tagged(PLACE, []) },
  ];

  for (const { call, ask } of calls) {
    it(`name the call and the missing permission, and quote nothing: ${call}`, async () => {
      const message = `User: arn:aws:iam::111111111111:user/x is not authorized to perform: ${call} on resource: * because PASSWORD=hunter2`;
      const error = Object.assign(new Error(message), { name: 'AccessDeniedException' });
      lambda.rejects(error);
      tagging.rejects(error);
      const refusal = await ask().then(
        () => undefined,
        (thrown: unknown) => thrown,
      );
      expect(refusal).toBeInstanceOf(RefusedError);
      expect(refusal).toMatchObject({ refusal: { code: 'ACCESS_DENIED', call, permission: call } });
      const shown = [
        inspect(refusal, { depth: null, showHidden: true, getters: true }),
        JSON.stringify(refusal),
      ];
      for (const text of shown) expect(text).not.toContain('hunter2');
    });
  }

  it('are none where a function or an alias does not exist', async () => {
    lambda.rejects(new ResourceNotFoundException({ $metadata: {}, message: 'Function not found' }));
    expect(await source.read(PLACE, 'cart')).toBeUndefined();
    expect(await source.alias(PLACE, 'cart', 'live')).toBeUndefined();
  });

  it('are made of a list that is not found: lists always exist', async () => {
    lambda.rejects(new ResourceNotFoundException({ $metadata: {}, message: '' }));
    await expect(source.list(PLACE)).rejects.toMatchObject({ code: 'UNEXPECTED_ANSWER' });
  });
});

describe('the own account', () => {
  it('is asked for again if the answer was a failure', async () => {
    const sts = mockClient(STSClient);
    const timeout = Object.assign(new Error('late'), { name: 'TimeoutError' });
    sts.on(GetCallerIdentityCommand).rejectsOnce(timeout).resolves({ Account: '111111111111' });
    const own = awsFunctionSource();
    await expect(own.ownAccount(PLACE)).rejects.toMatchObject({ code: 'REGION_UNREACHABLE' });
    expect(await own.ownAccount(PLACE)).toBe('111111111111');
    sts.restore();
  });

  it('is asked for once, whatever the place', async () => {
    const sts = mockClient(STSClient);
    sts.on(GetCallerIdentityCommand).resolves({ Account: '111111111111' });
    const own = awsFunctionSource();
    expect(await own.ownAccount(PLACE)).toBe('111111111111');
    expect(await own.ownAccount({ region: 'us-east-1' })).toBe('111111111111');
    expect(sts.calls()).toHaveLength(1);
    sts.restore();
  });
});
