import { once } from 'node:events';
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { reconcileClient, whyNot } from '../../../functions/adapters/aws/reconcile-client.ts';
import type { Finding } from '../../../functions/contract/report.ts';
import { RecohereError, RefusedError } from '../../../functions/core/errors.ts';
import { orderItem, RunSystem } from '../../app/run-system.ts';
import { aSubject, EMPTY, SAMPLE } from '../../app/sample-overview.ts';

const HUB = { prefix: 'recohere', hub: { region: 'eu-west-1' } };
const CALL = 'lambda:InvokeFunction';
const SECRET = 'hunter2';

const REFUSAL = { code: 'ACCESS_DENIED', call: 'kms:Decrypt', permission: 'kms:Decrypt' } as const;
const HERE = { replica: 'eu-west-1', keys: ['x'] };
/** One of each kind. */
const FINDINGS: readonly Finding[] = [
  { ...HERE, facet: 'env', kind: 'different', reference: 'us-east-1' },
  { ...HERE, facet: 'replica', kind: 'missing' },
  { ...HERE, facet: 'traffic', kind: 'unsettled' },
  { ...HERE, facet: 'replica', kind: 'failed' },
  { ...HERE, facet: 'settings', kind: 'unobservable', refusal: REFUSAL },
  { ...HERE, facet: 'code', kind: 'unexpected' },
  { ...HERE, facet: 'version', kind: 'standalone' },
  { ...HERE, facet: 'consumer', kind: 'failed', refusal: { code: 'PROBE_FAILED' } },
  { ...HERE, facet: 'consumer', kind: 'stale' },
  { ...HERE, facet: 'rotation', kind: 'failed' },
];

