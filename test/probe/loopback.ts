import { once } from 'node:events';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { vi } from 'vitest';
import { type LoadReport, REPORT_DETAIL_TYPE, REPORT_SOURCE } from '../../functions/contract/probe.ts';

/** What the extension asks of who reads from it. */
const TOKEN = 'token-of-the-session';

/** The region's Secrets Manager and EventBridge, and the Lambda extension, on loopback. */
export interface Loopback {
  /** Reports that EventBridge took, in order. */
  readonly reports: readonly LoadReport[];
  /** How many entries each call of `PutEvents` held, refused ones too. */
  readonly batches: readonly number[];
  /** All that was sent to EventBridge, as it was sent. */
  readonly sent: readonly string[];
  /** How `PutEvents` goes, for a time: no answer at all, an error, or an error for each entry for which it is asked. */
  putEvents: 'hangs' | 'refuses' | ((report: LoadReport) => string | undefined);
  /** Moves `AWSCURRENT` of a secret to a new version, and makes the secret if it is not there. */
  rotate(name: string, versionId: string, value?: string): void;
  stop(): Promise<void>;
}

interface Secret {
  readonly ARN: string;
  readonly Name: string;
  readonly versions: { readonly VersionId: string; readonly SecretString: string }[];
}

/** The ARN of a secret of {@link startLoopback}. */
export function arnOf(name: string): string {
  return `arn:aws:secretsmanager:us-east-1:111111111111:secret:${name}-a1B2c3`;
}

/** Starts it, and points the environment of the process to it, as Lambda's does. */
export async function startLoopback(): Promise<Loopback> {
  const secrets: Secret[] = [];
  const reports: LoadReport[] = [];
  const batches: number[] = [];
  const sent: string[] = [];
  const server = createServer(async (request, response) => {
    const body = await text(request);
    const answer = answerTo(request, body);
    if (answer === undefined) return;
    const [status, value] = answer;
    response.writeHead(status, { 'content-type': 'application/x-amz-json-1.1' }).end(JSON.stringify(value));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const variables = {
    AWS_ENDPOINT_URL: `http://127.0.0.1:${port}`,
    AWS_REGION: 'us-east-1',
    AWS_ACCESS_KEY_ID: 'AKIA',
    AWS_SECRET_ACCESS_KEY: 'test',
    AWS_SESSION_TOKEN: TOKEN,
    AWS_LAMBDA_FUNCTION_NAME: 'checkout-api',
    PARAMETERS_SECRETS_EXTENSION_HTTP_PORT: String(port),
  };
  for (const [name, value] of Object.entries(variables)) vi.stubEnv(name, value);

  /** A version by its id, or the current one, or the one before. */
  function read({
    SecretId,
    VersionId,
    VersionStage,
  }: Record<string, string | undefined>): object | undefined {
    const secret = secrets.find(({ Name, ARN }) => SecretId === Name || SecretId === ARN);
    const version = VersionId
      ? secret?.versions.find((each) => each.VersionId === VersionId)
      : secret?.versions.at(VersionStage === 'AWSPREVIOUS' ? -2 : -1);
    if (secret === undefined || version === undefined) return undefined;
    const current = version === secret.versions.at(-1);
    const VersionStages = [current ? 'AWSCURRENT' : 'AWSPREVIOUS'];
    return { ARN: secret.ARN, Name: secret.Name, ...version, VersionStages, CreatedDate: 1.7e9 };
  }

  function answerTo({ url = '', headers }: IncomingMessage, body: string): [number, object] | undefined {
    const { pathname, searchParams } = new URL(url, 'http://localhost');
    if (pathname === '/secretsmanager/get') {
      if (headers['x-aws-parameters-secrets-token'] !== TOKEN) return [401, {}];
      const secret = read({
        SecretId: searchParams.get('secretId') ?? '',
        VersionStage: searchParams.get('versionStage') ?? undefined,
      });
      return secret ? [200, secret] : [400, {}];
    }
    const call = String(headers['x-amz-target']).split('.')[1];
    const input = JSON.parse(body);
    if (call === 'GetSecretValue') {
      const secret = read(input);
      return secret ? [200, secret] : [400, { __type: 'ResourceNotFoundException' }];
    }
    if (call === 'BatchGetSecretValue') {
      const SecretValues = input.SecretIdList.map((SecretId: string) => read({ SecretId }));
      return [200, { SecretValues }];
    }
    if (call !== 'PutEvents') return [200, {}];
    sent.push(body);
    return put(input.Entries);
  }

  function put(entries: { Source: string; DetailType: string; Detail: string }[]) {
    batches.push(entries.length);
    const how = loopback.putEvents;
    if (how === 'hangs') return undefined;
    if (how === 'refuses') return [400, { __type: 'AccessDeniedException' }] satisfies [number, object];
    const Entries = entries.map(({ Source, DetailType, Detail }) => {
      const report = JSON.parse(Detail);
      const known = Source === REPORT_SOURCE && DetailType === REPORT_DETAIL_TYPE;
      const ErrorCode = known ? how(report) : 'InvalidArgument';
      if (ErrorCode) return { ErrorCode, ErrorMessage: 'not now' };
      reports.push(report);
      return { EventId: '1' };
    });
    const FailedEntryCount = Entries.filter((entry) => 'ErrorCode' in entry).length;
    return [200, { Entries, FailedEntryCount }] satisfies [number, object];
  }

  const loopback: Loopback = {
    reports,
    batches,
    sent,
    putEvents: () => undefined,
    rotate(name, versionId, value = `value of ${versionId}`) {
      let secret = secrets.find(({ Name }) => Name === name);
      if (secret === undefined) {
        secret = { ARN: arnOf(name), Name: name, versions: [] };
        secrets.push(secret);
      }
      secret.versions.push({ VersionId: versionId, SecretString: value });
    },
    async stop() {
      vi.unstubAllEnvs();
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
  return loopback;
}
