import { CloudWatchLogsClient, DescribeLogGroupsCommand } from '@aws-sdk/client-cloudwatch-logs';
import { DeleteTableCommand, DynamoDBClient, ListTablesCommand } from '@aws-sdk/client-dynamodb';
import { EventBridgeClient, ListEventBusesCommand, ListRulesCommand } from '@aws-sdk/client-eventbridge';
import { LambdaClient, ListEventSourceMappingsCommand, paginateListFunctions } from '@aws-sdk/client-lambda';
import {
  DeleteObjectsCommand,
  ListBucketsCommand,
  NoSuchBucket,
  paginateListObjectsV2,
  S3Client,
} from '@aws-sdk/client-s3';
import {
  DeleteSecretCommand,
  ListSecretsCommand,
  SecretsManagerClient,
} from '@aws-sdk/client-secrets-manager';
import { ListStateMachinesCommand, SFNClient } from '@aws-sdk/client-sfn';
import { ListQueuesCommand, SQSClient } from '@aws-sdk/client-sqs';
import { until } from '../../local/until.ts';
import { emulatorEndpoint } from './emulator.ts';

const CLOUDFORMATION = '2010-05-15';

/** What one region lists whose name or ARN holds one of the texts, as `<kind> <name>`, sorted. */
export async function resourcesNamed(region: string, texts: readonly string[]): Promise<string[]> {
  const options = { region, endpoint: emulatorEndpoint() };
  const lambda = new LambdaClient(options);
  const events = new EventBridgeClient(options);

  const functions: (string | undefined)[] = [];
  for await (const { Functions = [] } of paginateListFunctions({ client: lambda }, {})) {
    functions.push(...Functions.map(({ FunctionName }) => FunctionName));
  }
  const { EventSourceMappings = [] } = await lambda.send(new ListEventSourceMappingsCommand({}));
  const { EventBuses = [] } = await events.send(new ListEventBusesCommand({}));
  const rules = await Promise.all(
    EventBuses.map(({ Name }) => events.send(new ListRulesCommand({ EventBusName: Name }))),
  );
  const { logGroups = [] } = await new CloudWatchLogsClient(options).send(new DescribeLogGroupsCommand({}));
  const { QueueUrls = [] } = await new SQSClient(options).send(new ListQueuesCommand({}));
  const { TableNames = [] } = await new DynamoDBClient(options).send(new ListTablesCommand({}));
  const { stateMachines = [] } = await new SFNClient(options).send(new ListStateMachinesCommand({}));
  const { Buckets = [] } = await new S3Client({ ...options, forcePathStyle: true }).send(
    new ListBucketsCommand({}),
  );
  const { SecretList = [] } = await new SecretsManagerClient(options).send(new ListSecretsCommand({}));

  const listed: Record<string, readonly (string | undefined)[]> = {
    function: functions,
    mapping: EventSourceMappings.map(({ EventSourceArn }) => EventSourceArn),
    bus: EventBuses.map(({ Name }) => Name),
    rule: rules.flatMap(({ Rules = [] }) => Rules.map(({ Name }) => Name)),
    'log group': logGroups.map(({ logGroupName }) => logGroupName),
    queue: QueueUrls,
    bucket: Buckets.map(({ Name }) => Name),
    'state machine': stateMachines.map(({ name }) => name),
    table: TableNames,
    secret: SecretList.map(({ ARN }) => ARN),
    role: await query(region, 'iam', 'ListRoles', '2010-05-08', 'RoleName'),
    topic: await query(region, 'sns', 'ListTopics', '2010-03-31', 'TopicArn'),
    stack: await query(region, 'cloudformation', 'DescribeStacks', CLOUDFORMATION, 'StackName'),
  };
  return Object.entries(listed)
    .flatMap(([kind, names]) => names.map((name) => ({ kind, name: name ?? '' })))
    .filter(({ name }) => texts.some((text) => name.includes(text)))
    .map(({ kind, name }) => `${kind} ${name}`)
    .sort();
}

/**
 * Deletes a stack by its name, and waits until it is gone. `cdk destroy` names it by its ARN, by which MiniStack deletes
 * nothing.
 */
export async function deleteStack(region: string, stack: string): Promise<void> {
  await ask(region, 'cloudformation', { Action: 'DeleteStack', Version: CLOUDFORMATION, StackName: stack });
  await until(
    `the stack ${stack} is gone from ${region}`,
    () => query(region, 'cloudformation', 'DescribeStacks', CLOUDFORMATION, 'StackName'),
    (names) => !names.includes(stack),
  );
}

/** Removes what a stack retains. */
export async function removeRetained(region: string, table: string, secret: string): Promise<void> {
  const options = { region, endpoint: emulatorEndpoint() };
  const deletions = [
    new DynamoDBClient(options).send(new DeleteTableCommand({ TableName: table })),
    new SecretsManagerClient(options).send(
      new DeleteSecretCommand({ SecretId: secret, ForceDeleteWithoutRecovery: true }),
    ),
  ];
  await Promise.allSettled(deletions); // it may be gone
}

/** Removes all objects of a bucket, without which its stack does not go. Harmless where there is none. */
export async function emptyBucket(region: string, bucket: string): Promise<void> {
  const client = new S3Client({ region, endpoint: emulatorEndpoint(), forcePathStyle: true });
  try {
    for await (const { Contents = [] } of paginateListObjectsV2({ client }, { Bucket: bucket })) {
      if (Contents.length === 0) continue;
      const Objects = Contents.map(({ Key }) => ({ Key }));
      await client.send(new DeleteObjectsCommand({ Bucket: bucket, Delete: { Objects } }));
    }
  } catch (error) {
    if (!(error instanceof NoSuchBucket)) throw error;
  }
}

/** Names in the answer of a service. */
async function query(
  region: string,
  service: string,
  action: string,
  version: string,
  element: string,
): Promise<string[]> {
  const answer = await ask(region, service, { Action: action, Version: version });
  const names = answer.matchAll(new RegExp(`<${element}>([^<]+)</${element}>`, 'g'));
  return [...names].map(([, name = '']) => name);
}

/** Asks a service whose client is not worth a dependency here. Emulators check no signature. */
async function ask(region: string, service: string, body: Readonly<Record<string, string>>): Promise<string> {
  const scope = `AKIALOCALSTACK0/20260101/${region}/${service}/aws4_request`;
  const answer = await fetch(emulatorEndpoint(), {
    method: 'POST',
    headers: { Authorization: `AWS4-HMAC-SHA256 Credential=${scope}, SignedHeaders=host, Signature=0` },
    body: new URLSearchParams(body),
  });
  if (!answer.ok) throw new Error(`${service} ${body.Action} ended with ${answer.status}`);
  return answer.text();
}
