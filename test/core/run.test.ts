import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { QUARANTINE, SPILLS } from '../../functions/contract/deployment.ts';
import {
  added,
  BATCH,
  CHAIN_START,
  COUNTS,
  hashOfProof,
  ITEM_SKIPS,
  NOTHING,
  newSegment,
  OBJECT_NAMES,
  PLAN_CHUNK,
  type Proof,
  rootOf,
  type Segment,
  salted,
  type Tally,
  taken,
} from '../../functions/core/run.ts';

/** Capacity comes in halves, which add up exactly. */
const units = fc.nat(1000).map((halves) => halves / 2);
const tally: fc.Arbitrary<Tally> = fc.record({
  counts: fc.dictionary(fc.constantFrom(...COUNTS), fc.nat(1000)),
  skipped: fc.dictionary(fc.constantFrom(...ITEM_SKIPS), fc.nat(1000)),
  readUnits: units,
  writeUnits: units,
});

describe('what is counted', () => {
  it('is summed up, name by name', () => {
    const a: Tally = {
      counts: { scanned: 1, groups: 2 },
      skipped: { GONE: 1 },
      readUnits: 0.5,
      writeUnits: 0,
    };
    const b: Tally = { counts: { groups: 3, removed: 4 }, skipped: {}, readUnits: 1, writeUnits: 2 };
    expect(added(a, b)).toEqual({
      counts: { scanned: 1, groups: 5, removed: 4 },
      skipped: { GONE: 1 },
      readUnits: 1.5,
      writeUnits: 2,
    });
  });

  it('is the same in whatever order it is summed up', () => {
    fc.assert(
      fc.property(tally, tally, tally, (a, b, c) => {
        expect(added(added(a, b), c)).toEqual(added(a, added(b, c)));
        expect(added(a, b)).toEqual(added(b, a));
        expect(added(a, NOTHING)).toEqual(a);
      }),
    );
  });

  it('changes nothing that it is summed up of', () => {
    const sum = added(NOTHING, { ...NOTHING, counts: { scanned: 1 } });
    expect(added(sum, sum).counts).toEqual({ scanned: 2 });
    expect(sum.counts).toEqual({ scanned: 1 });
    expect(NOTHING).toEqual({ counts: {}, skipped: {}, readUnits: 0, writeUnits: 0 });
  });
});

const PROOF: Proof = {
  run: 'a',
  phase: 'apply',
  index: 1,
  number: 0,
  previous: CHAIN_START,
  at: 5,
  epoch: 1,
  object: 'quarantine/a/1/0.1',
  entries: [
    { key: 'k1', because: 'b1', item: 'i1', outcome: 'removed' },
    { key: 'k2', because: 'b2', item: 'i2', outcome: 'GONE' },
  ],
};

