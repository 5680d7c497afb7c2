import { describe, expect, it } from 'vitest';
import { isItemText } from '../../functions/app/lines.ts';

describe('a text of an item', () => {
  it.each([
    { text: '{"id":{"S":"a"}}', is: true, reason: 'is one that was written' },
    { text: '{"id":{"S":"a"}', is: false, reason: 'is whole' },
    { text: '{}', is: false, reason: 'has at least the attributes of a key' },
    { text: '[]', is: false, reason: 'is no list, that has none' },
    { text: '[{"S":"a"}]', is: false, reason: 'is no list, that has some' },
    { text: '0', is: false, reason: 'is no number' },
    { text: '""', is: false, reason: 'is no text within a text' },
    { text: '{"id":"a"}', is: false, reason: 'says the type of each value' },
    { text: null, is: false, reason: 'is there' },
  ])('$reason: $text', ({ text, is }) => {
    expect(isItemText(text)).toBe(is);
  });
});
