import { describe, expect, it } from 'vitest';
import { type Finding, REFUSAL_CODES, type RefusalCode } from '../../functions/contract/report.ts';
import {
  ALL_REPLICA_WORDS,
  listed,
  phraseOf,
  plural,
  sentenceOf,
  wordOf,
} from '../../functions/core/words.ts';

const replica = 'eu-west-1';
const reference = 'us-east-1';
const consumer = { replica, facet: 'consumer', keys: ['checkout-api'] } as const;

describe('the phrase of a finding', () => {
  const rows: { finding: Finding; phrase: string }[] = [
    {
      finding: { replica, facet: 'env', kind: 'different', keys: ['A'], reference },
      phrase: 'env A differs from us-east-1',
    },
    {
      finding: { replica, facet: 'env', kind: 'different', keys: ['A', 'B'], reference },
      phrase: 'env A, B differ from us-east-1',
    },
    { finding: { replica, facet: 'env', kind: 'missing', keys: ['A'], reference }, phrase: 'env A missing' },
    {
      finding: { replica, facet: 'settings', kind: 'extra', keys: ['Layers'], reference },
      phrase: 'settings Layers not in us-east-1',
    },
    {
      finding: { replica, facet: 'code', kind: 'unexpected', keys: ['BUILD'] },
      phrase: 'code BUILD is not the one expected',
    },
    { finding: { replica, facet: 'replica', kind: 'missing', keys: [] }, phrase: 'function missing' },
    {
      finding: { replica, facet: 'replica', kind: 'missing', keys: ['DeletedDate'] },
      phrase: 'scheduled for deletion',
    },
    { finding: { replica, facet: 'replica', kind: 'extra', keys: [] }, phrase: 'not expected here' },
    {
      finding: { replica, facet: 'replica', kind: 'extra', keys: ['api-2'] },
      phrase: 'also claimed by api-2',
    },
    { finding: { replica, facet: 'replica', kind: 'unsettled', keys: [] }, phrase: 'update in progress' },
    { finding: { replica, facet: 'replica', kind: 'failed', keys: [] }, phrase: 'last update failed' },
    {
      finding: {
        replica,
        facet: 'replica',
        kind: 'unobservable',
        keys: [],
        refusal: { code: 'THROTTLED' },
      },
      phrase: 'not readable: throttled, also after retries; try again later',
    },
    {
      finding: { replica, facet: 'env', kind: 'unobservable', keys: [], refusal: { code: 'NOT_READ' } },
      phrase: 'env not readable: not read',
    },
    {
      finding: { replica, facet: 'traffic', kind: 'missing', keys: ['live'] },
      phrase: 'alias live missing',
    },
    {
      finding: { replica, facet: 'traffic', kind: 'unsettled', keys: ['live'] },
      phrase: 'alias live splits its traffic',
    },
    { finding: { replica, facet: 'version', kind: 'unsettled', keys: [] }, phrase: 'replication under way' },
    {
      finding: { replica, facet: 'version', kind: 'stale', keys: ['InSync'] },
      phrase: "version is not the primary's although AWS calls it in sync",
    },
    {
      finding: { replica, facet: 'version', kind: 'stale', keys: ['InProgress'] },
      phrase: 'replication takes too long',
    },
    { finding: { replica, facet: 'version', kind: 'failed', keys: [] }, phrase: 'replication failed' },
    { finding: { replica, facet: 'version', kind: 'missing', keys: [] }, phrase: 'no version is current' },
    {
      finding: { replica, facet: 'version', kind: 'standalone', keys: [] },
      phrase: 'a standalone secret: promoted, or never a replica',
    },
    {
      finding: { ...consumer, kind: 'unsettled' },
      phrase: 'consumer checkout-api may still keep another version',
    },
    {
      finding: { ...consumer, kind: 'unexpected' },
      phrase: 'consumer checkout-api says that it uses a version that the secret never had',
    },
    { finding: { ...consumer, kind: 'stale' }, phrase: 'consumer checkout-api still uses another version' },
    {
      finding: { ...consumer, kind: 'failed', refusal: { code: 'PROBE_SILENT' } },
      phrase: 'probe of checkout-api failed: it did not answer in time',
    },
    { finding: { ...consumer, kind: 'failed' }, phrase: 'probe of checkout-api failed' },
    {
      finding: { replica, facet: 'rotation', kind: 'failed', keys: ['RotationFailed'] },
      phrase: 'rotation failed (RotationFailed)',
    },
    {
      finding: { replica, facet: 'rotation', kind: 'failed', keys: ['NextRotationDate'] },
      phrase: 'rotation is overdue (NextRotationDate)',
    },
  ];

  it.each(rows)('is: $phrase', ({ finding, phrase }) => {
    expect(phraseOf(finding)).toBe(phrase);
  });

  it('names the facet once for findings that follow each other', () => {
    const first: Finding = { replica, facet: 'env', kind: 'missing', keys: ['A'], reference };
    const then: Finding = { replica, facet: 'env', kind: 'missing', keys: ['B'], reference };
    expect(phraseOf(then, first)).toBe('B missing');
    expect(phraseOf({ ...then, facet: 'code' }, first)).toBe('code B missing');
  });

  it('has words of its own for what is missing, and names some of the keys', () => {
    expect(phraseOf({ replica, facet: 'replica', kind: 'missing', keys: [] }, undefined, 'gone')).toBe(
      'gone',
    );
    const many: Finding = { replica, facet: 'env', kind: 'missing', keys: ['A', 'B', 'C'], reference };
    expect(phraseOf(many, undefined, '', 2)).toBe('env A, B and 1 more missing');
  });
});

