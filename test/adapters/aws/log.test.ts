import { afterEach, describe, expect, it, vi } from 'vitest';
import { log } from '../../../functions/adapters/aws/log.ts';
import { RecohereError, RefusedError } from '../../../functions/core/errors.ts';

afterEach(() => {
  vi.restoreAllMocks();
});

/** What the log writes of a failure. */
function logged(error: unknown): string {
  const write = vi.spyOn(console, 'error').mockReturnValue();
  log.failure('it failed', error, { messageId: 'm1' });
  return JSON.stringify(write.mock.calls);
}

describe('a failure in the log', () => {
  it.each([
    [
      'a refusal',
      new RefusedError({ code: 'THROTTLED', call: 'sqs:SendMessage' }, { cause: new Error('hunter2') }),
      'sqs:SendMessage',
    ],
    ['one of ours', new RecohereError('CONTENDED', 'hunter2', { context: { swaps: 5 } }), 'CONTENDED'],
    ['a defect', new TypeError('hunter2\nhunter2 is not a function'), 'TypeError'],
    ['several', new AggregateError([new TypeError('hunter2')], 'hunter2'), 'TypeError'],
    ['no error at all', 'hunter2', 'UNKNOWN'],
  ])('names %s and quotes no text', (_reason, error, named) => {
    const text = logged(error);
    expect(text).toContain(named);
    expect(text).toContain('m1');
    expect(text).not.toContain('hunter2');
  });
});
