import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { INPUTS } from './fuzzed.ts';

const LEAST = 10_000;

const all = Object.values(INPUTS).reduce((sum, inputs) => sum + inputs, 0);
const tests = readdirSync(import.meta.dirname)
  .filter((file) => file.endsWith('.test.ts'))
  .map((file) => readFileSync(`${import.meta.dirname}/${file}`, 'utf8'));

describe('generated inputs', () => {
  it(`are ${all}, of at least ${LEAST}`, () => expect(all).toBeGreaterThanOrEqual(LEAST));

  it('are given to one test for each edge', () => {
    const fuzzed = tests.flatMap((text) =>
      [...text.matchAll(/fuzzed\(\s*'([^']+)'/g)].map(([, edge]) => edge),
    );
    expect(fuzzed.sort()).toEqual(Object.keys(INPUTS).sort());
  });
});
