import { createHmac } from 'node:crypto';
import { inspect } from 'node:util';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  canonical,
  fingerprint,
  fingerprintKey,
  normalise,
  rememberingKey,
} from '../../functions/core/fingerprint.ts';

const key = fingerprintKey('k1', new Uint8Array(32).fill(7));
const virginia = { region: 'us-east-1', account: '111111111111' };
const ireland = { region: 'eu-west-1', account: '222222222222' };

/** Any JavaScript string, lone surrogates included. */
const text = fc.oneof(
  fc.string({ unit: 'grapheme' }),
  fc.string({ unit: 'binary' }),
  fc.string({ unit: fc.constantFrom('\ud800', '\udc00', '\ufffd', ':', '1', '=', '{region}', 'us-east-1') }),
);
const environment = fc.uniqueArray(fc.tuple(text, text), { selector: ([name]) => name, maxLength: 8 });

describe('canonical bytes', () => {
  it('are equal only for equal lists', () => {
    fc.assert(
      fc.property(fc.array(text), fc.array(text), (a, b) => {
        const bytes = (list: string[]) => Buffer.from(canonical(list), 'utf16le').toString('hex');
        expect(bytes(a) === bytes(b)).toBe(JSON.stringify(a) === JSON.stringify(b));
      }),
    );
  });

  it.each([
    { a: ['ab', 'c'], b: ['a', 'bc'], reason: 'a border moved between two texts' },
    { a: ['1:a'], b: ['', 'a'], reason: 'a text that spells a length' },
    { a: ['\ud800'], b: ['\udc00'], reason: 'two lone surrogates, the same in UTF-8' },
    { a: [], b: [''], reason: 'nothing against an empty text' },
  ])('differ for $reason', ({ a, b }) => {
    expect(canonical(a)).not.toBe(canonical(b));
  });
});

describe('fingerprint', () => {
  it('is the keyed hash that its description says', () => {
    const { leaves, root, prefix } = fingerprint(key, 'env', new Map([['A', 'x']]), virginia);
    const hash = (input: string) =>
      createHmac('sha256', new Uint8Array(32).fill(7)).update(input, 'utf16le').digest('hex').slice(0, 32);
    const leaf = hash('3:env1:A2:=x');
    expect(prefix).toBe('v1.k1');
    expect(leaves.get('A')).toEqual({ raw: leaf, normalised: leaf });
    expect(root.raw).toBe(hash(`3:env1:A32:${leaf}`));
  });

  it('is HMAC-SHA-256 for every key and text', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 32, maxLength: 64 }), text, text, (secret, name, value) => {
        const values = new Map([[name, value]]);
        const { leaves } = fingerprint(fingerprintKey('k', secret), 'env', values, virginia);
        const hmac = createHmac('sha256', secret).update(canonical(['env', name, `=${value}`]), 'utf16le');
        expect(leaves.get(name)?.raw).toBe(hmac.digest('hex').slice(0, 32));
      }),
    );
  });

  it('does not depend on the order of the keys', () => {
    fc.assert(
      fc.property(environment, (entries) => {
        const forward = fingerprint(key, 'env', new Map(entries), virginia);
        const backward = fingerprint(key, 'env', new Map(entries.toReversed()), virginia);
        expect(backward).toEqual(forward);
      }),
    );
  });

  it('has equal raw roots only for equal maps', () => {
    fc.assert(
      fc.property(environment, environment, (a, b) => {
        const rootOf = (entries: [string, string][]) =>
          fingerprint(key, 'env', new Map(entries), virginia).root.raw;
        const sorted = (entries: [string, string][]) =>
          JSON.stringify(entries.toSorted(([x], [y]) => (x < y ? -1 : 1)));
        expect(rootOf(a) === rootOf(b)).toBe(sorted(a) === sorted(b));
      }),
    );
  });

  it('keeps facets, keys and installations apart', () => {
    const of = (facet: 'env' | 'code', name: string, secret: number) =>
      fingerprint(
        fingerprintKey('k', new Uint8Array(32).fill(secret)),
        facet,
        new Map([[name, 'x']]),
        virginia,
      ).root.raw;
    expect(new Set([of('env', 'A', 1), of('code', 'A', 1), of('env', 'B', 1), of('env', 'A', 2)]).size).toBe(
      4,
    );
  });

  it('refuses a short key and a home without an account', () => {
    expect(() => fingerprintKey('k', new Uint8Array(16))).toThrow('32 to 64 bytes');
    expect(() => fingerprintKey('k', new Uint8Array(65))).toThrow('32 to 64 bytes');
    expect(() => fingerprint(key, 'env', new Map(), { region: 'us-east-1', account: '' })).toThrow(
      'an account',
    );
  });
});

