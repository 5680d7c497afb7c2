import { Command, InvalidArgumentError } from 'commander';
import { faultOf } from '../rehearsal/fate.ts';
import { INVARIANTS } from '../rehearsal/invariants.ts';
import { explained, playSeed, wordsOf } from '../rehearsal/seeds/seeds.ts';

const TELL_EVERY_MS = 10_000;

interface Flags {
  readonly minutes: number;
  readonly from: number;
  readonly seed?: number;
  readonly faults?: readonly string[];
}

const program = new Command('soak')
  .description(
    'rehearse seed after seed, each with other faults, until time is up or an invariant does not hold',
  )
  .option('--minutes <n>', 'how long', positive, 1)
  .option('--from <n>', 'the first seed; the hermetic tests play those up to 2000', positive, 2001)
  .option('--seed <n>', 'play this seed alone, and say all that did not hold', positive)
  .option('--faults <json>', 'with --seed: these faults alone, as a failure printed them', (text) =>
    JSON.parse(text),
  )
  .parse();
const { minutes, from, seed, faults } = program.opts<Flags>();
process.exitCode = seed === undefined ? await soak(minutes, from) : await replay(seed, faults);

async function soak(minutes: number, first: number): Promise<number> {
  const startedAt = Date.now();
  const counts = new Map<string, number>();
  let toldAt = startedAt;
  let seed = first;
  for (; Date.now() - startedAt < minutes * 60_000; seed++) {
    const played = await playSeed(seed);
    for (const name of played.struck) {
      const fault: string = faultOf(name);
      counts.set(fault, (counts.get(fault) ?? 0) + 1);
    }
    const failure = await explained(seed, played);
    if (failure) {
      say(wordsOf(failure));
      return 1;
    }
    if (Date.now() - toldAt >= TELL_EVERY_MS) {
      toldAt = Date.now();
      say(`${seed - first + 1} seeds, from ${first} to ${seed}`);
    }
  }
  for (const [fault, times] of [...counts].toSorted()) say(`${String(times).padStart(8)}  ${fault}`);
  say(`${seed - first} seeds from ${first} on, ${Object.keys(INVARIANTS).length} invariants, 0 violations`);
  return 0;
}

async function replay(seed: number, only: readonly string[] | undefined): Promise<number> {
  const { violations, struck } = await playSeed(seed, only);
  for (const { invariant, at, words } of violations) {
    say(`${new Date(at).toISOString()}  ${invariant}: ${words}`);
  }
  say(`${struck.length} faults, ${violations.length} violations`);
  return violations.length > 0 ? 1 : 0;
}

function positive(text: string): number {
  if (Number(text) > 0) return Number(text);
  throw new InvalidArgumentError('Write a number above 0.');
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}
