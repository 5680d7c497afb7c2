import type { ParsedConfig } from '../contract/config.ts';
import type { SubjectStatus } from '../contract/overview.ts';
import { changeState } from './change-state.ts';
import { describing, namedOf, type OverviewPorts, unknown } from './overview.ts';

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
  const until = now + asked.seconds * 1000;
  const changed = await changeState(ledgers[kind], subject, ({ silence: _, ...state }) => {
    if (state.version === 0) throw unknown(subject);
    return { ...state, ...(asked.seconds > 0 && { silence: { until, reason: asked.reason } }) };
  });
  const { status } = await sweeps.read();
  return describing(config, status, now)(kind, changed);
}
