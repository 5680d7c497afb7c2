import { Writable } from 'node:stream';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { withProgress } from '../../bin/progress.ts';

const SHOW_CURSOR = `${String.fromCharCode(27)}[?25h`;
const HIDE_CURSOR = `${String.fromCharCode(27)}[?25l`;

/** A terminal that keeps what was written to it. */
function terminal(isTTY: boolean) {
  let text = '';
  const sink = new Writable({
    write(chunk, _encoding, done) {
      text += chunk;
      done();
    },
  });
  const methods = { isTTY, columns: 80, cursorTo: () => true, clearLine: () => true, moveCursor: () => true };
  return { stream: Object.assign(sink, methods) as unknown as NodeJS.WriteStream, text: () => text };
}

afterEach(() => {
  vi.restoreAllMocks();
});

describe('the progress line', () => {
  it('is live on a terminal, and the cursor is back when the work ends', async () => {
    const { stream, text } = terminal(true);
    const result = await withProgress(stream, async (show) => {
      show(2, 3, '2/3 regions · 41 functions · 7 calls');
      return 'done';
    });
    expect(result).toBe('done');
    expect(text()).toContain('2/3 regions · 41 functions · 7 calls');
    expect(text().lastIndexOf(SHOW_CURSOR)).toBeGreaterThan(text().lastIndexOf(HIDE_CURSOR));
  });

  it('leaves the terminal clean when the work fails', async () => {
    const { stream, text } = terminal(true);
    const work = withProgress(stream, () => Promise.reject(new Error('no')));
    await expect(work).rejects.toThrow('no');
    expect(text().lastIndexOf(SHOW_CURSOR)).toBeGreaterThan(text().lastIndexOf(HIDE_CURSOR));
  });

  it.each([
    { signal: 'SIGINT', code: 130 },
    { signal: 'SIGTERM', code: 143 },
    { signal: 'SIGHUP', code: 129 },
  ] as const)('leaves the terminal clean, and ends with $code, on $signal', async ({ signal, code }) => {
    const { stream, text } = terminal(true);
    const exit = vi.spyOn(process, 'exit').mockImplementation(() => undefined as never);
    const before = process.listenerCount(signal);
    const onSignal = vi.fn(() => expect(exit).not.toHaveBeenCalled());
    const work = async () => {
      process.emit(signal);
      expect(onSignal).toHaveBeenCalledOnce();
      expect(exit).toHaveBeenCalledWith(code);
      expect(text().lastIndexOf(SHOW_CURSOR)).toBeGreaterThan(text().lastIndexOf(HIDE_CURSOR));
    };
    await withProgress(stream, work, onSignal);
    expect(process.listenerCount(signal)).toBe(before);
  });

  it('writes nothing where there is no terminal', async () => {
    const { stream, text } = terminal(false);
    await withProgress(stream, async (show) => show(1, 1, '1/1 regions'));
    expect(text()).toBe('');
  });
});