describe('the word for a replica', () => {
  const differs: Finding = { replica, facet: 'env', kind: 'different', keys: ['A'], reference };
  const updating: Finding = { replica, facet: 'replica', kind: 'unsettled', keys: [] };
  const gone: Finding = { replica, facet: 'replica', kind: 'missing', keys: [] };
  const lacks: Finding = { replica, facet: 'env', kind: 'missing', keys: ['A'], reference };

  it.each([
    { findings: [], word: undefined, reason: 'it agrees' },
    { findings: [updating], word: 'updating', reason: 'an update is under way' },
    { findings: [updating, differs], word: 'differs', reason: 'the worst finding counts' },
    { findings: [lacks], word: 'differs', reason: 'it lacks a key, and is there' },
    { findings: [gone], word: 'missing', reason: 'it is not there' },
  ])('is $word when $reason', ({ findings, word }) => {
    expect(wordOf(findings)).toBe(word);
  });

  it('is one of a few, each once', () => {
    expect(new Set(ALL_REPLICA_WORDS).size).toBe(ALL_REPLICA_WORDS.length);
    expect(ALL_REPLICA_WORDS).toContain('stale');
  });
});

describe('a refusal', () => {
  it('has a sentence for every code', () => {
    const sentences = REFUSAL_CODES.map((code) => sentenceOf({ code }));
    expect(new Set(sentences).size).toBe(REFUSAL_CODES.length);
  });

  it('names the missing permission, and the call where it is another', () => {
    const code: RefusalCode = 'ACCESS_DENIED';
    expect(sentenceOf({ code, call: 'lambda:GetAlias', permission: 'lambda:GetAlias' })).toBe(
      'access denied: missing permission lambda:GetAlias',
    );
    expect(sentenceOf({ code, call: 'lambda:ListFunctions', permission: 'sts:AssumeRole' })).toBe(
      'access denied: missing permission sts:AssumeRole (lambda:ListFunctions)',
    );
  });
});

describe('a count', () => {
  it.each([
    { count: 1, text: '1 item' },
    { count: 0, text: '0 items' },
    { count: 2000, text: '2,000 items' },
  ])('is: $text', ({ count, text }) => {
    expect(plural(count, 'item')).toBe(text);
  });

  it('stands for what is not listed', () => {
    const names = Array.from({ length: 12 }, (_, n) => `n${n}`);
    expect(listed(names)).toBe('n0, n1, n2, n3, n4, n5, n6, n7, n8, n9 and 2 more');
    expect(listed(names.slice(0, 2))).toBe('n0, n1');
  });
});
