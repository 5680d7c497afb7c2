import { faultOf } from '../../rehearsal/fate.ts';
import { FAULT_NAMES, FAULTS } from '../../rehearsal/faults.ts';
import { INVARIANTS } from '../../rehearsal/invariants.ts';
import { playSeed } from '../../rehearsal/seeds/seeds.ts';
import { markdownTable } from '../lib/markdown-table.ts';

const SEEDS = 100;

/** How often each fault struck in the first seeds, and what became of it. */
export async function faultsText(): Promise<string> {
  const times = new Map<string, number>();
  let violations = 0;
  for (let seed = 1; seed <= SEEDS; seed++) {
    const played = await playSeed(seed);
    for (const name of played.struck) times.set(faultOf(name), (times.get(faultOf(name)) ?? 0) + 1);
    violations += played.violations.length;
  }
  const rows = FAULT_NAMES.map((fault) => [
    fault,
    (times.get(fault) ?? 0).toLocaleString('en'),
    FAULTS[fault].borneBy,
  ]);
  const sum = [...times.values()].reduce((total, each) => total + each, 0).toLocaleString('en');
  const counted = `Seeds 1 to ${SEEDS}: ${sum} faults, ${violations} violations of ${Object.keys(INVARIANTS).length} invariants.`;
  return `${markdownTable(['fault', 'times injected', 'outcome'], rows)}\n${counted}\n`;
}
