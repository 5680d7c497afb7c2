import { Command, InvalidArgumentError } from 'commander';
import { EXIT } from '../bin/failure.ts';
import { printable } from '../bin/printable.ts';

/** Far enough below what a number can count that seeds may follow. */
export const SEED_MAX = 1e15 - 1;

/** A command that ends with {@link EXIT.usage} and one line if it is written wrongly. */
export function commandNamed(name: string): Command {
  return new Command(name)
    .configureOutput({ outputError: (text, write) => write(`${printable(text.trimEnd())}\n`) })
    .exitOverride(({ exitCode }) => process.exit(exitCode === 0 ? EXIT.agreed : EXIT.usage));
}

/** Takes whole numbers of these bounds, written in digits, and nothing else. */
export function wholeNumber(min: number, max: number): (text: string) => number {
  return (text) => {
    const number = /^\d{1,15}$/.test(text) ? Number(text) : Number.NaN; // as many digits are exact
    if (number >= min && number <= max) return number;
    throw new InvalidArgumentError(`Write a whole number from ${min} to ${max}.`);
  };
}
