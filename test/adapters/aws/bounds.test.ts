import { once } from 'node:events';
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { CLIENT_BOUNDS } from '../../../functions/adapters/aws/bounds.ts';
import { awsFunctionSource } from '../../../functions/adapters/aws/function-source.ts';

const PLACE = { region: 'eu-west-1' };

/** The bounds that users have, with shorter waits. */
const SHORT = {
  client: { ...CLIENT_BOUNDS, requestHandler: { ...CLIENT_BOUNDS.requestHandler, requestTimeout: 50 } },
  callTimeoutMs: 5_000,
};

describe('a region that is not well', () => {
  let server: Server;
  let requests: number;
  let answer: RequestListener;

  beforeEach(async () => {
    requests = 0;
    server = createServer((request, response) => {
      requests++;
      answer(request, response);
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    vi.stubEnv('AWS_ENDPOINT_URL', `http://127.0.0.1:${(server.address() as AddressInfo).port}`);
    vi.stubEnv('AWS_ACCESS_KEY_ID', 'AKIAOWN');
    vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'secret');
  });
  afterEach(async () => {
    vi.unstubAllEnvs();
    server.closeAllConnections();
    server.close();
    await once(server, 'close');
  });

  it('and never answers is tried a few times and given up', async () => {
    answer = () => {};
    await expect(awsFunctionSource(SHORT).list(PLACE)).rejects.toMatchObject({ code: 'REGION_UNREACHABLE' });
    expect(requests).toBe(CLIENT_BOUNDS.maxAttempts);
  });

  it('and begins an answer that never ends is given up', async () => {
    answer = (_, response) => {
      response.writeHead(200, { 'content-type': 'application/json' });
      response.write('{"Functions":[');
    };
    const source = awsFunctionSource({ ...SHORT, callTimeoutMs: 200 });
    await expect(source.list(PLACE)).rejects.toMatchObject({ code: 'REGION_UNREACHABLE' });
  });

  it('and begins to give a role that it never gives is given up', async () => {
    answer = (_, response) => {
      response.writeHead(200, { 'content-type': 'text/xml' });
      response.write('<AssumeRoleResponse>');
    };
    const place = { ...PLACE, access: { roleArn: 'arn:aws:iam::222222222222:role/recohere-read' } };
    const source = awsFunctionSource({ ...SHORT, callTimeoutMs: 200 });
    await expect(source.list(place)).rejects.toMatchObject({ code: 'REGION_UNREACHABLE' });
  });

  it('and throttles is asked again, and answers in the end', async () => {
    answer = (_, response) => {
      if (requests > 1) response.end('{"Functions":[]}');
      else response.writeHead(429, { 'x-amzn-errortype': 'TooManyRequestsException' }).end('{}');
    };
    expect(await awsFunctionSource(SHORT).list(PLACE)).toMatchObject({ functions: [] });
    expect(requests).toBe(2);
  });
});
