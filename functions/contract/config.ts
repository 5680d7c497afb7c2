import * as z from 'zod/mini';
import { linesOf, wordsOf } from './mistakes.ts';
import { FUNCTION_NAME_PATTERN, REGION_CODE, SECRET_NAME, STACK_NAME_PATTERN, TABLE_NAME } from './names.ts';
import { CONSUMER_NAME_MAX } from './probe.ts';
import { COMPARED_FACETS } from './report.ts';
import { KEEPS, whereSchema } from './tables.ts';

const region = z.string().check(z.regex(REGION_CODE, 'is not the code of an AWS region, such as eu-west-1'));
const account = z
  .string({ error: 'must be text: put the account id in quotes' })
  .check(z.regex(/^\d{12}$/, 'is not an AWS account id of 12 digits'));
const name = z.string().check(z.minLength(1, 'must not be empty'));
const keyPattern = z.string().check(z.regex(/^[^!\s]\S*$/, 'is not the name of a key, nor a pattern of one'));
const seconds = z.int().check(z.minimum(1), z.maximum(604_800));
const mode = z.enum(['alert', 'learn']);

const tableName = z.string().check(z.regex(TABLE_NAME, 'is not the name of a table'));

const DEADLINE_SECONDS = 300;
const MAX_ROLLOUT_SECONDS = 3600;
const EXPOSURE_PERCENT = 1;
const REPLICATION_SECONDS = 30;
const TARGET_SECONDS = 120;
const MAX_REMOVALS = 10_000;
const MAX_ERRORS = 100;
/** A third of what one partition of DynamoDB gives. */
const READ_UNITS_PER_SECOND = 1_000;
/** A fifth of it. */
const WRITE_UNITS_PER_SECOND = 200;
/** Consumers of one secret, counted in each region: what is remembered of them is one item of the ledger. */
const CONSUMER_REPLICAS_MAX = 100;

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

const targetsSchema = z.strictObject({
  /** Within which replicas agree after the last change of a deploy, of 95 in 100 deploys, in seconds. @default 60 if critical, else 300 */
  convergenceSeconds: z.optional(seconds),
  /** Share of time in which replicas may differ, in percent. */
  exposurePercent: z._default(z.number().check(z.gt(0), z.maximum(100)), EXPOSURE_PERCENT),
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
  /** Environment keys that may differ; if one replica has such a key, all must. Values are not compared. `*` stands for any text. */
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
  /** Whether users notice at once: looked at every minute, and past its deadline it pages and asks for a pause of the rollout. */
  critical: z._default(z.boolean(), false),
  /** What is promised of these subjects. */
  targets: z._default(targetsSchema, { exposurePercent: EXPOSURE_PERCENT }),
  /** @default the config's `mode` */
  mode: z.optional(mode),
});

const consumerSchema = z.strictObject({
  /** What it calls itself in its reports: the name of its function, unless it says otherwise. */
  name: name.check(z.maxLength(CONSUMER_NAME_MAX)),
  /**
   * How long one of its processes may keep a version at most, in seconds: the lifetimes of all caches on the way, summed up. Of a
   * process that loads the secret once: how long it may live.
   */
  cacheSeconds: z.int().check(z.minimum(0), z.maximum(604_800)),
  /** Function that is invoked while a rotation is under way, to see whether it can use the secret; `name` or `name:alias`. */
  probe: z.optional(
    z.string().check(z.regex(/^[\w-]{1,64}(:[\w$-]{1,128})?$/, 'is not name or name:alias of a function')),
  ),
  /** Regions that it runs in. @default all of the secret */
  regions: z.optional(z.array(region).check(z.minLength(1))),
});

const secretSettings = z.strictObject({
  /** Its name, not its ARN: the same in all regions. */
  name: z.string().check(z.regex(SECRET_NAME, 'is not the name of a secret, such as prod/db, or is its ARN')),
  /** Account that it is in. @default the hub's account */
  account: z.optional(account),
  /** Regions that it is to be in, the primary one included. @default all of `replicas` that are in its account */
  regions: z.optional(z.array(region).check(z.minLength(1))),
  /** Who uses it. Without any, nothing is said of the third hop. */
  consumers: z._default(z.array(consumerSchema), []),
  /** How long AWS may take to replicate a new version, in seconds; beyond it, a replica is stuck. */
  replicationSeconds: z._default(seconds, REPLICATION_SECONDS),
  /** How long a new version may take until all consumers use it, in seconds. */
  targetSeconds: z._default(seconds, TARGET_SECONDS),
  /** Whether a cache that cannot meet the target is a mistake, and not only a warning. */
  strict: z._default(z.boolean(), false),
  /** Whether users notice at once, as for functions: looked at every minute. */
  critical: z._default(z.boolean(), false),
  /** @default the config's `mode` */
  mode: z.optional(mode),
});

