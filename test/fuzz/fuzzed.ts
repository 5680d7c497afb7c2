import { inspect } from 'node:util';
import fc from 'fast-check';
import { expect, it, vi } from 'vitest';
import { expectUntold, POLLUTED } from './inputs.ts';

/** How many inputs are generated for each edge. */
export const INPUTS = {
  'texts on the queue of verify-deploy': 300,
  'mutated messages of verify-deploy': 700,
  'texts on the queue of verify-rotation': 300,
  'mutated messages of verify-rotation': 700,
  'batches of a queue': 500,
  'requests to reconcile': 700,
  'tasks of the worker': 500,
  'what a dashboard asks the widget': 500,
  'what notify is invoked with': 300,
  'what sweep is invoked with': 300,
  'configs of any value': 500,
  'mutated configs': 1_500,
  'config files of JSON': 300,
  'config files of YAML': 400,
  'states and episodes of the ledger': 1_000,
  'runs, segments, proofs and tables of the ledger': 1_000,
  'what sweeps, turns and accesses remember': 400,
  'any items of the ledger': 500,
  'answers of Lambda and of tags': 500,
  'answers of Secrets Manager': 500,
  'answers of probe functions': 500,
  'plans of a dry run': 300,
  'spills of a scan': 300,
  'cursors of a scan': 300,
  'quarantined batches': 300,
  'answers of the hub': 700,
  'overviews of the hub': 300,
  'arguments of the command line': 4_000,
  'actions of the command line': 400,
} as const;

/** Every run generates the same; fast-check prints it with the shortest input that fails. */
const SEED = 7;
/** Of what is said of a failure: inputs may have a quarter of a megabyte. */
const REPORT_CHARACTERS_MAX = 2_000;

/** Of the inputs of an edge, so many at least get past its first validation. */
const PAST_LEAST = 0.1;

/** All that may become of an input, and all that is to become of some: else what is generated proves less than it seems. */
interface Outcomes {
  /** Of inputs that got past the first validation. */
  readonly past: readonly string[];
  readonly ended: readonly string[];
}

/**
 * Declares a test that holds a property against all inputs of an edge. Nothing planted may be logged or printed meanwhile.
 * @param holds Throws if it does not, else says what became of the input. It is given what was logged and printed for this input.
 * @param pastLeast Less for an edge of any values at all, beside one of mutated ones.
 */
export function fuzzed<T>(
  edge: keyof typeof INPUTS,
  inputs: fc.Arbitrary<T>,
  { past, ended }: Outcomes,
  holds: (input: T, said: readonly string[]) => string | Promise<string>,
  pastLeast = PAST_LEAST,
): void {
  const numRuns = INPUTS[edge];
  const outcomes = [...past, ...ended];
  it(`${edge}: ${numRuns} inputs`, async () => {
    const seen: string[] = [];
    const said: string[] = [];
    const property = fc.asyncProperty(inputs, async (input) => {
      said.length = 0;
      const outcome = await holds(input, said);
      expectUntold(said);
      expect(outcomes).toContain(outcome);
      expect(Reflect.get({}, POLLUTED), 'the prototype of all objects').toBeUndefined();
      seen.push(outcome);
    });
    const unheard = listening(said);
    const details = await fc.check(property, { numRuns, seed: SEED }).finally(unheard);
    const report = await fc.asyncDefaultReportMessage(details);
    if (report) throw new Error(report.slice(0, REPORT_CHARACTERS_MAX), { cause: details.errorInstance });
    expect(seen).toHaveLength(numRuns);
    expect([...new Set(seen)].sort()).toEqual([...outcomes].sort());
    expect(seen.filter((outcome) => past.includes(outcome)).length).toBeGreaterThanOrEqual(
      pastLeast * numRuns,
    );
  });
}

/** Keeps what is logged and printed, in place of printing it, until what it gives is called. */
function listening(said: string[]): () => void {
  const logged = (...line: unknown[]) => void said.push(inspect(line, { depth: Number.POSITIVE_INFINITY }));
  const printed = (text: string | Uint8Array) => {
    said.push(String(text));
    return true;
  };
  const ears = [
    ...(['debug', 'info', 'log', 'warn', 'error'] as const).map((level) =>
      vi.spyOn(console, level).mockImplementation(logged),
    ),
    ...[process.stdout, process.stderr].map((stream) =>
      vi.spyOn(stream, 'write').mockImplementation(printed),
    ),
  ];
  return () => {
    for (const ear of ears) ear.mockRestore();
  };
}
