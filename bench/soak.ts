import { soakFlags } from './soak-flags.ts';
import { replay, soak } from './soaking.ts';

const { minutes, from, seed, faults } = soakFlags(process.argv.slice(2), Date.now());
const say = (line: string) => process.stdout.write(`${line}\n`);
process.exitCode = await (seed === undefined ? soak(minutes, from, say) : replay(seed, faults, say));
