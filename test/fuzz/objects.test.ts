import fc from 'fast-check';
import { describe, expect } from 'vitest';
import type { RunStatus } from '../../functions/app/reconcile.ts';
import { runHere } from '../../functions/app/run-here.ts';
import { instead } from '../../rehearsal/haunted.ts';
import { changed, dry, dyingAfter, idsOf } from '../app/doubled.ts';
import { Killed } from '../app/dying.ts';
import { applyOf, COPIES, DEDUPE, ORDERS, orderItem, RunSystem } from '../app/run-system.ts';
import { fuzzed } from './fuzzed.ts';
import { anyJson, expectUntold, PLANTED, textsOf } from './inputs.ts';

const KEEPERS = ['a0', 'a1', 'a2'];
const LOSERS = ['b0', 'b1', 'b2'];

/** What becomes of the text of an object. One that still can be read and says something else is another one, and not damaged. */
type Spoil = (text: string) => string;

const lines: fc.Arbitrary<string> = fc.oneof(
  textsOf(anyJson),
  fc
    .array(fc.oneof(anyJson, fc.constantFrom('{"id":{"S":"a0"}}', PLANTED, 'N1', null)), { maxLength: 5 })
    .map((list) => JSON.stringify(list)),
);
const spoils: fc.Arbitrary<Spoil> = fc.oneof(
  fc.constant<Spoil>((text) => text),
  fc.nat(2_000).map(
    (at): Spoil =>
      (text) =>
        text.slice(0, at % (text.length + 1)),
  ),
  fc.nat(2_000).map(
    (at): Spoil =>
      (text) =>
        text.slice(at % (text.length + 1)),
  ),
  lines.map(
    (other): Spoil =>
      () =>
        other,
  ),
  fc.tuple(fc.nat(10), lines).map(
    ([at, other]): Spoil =>
      (text) => {
        const all = text.split('\n');
        return all.with(at % all.length, other).join('\n');
      },
  ),
  fc.tuple(fc.nat(2_000), fc.constantFrom('"', '\n')).map(
    ([at, more]): Spoil =>
      (text) => {
        const place = at % (text.length + 1);
        return text.slice(0, place) + more + text.slice(place);
      },
  ),
  fc.nat(10).map(
    (at): Spoil =>
      (text) => {
        const all = text.split('\n');
        return [...all, all[at % all.length]].join('\n');
      },
  ),
);

/** Orders of which three were written twice, with a value in each. */
function doubled(tables = DEDUPE): RunSystem {
  const system = new RunSystem(tables);
  const more = { secret: { S: PLANTED } };
  for (const [at, id] of KEEPERS.entries()) system.orders.put(orderItem(id, `o${at}`, 1, more));
  for (const [at, id] of LOSERS.entries()) system.orders.put(orderItem(id, `o${at}`, 2, more));
  return system;
}

/** Ports that read what has become of some objects. */
function spoiled(system: RunSystem, name: RegExp, spoil: Spoil): RunSystem['ports'] {
  const objects = instead(system.objects, {
    read: async (each) => {
      const content = await system.objects.read(each);
      return content && name.test(each) ? Buffer.from(spoil(content.toString())) : content;
    },
  });
  return { ...system.ports, objects: () => objects };
}

/** Nothing is gone but copies, nothing is told, and what ended a run is one of ours. */
function outcomeOfRun(system: RunSystem, status: RunStatus): string {
  expect(idsOf(system)).toEqual(expect.arrayContaining(KEEPERS));
  expectUntold(status, system.telemetry.samples);
  return status.failure?.code ?? status.state;
}

describe('what a run has written down and reads again may have become anything', () => {
  const kinds = fc.constantFrom('dedupe', 'backfill');
  const tables = changed({ backfill: { to: COPIES, transform: 'any' } });
  fuzzed('plans of a dry run', fc.tuple(kinds, spoils), ['finished', 'PLAN_LOST'], async ([kind, spoil]) => {
    const system = doubled(tables);
    const asked = applyOf(await system.run({ kind, table: ORDERS }));
    return outcomeOfRun(system, await system.run(asked, spoiled(system, /plan/, spoil)));
  });

  fuzzed('spills of a scan', fc.tuple(kinds, spoils), ['finished', 'SPILL_LOST'], async ([kind, spoil]) => {
    const system = doubled(tables);
    const ports = spoiled(system, /scatter/, spoil);
    return outcomeOfRun(system, await system.run({ kind, table: ORDERS }, ports));
  });

  fuzzed(
    'quarantined batches',
    fc.tuple(fc.boolean(), spoils),
    ['finished', 'lost'],
    async ([isBegun, spoil]) => {
      const system = doubled();
      const ports = spoiled(system, /quarantine/, spoil);
      const begun = (await system.ask(applyOf(await system.run(dry)))) as RunStatus;
      if (isBegun)
        await expect(system.clock.run(() => runHere(dyingAfter(system, 1), begun.id))).rejects.toThrow(
          Killed,
        );
      const applied = await system.workedOn(begun.id, isBegun ? ports : system.ports);
      const undone = await system.run({ kind: 'undo', run: begun.id }, ports);
      expectUntold(await system.ask({ kind: 'audit', run: begun.id }, ports), applied);
      expect(outcomeOfRun(system, undone)).toBe('finished');
      return [applied, undone].some(({ skipped }) => 'QUARANTINE_LOST' in skipped) ? 'lost' : 'finished';
    },
  );
});
