import { once } from 'node:events';
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { awsConsumerProbes } from '../../../functions/adapters/aws/consumer-probes.ts';

const PLACE = { region: 'eu-west-1' };
const VERSION = '00000000-0000-4000-8000-000000000001';
const CALL = 'lambda:InvokeFunction';
const ANSWER = { kind: 'recohere.probe', secret: 'prod/db', versionId: VERSION };

interface Invocation {
  readonly url: string | undefined;
  readonly type: string | string[] | undefined;
  readonly body: string;
}

/** Stands for Lambda on loopback, so that the bounds of a real client are tried. */
describe('consumer probes', () => {
  let server: Server;
  let invocations: Invocation[];
  let answer: RequestListener;

  beforeEach(async () => {
    invocations = [];
    server = createServer(async (request, response) => {
      const type = request.headers['x-amz-invocation-type'];
      invocations.push({ url: request.url, type, body: await text(request) });
      answer(request, response);
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    vi.stubEnv('AWS_ENDPOINT_URL', `http://127.0.0.1:${(server.address() as AddressInfo).port}`);
    vi.stubEnv('AWS_ACCESS_KEY_ID', 'AKIAOWN');
    vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'secret');
  });
  afterEach(() => {
    vi.unstubAllEnvs();
    server.closeAllConnections();
    server.close();
  });

  /** Probes a function whose answer, or Lambda's, is this. */
  function probed(body: string, status = 200, headers: Record<string, string> = {}) {
    answer = (_, response) => response.writeHead(status, headers).end(body);
    return awsConsumerProbes().probe(PLACE, 'checkout', 'prod/db');
  }

  for (const { name, url } of [
    { name: 'checkout', url: '/2015-03-31/functions/checkout/invocations' },
    { name: 'checkout:live', url: '/2015-03-31/functions/checkout/invocations?Qualifier=live' },
    { name: 'checkout:$LATEST', url: '/2015-03-31/functions/checkout/invocations?Qualifier=%24LATEST' },
  ]) {
    it(`invoke the function once, and wait for its answer: ${name}`, async () => {
      answer = (_, response) => response.end(JSON.stringify(ANSWER));
      expect(await awsConsumerProbes().probe(PLACE, name, 'prod/db')).toEqual({ versionId: VERSION });
      expect(invocations).toEqual([
        { url, type: 'RequestResponse', body: '{"kind":"recohere.probe","secret":"prod/db"}' },
      ]);
    });
  }

  describe('find a secret that cannot be used', () => {
    for (const { body, headers, reason } of [
      {
        body: '{"errorMessage":"hunter2"}',
        headers: { 'x-amz-function-error': 'Unhandled' },
        reason: 'it threw',
      },
      {
        body: JSON.stringify(ANSWER),
        headers: { 'x-amz-function-error': 'Handled' },
        reason: 'it threw something that looks like an answer',
      },
      { body: JSON.stringify({ ...ANSWER, versionId: undefined, failed: true }), reason: 'it says so' },
    ]) {
      it(`as the function failed: ${reason}`, async () => {
        expect(await probed(body, 200, headers)).toEqual({
          refusal: { code: 'PROBE_FAILED', call: CALL },
        });
        expect(invocations).toHaveLength(1);
      });
    }
  });

  it('find that a function is not there, which says nothing of the secret', async () => {
    const gone = { 'x-amzn-errortype': 'ResourceNotFoundException' };
    expect(await probed('{"Message":"Function not found: hunter2"}', 404, gone)).toEqual({
      refusal: { code: 'PROBE_MISSING', call: CALL },
    });
  });

  describe('take as no answer', () => {
    for (const { body, reason } of [
      { body: '', reason: 'nothing' },
      { body: 'null', reason: 'null, of a function that ignores what it is asked' },
      { body: 'hunter2', reason: 'what is no JSON' },
      { body: '{"statusCode":200}', reason: 'the answer to another question' },
      { body: JSON.stringify({ ...ANSWER, kind: 'other' }), reason: 'another kind' },
      { body: JSON.stringify({ ...ANSWER, secret: 'prod/other' }), reason: 'one of another secret' },
      {
        body: JSON.stringify({ ...ANSWER, versionId: undefined }),
        reason: 'neither a version nor a failure',
      },
      { body: JSON.stringify({ ...ANSWER, versionId: undefined, failed: false }), reason: 'no failure' },
      { body: JSON.stringify({ ...ANSWER, versionId: '' }), reason: 'an empty version' },
      { body: JSON.stringify({ ...ANSWER, versionId: 'pass word' }), reason: 'a version that is no id' },
      {
        body: JSON.stringify({ ...ANSWER, versionId: 'v'.repeat(65) }),
        reason: 'a version that is too long',
      },
      { body: JSON.stringify(ANSWER).padEnd(4_097), reason: 'a payload that is too large' },
    ]) {
      it(`${reason}`, async () => {
        expect(await probed(body)).toEqual({ refusal: { code: 'PROBE_UNREADABLE', call: CALL } });
      });
    }
  });

  describe('say why a function could not be invoked, and do not try again', () => {
    for (const { type, status, refusal } of [
      { type: 'TooManyRequestsException', status: 429, refusal: { code: 'THROTTLED' } },
      {
        type: 'AccessDeniedException',
        status: 403,
        refusal: { code: 'ACCESS_DENIED', permission: 'lambda:InvokeFunction' },
      },
      { type: 'ServiceException', status: 500, refusal: { code: 'UNAVAILABLE' } },
      { type: 'ExpiredTokenException', status: 403, refusal: { code: 'CREDENTIALS_EXPIRED' } },
      { type: 'InvalidParameterValueException', status: 400, refusal: { code: 'UNEXPECTED_ANSWER' } },
    ]) {
      it(type, async () => {
        const body = JSON.stringify({ message: 'hunter2' });
        expect(await probed(body, status, { 'x-amzn-errortype': type })).toEqual({
          refusal: { call: CALL, ...refusal },
        });
        expect(invocations).toHaveLength(1);
      });
    }

    it('a region that cannot be reached', async () => {
      vi.stubEnv('AWS_ENDPOINT_URL', 'http://127.0.0.1:1');
      expect(await awsConsumerProbes().probe(PLACE, 'checkout', 'prod/db')).toEqual({
        refusal: { code: 'REGION_UNREACHABLE', call: CALL },
      });
    });

    it('no credentials', async () => {
      for (const name of Object.keys(process.env)) {
        if (name.startsWith('AWS_') && name !== 'AWS_ENDPOINT_URL') vi.stubEnv(name, undefined);
      }
      vi.stubEnv('AWS_CONFIG_FILE', '/nonexistent');
      vi.stubEnv('AWS_SHARED_CREDENTIALS_FILE', '/nonexistent');
      vi.stubEnv('AWS_EC2_METADATA_DISABLED', 'true');
      expect(await awsConsumerProbes().probe(PLACE, 'checkout', 'prod/db')).toEqual({
        refusal: { code: 'NO_CREDENTIALS', call: CALL },
      });
      expect(invocations).toEqual([]);
    });

    it('a role that may not be assumed, by the call that was refused', async () => {
      answer = (_, response) =>
        response
          .writeHead(403)
          .end(
            '<ErrorResponse><Error><Code>AccessDenied</Code><Message>hunter2</Message></Error></ErrorResponse>',
          );
      const access = { roleArn: 'arn:aws:iam::222222222222:role/recohere-read' };
      expect(await awsConsumerProbes().probe({ ...PLACE, access }, 'checkout', 'prod/db')).toEqual({
        refusal: { code: 'ACCESS_DENIED', call: 'sts:AssumeRole', permission: 'sts:AssumeRole' },
      });
    });
  });

  describe('are bounded', () => {
    const SILENT = { refusal: { code: 'PROBE_SILENT', call: CALL } };

    for (const { begins, reason } of [
      { begins: false, reason: 'a function that does not answer' },
      { begins: true, reason: 'an answer that begins and does not end' },
    ]) {
      it(`and call it silent, having asked once: ${reason}`, async () => {
        answer = (_, response) => {
          if (begins) response.writeHead(200).write('{"kind":');
        };
        expect(await awsConsumerProbes(200).probe(PLACE, 'checkout', 'prod/db')).toEqual(SILENT);
        expect(invocations).toHaveLength(1);
      });
    }

    it('and call it no silence of the function if a role is not given', async () => {
      answer = () => {};
      const access = { roleArn: 'arn:aws:iam::222222222222:role/recohere-read' };
      expect(await awsConsumerProbes(200).probe({ ...PLACE, access }, 'checkout', 'prod/db')).toEqual({
        refusal: { code: 'REGION_UNREACHABLE', call: CALL },
      });
    });
  });
});
