import fc from 'fast-check';
import { expect, it } from 'vitest';

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
  'what notify and sweep are invoked with': 500,
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
 * Declares a test that holds a property against all inputs of an edge.
 * @param holds Throws if it does not, else says what became of the input.
 * @param pastLeast Less for an edge of any values at all, beside one of mutated ones.
 */
export function fuzzed<T>(
  edge: keyof typeof INPUTS,
  inputs: fc.Arbitrary<T>,
  { past, ended }: Outcomes,
  holds: (input: T) => string | Promise<string>,
  pastLeast = PAST_LEAST,
): void {
  const numRuns = INPUTS[edge];
  const outcomes = [...past, ...ended];
  it(`${edge}: ${numRuns} inputs`, async () => {
    const seen: string[] = [];
    const property = fc.asyncProperty(inputs, async (input) => {
      const outcome = await holds(input);
      expect(outcomes).toContain(outcome);
      expect(Reflect.get({}, POLLUTED), 'the prototype of all objects').toBeUndefined();
      seen.push(outcome);
    });
    const details = await fc.check(property, { numRuns, seed: SEED });
    const report = await fc.asyncDefaultReportMessage(details);
    if (report) throw new Error(report.slice(0, REPORT_CHARACTERS_MAX), { cause: details.errorInstance });
    expect(seen).toHaveLength(numRuns);
    expect([...new Set(seen)].sort()).toEqual([...outcomes].sort());
    expect(seen.filter((outcome) => past.includes(outcome)).length).toBeGreaterThanOrEqual(
      pastLeast * numRuns,
    );
  });
}

/** What a prototype would have that an input got at. */
export const POLLUTED = 'polluted';
