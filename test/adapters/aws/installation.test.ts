import { describe, expect, it } from 'vitest';
import { transformPath } from '../../../functions/adapters/aws/installation.ts';
import { parseConfig } from '../../../functions/contract/config.ts';

const HUB = '111111111111';
const OTHER = '222222222222';

function configOf(hub: { region: string; account?: string }) {
  const from = (transform: string) => ({ to: 'target', transform });
  const parsed = parseConfig({
    hub,
    replicas: [{ region: 'us-east-1' }],
    tables: [
      { name: 'orders', backfill: from('./transform-0.mjs') },
      { name: 'orders', region: 'eu-west-1', backfill: from('./transform-1.mjs') },
      ...(hub.account ? [{ name: 'orders', account: OTHER, backfill: from('./transform-2.mjs') }] : []),
      { name: 'deduped', dedupe: { key: 'a', keep: 'oldest', by: 'b' } },
    ],
  });
  if (!parsed.ok) throw new Error(parsed.mistakes.join());
  return parsed.config;
}

describe('the transform of a table', () => {
  const config = configOf({ region: 'us-east-1', account: HUB });

  it.each([
    [{ name: 'orders', region: 'us-east-1' }, './transform-0.mjs'],
    [{ name: 'orders', region: 'us-east-1', account: HUB }, './transform-0.mjs'],
    [{ name: 'orders', region: 'eu-west-1' }, './transform-1.mjs'],
    [{ name: 'orders', region: 'us-east-1', account: OTHER }, './transform-2.mjs'],
  ])('is that of the table itself, and not of a namesake: %o', (table, path) => {
    expect(transformPath(config, table)).toBe(path);
  });

  it('is found if nobody names an account', () => {
    const table = { name: 'orders', region: 'us-east-1' };
    expect(transformPath(configOf({ region: 'us-east-1' }), table)).toBe('./transform-0.mjs');
  });

  it.each([
    { name: 'orders', region: 'ap-southeast-2' },
    { name: 'deduped', region: 'us-east-1' },
    { name: 'none', region: 'us-east-1' },
  ])('is none of %o', (table) => {
    expect(() => transformPath(config, table)).toThrow(expect.objectContaining({ code: 'BAD_TRANSFORM' }));
  });
});
