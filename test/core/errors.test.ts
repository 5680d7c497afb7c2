import { inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import { invariant, RecohereError, RefusedError } from '../../functions/core/errors.ts';
import { placeId } from '../../functions/core/place.ts';
import { Sealed } from '../../functions/core/sealed.ts';

describe('the family of errors', () => {
  it('has a code, a context and a cause', () => {
    const cause = new Error('below');
    const error = new RecohereError('SOME_CODE', 'words', { retryable: true, context: { size: 1 }, cause });
    expect(error).toMatchObject({ code: 'SOME_CODE', retryable: true, context: { size: 1 }, cause });
  });

  it('is not retryable unless said, and names the call that was refused', () => {
    const error = new RefusedError({ code: 'ACCESS_DENIED', call: 'lambda:GetAlias' });
    expect(error).toMatchObject({ retryable: false, message: 'lambda:GetAlias was refused: ACCESS_DENIED' });
    expect(new RefusedError({ code: 'NOT_READ' }).message).toBe('a read was refused: NOT_READ');
  });

  it('stops on impossible states', () => {
    expect(() => invariant(false, 'cannot be')).toThrow(expect.objectContaining({ code: 'INVARIANT' }));
    expect(() => invariant(true, 'can be')).not.toThrow();
  });
});

describe('a sealed value', () => {
  it('is printed by nothing, and can be had by name', () => {
    const sealed = new Sealed('hunter2');
    const prints = [
      JSON.stringify({ sealed }),
      inspect({ sealed }),
      String(sealed),
      inspect(sealed, { showHidden: true }),
    ];
    expect(prints.join()).not.toContain('hunter2');
    expect(sealed.reveal()).toBe('hunter2');
  });
});

describe('a place', () => {
  it('is named by its region, and by its account where that is said', () => {
    expect(placeId({ region: 'eu-west-1' })).toBe('eu-west-1');
    expect(placeId({ region: 'eu-west-1', account: '111111111111' })).toBe('111111111111/eu-west-1');
  });
});
