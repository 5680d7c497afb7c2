import { z } from 'zod';
import { REGION_CODE } from './region.ts';

const region = z.string().regex(REGION_CODE, 'is not the code of an AWS region, such as eu-west-1');
const account = z
  .string({ error: 'must be text: put the account id in quotes' })
  .regex(/^\d{12}$/, 'is not an AWS account id of 12 digits');
const name = z.string().min(1, 'must not be empty');
const seconds = z.int().min(1).max(604_800);

const replicaSchema = z.strictObject({
  region,
  /** @default the hub's account, which is the one of your own credentials */
  account: account.optional(),
  /** Name of the role to assume in another account. @default `<prefix>-read` */
  role: name.optional(),
  /** External id that the role's trust policy asks for. */
  externalId: name.optional(),
});

const selectionSchema = z.strictObject({
  /** Name of the function. */
  name: name.optional(),
  /** Name of the CloudFormation stack that deployed it (CDK, SAM and the Serverless Framework do). */
  stack: name.optional(),
  /** Tags and their exact values. */
  tags: z.record(name, z.string()).optional(),
});

const groupSchema = z.strictObject({
  /** Which functions: all that are named here must hold. In names, `*` stands for any text. */
  select: selectionSchema.refine((select) => Object.values(select).some((value) => value !== undefined), {
    error: 'must name at least one of name, stack, tags',
  }),
  /**
   * What makes functions copies of one subject: their name; the stack and the logical id that deployed them, for names
   * that differ per region; or the value of a tag.
   * @default 'name'
   */
  identity: z
    .union([z.enum(['name', 'stack+logicalId']), z.strictObject({ tag: name })], {
      error: "must be 'name', 'stack+logicalId' or { tag: '…' }",
    })
    .default('name'),
  /** Alias to compare, such as `live`: the version that it points to is read. @default the newest code, `$LATEST` */
  qualifier: name.optional(),
  /** Subject of functions whose identity is odd: `{ 'checkout-api-eu': 'checkout-api' }`. */
  names: z.record(name, name).default({}),
  /** Regions of subjects that do not live everywhere: `{ 'billing-*': ['us-east-1'] }`. */
  replicas: z.record(name, z.array(region).min(1)).default({}),
  /** Environment keys to leave out. `*` stands for any text. */
  ignore: z.array(name).default([]),
  /** Environment keys that must be present everywhere and may differ. `*` stands for any text. */
  perReplica: z.array(name).default([]),
  /** What tells the code apart: its hash, a build id in a tag or in a variable, or nothing. @default 'sha256' */
  code: z
    .union([z.enum(['sha256', 'off']), z.strictObject({ tag: name }), z.strictObject({ variable: name })], {
      error: "must be 'sha256', 'off', { tag: '…' } or { variable: '…' }",
    })
    .default('sha256'),
  /** Whether runtime, handler, memory, timeout, architectures, tracing, storage and layers are compared. */
  settings: z.boolean().default(true),
  /** How long replicas may differ after the last change, in seconds. @default the config's `deadlineSeconds` */
  deadlineSeconds: seconds.optional(),
  /** @default the config's `mode` */
  mode: z.enum(['alert', 'learn']).optional(),
});

export const configSchema = z
  .strictObject({
    /** Begins the name of everything that is deployed, and of the role that is assumed in other accounts. */
    prefix: z
      .string()
      .regex(/^[a-z][a-z0-9-]{0,31}$/, 'must be 1 to 32 of a-z, 0-9 and -, and begin with a letter')
      .default('recohere'),
    /** Where Recohere itself is deployed. */
    hub: z.strictObject({ region, account: account.optional() }),
    /** Where copies live. */
    replicas: z.array(replicaSchema).min(1),
    /** The replica that the others are compared with. @default the majority, key by key */
    primary: z.strictObject({ region, account: account.optional() }).optional(),
    /** What is watched. A function that two groups select belongs to the first. */
    functions: z.array(groupSchema).min(1),
    /** How long replicas may differ after the last change before they have diverged, in seconds. */
    deadlineSeconds: seconds.default(300),
    /** How long replicas may differ after the first change, however many follow, in seconds. */
    maxRolloutSeconds: seconds.default(3600),
    /** `learn` observes and reports, and never alarms. */
    mode: z.enum(['alert', 'learn']).default('alert'),
  })
  .superRefine((config, context) => {
    const complain = (path: (string | number)[], message: string) =>
      context.addIssue({ code: 'custom', path, message });
    const known = new Set<string>();
    config.replicas.forEach((replica, position) => {
      const id = `${replica.account ?? config.hub.account ?? ''}/${replica.region}`;
      if (known.has(id)) complain(['replicas', position], 'is there twice');
      known.add(id);
    });
    const { primary } = config;
    if (primary && !known.has(`${primary.account ?? config.hub.account ?? ''}/${primary.region}`)) {
      complain(['primary'], 'is not one of replicas');
    }
    const regions = new Set(config.replicas.map((replica) => replica.region));
    config.functions.forEach((group, position) => {
      for (const [subject, own] of Object.entries(group.replicas)) {
        for (const region of own.filter((candidate) => !regions.has(candidate))) {
          complain(['functions', position, 'replicas', subject], `${region} is not a region of replicas`);
        }
      }
    });
    if (config.maxRolloutSeconds < config.deadlineSeconds) {
      complain(['maxRolloutSeconds'], 'must not be less than deadlineSeconds');
    }
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
  const parsed = configSchema.safeParse(written, {
    error: ({ code, input }) => (code === 'invalid_type' && input === undefined ? 'is missing' : undefined),
  });
  if (parsed.success) return { ok: true, config: parsed.data };
  return {
    ok: false,
    mistakes: parsed.error.issues.map((issue) => `${pathOf(issue.path) || 'config'}: ${issue.message}`),
  };
}

function pathOf(path: readonly PropertyKey[]): string {
  return path.reduce<string>(
    (text, part) =>
      typeof part === 'number' ? `${text}[${part}]` : text ? `${text}.${String(part)}` : String(part),
    '',
  );
}
