import { FAULT_NAMES, FAULTS } from '../../rehearsal/faults.ts';
import { playSeed, Tally } from '../../rehearsal/seeds/seeds.ts';
import { markdownTable } from '../lib/markdown-table.ts';

const SEEDS = 100;

/** How often each fault struck in the first seeds, and what became of it. */
export async function faultsText(): Promise<string> {
  const tally = new Tally();
  let violations = 0;
  for (let seed = 1; seed <= SEEDS; seed++) {
    const played = await playSeed(seed);
    tally.add(played);
    violations += played.violations.length;
  }
  const rows = FAULT_NAMES.map((fault) => [
    fault,
    (tally.struck.get(fault) ?? 0).toLocaleString('en'),
    FAULTS[fault].borneBy,
  ]);
  const sum = [...tally.struck.values()].reduce((total, each) => total + each, 0).toLocaleString('en');
  const counted = `Seeds 1 to ${SEEDS}: ${sum} faults, ${violations} violations of ${tally.judged.size} invariants.`;
  return `${markdownTable(['fault', 'times injected', 'outcome'], rows)}\n${counted}\n`;
}
