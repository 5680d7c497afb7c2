import { awsFunctionSource } from '../functions/adapters/aws/function-source.ts';
import { awsRegionSource } from '../functions/adapters/aws/region-source.ts';
import { systemClock, systemRandom } from '../functions/adapters/aws/system.ts';
import { findRegions, scopeOfAccount } from '../functions/app/account-scope.ts';
import { type Look, type LookScope, look } from '../functions/app/look.ts';
import { scopeOfConfig } from '../functions/app/scope.ts';
import { EXIT, type ExitCode, Failure } from './failure.ts';
import { loadConfig } from './load-config.ts';
import { withProgress } from './progress.ts';
import { renderLook, screenOf, sentenceOf } from './render.ts';

/** What narrows a look on the command line. */
export interface LookFlags {
  readonly regions?: readonly string[];
  readonly tag?: Readonly<Record<string, string>>;
  readonly stack?: string;
  readonly name?: string;
}

export interface ScanFlags extends LookFlags {
  /** `false` for `--no-config`. */
  readonly config?: string | false;
  readonly json?: boolean;
}

/** `recohere scan`: looks once, and says which copies disagree. */
export async function scan(flags: ScanFlags): Promise<ExitCode> {
  const loaded = flags.config === false ? undefined : await loadConfig(flags.config);
  const scope = loaded ? scopeOfConfig(loaded.config, narrowingOf(flags)) : await accountScope(flags);
  requireCopies(scope);
  if (loaded && !flags.json) process.stdout.write(`By ${loaded.path}:\n\n`);
  const seen = await lookAtAws(scope);
  process.stdout.write(
    flags.json ? `${JSON.stringify(reportOf(seen), null, 2)}\n` : renderLook(seen, screenOf(process.stdout)),
  );
  return exitCodeOf(seen);
}

/** @throws Failure `usage`: one place alone has nothing to be compared with */
export function requireCopies({ places }: LookScope): void {
  if (places.length < 2)
    throw new Failure(EXIT.usage, 'one region alone has nothing to be compared with; name two or more');
}

/** Looks at live accounts, with a progress line on a terminal. */
export function lookAtAws(scope: LookScope): Promise<Look> {
  const ports = { source: awsFunctionSource(), clock: systemClock, random: systemRandom };
  return withProgress(process.stderr, (onProgress) => look(ports, scope, onProgress));
}

/** The scope of the flags alone, in all enabled regions if they name none. */
export async function accountScope(flags: LookFlags): Promise<LookScope> {
  const narrowing = narrowingOf(flags);
  if (narrowing.regions !== undefined) return scopeOfAccount(narrowing, []);
  const found = await findRegions(awsRegionSource());
  if ('refusal' in found) {
    const why = sentenceOf(found.refusal);
    throw new Failure(
      EXIT.refused,
      `which regions are enabled is not readable: ${why}\nName them: --regions us-east-1,eu-west-1`,
    );
  }
  return scopeOfAccount(narrowing, found.regions);
}

function narrowingOf({ regions, tag, stack, name }: LookFlags) {
  return { regions, tags: tag, stack, name };
}

/** The JSON document of a look: names, verdicts and findings. */
export function reportOf({ replicas, subjects, alone, refusals, unmatched, calls }: Look) {
  return {
    regions: replicas,
    subjects: subjects.map(({ subject, verdict, findings }) => ({ subject, verdict, findings })),
    alone,
    refusals,
    unmatched,
    calls: Object.fromEntries(calls),
  };
}

/** A known difference before a refusal: it is a fact, whatever else could not be read. */
export function exitCodeOf({ subjects, refusals, unmatched }: Look): ExitCode {
  if (subjects.some(({ verdict }) => verdict === 'diverged' || verdict === 'converging'))
    return EXIT.disagreed;
  if (refusals.length > 0 || subjects.some(({ verdict }) => verdict === 'unobservable')) return EXIT.refused;
  return subjects.length === 0 || unmatched.length > 0 ? EXIT.usage : EXIT.agreed;
}
