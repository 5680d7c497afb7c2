import { readFileSync, writeFileSync } from 'node:fs';
import { EXIT } from '../bin/failure.ts';
import { playScaleDay } from './scale-day.ts';
import { scaleFlags } from './scale-flags.ts';
import { scaleTable, withTable, wrongOf } from './scale-table.ts';

const { size, write } = scaleFlags(process.argv.slice(2));
const day = await playScaleDay(size);
const table = scaleTable(size, day);
process.stdout.write(table);
const seconds = Math.round(performance.now() / 1000);
process.stderr.write(`${seconds} s, ${Math.round(process.resourceUsage().maxRSS / 1024)} MiB at most\n`);
const wrong = wrongOf(size, day);
for (const words of wrong) process.stderr.write(`wrong: ${words}\n`);
if (wrong.length > 0) process.exitCode = EXIT.disagreed;
else if (write) writeFileSync('README.md', withTable(readFileSync('README.md', 'utf8'), table));
