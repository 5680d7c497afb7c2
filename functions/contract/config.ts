import * as z from 'zod/mini';
import { FUNCTION_NAME_PATTERN, REGION_CODE, STACK_NAME_PATTERN } from './names.ts';
import { COMPARED_FACETS } from './report.ts';

const region = z.string().check(z.regex(REGION_CODE, 'is not the code of an AWS region, such as eu-west-1'));
const account = z
  .string({ error: 'must be text: put the account id in quotes' })
  .check(z.regex(/^\d{12}$/, 'is not an AWS account id of 12 digits'));
const name = z.string().check(z.minLength(1, 'must not be empty'));
const keyPattern = z.string().check(z.regex(/^[^!\s]\S*$/, 'is not the name of a key, nor a pattern of one'));
const seconds = z.int().check(z.minimum(1), z.maximum(604_800));
const mode = z.enum(['alert', 'learn']);

const DEADLINE_SECONDS = 300;
const MAX_ROLLOUT_SECONDS = 3600;

const replicaSchema = z.strictObject({
  region,
  /** @default the hub's account, which is the one of your own credentials */
  account: z.optional(account),
  /** Name of the role to assume in another account. @default `<prefix>-read` */
  role: z.optional(name),
  /** External id that the role's trust policy asks for. */
  externalId: z.optional(name),
});

const selectionSchema = z.strictObject({
  /** Name of the function. */
  name: z.optional(
    z.string().check(z.regex(FUNCTION_NAME_PATTERN, 'is not the name of a function, nor a pattern of one')),
  ),
  /** Name of the CloudFormation stack that deployed it (CDK, SAM and the Serverless Framework do). */
  stack: z.optional(
    z.string().check(z.regex(STACK_NAME_PATTERN, 'is not the name of a stack, nor a pattern of one')),
  ),
  /** Tags and their exact values. */
  tags: z.optional(
    z.record(name, z.string()).check(z.refine((tags) => Object.keys(tags).length > 0, 'must name a tag')),
  ),
});

const groupSchema = z.strictObject({
  /** Which functions: all that are named here must hold. In names, `*` stands for any text. */
  select: selectionSchema.check(
    z.refine((select) => Object.values(select).some((value) => value !== undefined), {
      error: 'must name at least one of name, stack, tags',
    }),
  ),
  /**
   * What makes functions copies of one subject: their name; the stack and the logical id that deployed them, for names
   * that differ per region; or the value of a tag.
   * @default 'name'
   */
  identity: z._default(
    z.union([z.enum(['name', 'stack+logicalId']), z.strictObject({ tag: name })], {
      error: "must be 'name', 'stack+logicalId' or { tag: '…' }",
    }),
    'name',
  ),
  /** Alias to compare, such as `live`: the version that it points to is read. @default the newest code, `$LATEST` */
  qualifier: z.optional(name),
  /** Subject of functions whose identity is odd: `{ 'checkout-api-eu': 'checkout-api' }`. */
  names: z._default(z.record(name, name), {}),
  /** Regions of subjects that do not live everywhere: `{ 'billing-*': ['us-east-1'] }`. */
  replicas: z._default(z.record(name, z.array(region).check(z.minLength(1))), {}),
  /** Environment keys to leave out. `*` stands for any text. */
  ignore: z._default(z.array(keyPattern), []),
  /** Environment keys that may differ; if one replica has such a key, all must. `*` stands for any text. */
  perReplica: z._default(z.array(keyPattern), []),
  /** What tells the code apart: its hash, a build id in a tag or in a variable, or nothing. @default 'sha256' */
  code: z._default(
    z.union([z.enum(['sha256', 'off']), z.strictObject({ tag: name }), z.strictObject({ variable: name })], {
      error: "must be 'sha256', 'off', { tag: '…' } or { variable: '…' }",
    }),
    'sha256',
  ),
  /** Whether runtime, handler, memory, timeout, architectures, tracing, storage and layers are compared. */
  settings: z._default(z.boolean(), true),
  /** Facets whose differences alarm; those of the others are reported. @default ['env'] */
  alarmOn: z._default(z.array(z.enum(COMPARED_FACETS)), ['env']),
  /** How long replicas may differ after the last change, in seconds. @default the config's `deadlineSeconds` */
  deadlineSeconds: z.optional(seconds),
  /** @default the config's `mode` */
  mode: z.optional(mode),
});

export const configSchema = z.strictObject({
  /** Begins the name of everything that is deployed, and of the role that is assumed in other accounts. */
  prefix: z._default(
    z
      .string()
      .check(z.regex(/^[a-z][a-z0-9-]{0,31}$/, 'must be 1 to 32 of a-z, 0-9 and -, and begin with a letter')),
    'recohere',
  ),
  /** Where Recohere itself is deployed. */
  hub: z.strictObject({ region, account: z.optional(account) }),
  /** Where copies live. */
  replicas: z.array(replicaSchema).check(z.minLength(1)),
  /** The replica that the others are compared with. @default the majority, key by key */
  primary: z.optional(z.strictObject({ region, account: z.optional(account) })),
  /** What is watched. A function that two groups select belongs to the first. */
  functions: z.array(groupSchema).check(z.minLength(1)),
  /** How long replicas may differ after the last change before they have diverged, in seconds. */
  deadlineSeconds: z._default(seconds, DEADLINE_SECONDS),
  /** How long replicas may differ after the first change, however many follow, in seconds. */
  maxRolloutSeconds: z._default(seconds, MAX_ROLLOUT_SECONDS),
  /** `learn` observes and reports, and never alarms. */
  mode: z._default(mode, 'alert'),
});

