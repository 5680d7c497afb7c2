import { momentText } from '../functions/app/draw-words.ts';
import { SILENCE_REASON_MAX, SILENCE_SECONDS_MAX } from '../functions/contract/requests.ts';
import { type AskFlags, askedOf, granted, print } from './ask-hub.ts';
import { EXIT, type ExitCode, Failure } from './failure.ts';
import { printable } from './printable.ts';

export interface SilenceFlags extends AskFlags {
  /** In seconds. */
  readonly for?: number;
  readonly reason?: string;
  readonly end?: boolean;
}

/** `recohere silence`: keeps a subject from alarming for a while, or ends that. */
export async function silence(subject: string, flags: SilenceFlags): Promise<ExitCode> {
  const { seconds, reason } = wantedOf(flags);
  const asked = await askedOf(flags);
  const status = await granted(() => asked.silence(subject, seconds, reason));
  if (flags.json) {
    print(status);
    return EXIT.agreed;
  }
  const words = status.silence
    ? `raises no alarm until ${momentText(status.silence.until)} UTC`
    : 'is not silenced';
  const learnt = status.mode === 'learn' ? ' It is only learnt, so it raises none in any case.' : '';
  process.stdout.write(`${printable(status.subject)} ${words}.${learnt}\n`);
  return EXIT.agreed;
}

/** @throws Failure `usage` if flags do not go together */
function wantedOf({ for: seconds, reason, end }: SilenceFlags): { seconds: number; reason: string } {
  const misused = (words: string) => new Failure(EXIT.usage, words);
  if (end) return { seconds: 0, reason: reason ?? 'ended by hand' };
  if (seconds === undefined || reason === undefined) {
    throw misused('say for how long and why: --for 2h --reason "failover drill"; or --end');
  }
  if (seconds < 1 || seconds > SILENCE_SECONDS_MAX) {
    const days = SILENCE_SECONDS_MAX / 86_400;
    throw misused(`a silence lasts 1s to ${days}d; what is never to alarm has mode: 'learn' in the config`);
  }
  if (reason.length > SILENCE_REASON_MAX) {
    throw misused(`a reason has ${SILENCE_REASON_MAX} characters at most`);
  }
  return { seconds, reason };
}