/** Stands for Lambda on loopback. */
describe('the client of a hub', () => {
  let server: Server;
  let invocations: { readonly url: string | undefined; readonly type: unknown; readonly body: string }[];
  let answer: RequestListener;

  beforeEach(async () => {
    invocations = [];
    server = createServer(async (request, response) => {
      const type = request.headers['x-amz-invocation-type'];
      invocations.push({ url: request.url, type, body: await text(request) });
      answer(request, response);
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
  });
  afterEach(() => {
    server.closeAllConnections();
    server.close();
  });

  /** A client of a function whose answer, or Lambda's, is this. */
  function client(body: unknown, status = 200, headers: Record<string, string> = {}, of: typeof HUB = HUB) {
    answer = (_, response) =>
      response.writeHead(status, headers).end(typeof body === 'string' ? body : JSON.stringify(body));
    return reconcileClient(of, {
      endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
      credentials: { accessKeyId: 'any', secretAccessKey: 'any' },
    });
  }

  async function system(): Promise<RunSystem> {
    const system = new RunSystem();
    for (const id of ['a', 'b', 'c']) system.orders.put(orderItem(id, 'x', 1));
    return system;
  }

  it('sends a request, and understands what the function answers', async () => {
    const runs = await system();
    const applied = await runs.applied();
    const status = await runs.ask({ kind: 'status', run: applied.id, showKeys: true });
    expect(await client(status).run({ kind: 'status', run: applied.id, showKeys: true })).toEqual(
      JSON.parse(JSON.stringify(status)),
    );
    expect(invocations).toEqual([
      {
        url: '/2015-03-31/functions/recohere-reconcile/invocations',
        type: 'RequestResponse',
        body: JSON.stringify({ kind: 'status', run: applied.id, showKeys: true }),
      },
    ]);
    const listed = (await runs.ask({ kind: 'runs', limit: 9 })) as { runs: unknown };
    expect(await client(listed).runs(9)).toEqual(JSON.parse(JSON.stringify(listed.runs)));
    const audit = await runs.ask({ kind: 'audit', run: applied.id });
    expect(await client(audit).audit(applied.id)).toEqual(JSON.parse(JSON.stringify(audit)));
  });

  it('asks for what is known, page by page or by name, and understands it', async () => {
    const page = { ...SAMPLE, next: 'function cart' };
    expect(await client(page).overview()).toEqual(page);
    await client(SAMPLE).overview('function cart');
    expect(await client(SAMPLE).overviewOf(['cart'])).toEqual(SAMPLE);
    expect(invocations.map(({ body }) => JSON.parse(body))).toEqual([
      { kind: 'overview' },
      { kind: 'overview', after: 'function cart' },
      { kind: 'overview', subjects: ['cart'] },
    ]);
  });

  it('understands findings of all kinds, and keeps what a later release says of them', async () => {
    const subjects = [aSubject('cart', { verdict: 'diverged', findings: FINDINGS })];
    expect(await client({ ...EMPTY, subjects }).overview()).toEqual({ ...EMPTY, subjects });
    const novel = FINDINGS.map((finding) => ({ ...finding, novelty: true }));
    const later = { ...EMPTY, subjects: [{ ...aSubject('cart'), findings: novel, novelty: 1 }], novelty: 2 };
    expect(await client(later).overview()).toEqual(later);
    const unheardOf = {
      ...aSubject('cart'),
      findings: [{ replica: 'x', facet: 'novelty', kind: 'missing', keys: [] }],
    };
    await expect(client({ ...EMPTY, subjects: [unheardOf] }).overview()).rejects.toMatchObject({
      refusal: { code: 'UNEXPECTED_ANSWER' },
    });
  });

  it('asks for looks and for silence', async () => {
    const look = { id: 'a', functions: ['cart'], secrets: [] };
    expect(await client(look).verify(['cart'])).toEqual(look);
    const { id: _, ...older } = look;
    expect(await client(older).verify(['cart'])).toEqual(older);
    const status = aSubject('cart', { silence: { until: 1, reason: 'drill' } });
    expect(await client(status).silence('cart', 60, 'drill')).toEqual(status);
    expect(invocations.slice(1).map(({ body }) => JSON.parse(body))).toEqual([
      { kind: 'verify', subjects: ['cart'] },
      { kind: 'silence', subject: 'cart', seconds: 60, reason: 'drill' },
    ]);
  });

  it('asks no other account than the one that the config names', async () => {
    const hub = { ...HUB, hub: { region: 'cn-north-1', account: '111111111111' } };
    await client({ runs: [] }, 200, {}, hub).runs(1);
    expect(decodeURIComponent(invocations[0]?.url ?? '')).toContain(
      '/arn:aws-cn:lambda:cn-north-1:111111111111:function:recohere-reconcile/',
    );
  });

  it('throws what the function refuses, by its code', async () => {
    const error = { code: 'OTHER_COUNT', message: 'the dry run found 5 items, not 4' };
    await expect(client({ error }).runs(1)).rejects.toMatchObject(error);
    const denied = { code: 'ACCESS_DENIED', message: 'x', permission: 'dynamodb:Scan' };
    const refused = await client({ error: denied })
      .runs(1)
      .catch((thrown) => thrown);
    expect(refused).toBeInstanceOf(RefusedError);
    expect(refused.refusal).toEqual({ code: 'ACCESS_DENIED', permission: 'dynamodb:Scan' });
    const mistakes = ['request.kind: is missing', 'request.run: is missing'];
    await expect(client({ error: { code: 'BAD_REQUEST', mistakes } }).runs(1)).rejects.toMatchObject({
      code: 'BAD_REQUEST',
      message: expect.stringMatching(
        /another release\?\n {2}request.kind: is missing\n {2}request.run: is missing$/,
      ),
    });
  });

  it('says what is to be deployed where no function is', async () => {
    const absent = { 'x-amzn-errortype': 'ResourceNotFoundException' };
    await expect(client({ Message: SECRET }, 404, absent).runs(1)).rejects.toMatchObject({
      code: 'NOT_DEPLOYED',
      message: 'there is no function recohere-reconcile in eu-west-1: deploy it with npx cdk deploy --all',
    });
  });

  it('says where to look when the function has failed, and not what it said', async () => {
    const failed = { 'x-amz-function-error': 'Unhandled' };
    await expect(client({ errorMessage: SECRET }, 200, failed).runs(1)).rejects.toMatchObject({
      code: 'FUNCTION_FAILED',
      message: expect.stringMatching(/\/aws\/lambda\/recohere-reconcile in eu-west-1(?!.*hunter2)/),
    });
  });

  it.each([
    { body: '', reason: 'nothing' },
    { body: SECRET, reason: 'no JSON' },
    { body: { runs: SECRET }, reason: 'something else' },
    { body: null, reason: 'null' },
  ])('refuses $reason as an answer', async ({ body }) => {
    const refused = await client(body)
      .runs(1)
      .catch((thrown) => thrown);
    expect(refused).toMatchObject({ refusal: { code: 'UNEXPECTED_ANSWER', call: CALL } });
    expect(`${refused.message} ${JSON.stringify(refused.context)}`).not.toContain(SECRET);
  });

  it('translates what AWS refuses', async () => {
    const denied = { 'x-amzn-errortype': 'AccessDeniedException' };
    const message = `${SECRET} is not authorized to perform: ${CALL} on resource: x`;
    await expect(client({ Message: message }, 403, denied).runs(1)).rejects.toMatchObject({
      refusal: { code: 'ACCESS_DENIED', call: CALL, permission: CALL },
      message: expect.not.stringContaining(SECRET),
    });
  });

  it('keeps what a later release says besides', async () => {
    const listed = (await (await system()).ask({ kind: 'runs', limit: 1 })) as object;
    expect(await client({ ...listed, runs: [] }).runs(1)).toEqual([]);
    const run = await (await system()).run({ kind: 'dedupe', table: 'orders' });
    const later = { ...run, counts: { ...run.counts, novelty: 1 }, novelty: true };
    expect(await client(later).run({ kind: 'status', run: run.id })).toMatchObject({
      counts: { novelty: 1 },
      novelty: true,
    });
  });
});

describe('why something was not done', () => {
  it('is told of refusals, and not of defects', () => {
    expect(whyNot(new RecohereError('APPLY_OFF', 'no'))).toEqual({ code: 'APPLY_OFF', message: 'no' });
    const refusal = { code: 'THROTTLED', call: CALL } as const;
    expect(whyNot(new RefusedError(refusal))).toMatchObject({ refusal });
    expect(whyNot(new RecohereError('INVARIANT', 'no'))).toBeUndefined();
    expect(whyNot(new TypeError('no'))).toBeUndefined();
  });
});
