import { constants } from 'node:os';
import { SingleBar } from 'cli-progress';
import type { LookProgress } from '../functions/app/look.ts';

const ENDING = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/**
 * Shows how far a look is in one live line, on a terminal only, while the work goes on. The line is gone when the work
 * ends, and when Ctrl-C or another signal ends it.
 */
export async function withProgress<T>(
  stream: NodeJS.WriteStream,
  work: (onProgress: (progress: LookProgress) => void) => Promise<T>,
): Promise<T> {
  const bar = new SingleBar({
    stream,
    format: '{bar} {value}/{total} regions · {functions} functions · {calls} calls',
    barsize: 16,
    barCompleteChar: '━',
    barIncompleteChar: '─',
    hideCursor: true,
    clearOnComplete: true,
    gracefulExit: false, // it would keep Ctrl-C from ending the process
  });
  const forget = ENDING.map((signal) => {
    const end = () => {
      bar.stop();
      process.exit(128 + constants.signals[signal]); // as a shell says it of a process that a signal ended
    };
    process.once(signal, end);
    return () => process.off(signal, end);
  });
  bar.start(1, 0, { functions: 0, calls: 0 });
  try {
    return await work(({ places, placesRead, functions, calls }) => {
      bar.setTotal(places);
      bar.update(placesRead, { functions, calls });
    });
  } finally {
    bar.stop();
    for (const off of forget) off();
  }
}
