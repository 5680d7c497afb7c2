import { resolve } from 'node:path';
import { type DrawnScene, drawRehearsal } from '../functions/app/draw.ts';
import { durationText } from '../functions/app/draw-words.ts';
import { type ParsedConfig, warningsOf } from '../functions/contract/config.ts';
import { SCENARIOS, type Scenario } from '../functions/contract/names.ts';
import { type Rehearsal, rehearse } from '../rehearsal/game-day.ts';
import { INVARIANTS } from '../rehearsal/invariants.ts';
import { unselected } from '../rehearsal/stand-ins.ts';
import { EXIT, type ExitCode, Failure } from './failure.ts';
import { loadConfig } from './load-config.ts';
import { withProgress } from './progress.ts';
import { plural, screenOf } from './render.ts';
import { renderRehearsals } from './render-rehearsal.ts';
import { requireReplaceable, writeDrawn } from './report.ts';

export interface RehearseFlags {
  readonly scenario: Scenario | 'all';
  readonly seed: number;
  readonly config?: string;
  readonly json?: boolean;
  readonly output?: string;
}

/** `recohere rehearse`: says what Recohere would have seen, and told, of what goes wrong on purpose. It calls nobody. */
export async function rehearseHere(flags: RehearseFlags): Promise<ExitCode> {
  const { scenario, seed, output } = flags;
  if (output !== undefined) await requireReplaceable(resolve(output)); // before anything takes its time
  const found = await loadConfig(flags.config);
  const config = found?.config ?? (await demonstrated());
  for (const words of warningsOf(config)) process.stderr.write(`recohere: warning: ${words}\n`);
  const rehearsals = await rehearseAll(config, scenario, seed);
  const rehearsed = rehearsals.map((each) => each.rehearsed);
  if (rehearsed.every(({ checked }) => checked.length === 0)) {
    const reasons = new Set(rehearsed.map(({ skipped }) => skipped ?? 'nothing of it could be checked'));
    throw new Failure(EXIT.usage, `nothing to rehearse (${scenario}): ${[...reasons].join('; ')}`);
  }
  const violations = rehearsed.flatMap((each) =>
    each.violations.map((violation) => ({
      scenario: each.scenario,
      ...violation,
      means: INVARIANTS[violation.invariant],
    })),
  );
  const file = output && (await writeDrawn(output, drawRehearsal(config.prefix, scenesOf(rehearsals))));
  if (flags.json) {
    const unmatched = unselected(config);
    const document = { seed, config: found?.path ?? null, unmatched, scenarios: rehearsed, violations };
    process.stdout.write(`${JSON.stringify(document, null, 2)}\n`);
  } else {
    if (!found) process.stdout.write('There is no config here, so this is that of the demonstration.\n\n');
    process.stdout.write(renderRehearsals(config, rehearsed, seed, screenOf(process.stdout)));
    if (file) process.stdout.write(`\nAs a picture: ${file}\n`);
  }
  return violations.length > 0 ? EXIT.disagreed : EXIT.agreed;
}

/** The scenarios of a config, one after the other. */
function rehearseAll(
  config: ParsedConfig,
  scenario: Scenario | 'all',
  seed: number,
): Promise<readonly Rehearsal[]> {
  const scenarios = scenario === 'all' ? SCENARIOS : [scenario];
  return withProgress(process.stderr, async (show) => {
    const rehearsals: Rehearsal[] = [];
    for (const [position, each] of scenarios.entries()) {
      show(position, scenarios.length, each);
      rehearsals.push(await rehearse(config, each, seed));
    }
    return rehearsals;
  });
}

/** Imported only where it is needed: it brings a server with it. */
async function demonstrated(): Promise<ParsedConfig> {
  const { demoConfig } = await import('./demo.ts');
  return demoConfig();
}

function scenesOf(rehearsals: readonly Rehearsal[]): readonly DrawnScene[] {
  return rehearsals.flatMap(({ rehearsed: { scenario, lengthMs, violations }, picture }) => {
    if (picture === undefined) return [];
    const broken = violations.length > 0 ? `, ${plural(violations.length, 'violation')}` : '';
    return [{ heading: scenario, words: `${durationText(lengthMs)}${broken}`, overview: picture }];
  });
}
