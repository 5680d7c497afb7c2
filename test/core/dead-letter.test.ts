import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { deadLetter } from '../../functions/core/dead-letter.ts';

describe('a dead letter', () => {
  it('says what the message was, without it', () => {
    const body = JSON.stringify({ id: 'e1', source: 'aws.lambda', detail: { secret: 'hünter2' } });
    expect(deadLetter('NOT_AN_EVENT', 'm1', body, JSON.parse(body))).toEqual({
      reason: 'NOT_AN_EVENT',
      messageId: 'm1',
      bytes: body.length + 1, // ü takes two
      sha256: createHash('sha256').update(body).digest('hex'),
      envelope: { id: 'e1', source: 'aws.lambda' },
    });
  });

  it('repeats a field of the envelope only if AWS could have written it', () => {
    const parsed = {
      id: 'e1\n',
      source: 'pass=word',
      'detail-type': 'A b',
      time: {},
      region: 'x'.repeat(101),
    };
    expect(deadLetter('NOT_AN_EVENT', 'm1', '', parsed).envelope).toEqual({ 'detail-type': 'A b' });
  });

  it('holds no envelope if the message has none', () => {
    fc.assert(
      fc.property(
        fc.oneof(fc.constant(undefined), fc.constant(null), fc.string(), fc.array(fc.anything())),
        (parsed) => {
          expect(deadLetter('NOT_JSON', 'm1', 'x', parsed).envelope).toEqual({});
        },
      ),
    );
  });
});
