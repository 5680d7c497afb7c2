import { availableParallelism } from 'node:os';
import { measureBackfill } from './backfill.ts';
import { measureCli } from './cli.ts';
import { measureColdStart } from './cold-start.ts';
import { measureDedupe } from './dedupe.ts';
import { measureFingerprint } from './fingerprint.ts';
import type { Measured } from './measure.ts';
import { measureScan } from './scan.ts';
import { measureVerify } from './verify.ts';

/** In this order: processes start from a small one, before anything else has used memory. */
const BENCHES: Readonly<Record<string, () => Measured | Promise<Measured>>> = {
  cli: measureCli,
  coldStart: measureColdStart,
  fingerprint: measureFingerprint,
  scan: measureScan,
  verify: measureVerify,
  dedupe: measureDedupe,
  backfill: measureBackfill,
};

const document: Record<string, unknown> = { node: process.version, cpus: availableParallelism() };
for (const [name, measure] of Object.entries(BENCHES)) {
  process.stderr.write(`measuring ${name}\n`);
  document[name] = told(await measure());
}
process.stdout.write(`${JSON.stringify(document, null, 2)}\n`);

/** The values with three significant digits, their aims, and whether each is met by what was measured. */
function told({ values, aims, floors = {} }: Measured) {
  const rounded = Object.entries(values).map(([key, value]) => [key, Number(value.toPrecision(3))]);
  const met = Object.entries(aims).map(([key, aim]) => [key, (values[key] ?? Number.NaN) <= aim]);
  const above = Object.entries(floors).map(([key, floor]) => [key, (values[key] ?? Number.NaN) >= floor]);
  return { ...Object.fromEntries(rounded), aims, floors, met: Object.fromEntries([...met, ...above]) };
}
