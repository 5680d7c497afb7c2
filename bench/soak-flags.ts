import { InvalidArgumentError, Option } from 'commander';
import { commandNamed, SEED_MAX, wholeNumber } from './command.ts';

/** What a soak is asked for. */
export interface SoakFlags {
  readonly minutes: number;
  /** The first seed. */
  readonly from: number;
  /** The only one, and the only faults. */
  readonly seed?: number;
  readonly faults?: readonly string[];
}

/**
 * Reads the arguments of a soak; what is wrong ends the process.
 * @param now Epoch milliseconds. No two soaks begin with the same seed: fewer than one a millisecond are played.
 */
export function soakFlags(args: readonly string[], now: number): SoakFlags {
  const seed = wholeNumber(1, SEED_MAX);
  const command = commandNamed('soak')
    .description(
      'rehearse seed after seed, each with other faults, until time is up or an invariant does not hold',
    )
    .option('--minutes <n>', 'how long', minutes, 1)
    .addOption(
      new Option('--from <n>', 'the first seed; the hermetic tests play those up to 2000')
        .argParser(seed)
        .default(now, 'the time, so that each soak plays others'),
    )
    .addOption(
      new Option('--seed <n>', 'play this seed alone, and say all that did not hold')
        .argParser(seed)
        .conflicts(['minutes', 'from']),
    )
    .option('--faults <json>', 'with --seed: these faults alone, as a failure printed them', texts)
    .addHelpText(
      'after',
      `
Exit codes:
  0  all that must hold held
  1  something did not: which numbered invariant, and how to play it again
  2  the command is wrong, or a fault that it names did not strike`,
    )
    .parse(args, { from: 'user' });
  const flags = command.opts<SoakFlags>();
  if (flags.faults && flags.seed === undefined) command.error('error: --faults are those of a --seed');
  return flags;
}

function minutes(text: string): number {
  const number = /^\d{1,6}(\.\d{1,3})?$/.test(text) ? Number(text) : 0;
  if (number > 0) return number;
  throw new InvalidArgumentError('Write a number above 0, such as 10 or 0.5.');
}

function texts(text: string): readonly string[] {
  const given = parsed(text);
  if (Array.isArray(given) && given.every((each) => typeof each === 'string')) return given;
  throw new InvalidArgumentError('Write an array of texts in JSON.');
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
