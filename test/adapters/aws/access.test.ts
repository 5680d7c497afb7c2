import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { inspect } from 'node:util';
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
  readonly region: string | undefined;
  readonly body: URLSearchParams;
}

const ASSUMED: Answer = {
  body: `<AssumeRoleResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleResult><Credentials>
    <AccessKeyId>ASIAASSUMED</AccessKeyId><SecretAccessKey>secret</SecretAccessKey>
    <SessionToken>token</SessionToken><Expiration>2100-01-01T00:00:00Z</Expiration>
  </Credentials></AssumeRoleResult></AssumeRoleResponse>`,
};
const NOT_ALLOWED = `User: arn:aws:iam::111111111111:user/hub is not authorized to perform: sts:AssumeRole on resource: ${ROLE}`;

/** Also for a role that does not exist: STS does not say whether it does. */
function notAssumed(message: string, code = 'AccessDenied'): Answer {
  return {
    status: 403,
    body: `<ErrorResponse><Error><Type>Sender</Type><Code>${code}</Code><Message>${message}</Message></Error></ErrorResponse>`,
  };
}

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

  it('assumes a role once for all regions and APIs of an account', async () => {
    const source = awsFunctionSource();
    const places = ['eu-west-1', 'us-east-1', 'sa-east-1'].map((region) => ({
      region,
      access: { roleArn: ROLE },
    }));
    await Promise.all(places.flatMap((place) => [source.list(place), source.tagged(place, [])]));
    for (const place of places) await source.list(place);
    expect(assumed()).toHaveLength(1);
    expect(listed().map(({ region }) => region)).toEqual(
      expect.arrayContaining(places.map(({ region }) => region)),
    );
    const others = requests.filter(({ signedFor }) => signedFor !== 'sts');
    expect(others).toHaveLength(9);
    for (const { signedBy } of others) expect(signedBy).toBe('ASIAASSUMED');
  });

  it('assumes each role, and a role with each external id, on its own', async () => {
    const source = awsFunctionSource();
    const ways = [
      { roleArn: ROLE },
      { roleArn: `${ROLE}-eu` },
      { roleArn: ROLE, externalId: 'shared-with-the-hub' },
    ];
    for (const [n, access] of ways.entries())
      await source.list({ region: 'eu-west-1', account: `${n}`, access });
    expect(assumed().map(({ body }) => [body.get('RoleArn'), body.get('ExternalId')])).toEqual([
      [ROLE, null],
      [`${ROLE}-eu`, null],
      [ROLE, 'shared-with-the-hub'],
    ]);
  });

  for (const { own, asked, reason } of [
    { own: 'us-west-2', asked: 'us-west-2', reason: 'no other region need work for it' },
    { own: undefined, asked: 'eu-west-1', reason: 'a machine of a person need not have a region' },
  ]) {
    it(`asks STS in ${own ? 'the own region' : 'the region of the first place'}: ${reason}`, async () => {
      vi.stubEnv('AWS_REGION', own);
      await awsFunctionSource().list({ region: 'eu-west-1', access: { roleArn: ROLE } });
      expect(assumed()).toMatchObject([{ region: asked }]);
      expect(listed()).toMatchObject([{ region: 'eu-west-1' }]);
    });
  }

  for (const { message, reason } of [
    { message: NOT_ALLOWED, reason: 'the usual text, also for a role that does not exist' },
    { message: 'Not authorized to perform sts:AssumeRole', reason: 'an older text' },
    { message: 'Access denied', reason: 'AWS need not say' },
  ]) {
    it(`names sts:AssumeRole where the role may not be assumed, having asked once: ${reason}`, async () => {
      assumeRole = notAssumed(message);
      const place = { region: 'eu-west-1', access: { roleArn: ROLE } };
      const refusal = { code: 'ACCESS_DENIED', call: 'sts:AssumeRole', permission: 'sts:AssumeRole' };
      const error = await awsFunctionSource()
        .list(place)
        .catch((thrown: unknown) => thrown);
      expect(error).toMatchObject({ refusal });
      expect(inspect(error, { depth: null, showHidden: true })).not.toContain('user/hub');
      expect(assumed()).toHaveLength(1);
      expect(listed()).toEqual([]);
    });
  }

  it('names the call where STS cannot be used for other reasons', async () => {
    assumeRole = notAssumed('STS is not activated in this region', 'RegionDisabledException');
    await expect(
      awsFunctionSource().list({ region: 'eu-west-1', access: { roleArn: ROLE } }),
    ).rejects.toMatchObject({ refusal: { code: 'CREDENTIALS_REJECTED', call: 'sts:AssumeRole' } });
  });

  it('asks again after a refusal, and keeps what it then gets', async () => {
    const source = awsFunctionSource();
    const place = { region: 'eu-west-1', access: { roleArn: ROLE } };
    assumeRole = notAssumed(NOT_ALLOWED);
    await expect(source.list(place)).rejects.toMatchObject({ code: 'ACCESS_DENIED' });
    assumeRole = ASSUMED;
    await source.list(place);
    await source.list({ ...place, region: 'us-east-1' });
    expect(assumed()).toHaveLength(2);
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
  const scope = /Credential=([^/]+)\/\d+\/([^/]+)\/([^/]+)\//.exec(asked.headers.authorization ?? '');
  return {
    signedBy: scope?.[1],
    region: scope?.[2],
    signedFor: scope?.[3],
    body: new URLSearchParams(await text(asked)),
  };
}
