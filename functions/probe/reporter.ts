import { type LoadReport, REPORT_DETAIL_TYPE, REPORT_SOURCE } from '../contract/probe.ts';

/** Entries that one `PutEvents` takes. */
export const BATCH_ENTRIES = 10;

/** Reports that wait; the oldest goes for one more. */
export const WAITING_AT_MOST = 100;

/** Calls for one report, after which it is dropped. */
export const TRIES = 3;

/** How long a call may take; no report is sent before it ends. */
const CALL_TIMEOUT_MS = 2000;

/** Before the second call; twice as long before the next. */
const PAUSE_MS = 100;

/** How long the end of an invocation waits for reports, since Lambda then freezes the process. */
const SETTLE_MS = 200;

/** One report, as an entry for the default bus. */
export interface ReportEntry {
  readonly Source: string;
  readonly DetailType: string;
  readonly Detail: string;
}

/** Sends up to {@link BATCH_ENTRIES} entries: `putEvents` of an `EventBridge` client of the SDK does. */
export type PutEvents = (
  input: { Entries: ReportEntry[] },
  options: { abortSignal: AbortSignal },
) => Promise<{ readonly Entries?: readonly { readonly ErrorCode?: string | undefined }[] | undefined }>;

/** Sends reports beside what the process does. Neither call fails. */
export interface Reporter {
  report(report: LoadReport): void;
  /** Waits for reports under way, {@link SETTLE_MS} at most. */
  settle(): Promise<void>;
}

export function reporter(putEvents: PutEvents): Reporter {
  const waiting: ReportEntry[] = [];
  let underWay: Promise<void> | undefined;

  async function sendAll(): Promise<void> {
    await Promise.resolve(); // what is loaded in one go is sent in one go
    while (waiting.length > 0) await send(waiting.splice(0, BATCH_ENTRIES), putEvents);
    underWay = undefined;
  }

  return {
    report(report) {
      if (waiting.length === WAITING_AT_MOST) waiting.shift();
      waiting.push({ Source: REPORT_SOURCE, DetailType: REPORT_DETAIL_TYPE, Detail: JSON.stringify(report) });
      underWay ??= sendAll();
    },
    async settle() {
      if (underWay === undefined) return;
      // holds the process: Lambda ends an invocation whose event loop is empty
      let timer: NodeJS.Timeout | undefined;
      const bound = new Promise<void>((resolve) => {
        timer = setTimeout(resolve, SETTLE_MS);
      });
      await Promise.race([underWay, bound]);
      clearTimeout(timer);
    },
  };
}

/** `PutEvents` of the SDK, which is loaded when it is first called, in the region of the process. */
export function sdkPutEvents(): PutEvents {
  let client: import('@aws-sdk/client-eventbridge').EventBridgeClient | undefined;
  return async (input, options) => {
    const { EventBridgeClient, PutEventsCommand } = await import('@aws-sdk/client-eventbridge');
    client ??= new EventBridgeClient({ maxAttempts: 1 });
    return client.send(new PutEventsCommand(input), options);
  };
}

/** Sends a batch; what was not taken is tried again, and then dropped with a warning that has no text of the error. */
async function send(batch: ReportEntry[], putEvents: PutEvents): Promise<void> {
  let left = batch;
  let why = '';
  for (let tries = 0; tries < TRIES; tries++) {
    if (tries > 0) await pause(PAUSE_MS * 2 ** (tries - 1));
    try {
      const { Entries = [] } = await inTime((abortSignal) => putEvents({ Entries: left }, { abortSignal }));
      why = Entries.find(({ ErrorCode }) => ErrorCode)?.ErrorCode ?? '';
      left = left.filter((_, index) => Entries[index]?.ErrorCode);
      if (left.length === 0) return;
    } catch (error) {
      why = nameOf(error);
    }
  }
  process.emitWarning(
    `Reports of loaded secrets that were not taken: ${left.length} (${why}).`,
    'RecohereWarning',
  );
}

/** The SDK does not heed the signal while it looks for credentials, and another sender may not heed it at all. */
async function inTime<T>(call: (abortSignal: AbortSignal) => Promise<T>): Promise<T> {
  const abortSignal = AbortSignal.timeout(CALL_TIMEOUT_MS);
  const expired = new Promise<never>((_, reject) => {
    abortSignal.addEventListener('abort', () => reject(abortSignal.reason), { once: true });
  });
  const called = Promise.resolve(abortSignal).then(call); // what it throws at once is a rejection as well
  return Promise.race([called, expired]);
}

function nameOf(error: unknown): string {
  const { code, name = 'Error' } = (error ?? {}) as { readonly code?: unknown; readonly name?: unknown };
  return typeof code === 'string' ? code : String(name);
}

/** Does not hold a process that has nothing else to do. */
function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms).unref());
}
