import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { pathToFileURL } from 'node:url';
import { vi } from 'vitest';
import { createLedgerTable, dynamoLedger } from '../functions/adapters/aws/ledger.ts';
import { startLocalDynamo } from '../functions/adapters/aws/local-dynamo.ts';
import { dynamoRunLedger } from '../functions/adapters/aws/run-ledger.ts';
import type { ParsedConfig } from '../functions/contract/config.ts';
import type { Part } from '../functions/contract/deployment.ts';
import { CONFIG_FILE } from '../functions/contract/environment.ts';
import type { Ledger } from '../functions/ports/ledger.ts';
import type { RunLedger } from '../functions/ports/run-ledger.ts';

/** A message that the bundle has sent, to which queue, topic or bus. */
interface Sent {
  readonly queue: string;
  readonly body: string;
}

/** The bundle of a function, as it is deployed, with a ledger on dynalite and the rest of AWS on loopback. */
export interface LambdaLike {
  // biome-ignore lint/suspicious/noExplicitAny: it is what a handler is
  readonly handler: (event: any) => Promise<any>;
  readonly ledger: Ledger;
  readonly secretsLedger: Ledger;
  readonly runLedger: RunLedger;
  /** Names and inputs of the executions that it has started. */
  readonly started: readonly { readonly name: string; readonly input: string }[];
  readonly sent: readonly Sent[];
  /** Regions in which it has read a function or a secret, once for each time. */
  readonly read: readonly string[];
  /** What it has written to its log so far, lines of metrics included. */
  logged(): string;
  stop(): Promise<void>;
}

/** As the hub stack writes it: one function in two regions, and perhaps a secret. */
const CONFIG = {
  prefix: 'recohere',
  hub: { region: 'us-east-1' },
  replicas: [{ region: 'us-east-1' }, { region: 'eu-west-1' }],
  functions: [
    {
      select: { name: 'api' },
      identity: 'name',
      names: {},
      replicas: {},
      ignore: [],
      perReplica: [],
      code: 'sha256',
      settings: true,
      alarmOn: ['env'],
      critical: false,
      targets: { exposurePercent: 1 },
    },
  ],
  secrets: [],
  tables: [],
  maintenance: [],
  deadlineSeconds: 300,
  maxRolloutSeconds: 3600,
  mode: 'alert',
} satisfies ParsedConfig;

/** What is watched beside the function. */
const SECRET = {
  name: 'prod/db',
  consumers: [],
  replicationSeconds: 30,
  targetSeconds: 120,
  strict: false,
  critical: false,
};

/**
 * @param environmentOf Environment of the function in a region; `undefined` if it is not there.
 * @param refuses Messages that queues and topics do not take.
 * @param secretOf What `DescribeSecret` says of a secret in a region; without it, the config names none.
 * @param tables Those of the config. Each is there, and empty.
 */
