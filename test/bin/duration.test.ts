import { describe, expect, it } from 'vitest';
import { secondsOf } from '../../bin/duration.ts';

describe('a duration', () => {
  it.each([
    { text: '90s', seconds: 90, reason: 'seconds' },
    { text: '30m', seconds: 1_800, reason: 'minutes' },
    { text: '2h', seconds: 7_200, reason: 'hours' },
    { text: '3d', seconds: 259_200, reason: 'days' },
    { text: '0s', seconds: 0, reason: 'nothing is a time too; who takes it says whether it will do' },
    { text: '2', seconds: undefined, reason: 'of what?' },
    { text: '2 h', seconds: undefined, reason: 'two words' },
    { text: '1.5h', seconds: undefined, reason: 'a part of one' },
    { text: '-1h', seconds: undefined, reason: 'the past' },
    { text: '2H', seconds: undefined, reason: 'no unit is written so' },
    { text: '2w', seconds: undefined, reason: 'no unit' },
    { text: 'h', seconds: undefined, reason: 'how many?' },
    { text: '', seconds: undefined, reason: 'nothing' },
    { text: '9999999999d', seconds: undefined, reason: 'more than anybody means' },
  ])('$text is $seconds: $reason', ({ text, seconds }) => {
    expect(secondsOf(text)).toBe(seconds);
  });
});
