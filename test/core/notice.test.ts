import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { TEXT_MAX } from '../../functions/contract/notices.ts';
import type { Finding } from '../../functions/contract/report.ts';
import type { Episode } from '../../functions/core/episode.ts';
import { deploysOf, type NamedSubject, noticeOf } from '../../functions/core/notice.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const NOW = Date.UTC(2026, 0, 5, 9);
const DEPLOY = { id: 'shop', source: 'aws.cloudformation', at: NOW - 12 * MINUTE };
const US = 'us-east-1';
const EU = 'eu-west-1';

const different = (keys: string[], replica = EU): Finding => ({
  replica,
  facet: 'env',
  kind: 'different',
  keys,
  reference: US,
});
const missing = (replica: string): Finding => ({ replica, facet: 'replica', kind: 'missing', keys: [] });
const named = (subject: string, given: Partial<NamedSubject> = {}): NamedSubject => ({
  subject,
  kind: 'function',
  critical: false,
  isOverdue: true,
  findings: [different(['DB_HOST'])],
  ...given,
});

describe('deploys', () => {
  type Told = { readonly name: string } & Pick<Episode, 'cause' | 'deploy'>;
  const at = (minutes: number, source: string, id: string) => ({
    name: `${source} ${id} ${minutes}`,
    cause: { id, source, at: NOW + minutes * MINUTE },
  });
  const CFN = 'aws.cloudformation';
  /** The call that a stack makes, which CloudTrail dates before the event of the stack. */
  const madeBy = (minutes: number, id: string) => ({
    ...at(minutes, 'aws.lambda', `call-${minutes}`),
    deploy: { id, source: CFN, at: NOW + (minutes + 1) * MINUTE },
  });

  it.each([
    {
      reason: 'one stack in three regions',
      causes: [at(9, CFN, 'shop'), at(0, CFN, 'shop'), at(4, CFN, 'shop')],
      sizes: [3],
    },
    { reason: 'two stacks at once', causes: [at(0, CFN, 'shop'), at(0, CFN, 'cart')], sizes: [1, 1] },
    {
      reason: 'one id, of two who told',
      causes: [at(0, CFN, 'shop'), at(0, 'recohere.deploy', 'shop')],
      sizes: [1, 1],
    },
    { reason: 'an hour apart is one', causes: [at(0, CFN, 'shop'), at(60, CFN, 'shop')], sizes: [2] },
    {
      reason: 'more than an hour from the first is another',
      causes: [at(0, CFN, 'shop'), at(40, CFN, 'shop'), at(61, CFN, 'shop'), at(100, CFN, 'shop')],
      sizes: [2, 2],
    },
    {
      reason: 'a stack a day later',
      causes: [at(24 * 60, CFN, 'shop'), at(0, CFN, 'shop')],
      sizes: [1, 1],
    },
    {
      reason: 'what nobody told is one for a quarter of an hour',
      causes: [at(0, 'look', 'moved-1'), at(15, 'look', 'seen-2'), at(16, 'look', 'seen-3')],
      sizes: [2, 1],
    },
    {
      reason: 'calls have ids of their own',
      causes: [at(0, 'aws.lambda', 'e-1'), at(1, 'aws.lambda', 'e-2'), at(1, 'look', 'moved-1')],
      sizes: [2, 1],
    },
    {
      reason: 'calls that deploys made are theirs',
      causes: [madeBy(0, 'shop'), madeBy(0, 'cart'), at(0.5, CFN, 'shop'), at(1, 'aws.lambda', 'e-1')],
      sizes: [2, 1, 1],
    },
    {
      reason: 'looks by hand are of no deploy, though each has an id',
      causes: [at(0, 'manual', 'm-1'), at(1, 'manual', 'm-2'), at(16, 'manual', 'm-3')],
      sizes: [2, 1],
    },
    {
      reason: 'whoever else may tell some day',
      causes: [at(0, 'aws.s3', 'e-1'), at(1, 'aws.s3', 'e-2')],
      sizes: [2],
    },
    { reason: 'nothing', causes: [], sizes: [] },
  ])('are told apart: $reason', ({ causes, sizes }) => {
    const deploys = deploysOf<Told>(causes);
    expect(deploys.map(({ members }) => members.length)).toEqual(sizes);
    expect(deploys.flatMap(({ members }) => members.map(({ name }) => name)).toSorted()).toEqual(
      causes.map(({ name }) => name).toSorted(),
    );
    for (const { deploy, members } of deploys) {
      const changes = members.map((member) => member.deploy ?? member.cause);
      expect(deploy).toEqual(changes[0]);
      expect(deploy.at).toBe(Math.min(...changes.map((change) => change.at)));
    }
  });
});

