import { constants, open as openFile, writeFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { drawPage } from '../functions/app/draw.ts';
import type { Overview } from '../functions/contract/overview.ts';
import { type AskFlags, askedOf, overviewFrom, print } from './ask-hub.ts';
import { EXIT, type ExitCode, Failure } from './failure.ts';

/** The second line of each report, by which it is known that a file may be replaced. */
const MARK = '<!-- recohere report -->';
/** Where a report is written to, unless another file is named. */
export const REPORT_FILE = 'recohere-report.html';
/** Whoever opens a pipe without this waits until somebody writes into it. */
const READ_AT_ONCE = constants.O_RDONLY | constants.O_NONBLOCK;
/** Enough of a file for its first two lines. */
const HEAD_BYTES = 200;

export interface ReportFlags extends AskFlags {
  readonly out: string;
  readonly open?: boolean;
}

/** `recohere report`: draws what is known into one HTML file, and opens it if asked. */
export async function report(flags: ReportFlags): Promise<ExitCode> {
  await requireReplaceable(resolve(flags.out)); // before anybody is asked
  const file = await writePage(flags.out, await overviewFrom(await askedOf(flags)));
  if (flags.json) print({ file });
  else process.stdout.write(`Wrote ${file}\n`);
  if (flags.open) await openInBrowser(file);
  return EXIT.agreed;
}

/**
 * Draws an overview into a file, over a report that is there.
 * @returns Its path.
 * @throws Failure `usage` for a file that is none of ours, or cannot be written
 */
export function writePage(out: string, known: Overview): Promise<string> {
  return writeDrawn(out, drawPage(known));
}

/** The same with what is drawn already. */
export async function writeDrawn(out: string, page: string): Promise<string> {
  const file = resolve(out);
  await requireReplaceable(file);
  await writeFile(file, page).catch((error: NodeJS.ErrnoException) => {
    throw new Failure(EXIT.usage, unwritable(file, error));
  });
  return file;
}

/** @throws Failure `usage` for a file that is none of ours */
export async function requireReplaceable(file: string): Promise<void> {
  const refused = (words: string) => new Failure(EXIT.usage, words);
  const found = await openFile(file, READ_AT_ONCE).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') throw refused(unwritable(file, error));
  });
  if (found === undefined) return;
  try {
    const { buffer, bytesRead } = await found.read(Buffer.alloc(HEAD_BYTES), 0, HEAD_BYTES, 0);
    const [, second] = buffer.toString('utf8', 0, bytesRead).split(/\r?\n/);
    if (second !== MARK)
      throw refused(`${file} is there and is no report of Recohere; move it, or name another file`);
  } catch (error) {
    throw error instanceof Failure ? error : refused(`${file} is no file`);
  } finally {
    await found.close();
  }
}

function unwritable(file: string, { code }: NodeJS.ErrnoException): string {
  if (code === 'ENOENT') return `there is no folder ${dirname(file)}`;
  return `${file} cannot be written: ${code}`;
}

/** What is written is there, whether or not something can show it. */
async function openInBrowser(file: string): Promise<void> {
  const { default: open } = await import('open');
  await open(file).catch(() => {
    process.stderr.write('recohere: nothing here can open it; open the file by hand\n');
  });
}
