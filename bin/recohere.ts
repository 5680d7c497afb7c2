#!/usr/bin/env node
import { readFileSync } from 'node:fs';
import { constants } from 'node:os';
import { EXIT, Failure } from './failure.ts';
import { printableLines } from './printable.ts';
import { program } from './program.ts';

// Which Node it runs on is the package's own business; the SDK's seven lines about it are not the user's.
process.env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED = 'true';

process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(128 + constants.signals.SIGPIPE); // the reader, such as head, has seen enough
  process.stderr.write(`recohere: the output cannot be written: ${error.code}\n`);
  process.exit(EXIT.defect);
});

try {
  await program.version(readVersion()).parseAsync();
} catch (error) {
  if (error instanceof Failure) {
    process.stderr.write(`recohere: ${printableLines(error.message)}\n`);
    process.exitCode = error.exitCode;
  } else {
    const stack = printableLines(error instanceof Error ? (error.stack ?? error.message) : String(error));
    process.stderr.write(`recohere: this is a defect of Recohere, please report it\n${stack}\n`);
    process.exitCode = EXIT.defect;
  }
}

// A connection that hangs must not keep the process: all is said. What was written is read first.
process.stdout.write('', (error) => {
  if (!error) process.exit(); // else the handler above says so
});

function readVersion(): string {
  const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'));
  return version;
}
