import { awsFunctionSource } from '../functions/adapters/aws/function-source.ts';
import { awsRegionSource } from '../functions/adapters/aws/region-source.ts';
import { awsSecretSource } from '../functions/adapters/aws/secret-source.ts';
import { systemClock, systemRandom } from '../functions/adapters/aws/system.ts';
import { findRegions, scopeOfAccount } from '../functions/app/account-scope.ts';
import { type Look, type LookScope, look } from '../functions/app/look.ts';
import {
  lookAtSecrets,
  type SecretScope,
  secretsOfAccount,
  secretsOfConfig,
} from '../functions/app/look-secrets.ts';
import { scopeOfConfig } from '../functions/app/scope.ts';
import { warningsOf } from '../functions/contract/config.ts';
import { EXIT, type ExitCode, exitCodeOfVerdicts, Failure } from './failure.ts';
import { loadConfig } from './load-config.ts';
import { withProgress } from './progress.ts';
import { renderLook, SECRETS, type Shown, screenOf, sentenceOf } from './render.ts';

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
  /** Names of secrets to look at instead of functions; `true` for those of the config. */
  readonly secrets?: true | readonly string[];
  readonly json?: boolean;
}

type Loaded = Awaited<ReturnType<typeof loadConfig>>;

/** `recohere scan`: looks once, and says which copies disagree. */
export async function scan(flags: ScanFlags): Promise<ExitCode> {
  const loaded = flags.config === false ? undefined : await loadConfig(flags.config);
  for (const words of loaded ? warningsOf(loaded.config) : []) {
    process.stderr.write(`recohere: warning: ${words}\n`);
  }
  const { seen, words } = await (flags.secrets === undefined
    ? seeFunctions(flags, loaded)
    : seeSecrets(flags.secrets, flags.regions, loaded));
  if (flags.json) {
    process.stdout.write(`${JSON.stringify(reportOf(seen), null, 2)}\n`);
  } else {
    if (loaded) process.stdout.write(`By ${loaded.path}:\n\n`);
    process.stdout.write(renderLook(seen, screenOf(process.stdout), words));
  }
  return exitCodeOf(seen);
}

async function seeFunctions(flags: LookFlags, loaded: Loaded) {
  if (loaded && loaded.config.functions.length === 0) {
    throw new Failure(EXIT.usage, `${loaded.path} names no functions; look at its secrets with --secrets`);
  }
  const scope = loaded ? scopeOfConfig(loaded.config, narrowingOf(flags)) : await accountScope(flags);
  requireCopies(scope);
  return { seen: await lookAtAws(scope), words: undefined };
}

async function seeSecrets(asked: true | readonly string[], regions: LookFlags['regions'], loaded: Loaded) {
  const scope = secretScope(asked === true ? undefined : asked, regions, loaded);
  requireCopies(scope);
  const ports = { secrets: awsSecretSource(), functions: awsFunctionSource(), clock: systemClock };
  return { seen: await lookAtSecrets(ports, scope), words: SECRETS };
}

/** @throws Failure `usage` if nothing says which secrets are meant, or where they are to be */
function secretScope(
  names: readonly string[] | undefined,
  regions: LookFlags['regions'],
  loaded: Loaded,
): SecretScope {
  const misused = (words: string) => new Failure(EXIT.usage, words);
  if (loaded === undefined) {
    if (names === undefined) throw misused('without a config, name the secrets: --secrets prod/db,prod/api');
    if (regions === undefined) {
      throw misused('without a config, name the regions of the secrets too: --regions us-east-1,eu-west-1');
    }
    return secretsOfAccount(names, regions);
  }
  const { path, config } = loaded;
  if (names === undefined && config.secrets.length === 0) {
    throw misused(`${path} names no secrets; name them: --secrets prod/db,prod/api`);
  }
  const scope = secretsOfConfig(config, { names, regions });
  if (scope.secrets.length === 0 || (names !== undefined && scope.elsewhere.length > 0)) {
    throw misused(`by ${path}, these secrets are in none of the regions: ${scope.elsewhere.join(', ')}`);
  }
  return scope;
}

/** @throws Failure `usage`: one place alone has nothing to be compared with */
export function requireCopies({ places }: Pick<LookScope, 'places'>): void {
  if (places.length < 2)
    throw new Failure(EXIT.usage, 'one region alone has nothing to be compared with; name two or more');
}

/** Looks at live accounts, with a progress line on a terminal. */
export function lookAtAws(scope: LookScope): Promise<Look> {
  const ports = { source: awsFunctionSource(), clock: systemClock, random: systemRandom };
  return withProgress(process.stderr, (show) =>
    look(ports, scope, ({ places, placesRead, functions, calls }) =>
      show(placesRead, places, `${placesRead}/${places} regions · ${functions} functions · ${calls} calls`),
    ),
  );
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

/** The JSON document of a look: names, verdicts and findings; of secrets, also the hops. */
export function reportOf({ replicas, subjects, alone, refusals, unmatched, calls }: Shown) {
  return {
    regions: replicas,
    subjects: subjects.map(({ subject, verdict, findings, hops }) => ({
      subject,
      verdict,
      findings,
      ...(hops && { hops }),
    })),
    alone,
    refusals,
    unmatched,
    calls: Object.fromEntries(calls),
  };
}

/** As verdicts say; a selection that selects nothing is a mistake. */
export function exitCodeOf({ subjects, refusals, unmatched }: Shown): ExitCode {
  const exitCode = exitCodeOfVerdicts(subjects, refusals.length > 0);
  if (exitCode !== EXIT.agreed) return exitCode;
  return subjects.length === 0 || unmatched.length > 0 ? EXIT.usage : EXIT.agreed;
}
