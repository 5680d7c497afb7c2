import { type Reconciling, reconcileClient, whyNot } from '../functions/adapters/aws/reconcile-client.ts';
import { wholeOverview } from '../functions/app/overview.ts';
import type { Overview } from '../functions/contract/overview.ts';
import { EXIT, Failure } from './failure.ts';
import { loadConfig } from './load-config.ts';
import { sentenceOf } from './render.ts';

/** Flags of every command that asks the hub. */
export interface AskFlags {
  readonly config?: string;
  readonly json?: boolean;
}

export type Loaded = NonNullable<Awaited<ReturnType<typeof loadConfig>>>;

/** The config, which says where the hub is. @throws Failure `usage` */
export async function configOf({ config }: AskFlags): Promise<Loaded> {
  const loaded = await loadConfig(config);
  if (loaded) return loaded;
  throw new Failure(
    EXIT.usage,
    'no config is here, which says where the hub is; write one with: npx recohere init',
  );
}

/** The hub of the config. @throws Failure `usage` */
export async function askedOf(flags: AskFlags): Promise<Reconciling> {
  return reconcileClient((await configOf(flags)).config);
}

/** What is known of all subjects. @throws Failure */
export function overviewFrom(asked: Pick<Reconciling, 'overview'>): Promise<Overview> {
  return granted(() => wholeOverview((after) => asked.overview(after)));
}

/** @throws Failure with the reason why something was not done */
export async function granted<T>(ask: () => Promise<T>): Promise<T> {
  try {
    return await ask();
  } catch (error) {
    throw failureOf(error);
  }
}

/** What a command ends with; a defect stays what it is. */
export function failureOf(error: unknown): unknown {
  const why = whyNot(error);
  if (why === undefined) return error;
  if (why.refusal) return new Failure(EXIT.refused, sentenceOf(why.refusal));
  const exitCode = why.code === 'FUNCTION_FAILED' ? EXIT.refused : EXIT.usage;
  return new Failure(exitCode, `${why.message} (${why.code})`);
}

/** Prints one JSON document. */
export function print(document: object): void {
  process.stdout.write(`${JSON.stringify(document, null, 2)}\n`);
}
