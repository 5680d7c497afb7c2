import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { deployMessageSchema } from '../../functions/contract/messages.ts';
import { type LambdaLike, startLambdaLike } from '../lambda-like.ts';

const HOSTILE = '<script>alert(1)</script>';
let lambda: LambdaLike;

beforeEach(async () => {
  lambda = await startLambdaLike('widget', () => undefined);
  const agreed = { roots: { 'us-east-1': {}, 'eu-west-1': {} }, at: 1 };
  await lambda.ledger.swap({ subject: HOSTILE, version: 1, wake: 0, agreed });
});
afterEach(() => lambda.stop());

const asked = (event: object) =>
  lambda.handler({ widgetContext: { theme: 'dark', width: 800, params: {} }, ...event }) as Promise<unknown>;

describe('the bundle of the widget', () => {
  it('says how it is used', async () => {
    expect(await asked({ describe: true })).toEqual({ markdown: expect.stringContaining('## Recohere') });
  });

  it('draws what is known, and shows what looks like a script as text', async () => {
    const drawn = String(await asked({}));
    expect(drawn).toContain('&lt;script&gt;alert(1)&lt;/script&gt;');
    expect(drawn).not.toMatch(/<script/i);
    expect(drawn).toContain('rc-dark');
    expect(lambda.sent).toEqual([]);
  });

  it.each([undefined, null, 'x', { widgetContext: { theme: 'pink', width: -1 } }, { look: [''] }])(
    'draws whatever it is asked: %j',
    async (event) => {
      expect(String(await lambda.handler(event as object))).toContain('&lt;script&gt;');
      expect(lambda.sent).toEqual([]);
    },
  );

  it('asks for a look when its button is pressed, and for nothing else', async () => {
    const drawn = String(await asked({ look: ['api'], mode: 'apply', kind: 'undo', run: 'x' }));
    expect(drawn).toContain('A look at api is asked for');
    expect(drawn).toContain('&lt;script&gt;');
    const [look, ...more] = lambda.sent;
    expect(more).toEqual([]);
    expect(look?.queue).toBe('verify-deploy');
    expect(deployMessageSchema.parse(JSON.parse(look?.body ?? ''))).toMatchObject({ subjects: ['api'] });
  });

  it.each([
    { reason: 'a name that no subject has', look: ['x'.repeat(601)] },
    { reason: 'one name of 101', look: Array.from({ length: 101 }, () => 'api') },
  ])('asks for no look at $reason', async ({ look }) => {
    await asked({ look });
    expect(lambda.sent).toEqual([]);
  });

  it('asks with one message for a look at 100 of the longest names', async () => {
    const look = Array.from({ length: 100 }, (_, n) => `${n} `.padEnd(600, '東'));
    await asked({ look });
    expect(lambda.sent).toHaveLength(1);
    expect(Buffer.byteLength(lambda.sent[0]?.body ?? '')).toBeLessThan(256 * 1024);
  });

  it('says in its log alone why it could not be drawn', async () => {
    vi.stubEnv('RECOHERE_LEDGER', 'no-such-table');
    await expect(asked({})).rejects.toThrow('the widget could not be drawn');
    expect(lambda.logged()).toMatch(/the widget could not be drawn.*"code":"UNEXPECTED_ANSWER"/);
  });
});
