import { CHAIN_START, hashOfProof, type Proof, REMOVED, type Run, rootOf, salted } from '../core/run.ts';
import { ifLost, quarantined } from './quarantine.ts';
import type { RunPorts } from './run-ports.ts';
import { allSegmentsOf, existingRun } from './run-state.ts';

/** Where a chain is broken. */
interface Break {
  readonly phase: string;
  readonly index: number;
  /** Of the proof. */
  readonly number: number;
  readonly why:
    | 'a proof is missing'
    | 'a proof was changed'
    | 'the end is missing'
    | 'a quarantined batch is missing'
    | 'a quarantined item was changed';
}

export interface Audit {
  readonly run: string;
  readonly proofs: number;
  /** Items that the proofs speak of. */
  readonly items: number;
  /** Whether quarantined items were compared too: those that a dedupe removed, until they are erased. */
  readonly isQuarantineRead: boolean;
  /** Whether the root that the run ended with is the one of its chains; `null` while it has not ended. */
  readonly isRootSame: boolean | null;
  readonly breaks: readonly Break[];
}

/** How often a run is audited that changes meanwhile. */
const TRIES_MAX = 10;

/**
 * Goes along all chains of a run, and compares each link with the one before, and what is quarantined with what was proved. If it is
 * resumed or forgotten meanwhile, that is no break: it is audited anew.
 */
export async function audit(ports: Pick<RunPorts, 'ledger' | 'objects'>, id: string): Promise<Audit> {
  let run = await existingRun(ports, id);
  for (let tries = 1; ; tries++) {
    const found = await audited(ports, run);
    const now = await existingRun(ports, id);
    if (now.version === run.version || tries === TRIES_MAX) return found;
    run = now;
  }
}

async function audited(ports: Pick<RunPorts, 'ledger' | 'objects'>, run: Run): Promise<Audit> {
  const isQuarantineRead = run.mode === 'apply' && run.rule.kind === 'dedupe' && !run.isForgotten;
  const breaks: Break[] = [];
  let proofs = 0;
  let items = 0;
  const chains = (await allSegmentsOf(ports, run)).filter((segment) => segment.proofs > 0);
  for (const segment of chains) {
    const { phase, index } = segment;
    const broken = (number: number, why: Break['why']) => breaks.push({ phase, index, number, why });
    let previous = CHAIN_START;
    let number = 0;
    for await (const proof of ports.ledger.proofs(run.id, phase, index)) {
      if (number === segment.proofs) break; // written by a worker that died before it counted
      if (proof.number !== number) broken(number, 'a proof is missing');
      else if (proof.previous !== previous) broken(number, 'a proof was changed');
      if (isQuarantineRead) {
        const why = await compareQuarantine(ports, run, proof);
        if (why) broken(number, why);
      }
      previous = hashOfProof(proof);
      number = proof.number + 1;
      proofs++;
      items += proof.entries.length;
    }
    if (number !== segment.proofs || previous !== segment.head) broken(number, 'the end is missing');
  }
  const isRootSame = run.proofRoot === undefined ? null : run.proofRoot === rootOf(chains);
  return { run: run.id, proofs, items, isQuarantineRead, isRootSame, breaks };
}

async function compareQuarantine(
  ports: Pick<RunPorts, 'objects'>,
  run: Run,
  { object, entries }: Proof,
): Promise<Break['why'] | undefined> {
  if (object === undefined) return undefined;
  const held = await quarantined(ports, run, object).catch(ifLost);
  if (held === undefined) return 'a quarantined batch is missing';
  const items = new Map(held.map(({ key, item }) => [salted(run.salt, key), salted(run.salt, item)]));
  const isSame = entries.every(({ key, item, outcome }) =>
    REMOVED.includes(outcome) ? items.get(key) === item : (items.get(key) ?? item) === item,
  );
  return isSame ? undefined : 'a quarantined item was changed';
}