/** What a user writes. */
export type RecohereConfig = z.input<typeof configSchema>;

/** The config with its defaults filled in. */
export type ParsedConfig = z.output<typeof configSchema>;

/** Criteria that must all hold. */
export type Selection = z.output<typeof selectionSchema>;

/** One group of functions that are watched in the same way. */
export type FunctionGroup = z.output<typeof groupSchema>;

/** Types the config of `recohere.config.ts`, so that an editor completes and checks it. */
export function defineConfig(config: RecohereConfig): RecohereConfig {
  return config;
}

/** A config, or every mistake in it, one line each with its path. */
export type ConfigResult =
  | { readonly ok: true; readonly config: ParsedConfig }
  | { readonly ok: false; readonly mistakes: readonly string[] };

/** Validates what a config file holds. Mistakes name paths and rules, and never repeat what was written. */
export function parseConfig(written: unknown): ConfigResult {
  const parsed = configSchema.safeParse(written, { error: wordsOf });
  const mistakes = [
    ...(parsed.error?.issues ?? []).map(({ path, message }) => `${pathOf(path) || 'config'}: ${message}`),
    ...mistakesBetween(written),
  ];
  return parsed.success && mistakes.length === 0
    ? { ok: true, config: parsed.data }
    : { ok: false, mistakes };
}

const { localeError: wordsOfZod } = z.locales.en();

function wordsOf(issue: z.core.$ZodRawIssue): ReturnType<typeof wordsOfZod> {
  if (issue.code !== 'invalid_type') return wordsOfZod(issue);
  return issue.input === undefined ? 'is missing' : `is not of the type ${String(issue.expected)}`;
}

function pathOf(path: readonly PropertyKey[]): string {
  return path.reduce<string>((text, part) => {
    if (typeof part === 'number') return `${text}[${part}]`;
    return text ? `${text}.${String(part)}` : String(part);
  }, '');
}

const place = z.object({ region, account: z.optional(account) });

/** A setting that is mistaken by itself counts as not given, and so do the rules that speak of it. */
const ifGiven = <T extends z.ZodMiniType>(setting: T) => z.catch(z.optional(setting), undefined);

/** What the rules between settings speak of. */
const related = z.catch(
  z.object({
    hub: ifGiven(z.object({ account: z.optional(account) })),
    replicas: ifGiven(z.array(ifGiven(place))),
    primary: ifGiven(place),
    functions: z.catch(
      z.array(
        z.object({
          replicas: ifGiven(z.record(z.string(), z.catch(z.array(z.string()), []))),
          deadlineSeconds: ifGiven(seconds),
        }),
      ),
      [],
    ),
    deadlineSeconds: z.catch(z._default(seconds, DEADLINE_SECONDS), 0),
    maxRolloutSeconds: z.catch(z._default(seconds, MAX_ROLLOUT_SECONDS), Number.POSITIVE_INFINITY),
  }),
  { functions: [], deadlineSeconds: 0, maxRolloutSeconds: Number.POSITIVE_INFINITY },
);

function mistakesBetween(written: unknown): string[] {
  const { hub, replicas, primary, functions, deadlineSeconds, maxRolloutSeconds } = related.parse(written);
  const mistakes: string[] = [];
  if (hub && replicas) {
    const idOf = ({ region, account = hub.account }: z.output<typeof place>) => `${account ?? ''}/${region}`;
    const ids = replicas.map((replica) => replica && idOf(replica));
    ids.forEach((id, position) => {
      if (id !== undefined && ids.indexOf(id) < position)
        mistakes.push(`replicas[${position}]: is there twice`);
    });
    if (primary && !ids.includes(undefined) && !ids.includes(idOf(primary))) {
      mistakes.push('primary: is not one of replicas');
    }
  }
  const regions = replicas?.includes(undefined) ? undefined : replicas?.map((replica) => replica?.region);
  functions.forEach((group, position) => {
    for (const [subject, own] of Object.entries(group.replicas ?? {})) {
      for (const unknown of own.filter(
        (each) => REGION_CODE.test(each) && regions?.includes(each) === false,
      )) {
        mistakes.push(`functions[${position}].replicas.${subject}: ${unknown} is not a region of replicas`);
      }
    }
    if ((group.deadlineSeconds ?? 0) > maxRolloutSeconds) {
      mistakes.push(`functions[${position}].deadlineSeconds: must not be more than maxRolloutSeconds`);
    }
  });
  if (deadlineSeconds > maxRolloutSeconds)
    mistakes.push('maxRolloutSeconds: must not be less than deadlineSeconds');
  return mistakes;
}