export async function startLambdaLike(
  part: Part,
  environmentOf: (region: string) => Readonly<Record<string, string>> | undefined,
  refuses: (body: string) => boolean = () => false,
  secretOf?: (region: string) => object,
  tables: ParsedConfig['tables'] = [],
): Promise<LambdaLike> {
  let logged = '';
  const keep = (...texts: unknown[]) => {
    logged += `${texts.map((text) => (typeof text === 'string' ? text : JSON.stringify(text))).join(' ')}\n`;
    return true;
  };
  for (const stream of [process.stdout, process.stderr]) vi.spyOn(stream, 'write').mockImplementation(keep);
  for (const level of ['info', 'warn', 'error', 'log'] as const)
    vi.spyOn(console, level).mockImplementation(keep);
  const dynamo = await startLocalDynamo();
  const table = await createLedgerTable(dynamo.client, 'ledger');
  for (const { name } of tables) await createLedgerTable(dynamo.client, name); // its key is as good as any
  const started: { name: string; input: string }[] = [];
  const sent: Sent[] = [];
  const read: string[] = [];
  const server = createServer(async (request, response) => {
    const [status, answer] = answerTo(request, await text(request));
    response
      .writeHead(status, { 'content-type': 'application/json' })
      .end(typeof answer === 'string' ? answer : JSON.stringify(answer));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };

  function answerTo({ url = '', headers }: IncomingMessage, body: string): [number, object | string] {
    const call = String(headers['x-amz-target'] ?? '').split('.')[1];
    if (call === 'GetSecretValue') return [200, { SecretString: 'k'.repeat(64), VersionId: 'version-1' }];
    if (call === 'SendMessage') {
      const { QueueUrl, MessageBody } = JSON.parse(body);
      if (refuses(MessageBody)) return [403, { __type: 'AccessDenied' }];
      sent.push({ queue: QueueUrl.split('/').at(-1), body: MessageBody });
      return [200, { MessageId: '1', MD5OfMessageBody: createHash('md5').update(MessageBody).digest('hex') }];
    }
    if (call === 'PutEvents') {
      for (const { EventBusName, Detail } of JSON.parse(body).Entries)
        sent.push({ queue: EventBusName, body: Detail });
      return [200, { FailedEntryCount: 0, Entries: [{ EventId: '1' }] }];
    }
    const query = new URLSearchParams(body); // of SNS, which answers in XML
    if (query.get('Action') === 'Publish') {
      const message = query.get('Message') ?? '';
      if (refuses(message))
        return [403, '<ErrorResponse><Error><Code>AccessDenied</Code></Error></ErrorResponse>'];
      sent.push({ queue: query.get('TopicArn')?.split(':').at(-1) ?? '', body: message });
      return [
        200,
        '<PublishResponse><PublishResult><MessageId>1</MessageId></PublishResult></PublishResponse>',
      ];
    }
    if (call === 'StartExecution') {
      started.push(JSON.parse(body));
      return [200, { executionArn: 'arn', startDate: 0 }];
    }
    const region = /Credential=[^/]+\/\d+\/([\w-]+)\//.exec(headers.authorization ?? '')?.[1] ?? '';
    if (call === 'DescribeSecret' && secretOf) {
      read.push(region);
      return [200, secretOf(region)];
    }
    const name = /\/functions\/([^/]+)\/configuration/.exec(url)?.[1];
    const environment = environmentOf(region);
    read.push(region);
    if (name === undefined || environment === undefined) return [404, {}];
    return [200, configurationOf(region, name, environment)];
  }

  const folder = mkdtempSync(join(tmpdir(), 'recohere-lambda-'));
  cpSync(`dist/handlers/${part}`, folder, { recursive: true });
  const secrets = secretOf ? [SECRET] : [];
  writeFileSync(
    join(folder, CONFIG_FILE),
    JSON.stringify({ ...CONFIG, secrets, tables } satisfies ParsedConfig),
  );
  const own = `http://127.0.0.1:${port}`;
  const variables = {
    AWS_REGION: 'us-east-1',
    AWS_ACCESS_KEY_ID: 'AKIA',
    AWS_SECRET_ACCESS_KEY: 'test',
    AWS_ENDPOINT_URL: own,
    AWS_ENDPOINT_URL_DYNAMODB: dynamo.endpoint,
    POWERTOOLS_SERVICE_NAME: 'recohere',
    RECOHERE_LEDGER: table,
    RECOHERE_ACCOUNT: '111111111111',
    RECOHERE_RUNS: 'arn:aws:states:us-east-1:111111111111:stateMachine:recohere-runs',
    RECOHERE_KEY: 'key',
    RECOHERE_QUEUE: `${own}/1/verify-deploy`,
    RECOHERE_SECRETS_QUEUE: `${own}/1/verify-rotation`,
    RECOHERE_DEAD_LETTERS: `${own}/1/dead-letters`,
    RECOHERE_PAGE_TOPIC: 'arn:aws:sns:us-east-1:111111111111:recohere-page',
    RECOHERE_TICKET_TOPIC: 'arn:aws:sns:us-east-1:111111111111:recohere-ticket',
  };
  for (const [name, value] of Object.entries(variables)) vi.stubEnv(name, value);
  const { handler: bare } = await import(/* @vite-ignore */ pathToFileURL(join(folder, 'index.mjs')).href);
  const context = {
    getRemainingTimeInMillis: () => 120_000,
    invokedFunctionArn: `arn:aws:lambda:us-east-1:111111111111:function:recohere-${part}`,
  };
  return {
    handler: (event) => bare(event, context),
    ledger: dynamoLedger(dynamo.client, table),
    secretsLedger: dynamoLedger(dynamo.client, table, 'secret'),
    runLedger: dynamoRunLedger(dynamo.client, table),
    started,
    sent,
    read,
    logged: () => logged,
    async stop() {
      vi.restoreAllMocks();
      vi.unstubAllEnvs();
      rmSync(folder, { recursive: true });
      server.close();
      server.closeAllConnections();
      await dynamo.stop();
    },
  };
}

/** A batch of messages, `m1` and so on, that are delivered for the first time. */
export function recordsOf(...bodies: string[]) {
  return {
    Records: bodies.map((body, position) => ({
      messageId: `m${position + 1}`,
      body,
      attributes: { ApproximateReceiveCount: '1' },
    })),
  };
}

/** What `GetFunctionConfiguration` says of a function that was settled a day ago. */
function configurationOf(region: string, name: string, environment: Readonly<Record<string, string>>) {
  return {
    FunctionName: name,
    FunctionArn: `arn:aws:lambda:${region}:111111111111:function:${name}`,
    Version: '$LATEST',
    RevisionId: 'r1',
    LastModified: new Date(Date.now() - 86_400_000).toISOString(),
    CodeSha256: 'sha',
    Environment: { Variables: environment },
    State: 'Active',
    LastUpdateStatus: 'Successful',
  };
}
