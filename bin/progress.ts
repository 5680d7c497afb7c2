import { constants } from 'node:os';
import { SingleBar } from 'cli-progress';

const ENDING = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** Shows how much of something is done, and more in words. */
export type Show = (done: number, of: number, words: string) => void;

/**
 * Shows how far work is in one live line, on a terminal only, while the work goes on. The line is gone when the work
 * ends, and when Ctrl-C or another signal ends it.
 * @param onSignal What is still to be done, or said, when a signal ends the work.
 */
export async function withProgress<T>(
  stream: NodeJS.WriteStream,
  work: (show: Show) => Promise<T>,
  onSignal: () => void = () => {},
): Promise<T> {
  const bar = new SingleBar({
    stream,
    format: '{bar} {words}',
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
      onSignal();
      process.exit(128 + constants.signals[signal]); // as a shell says it of a process that a signal ended
    };
    process.once(signal, end);
    return () => process.off(signal, end);
  });
  bar.start(1, 0, { words: '' });
  try {
    return await work((done, of, words) => {
      bar.setTotal(of);
      bar.update(done, { words });
    });
  } finally {
    bar.stop();
    for (const off of forget) off();
  }
}
