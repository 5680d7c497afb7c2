import type { ParsedConfig } from '../contract/config.ts';
import type { SubjectStatus } from '../contract/overview.ts';
import { RecohereError } from '../core/errors.ts';
import { describing, namedOf, type OverviewPorts, unknown } from './overview.ts';

/** Swaps that are tried: each that is lost means that a look has just written. */
const SWAPS_MAX = 10;

/**
 * Keeps a subject from alarming for a while. It is looked at and measured as before; when the silence is over, what is still open alarms.
 * @param asked 0 seconds end a silence.
 * @throws RecohereError `UNKNOWN_SUBJECT`, `CONTENDED`
 */
export async function silence(
  { clock, ledgers, sweeps }: Pick<OverviewPorts, 'clock' | 'ledgers' | 'sweeps'>,
  config: ParsedConfig,
  asked: { readonly subject: string; readonly seconds: number; readonly reason: string },
): Promise<SubjectStatus> {
  const { kind, subject } = namedOf(config, asked.subject);
  const now = clock.now();
  for (let swaps = 0; swaps < SWAPS_MAX; swaps++) {
    const { silence: _, ...state } = await ledgers[kind].read(subject);
    if (state.version === 0) throw unknown(subject);
    const until = now + asked.seconds * 1000;
    const next = {
      ...state,
      version: state.version + 1,
      ...(asked.seconds > 0 && { silence: { until, reason: asked.reason } }),
    };
    if (!(await ledgers[kind].swap(next))) continue;
    const { status } = await sweeps.read();
    return describing(config, status, now)(kind, next);
  }
  throw new RecohereError('CONTENDED', `${SWAPS_MAX} swaps of one subject were lost`, { retryable: true });
}
