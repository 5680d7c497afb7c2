import { vi } from 'vitest';

/** How something ends the process, and what it writes to stderr first. @throws if it does not end it */
export function endingAs(act: () => unknown): { readonly code: number; readonly lines: readonly string[] } {
  const ended = new Error('the process has ended');
  let code: unknown;
  const exit = vi.spyOn(process, 'exit').mockImplementation((given) => {
    code = given;
    throw ended;
  });
  let written = '';
  const write = vi.spyOn(process.stderr, 'write').mockImplementation((text) => {
    written += text;
    return true;
  });
  try {
    act();
  } catch (error) {
    if (error !== ended) throw error;
    return { code: Number(code), lines: written.trimEnd().split('\n') };
  } finally {
    exit.mockRestore();
    write.mockRestore();
  }
  throw new Error('it has not ended the process');
}