/** What the rules between the settings of a secret speak of. */
type Propagation = Pick<
  z.output<typeof secretSettings>,
  'consumers' | 'replicationSeconds' | 'targetSeconds'
>;

/** Consumers whose caches alone break the target, by their position. */
function unmetTargets({ consumers, replicationSeconds, targetSeconds }: Propagation) {
  return consumers.flatMap(({ cacheSeconds }, position) => {
    if (cacheSeconds + replicationSeconds <= targetSeconds) return [];
    const words = `${cacheSeconds} s of cache and ${replicationSeconds} s of replication cannot meet the target of ${targetSeconds} s`;
    return [{ position, words }];
  });
}

const secretSchema = secretSettings.check((context) => {
  const { strict, consumers } = context.value;
  const mistake = (path: PropertyKey[], message: string) =>
    context.issues.push({ code: 'custom', path, message, input: context.value });
  for (const { position, words } of strict ? unmetTargets(context.value) : []) {
    mistake(['consumers', position, 'cacheSeconds'], words);
  }
  consumers.forEach(({ name }, position) => {
    const isTwice = consumers.findIndex((other) => other.name === name) < position;
    if (isTwice) mistake(['consumers', position, 'name'], 'is there twice');
  });
});

const attribute = name.check(z.maxLength(255));
const units = z.int().check(z.minimum(1), z.maximum(1_000_000));

const dedupeSchema = z.strictObject({
  /** Attribute, or attributes, that copies of one thing have in common. Not the table's own key, which nothing has twice. */
  key: z.union([attribute, z.array(attribute).check(z.minLength(1), z.maxLength(8))]),
  /** Which copy stays. */
  keep: z.enum(KEEPS),
  /** Attribute that says which copy is older: a number, or a text such as a date in ISO 8601. */
  by: attribute,
  /** What an item must be to be looked at: `{ type: 'order' }`, `{ PK: { beginsWith: 'ORDER#' } }`. @default anything */
  where: z._default(whereSchema, {}),
});

const backfillSchema = z.strictObject({
  /** Table to fill, in the same account and region. */
  to: tableName,
  /** Attribute that says which of two items is newer. @default none: what is in the target stays */
  version: z.optional(attribute),
  /** Module whose default export makes an item of the target, or null, of an item of the source. A path from the config's folder. */
  transform: name,
});

const tableSchema = z
  .strictObject({
    name: tableName,
    /** @default the hub's region */
    region: z.optional(region),
    /** @default the hub's account */
    account: z.optional(account),
    /** Removes items that were written twice. */
    dedupe: z.optional(dedupeSchema),
    /** Writes items that another table lacks. */
    backfill: z.optional(backfillSchema),
    /** Whether runs may be given the right to change the tables. Without it, all runs are dry. */
    apply: z._default(z.boolean(), false),
    /** Items that one run may remove or write at most. */
    maxRemovals: z._default(z.int().check(z.minimum(1)), MAX_REMOVALS),
    /** Items that a transform may fail for until a run gives up. */
    maxErrors: z._default(z.int().check(z.minimum(0), z.maximum(1_000_000)), MAX_ERRORS),
    /** Capacity that a run may take, in units a second. */
    readUnitsPerSecond: z._default(units, READ_UNITS_PER_SECOND),
    writeUnitsPerSecond: z._default(units, WRITE_UNITS_PER_SECOND),
    /** When dry runs start by themselves: `rate(1 day)`, or a cron expression of EventBridge. @default never */
    schedule: z.optional(z.string().check(z.regex(/^(rate|cron)\(.+\)$/, 'is not rate(…) or cron(…)'))),
  })
  .check(
    z.refine(({ dedupe, backfill }) => dedupe !== undefined || backfill !== undefined, {
      error: 'must have dedupe, backfill or both',
    }),
  );

/** Minutes, hours and days of a month as numbers, months as either, days of a week by name: what AWS's mute rules and a crontab both take. */
const CRON = /^cron\([\d*,-]+ [\d*,-]+ [\d*,-]+ [\dA-Z*,-]+ [A-Z*,-]+\)$/;
const AT = /^at\(\d{4}-\d{2}-\d{2}T\d{2}:\d{2}\)$/;

