import { GetSecretValueCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import type { Context, Handler, SQSEvent } from 'aws-lambda';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { PROBE_KIND, type ProbeAnswer, type ProbeRequest } from '../../functions/contract/probe.ts';
import { type Consumer, consumer } from '../../functions/probe/index.ts';
import { arnOf, type Loopback, startLoopback } from './loopback.ts';

let aws: Loopback;
beforeEach(async () => {
  aws = await startLoopback();
});
afterEach(() => aws.stop());

/** A function with a cache of its own, whose handler can do nothing but answer probes. */
function probed(own: Consumer = consumer(), use = async (value: string) => void value) {
  const secrets = own.watch(new SecretsManagerClient());
  const handler = own.answering(
    async (): Promise<unknown> => {
      throw new Error('not a probe');
    },
    {
      async use(secret) {
        const { SecretString = '' } = await secrets.send(new GetSecretValueCommand({ SecretId: secret }));
        await use(SecretString);
      },
    },
  ) as (event: ProbeRequest) => Promise<ProbeAnswer>;
  return (secret: string) => handler({ kind: PROBE_KIND, secret });
}

describe('a probe', () => {
  it('is answered with the version that could be used', async () => {
    const used: string[] = [];
    const probe = probed(consumer(), async (value) => void used.push(value));
    aws.rotate('db', 'v1', 'hunter2');
    expect(await probe('db')).toEqual({ kind: PROBE_KIND, secret: 'db', versionId: 'v1' });
    aws.rotate('db', 'v2', 'hunter3');
    expect(await probe('db')).toEqual({ kind: PROBE_KIND, secret: 'db', versionId: 'v2' });
    expect(used).toEqual(['hunter2', 'hunter3']);
  });

  const NAMES = [
    'db',
    'db-AbCdEf',
    'db-AbCdEf-AbCdEf',
    'apps/checkout/db',
    'apps/db+cache=@one_2.3',
    'secret',
    'a-123456',
  ];
  it.each([NAMES, NAMES.toReversed()])(
    'is told apart by the whole name of the secret (%#)',
    async (...names) => {
      const { loaded, answering } = consumer();
      const handler = answering(async (_: ProbeRequest): Promise<unknown> => undefined, {
        use: async () => {},
      });
      for (const name of names) {
        loaded({ ARN: arnOf(name), VersionId: `version of ${name}`, VersionStages: ['AWSCURRENT'] });
      }
      for (const secret of names) {
        const answer = await handler({ kind: PROBE_KIND, secret });
        expect(answer).toEqual({ kind: PROBE_KIND, secret, versionId: `version of ${secret}` });
      }
      for (const secret of ['', 'd', 'apps', 'checkout/db', 'a', 'db-AbCdE']) {
        expect(await handler({ kind: PROBE_KIND, secret })).toMatchObject({ secret, failed: true });
      }
    },
  );

  it('is answered by ARN too', async () => {
    aws.rotate('db', 'v1');
    expect(await probed()(arnOf('db'))).toMatchObject({ secret: arnOf('db'), versionId: 'v1' });
  });

  it('is answered with the version that the process holds, though a newer one is there', async () => {
    const own = consumer();
    const held = { ARN: arnOf('db'), VersionId: 'v1', VersionStages: ['AWSCURRENT'] };
    const handler = own.answering(async (_: ProbeRequest): Promise<unknown> => undefined, {
      use: async () => own.loaded(held),
    });
    aws.rotate('db', 'v2');
    expect(await handler({ kind: PROBE_KIND, secret: 'db' })).toMatchObject({ versionId: 'v1' });
  });

  it('is answered with what was loaded last, of secrets in two regions with one name', async () => {
    const own = consumer();
    const loadFrom = (region: string, VersionId: string) =>
      own.loaded({
        ARN: arnOf('db').replace('us-east-1', region),
        VersionId,
        VersionStages: ['AWSCURRENT'],
      });
    loadFrom('us-east-1', 'v1');
    loadFrom('eu-west-1', 'v2');
    loadFrom('us-east-1', 'v1');
    const handler = own.answering(async (_: ProbeRequest): Promise<unknown> => undefined, {
      use: async () => {},
    });
    expect(await handler({ kind: PROBE_KIND, secret: 'db' })).toMatchObject({ versionId: 'v1' });
  });

  it('has failed if the secret cannot be used, and the answer tells no text of the error', async () => {
    const probe = probed(consumer(), async (value) => {
      throw new Error(`password authentication failed with ${value}`);
    });
    aws.rotate('db', 'v1', 'hunter2');
    expect(await probe('db')).toEqual({ kind: PROBE_KIND, secret: 'db', failed: true });
    expect(aws.sent.join()).not.toContain('hunter2');
  });

  it('has failed if the use throws at once', async () => {
    const { answering } = consumer();
    const handler = answering(async (_: ProbeRequest): Promise<unknown> => undefined, {
      use: () => {
        throw new Error('hunter2');
      },
    });
    const answer = await handler({ kind: PROBE_KIND, secret: 'db' });
    expect(answer).toEqual({ kind: PROBE_KIND, secret: 'db', failed: true });
  });

  it('has failed if nothing that is watched has loaded the secret', async () => {
    const { answering } = consumer();
    aws.rotate('db', 'v1');
    const unwatched = new SecretsManagerClient();
    const handler = answering(async (_: ProbeRequest): Promise<unknown> => undefined, {
      use: (secret) => unwatched.send(new GetSecretValueCommand({ SecretId: secret })),
    });
    const answer = await handler({ kind: PROBE_KIND, secret: 'db' });
    expect(answer).toEqual({ kind: PROBE_KIND, secret: 'db', failed: true });
  });

  it('has failed if the secret is not there', async () => {
    expect(await probed()('gone')).toEqual({ kind: PROBE_KIND, secret: 'gone', failed: true });
  });
});

describe('a handler that answers probes', () => {
  it('gets every other event as it is, and all that comes with it', async () => {
    const got: unknown[][] = [];
    const handler = consumer().answering(
      async (...args: unknown[]) => {
        got.push(args);
        return args;
      },
      { use: () => Promise.reject() },
    );
    const events = [
      undefined,
      null,
      'text',
      7,
      [],
      {},
      { kind: 'other', secret: 'db' },
      { kind: PROBE_KIND },
      { kind: PROBE_KIND, secret: 7 },
      { body: JSON.stringify({ kind: PROBE_KIND, secret: 'db' }) },
    ];
    const context = { awsRequestId: '1' };
    for (const event of events) {
      const [gotEvent, gotContext] = await handler(event, context);
      expect(gotEvent).toBe(event);
      expect(gotContext).toBe(context);
    }
    expect(got).toHaveLength(events.length);
  });

  it('fails as it would alone', async () => {
    const error = new Error('of the handler');
    const { answering } = consumer();
    const use = async () => {};
    await expect(answering(() => Promise.reject(error), { use })()).rejects.toBe(error);
    const atOnce = answering(
      () => {
        throw error;
      },
      { use },
    );
    await expect(atOnce()).rejects.toBe(error);
  });

  describe('with reports under way', () => {
    // the bound of the wait, and nothing else
    beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] }));
    afterEach(() => void vi.useRealTimers());

    const answer = { ARN: arnOf('db'), VersionId: 'v1', VersionStages: ['AWSCURRENT'] };

    it('ends when they have been taken', async () => {
      const taken: string[] = [];
      const { loaded, answering } = consumer({
        async putEvents({ Entries }) {
          await new Promise((resolve) => setImmediate(resolve));
          taken.push(...Entries.map(({ Detail }) => JSON.parse(Detail).versionId));
          return { Entries: Entries.map(() => ({})) };
        },
      });
      const error = new Error('of the handler');
      const handler = answering(
        async () => {
          loaded(answer);
          throw error;
        },
        { use: async () => {} },
      );
      await expect(handler()).rejects.toBe(error);
      expect(taken).toEqual(['v1']);
      expect(vi.getTimerCount()).toBe(0);
    });

    it('ends after a bound if they have not', async () => {
      const { loaded, answering } = consumer({ putEvents: () => new Promise(() => {}) });
      let ended = false;
      const ending = answering(async () => loaded(answer).VersionId, { use: async () => {} })();
      ending.then(() => (ended = true));
      await vi.advanceTimersByTimeAsync(199);
      expect(ended).toBe(false);
      await vi.advanceTimersByTimeAsync(1);
      expect(await ending).toBe('v1');
    });
  });

  it('keeps its type', async () => {
    const handler: Handler<SQSEvent, string> = consumer().answering(
      async ({ Records }: SQSEvent, { awsRequestId }: Context) => `${Records.length} of ${awsRequestId}`,
      { use: async () => {} },
    );
    const context = { awsRequestId: 'r1' } as Context;
    expect(await handler({ Records: [] }, context, vi.fn())).toBe('0 of r1');
  });
});