describe('a notice', () => {
  it('says what deploy, how long ago and how many; then what differs where, the weightiest first', () => {
    const notice = noticeOf(
      DEPLOY,
      [
        named('pricing', { isOverdue: false }),
        named('cart', {
          findings: [
            different(['A', 'B', 'C', 'D']),
            missing('us-west-2'),
            different(['E']),
            missing('us-west-1'),
            ...['F', 'G', 'H'].map((key) => different([key], 'ca-west-1')),
            { replica: 'ca-west-1', facet: 'traffic', kind: 'unsettled', keys: ['live'] },
          ],
        }),
        named('prod/db', {
          kind: 'secret',
          critical: true,
          findings: [missing(EU)],
        }),
        named('checkout-api'),
        named('search', { critical: true, isOverdue: false }),
      ],
      NOW,
    );
    expect(notice.title).toBe('Recohere: 5 subjects do not agree after deploy shop (aws.cloudformation)');
    expect(notice.text.split('\n')).toEqual([
      '5 subjects do not agree after deploy shop (aws.cloudformation), 12m ago',
      'prod/db (critical) · eu-west-1: missing',
      'cart · eu-west-1: env A, B, C and 1 more differ from us-east-1; E differs from us-east-1 · us-west-2, us-west-1: function missing · ca-west-1: env F differs from us-east-1; G differs from us-east-1; H differs from us-east-1 and 1 more',
      'checkout-api · eu-west-1: env DB_HOST differs from us-east-1',
      'search (critical, converging) · eu-west-1: env DB_HOST differs from us-east-1',
      'pricing (converging) · eu-west-1: env DB_HOST differs from us-east-1',
    ]);
    expect(notice.json).toMatchObject({ deploy: DEPLOY, severity: 'page', subjectsLeft: 0 });
    expect(notice.json.subjects.map(({ subject }) => subject)).toEqual([
      'prod/db',
      'cart',
      'checkout-api',
      'search',
      'pricing',
    ]);
    expect(notice.json.subjects[1]?.findings).toHaveLength(8);
  });

  it.each([
    { reason: 'nothing is critical', given: {}, severity: 'ticket' },
    {
      reason: 'what is critical is not overdue',
      given: { critical: true, isOverdue: false },
      severity: 'ticket',
    },
    { reason: 'something critical is overdue', given: { critical: true }, severity: 'page' },
  ])('is a $severity if $reason', ({ given, severity }) => {
    expect(noticeOf(DEPLOY, [named('a'), named('b', given)], NOW).json.severity).toBe(severity);
  });

  it.each([
    { deploy: DEPLOY, head: '1 subject does not agree after deploy shop (aws.cloudformation), 12m ago' },
    {
      deploy: { id: 'moved-1', source: 'look', at: NOW - 3 * HOUR - 5 * MINUTE },
      head: '1 subject does not agree after a change that nobody told of, 3h 5m ago',
    },
    {
      deploy: { id: 'e-1', source: 'aws.lambda', at: NOW - 50 * HOUR },
      head: '1 subject does not agree after a change told by aws.lambda, 2d ago',
    },
    {
      deploy: { id: 'm-1', source: 'manual', at: NOW },
      head: '1 subject does not agree after a look by hand, 0m ago',
    },
    {
      deploy: { id: 'r-1', source: 'recohere.deploy', at: NOW + HOUR },
      head: '1 subject does not agree after deploy r-1 (recohere.deploy), 0m ago',
    },
  ])('begins: $head', ({ deploy, head }) => {
    expect(noticeOf(deploy, [named('api')], NOW).text.split('\n')[0]).toBe(head);
  });

  it('counts what has no room', () => {
    const many = Array.from({ length: 200 }, (_, n) => named(`function-${n}`));
    const { title, text, json } = noticeOf(DEPLOY, many, NOW, 9_800);
    expect(title).toContain('10,000 subjects');
    expect(text.length).toBeLessThanOrEqual(TEXT_MAX);
    const lines = text.split('\n');
    expect(lines.at(-1)).toBe(`and ${(10_000 - (lines.length - 2)).toLocaleString('en-US')} more`);
    expect(lines.length).toBeGreaterThan(20);
    expect(json.subjects).toHaveLength(200);
    expect(json.subjectsLeft).toBe(9_800);
  });

  it('has JSON that fits a message, also as a text in JSON', () => {
    const keys = Array.from({ length: 50 }, (_, n) => `"\\"${n}`.repeat(20));
    const large = Array.from({ length: 200 }, (_, n) => named(`f-${n}`, { findings: [different(keys)] }));
    const { json } = noticeOf(DEPLOY, large, NOW);
    expect(Buffer.byteLength(JSON.stringify(JSON.stringify(json)))).toBeLessThan(202_000);
    expect(json.subjects.length).toBeGreaterThan(10);
    expect(json.subjects.length + json.subjectsLeft).toBe(200);
  });

  it('is text and nothing else, whatever things are called', () => {
    const hostile = '<!channel> @everyone `rm -rf` [x](https://e.vil) & \u202e\u0007\n\r\u2028\ud800🐎';
    const finding = different([hostile], hostile);
    const { title, text } = noticeOf(
      { id: hostile, source: hostile, at: NOW },
      [named(hostile, { findings: [{ ...finding, reference: hostile } as Finding] })],
      NOW,
    );
    expect(text.split('\n')).toHaveLength(2);
    for (const sign of ['<', '>', '&', '@', '`', '[', ']', '\u202e', '\u0007', '\r', '\u2028', '\ud800 '])
      expect(text).not.toContain(sign);
    expect(text).toContain('‹!channel› ＠everyone');
    expect(title).toMatch(/^Recohere: [ -~]+$/);
    expect(title).not.toMatch(/[<>&@`]/);
  });

  it('has a title and a text of bounded length that are whole, of any names', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: 'binary', maxLength: 300 }),
        fc.array(fc.tuple(fc.string({ unit: 'binary', maxLength: 600 }), fc.nat(60)), { maxLength: 20 }),
        fc.nat(100_000),
        (id, subjects, left) => {
          const all = subjects.map(([subject, count]) =>
            named(subject, { findings: [different(Array.from({ length: count }, () => subject))] }),
          );
          const { title, text } = noticeOf({ ...DEPLOY, id }, all, NOW, left);
          expect(title).toMatch(/^[ -~]{1,99}$/);
          expect(text.length).toBeLessThanOrEqual(TEXT_MAX);
          expect(Buffer.from(text).toString()).toBe(text);
          expect(text).not.toMatch(/(?!\n)[\p{Cc}<>&@`]/u);
        },
      ),
    );
  });
});