const windowSchema = z.strictObject({
  /** When it begins: a cron expression of five fields, such as `cron(0 2 * * SAT)`, or `at(2026-12-24T18:00)`. */
  schedule: z.string().check(
    z.refine((text) => CRON.test(text) || AT.test(text), {
      error: 'is neither cron(…) of five fields, with names for days of the week, nor at(yyyy-MM-ddThh:mm)',
    }),
  ),
  /** How long it lasts, in minutes: up to 15 days. */
  minutes: z.int().check(z.minimum(1), z.maximum(21_600)),
  /** Name of the zone that the schedule speaks of, such as `Europe/Berlin`. */
  timezone: z._default(
    z.string().check(z.refine(isZone, { error: 'is not the name of a time zone, such as Europe/Berlin' })),
    'UTC',
  ),
});

function isZone(name: string): boolean {
  try {
    return new Intl.DateTimeFormat('en', { timeZone: name }).resolvedOptions().timeZone !== '';
  } catch {
    return false;
  }
}

/** What is no mistake, and yet will not do what the config asks for, one line each with its path. */
export function warningsOf({ secrets }: ParsedConfig): readonly string[] {
  return secrets.flatMap((secret, index) =>
    unmetTargets(secret).map(
      ({ position, words }) => `secrets[${index}].consumers[${position}].cacheSeconds: ${words}`,
    ),
  );
}

