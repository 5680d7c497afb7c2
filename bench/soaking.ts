import { EXIT, type ExitCode } from '../bin/failure.ts';
import { printable } from '../bin/printable.ts';
import { INVARIANTS } from '../rehearsal/invariants.ts';
import { explained, playSeed, Tally, violationText, wordsOf } from '../rehearsal/seeds/seeds.ts';

const TELL_EVERY_MS = 10_000;

type Say = (line: string) => void;

/** Plays seed after seed until time is up, or one fails. */
export async function soak(minutes: number, first: number, say: Say): Promise<ExitCode> {
  say(`seeds from ${first} on`);
  const startedAt = Date.now();
  const tally = new Tally();
  let toldAt = startedAt;
  let seed = first;
  for (; Date.now() - startedAt < minutes * 60_000; seed++) {
    const played = await playSeed(seed);
    tally.add(played);
    const failure = await explained(seed, played);
    if (failure) {
      say(wordsOf(failure));
      return EXIT.disagreed;
    }
    if (Date.now() - toldAt >= TELL_EVERY_MS) {
      toldAt = Date.now();
      say(`${seed - first + 1} seeds, from ${first} to ${seed}`);
    }
  }
  for (const [fault, times] of [...tally.struck].toSorted()) say(`${String(times).padStart(8)}  ${fault}`);
  const judged = `${tally.judged.size} of ${Object.keys(INVARIANTS).length} invariants were judged`;
  say(`${seed - first} seeds from ${first} on, ${judged}, 0 violations`);
  return EXIT.agreed;
}

/** Plays one seed, and says all that did not hold, and which faults that it was to meet did not strike. */
export async function replay(seed: number, only: readonly string[] | undefined, say: Say): Promise<ExitCode> {
  const { violations, struck, judged } = await playSeed(seed, only);
  const missed = (only ?? []).filter((name) => !struck.includes(name));
  for (const violation of violations) say(violationText(violation));
  for (const name of missed) say(`did not strike: ${printable(name)}`);
  say(`${struck.length} faults, ${judged.size} invariants judged, ${violations.length} violations`);
  if (violations.length > 0) return EXIT.disagreed;
  return missed.length > 0 ? EXIT.usage : EXIT.agreed;
}