describe('normalised leaves', () => {
  const normalised = (value: string, home: typeof virginia) =>
    fingerprint(key, 'env', new Map([['A', value]]), home).leaves.get('A')?.normalised;

  it.each([
    {
      a: 'arn:aws:dynamodb:us-east-1:111111111111:table/x',
      b: 'arn:aws:dynamodb:eu-west-1:222222222222:table/x',
      equal: true,
      reason: 'ARNs that differ by their own region and account',
    },
    {
      a: 'https://sqs.us-east-1.amazonaws.com/q',
      b: 'https://sqs.eu-west-1.amazonaws.com/q',
      equal: true,
      reason: 'URLs',
    },
    { a: 'us-east-1a', b: 'eu-west-1a', equal: true, reason: 'zones of the own region' },
    { a: 'us-east-1', b: 'us-east-1', equal: false, reason: 'one region named by both: home to one only' },
    { a: '{region}', b: 'eu-west-1', equal: false, reason: 'a placeholder that was there before' },
    { a: '={region}', b: '=eu-west-1', equal: false, reason: 'a placeholder behind the mark of literals' },
    { a: 'us-east-1|x', b: 'eu-west-1|y', equal: false, reason: 'texts that differ elsewhere too' },
  ])('equal is $equal for $reason', ({ a, b, equal }) => {
    expect(normalised(a, virginia) === normalised(b, ireland)).toBe(equal);
  });

  it('lose nothing: the pieces give the value back', () => {
    fc.assert(
      fc.property(text, (value) => {
        const back = normalise(value, virginia)
          .map((piece) =>
            piece.startsWith('=') ? piece.slice(1) : piece === '{region}' ? 'us-east-1' : '111111111111',
          )
          .join('');
        expect(back).toBe(value);
      }),
    );
  });

  it('are equal wherever values differ by the own region and account alone', () => {
    const piece = fc.oneof(text, fc.constantFrom('REGION', 'ACCOUNT'));
    fc.assert(
      fc.property(fc.array(piece), (pieces) => {
        const literals = pieces.filter((part) => part !== 'REGION' && part !== 'ACCOUNT').join('');
        fc.pre(!/us-east-1|eu-west-1|\d/.test(literals));
        const at = (home: typeof virginia) =>
          pieces
            .map((part) => (part === 'REGION' ? home.region : part === 'ACCOUNT' ? home.account : part))
            .join('');
        expect(normalised(at(virginia), virginia)).toBe(normalised(at(ireland), ireland));
      }),
    );
  });
});

describe('a key that remembers', () => {
  it('fingerprints as the key itself does, whatever it has hashed before', () => {
    fc.assert(
      fc.property(fc.array(environment, { maxLength: 5 }), (environments) => {
        const remembering = rememberingKey(key);
        for (const home of [virginia, ireland, virginia]) {
          for (const values of environments) {
            const expected = fingerprint(key, 'env', new Map(values), home);
            expect(fingerprint(remembering, 'env', new Map(values), home)).toEqual(expected);
          }
        }
      }),
    );
  });

  it('goes on when it remembers no more', () => {
    const values = new Map(Array.from({ length: 20_001 }, (_, id) => [`KEY_${id}`, 'x']));
    const expected = fingerprint(key, 'env', values, virginia).root;
    expect(fingerprint(rememberingKey(key), 'env', values, virginia).root).toEqual(expected);
  });

  it('keeps once what many replicas have alike', () => {
    const remembering = rememberingKey(key);
    const [one, other] = [virginia, ireland].map((home) =>
      fingerprint(remembering, 'env', new Map([['A', 'x']]), home),
    );
    expect(one).toBe(other);
    expect(fingerprint(remembering, 'settings', new Map([['A', 'x']]), ireland)).not.toEqual(one);
  });

  it.each([
    { one: 'us-east-1', other: 'us-east-1', reason: 'a value that names the home of one only' },
    { one: 'us-east-1', other: 'eu-west-1', reason: 'values that each name their own home' },
  ])('keeps apart what only one of two roots tells apart: $reason', ({ one, other }) => {
    const remembering = rememberingKey(key);
    for (const [value, home] of [[one, virginia] as const, [other, ireland] as const]) {
      const values = new Map([['A', value]]);
      expect(fingerprint(remembering, 'env', values, home)).toEqual(fingerprint(key, 'env', values, home));
    }
  });

  it('prints nothing of what it remembers', () => {
    const remembering = rememberingKey(key);
    fingerprint(remembering, 'env', new Map([['A', 'wonderland']]), virginia);
    expect(`${JSON.stringify(remembering)}${inspect(remembering, { depth: 9 })}`).not.toContain('wonderland');
  });
});