export const configSchema = z.strictObject({
  /** Begins the name of everything that is deployed, and of the role that is assumed in other accounts. */
  prefix: z._default(
    z
      .string()
      .check(z.regex(/^[a-z][a-z0-9-]{0,31}$/, 'must be 1 to 32 of a-z, 0-9 and -, and begin with a letter')),
    'recohere',
  ),
  /** Where Recohere itself is deployed. */
  hub: z.strictObject({
    region,
    account: z.optional(account),
    /**
     * Organisation whose accounts may forward events, be they in `replicas` or not yet: those of accounts that are not cause looks, and are
     * believed in nothing. What is deployed with it names `account`.
     * @default those of `replicas` alone may
     */
    organization: z.optional(
      z
        .string()
        .check(z.regex(/^o-[a-z0-9]{10,32}$/, 'is not the id of an organisation, such as o-a1b2c3d4e5')),
    ),
  }),
  /** Where copies live. */
  replicas: z.array(replicaSchema).check(z.minLength(1)),
  /** The replica that the others are compared with. @default the majority, key by key */
  primary: z.optional(z.strictObject({ region, account: z.optional(account) })),
  /** Which functions are watched. One that two groups select belongs to the first. */
  functions: z._default(z.array(groupSchema), []),
  /** Which secrets are watched. */
  secrets: z._default(z.array(secretSchema), []),
  /** Which tables are deduped or backfilled. */
  tables: z._default(z.array(tableSchema), []),
  /** How long replicas may differ after the last change before they have diverged, in seconds. */
  deadlineSeconds: z._default(seconds, DEADLINE_SECONDS),
  /** How long replicas may differ after the first change, however many follow, in seconds. */
  maxRolloutSeconds: z._default(seconds, MAX_ROLLOUT_SECONDS),
  /** Windows of maintenance, in which alarms notify nobody. */
  maintenance: z._default(z.array(windowSchema), []),
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

/** One secret that is watched, and who uses it. */
export type WatchedSecret = z.output<typeof secretSchema>;

/** Subjects of one group or secret are looked at more often, and page. */
export function hasCritical({ functions, secrets }: Pick<ParsedConfig, 'functions' | 'secrets'>): boolean {
  return [...functions, ...secrets].some(({ critical }) => critical);
}

/** One table that runs work on. */
export type WatchedTable = z.output<typeof tableSchema>;

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
  const mistakes = [...linesOf(parsed.error?.issues ?? [], 'config'), ...mistakesBetween(written)];
  return parsed.success && mistakes.length === 0
    ? { ok: true, config: parsed.data }
    : { ok: false, mistakes };
}

const place = z.object({ region, account: z.optional(account) });

/** A setting that is mistaken by itself counts as not given, and so do the rules that speak of it. */
const ifGiven = <T extends z.ZodMiniType>(setting: T) => z.catch(z.optional(setting), undefined);

/** What the rules between settings speak of. */
const related = z.catch(
  z.object({
    hub: ifGiven(z.object({ region: ifGiven(region), account: z.optional(account) })),
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
    secrets: z.catch(
      z.array(
        z.object({
          name: ifGiven(z.string()),
          account: ifGiven(account),
          regions: ifGiven(z.array(z.string())),
          consumers: z.catch(z.array(z.object({ regions: ifGiven(z.array(z.string())) })), []),
        }),
      ),
      [],
    ),
    tables: z.catch(
      z.array(
        z.object({
          name: ifGiven(z.string()),
          region: ifGiven(region),
          account: ifGiven(account),
          dedupe: ifGiven(z.object({ key: z.union([z.string(), z.array(z.string())]), by: z.string() })),
          backfill: ifGiven(z.object({ to: z.string() })),
        }),
      ),
      [],
    ),
    deadlineSeconds: z.catch(z._default(seconds, DEADLINE_SECONDS), 0),
    maxRolloutSeconds: z.catch(z._default(seconds, MAX_ROLLOUT_SECONDS), Number.POSITIVE_INFINITY),
  }),
  { functions: [], secrets: [], tables: [], deadlineSeconds: 0, maxRolloutSeconds: Number.POSITIVE_INFINITY },
);

function mistakesBetween(written: unknown): string[] {
  const { hub, replicas, primary, functions, secrets, tables, deadlineSeconds, maxRolloutSeconds } =
    related.parse(written);
  const mistakes: string[] = [];
  if (['functions', 'secrets', 'tables'].every((setting) => isEmpty(written, setting))) {
    mistakes.push('config: watches nothing; name functions, secrets or tables');
  }
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
  secrets.forEach((secret, position) => {
    const { name, account: own = hub?.account, regions: named, consumers } = secret;
    const isSame = (other: (typeof secrets)[number]) =>
      other.name === name && (other.account ?? hub?.account) === own;
    if (name !== undefined && secrets.findIndex(isSame) < position) {
      mistakes.push(`secrets[${position}].name: is there twice`);
    }
    if (regions === undefined) return;
    const there = replicas?.flatMap((replica) =>
      replica && (replica.account ?? hub?.account) === own ? [replica.region] : [],
    );
    if (there?.length === 0) mistakes.push(`secrets[${position}].account: is not an account of replicas`);
    const unknown = (path: string, given: readonly string[] | undefined, known: readonly string[]) => {
      for (const each of given ?? []) {
        if (!REGION_CODE.test(each) || known.includes(each)) continue;
        mistakes.push(`secrets[${position}].${path}: ${each} is not a region of it`);
      }
    };
    if (there === undefined || there.length === 0) return;
    unknown('regions', named, there);
    const pairs = consumers.reduce((sum, { regions: own }) => sum + (own ?? named ?? there).length, 0);
    if (pairs > CONSUMER_REPLICAS_MAX) {
      mistakes.push(
        `secrets[${position}].consumers: are more than ${CONSUMER_REPLICAS_MAX} in all regions together`,
      );
    }
    consumers.forEach(({ regions: own }, index) => {
      unknown(`consumers[${index}].regions`, own, named ?? there);
    });
  });
  tables.forEach((table, position) => {
    const at = ({ name, region: own = hub?.region, account: owner = hub?.account }: typeof table) =>
      JSON.stringify([name, own, owner]);
    if (table.name !== undefined && tables.findIndex((other) => at(other) === at(table)) < position) {
      mistakes.push(`tables[${position}].name: is there twice`);
    }
    if (table.backfill !== undefined && table.backfill.to === table.name) {
      mistakes.push(`tables[${position}].backfill.to: is the table itself`);
    }
    const { dedupe } = table;
    if (dedupe && [dedupe.key].flat().includes(dedupe.by)) {
      mistakes.push(`tables[${position}].dedupe.by: is part of the key, and so the same in all copies`);
    }
  });
  if (deadlineSeconds > maxRolloutSeconds)
    mistakes.push('maxRolloutSeconds: must not be less than deadlineSeconds');
  return mistakes;
}

function isEmpty(written: unknown, setting: string): boolean {
  if (typeof written !== 'object' || written === null || Array.isArray(written)) return false;
  const value: unknown = Reflect.get(written, setting);
  return value === undefined || (Array.isArray(value) && value.length === 0);
}

/**
 * What keeps a config with several accounts from being deployed, or taken away: roles of other accounts trust the hub's account, events are
 * believed by their account, and which one is the hub's cannot be guessed.
 */
export function hubMistakes({ hub, ...config }: ParsedConfig): string[] {
  const naming = (['replicas', 'tables'] as const).flatMap((setting) =>
    config[setting].flatMap(({ account }, position) =>
      account ? `${setting}[${position}] names an account` : [],
    ),
  );
  const [reason] = [...naming, ...(hub.organization ? ['hub.organization lets in others'] : [])];
  if (hub.account !== undefined || reason === undefined) return [];
  return [
    `hub.account: is missing: write the id of the account that Recohere is deployed in, since ${reason}`,
  ];
}