describe('a proof', () => {
  it('has a hash that a later release gives as well', () => {
    expect(hashOfProof(PROOF)).toBe('14937309bc99567605796e1cb48a80d1d0a45012d4fe05f1d438db778dc464b3');
    expect(hashOfProof({ ...PROOF, object: undefined, entries: [] })).toBe(
      '941b19ad5a45f7293a87dda855987a3d04542364efd9a2f98bb09ee9ca8af653',
    );
  });

  it('that says the same has the same hash, in whatever order its fields are', () => {
    const turned = Object.fromEntries(Object.entries(PROOF).toReversed()) as unknown as Proof;
    expect(hashOfProof(turned)).toBe(hashOfProof(PROOF));
  });

  it('that is changed in any field has another hash', () => {
    const text = fc.string();
    const entry = fc.record({
      key: text,
      because: text,
      item: text,
      outcome: fc.constantFrom(...ITEM_SKIPS),
    });
    const change = fc.oneof(
      fc.record({ run: text }),
      fc.record({ phase: fc.constantFrom('check', 'undo') }),
      fc.record({ index: fc.nat() }),
      fc.record({ number: fc.nat() }),
      fc.record({ previous: text }),
      fc.record({ at: fc.nat() }),
      fc.record({ epoch: fc.nat() }),
      fc.record({ object: fc.option(text, { nil: undefined }) }),
      fc.record({ entries: fc.array(entry) }),
      fc
        .tuple(fc.nat(1), fc.constantFrom('key', 'because', 'item', 'outcome'), text)
        .map(([at, field, value]) => ({
          entries: PROOF.entries.map((each, n) => (n === at ? { ...each, [field]: value } : each)),
        })),
    );
    fc.assert(
      fc.property(change, (changed) => {
        const other = { ...PROOF, ...changed } as Proof;
        const isSame = JSON.stringify(other) === JSON.stringify(PROOF);
        expect(hashOfProof(other) === hashOfProof(PROOF)).toBe(isSame);
      }),
      { numRuns: 500 },
    );
  });

  it('cannot pass as two, nor say in one field what belongs in the next', () => {
    const [first, second] = PROOF.entries;
    const hashes = [
      PROOF,
      { ...PROOF, entries: [] },
      { ...PROOF, entries: [first, first] },
      { ...PROOF, entries: [second, first] },
      { ...PROOF, object: undefined },
      { ...PROOF, object: 'null' },
      { ...PROOF, object: '' },
      { ...PROOF, run: 'a"', previous: PROOF.previous.slice(1) },
    ].map((proof) => hashOfProof(proof as Proof));
    expect(new Set(hashes).size).toBe(hashes.length);
  });
});

describe('the root of a run', () => {
  const chains = [newSegment('a', 'apply', 0), { ...newSegment('a', 'apply', 1), proofs: 1, head: 'h' }];

  it('is of its chains alone, whatever else their segments remember', () => {
    const others = chains.map((each) => ({ ...each, version: 9, epoch: 4, isDone: true }));
    expect(rootOf(others)).toBe(rootOf(chains));
    expect(rootOf(chains)).toMatch(/^[0-9a-f]{64}$/);
  });

  for (const { others, reason } of [
    { others: chains.toReversed(), reason: 'another order' },
    { others: chains.slice(1), reason: 'one chain less' },
    { others: [], reason: 'none at all' },
    { others: chains.map((each) => ({ ...each, head: 'g' })), reason: 'other heads' },
    {
      others: chains.map((each) => ({ ...each, proofs: each.proofs + 1 })),
      reason: 'other numbers of proofs',
    },
    { others: chains.map((each) => ({ ...each, phase: 'undo' as const })), reason: 'another phase' },
    { others: chains.map((each) => ({ ...each, index: each.index + 1 })), reason: 'other indices' },
  ] satisfies { others: readonly Segment[]; reason: string }[]) {
    it(`is another one with ${reason}`, () => {
      expect(rootOf(others)).not.toBe(rootOf(chains));
    });
  }
});

describe('the hash of a key', () => {
  it('is 16 bytes, the same for the same run, and useless without its salt', () => {
    expect(salted('salt', 'key')).toMatch(/^[0-9a-f]{32}$/);
    expect(salted('salt', 'key')).toBe(salted('salt', 'key'));
    const others = [salted('salt', 'key'), salted('tlas', 'key'), salted('saltk', 'ey'), salted('', '')];
    expect(new Set(others).size).toBe(others.length);
  });
});

const LEASE_MS = 60;
const WORKER_MS = 900;
/** The clocks of who took it and of who asks may be so far apart. */
const CLOCKS_APART_MS = 10_000;

