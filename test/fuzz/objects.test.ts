import fc from 'fast-check';
import { describe, expect } from 'vitest';
import { isItemText } from '../../functions/app/lines.ts';
import type { RunStatus } from '../../functions/app/reconcile.ts';
import { runHere } from '../../functions/app/run-here.ts';
import { itemOfText } from '../../functions/core/item.ts';
import { instead } from '../../rehearsal/haunted.ts';
import { changed, dry, dyingAfter, idsOf } from '../app/doubled.ts';
import { haunted, Killed } from '../app/dying.ts';
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
/** A field of all lines, or of one, is something else, another one of its line, or not there. */
const fieldSpoils = fc
  .record({
    line: fc.option(fc.nat(10)),
    field: fc.nat(4),
    change: fc.oneof(
      fc.constantFrom('', null, 'N1', PLANTED).map((other) => () => [other]),
      fc.nat(4).map((from) => (fields: readonly unknown[]) => [fields[from] ?? null]),
      fc.constant(() => []),
    ),
  })
  .map(
    ({ line, field, change }): Spoil =>
      (text) => {
        const all = text.split('\n');
        const spoiled = all.map((each, at) => {
          const fields: unknown = JSON.parse(each);
          if (!Array.isArray(fields) || (line !== null && line % all.length !== at)) return each;
          return JSON.stringify(fields.toSpliced(field % fields.length, 1, ...change(fields)));
        });
        return spoiled.join('\n');
      },
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
  { weight: 4, arbitrary: fieldSpoils },
);

/** Orders of which three were written twice, with a value in each. */
const WRITTEN = [KEEPERS, LOSERS].flatMap((ids, copy) =>
  ids.map((id, at) => orderItem(id, `o${at}`, copy + 1, { secret: { S: PLANTED } })),
);

function doubled(tables = DEDUPE): RunSystem {
  const system = new RunSystem(tables);
  for (const item of WRITTEN) system.orders.put(item);
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

function hasIdOrIsNone(text: string): boolean {
  return !isItemText(text) || 'id' in itemOfText(text);
}

/** What is written of a plan says of each entry what goes, and because of what. */
async function expectWholePlan(system: RunSystem): Promise<void> {
  for await (const name of system.objects.list('runs/')) {
    const content = /plan/.test(name) ? await system.objects.read(name) : undefined;
    for (const line of content?.toString().split('\n') ?? []) {
      const [key, because] = JSON.parse(line);
      expect([typeof key, typeof because]).toEqual(['string', 'string']);
    }
  }
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
  const ended = (code: string) => ({ past: ['finished'], ended: [code] });
  fuzzed('plans of a dry run', fc.tuple(kinds, spoils), ended('PLAN_LOST'), async ([kind, spoil]) => {
    const system = doubled(tables);
    const asked = applyOf(await system.run({ kind, table: ORDERS }));
    return outcomeOfRun(system, await system.run(asked, spoiled(system, /plan/, spoil)));
  });

  fuzzed('spills of a scan', fc.tuple(kinds, spoils), ended('SPILL_LOST'), async ([kind, spoil]) => {
    const system = doubled(tables);
    const ports = spoiled(system, /scatter/, spoil);
    const status = await system.run({ kind, table: ORDERS }, ports);
    await expectWholePlan(system);
    return outcomeOfRun(system, status);
  });

  // what can be read as an item and is no key of the table is another one, too
  const cursors = spoils.filter((spoil) => hasIdOrIsNone(spoil('{"id":{"S":"a0"}}')));
  fuzzed('cursors of a scan', cursors, ended('SPILL_LOST'), async (spoil) => {
    const system = doubled();
    system.orders.pageItems = 2;
    system.limits = { ...system.limits, flushCharacters: 1 };
    const begun = (await system.ask(dry)) as RunStatus;
    let scans = 0;
    const dying = haunted(system.ports, ({ name, moment }) => {
      if (name === `${ORDERS}.scan` && moment === 'before' && ++scans > 2) throw new Killed();
    });
    await expect(system.clock.run(() => runHere(dying, begun.id))).rejects.toThrow(Killed);
    const ports = spoiled(system, /cursors/, spoil);
    return outcomeOfRun(system, await system.workedOn(begun.id, ports));
  });

  fuzzed(
    'quarantined batches',
    fc.tuple(fc.boolean(), spoils),
    { past: ['finished'], ended: ['lost'] },
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
      // without a proof, an object that changes into another one is believed
      if (!isBegun) for (const item of system.orders.items()) expect(WRITTEN).toContainEqual(item);
      return [applied, undone].some(({ skipped }) => 'QUARANTINE_LOST' in skipped) ? 'lost' : 'finished';
    },
  );
});
