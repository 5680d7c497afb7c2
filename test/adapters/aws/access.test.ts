import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { awsFunctionSource } from '../../../functions/adapters/aws/function-source.ts';

const ROLE = 'arn:aws:iam::222222222222:role/recohere-read';

interface Answer {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body: string;
}

interface Request {
  readonly signedFor: string | undefined;
  readonly signedBy: string | undefined;
  readonly body: URLSearchParams;
}

const ASSUMED: Answer = {
  body: `<AssumeRoleResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleResult><Credentials>
    <AccessKeyId>ASIAASSUMED</AccessKeyId><SecretAccessKey>secret</SecretAccessKey>
    <SessionToken>token</SessionToken><Expiration>2100-01-01T00:00:00Z</Expiration>
  </Credentials></AssumeRoleResult></AssumeRoleResponse>`,
};
const NOT_ASSUMED: Answer = {
  status: 403,
  body: `<ErrorResponse><Error><Type>Sender</Type><Code>AccessDenied</Code>
    <Message>User: arn:aws:iam::111111111111:user/hub is not authorized to perform: sts:AssumeRole on resource: ${ROLE}</Message>
  </Error></ErrorResponse>`,
};

/** Stands for AWS on loopback, so that the real chain of credentials is tried. */
describe('access to another account', () => {
  let server: Server;
  let assumeRole: Answer;
  let requests: Request[];

  beforeEach(async () => {
    requests = [];
    assumeRole = ASSUMED;
    server = createServer(async (asked, answer) => {
      const request = await received(asked);
      requests.push(request);
      const { status = 200, headers, body } = request.signedFor === 'sts' ? assumeRole : { body: '{}' };
      answer.writeHead(status, headers).end(body);
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    for (const name of Object.keys(process.env)) if (name.startsWith('AWS_')) vi.stubEnv(name, undefined);
    vi.stubEnv('AWS_ENDPOINT_URL', `http://127.0.0.1:${port}`);
    vi.stubEnv('AWS_CONFIG_FILE', '/nonexistent');
    vi.stubEnv('AWS_SHARED_CREDENTIALS_FILE', '/nonexistent');
    vi.stubEnv('AWS_EC2_METADATA_DISABLED', 'true');
    vi.stubEnv('AWS_ACCESS_KEY_ID', 'AKIAOWN');
    vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'secret');
  });
  afterEach(() => {
    vi.unstubAllEnvs();
    server.closeAllConnections();
    server.close();
  });

  const assumed = () => requests.filter(({ signedFor }) => signedFor === 'sts');
  const listed = () => requests.filter(({ signedFor }) => signedFor === 'lambda');

  it('uses the own credentials for a place without a role', async () => {
    await awsFunctionSource().list({ region: 'eu-west-1' });
    expect(requests).toMatchObject([{ signedFor: 'lambda', signedBy: 'AKIAOWN' }]);
  });

  it('assumes the role that a place names, with its external id', async () => {
    const access = { roleArn: ROLE, externalId: 'shared-with-the-hub' };
    await awsFunctionSource().list({ region: 'eu-west-1', account: '222222222222', access });
    expect(assumed()).toHaveLength(1);
    expect(assumed()[0]?.signedBy).toBe('AKIAOWN');
    expect(Object.fromEntries(assumed()[0]?.body ?? [])).toMatchObject({
      Action: 'AssumeRole',
      RoleArn: ROLE,
      ExternalId: 'shared-with-the-hub',
      RoleSessionName: 'recohere',
    });
    expect(listed()).toMatchObject([{ signedBy: 'ASIAASSUMED' }]);
  });

  it('sends no external id where the place names none', async () => {
    await awsFunctionSource().list({ region: 'eu-west-1', access: { roleArn: ROLE } });
    expect(assumed()[0]?.body.has('ExternalId')).toBe(false);
  });

  it('assumes a role once for all calls to a place', async () => {
    const source = awsFunctionSource();
    const place = { region: 'eu-west-1', access: { roleArn: ROLE } };
    await source.list(place);
    await source.list(place);
    expect(assumed()).toHaveLength(1);
    expect(listed()).toHaveLength(2);
  });

  it('names sts:AssumeRole where the role may not be assumed', async () => {
    assumeRole = NOT_ASSUMED;
    const place = { region: 'eu-west-1', access: { roleArn: ROLE } };
    await expect(awsFunctionSource().list(place)).rejects.toMatchObject({
      refusal: { code: 'ACCESS_DENIED', permission: 'sts:AssumeRole' },
    });
    expect(listed()).toEqual([]);
  });

  it('says so where there are no credentials at all', async () => {
    vi.stubEnv('AWS_ACCESS_KEY_ID', undefined);
    vi.stubEnv('AWS_SECRET_ACCESS_KEY', undefined);
    await expect(awsFunctionSource().list({ region: 'eu-west-1' })).rejects.toMatchObject({
      refusal: { code: 'NO_CREDENTIALS', call: 'lambda:ListFunctions' },
    });
    expect(requests).toEqual([]);
  });
});

/** The scope of the signature is `<key id>/<day>/<region>/<service>/aws4_request`. */
async function received(asked: IncomingMessage): Promise<Request> {
  const scope = /Credential=([^/]+)\/\d+\/[^/]+\/([^/]+)\//.exec(asked.headers.authorization ?? '');
  return { signedBy: scope?.[1], signedFor: scope?.[2], body: new URLSearchParams(await text(asked)) };
}