describe('a lease', () => {
  const fresh = newSegment('a', 'apply', 1);
  const held: Segment = { ...fresh, version: 4, epoch: 2, lease: { owner: 'a', takenAt: 1000, until: 1060 } };

  for (const { segment, owner, now, ghostUntil, reason } of [
    { segment: fresh, owner: 'a', now: 1000, ghostUntil: 0, reason: 'nobody had it' },
    {
      segment: held,
      owner: 'b',
      now: 1060,
      ghostUntil: 11_900,
      reason: 'whoever had it was silent for too long',
    },
    { segment: held, owner: 'a', now: 1010, ghostUntil: 11_900, reason: 'it is its own' },
    {
      segment: { ...held, ghostUntil: 50_000 },
      owner: 'b',
      now: 1061,
      ghostUntil: 50_000,
      reason: 'it was taken over before, from one that may live longer',
    },
    {
      segment: { ...held, lease: undefined, ghostUntil: 700 },
      owner: 'b',
      now: 1001,
      ghostUntil: 700,
      reason: 'it was given back, and who was taken over from before may still live',
    },
  ]) {
    it(`is taken with a new epoch: ${reason}`, () => {
      expect(taken(segment, owner, now, LEASE_MS, WORKER_MS)).toEqual({
        ...segment,
        epoch: segment.epoch + 1,
        lease: { owner, takenAt: now, until: now + LEASE_MS },
        ghostUntil,
      });
    });
  }

  it('is not taken while another one has it', () => {
    for (const now of [0, 1000, 1059]) expect(taken(held, 'b', now, LEASE_MS, WORKER_MS)).toBeUndefined();
  });

  it('is held by one at a time, epochs grow, and no worker outlives the time of ghosts', () => {
    const tries = fc.array(fc.record({ owner: fc.constantFrom('a', 'b', 'c'), after: fc.nat(100) }));
    fc.assert(
      fc.property(tries, (all) => {
        let segment = fresh;
        let now = 0;
        for (const { owner, after } of all) {
          now += after;
          const next = taken(segment, owner, now, LEASE_MS, WORKER_MS);
          const { lease } = segment;
          const isHeld = lease !== undefined && lease.owner !== owner && now < lease.until;
          expect(next === undefined).toBe(isHeld);
          if (next === undefined) continue;
          expect(next.epoch).toBe(segment.epoch + 1);
          expect(next.ghostUntil).toBeGreaterThanOrEqual(segment.ghostUntil);
          if (lease)
            expect(next.ghostUntil).toBeGreaterThanOrEqual(lease.takenAt + WORKER_MS + CLOCKS_APART_MS);
          segment = next;
        }
      }),
    );
  });
});

describe('names of objects', () => {
  const spilled = [
    OBJECT_NAMES.spill('a', 1, 2, '3.4'),
    OBJECT_NAMES.plan('a', 1, 2, 3),
    OBJECT_NAMES.problems('a', 'apply', 1, 2),
  ];
  const kept = OBJECT_NAMES.quarantine('a', 1, 2, 3);

  it('are as the reader expects them', () => {
    expect([...spilled, kept]).toEqual([
      'runs/a/scatter/1/2.3.4',
      'runs/a/plan/1/2.3',
      'runs/a/problems/apply-1.2',
      'quarantine/a/1/2.3',
    ]);
  });

  it('begin like the bucket’s rules, and like all of their run and of no other', () => {
    for (const name of spilled) {
      expect(name.startsWith(SPILLS.prefix) && name.startsWith(OBJECT_NAMES.of('a'))).toBe(true);
    }
    expect(kept.startsWith(QUARANTINE.prefix) && kept.startsWith(OBJECT_NAMES.quarantineOf('a'))).toBe(true);
    expect(spilled[2]?.startsWith(OBJECT_NAMES.problems('a'))).toBe(true);
    expect(OBJECT_NAMES.of('ab').startsWith(OBJECT_NAMES.of('a'))).toBe(false);
    expect(OBJECT_NAMES.quarantineOf('ab').startsWith(OBJECT_NAMES.quarantineOf('a'))).toBe(false);
  });
});

describe('batches', () => {
  it('divide what an object of a plan has', () => {
    expect(PLAN_CHUNK % BATCH).toBe(0);
  });
});
