import * as z from 'zod';
import { SECRET_VALUE_ACTIONS } from '../../lib/permissions.ts';
import { markdownTable } from './markdown-table.ts';
import type { CfnTemplate } from './resource-costs.ts';
import { HUB_ACCOUNT, OTHER_ACCOUNT, REGIONS, synthesize, WITH_TABLES } from './synthesized.ts';

/** What who may make a call gets to see, or can change. */
type Wording = { readonly sees: string; readonly changes?: string } | { readonly changes: string };

const CONFIGURATIONS = { sees: 'configurations of functions, environment values included' };
const SECRETS = { sees: 'all of secrets but their values: versions, labels, replicas, tags' };
const TABLES = { sees: 'items, whole' };
const ABOUT_TABLES = { sees: 'keys, size, streams, replicas and backups of tables' };
const TRACES = { changes: 'adds traces' };
const SAMPLING = { sees: 'which requests are to be traced' };
const LOG = { changes: 'adds lines to it' };

/** Every action that a role of ours may be given, in the order in which they are told. */
const ACTIONS: Readonly<Record<string, Wording>> = {
  'lambda:ListFunctions': CONFIGURATIONS,
  'lambda:GetFunctionConfiguration': CONFIGURATIONS,
  'lambda:GetAlias': { sees: 'versions of aliases' },
  'secretsmanager:DescribeSecret': SECRETS,
  'secretsmanager:ListSecretVersionIds': SECRETS,
  'lambda:InvokeFunction': { changes: 'runs them, and gets their answers' },
  'tag:GetResources': { sees: 'names and tags of whatever has tags' },
  'sts:AssumeRole': { sees: 'what that role can see', changes: 'what that role can change' },
  'dynamodb:GetItem': { sees: 'items: names, hashes, times' },
  'dynamodb:PutItem': { changes: 'writes items' },
  'dynamodb:Query': { sees: 'names of subjects, ids of runs' },
  'dynamodb:Scan': TABLES,
  'dynamodb:BatchGetItem': TABLES,
  'dynamodb:DescribeTable': ABOUT_TABLES,
  'dynamodb:DescribeContinuousBackups': ABOUT_TABLES,
  'dynamodb:DeleteItem': { changes: 'deletes items' },
  's3:ListBucket': { sees: 'names of objects' },
  's3:GetObject': { sees: 'objects: keys of items, and items that were removed' },
  's3:PutObject': { changes: 'writes objects' },
  's3:DeleteObject': { changes: 'deletes objects' },
  'states:StartExecution': { changes: 'starts executions' },
  'states:StopExecution': { changes: 'stops executions' },
  'states:DescribeExecution': { sees: 'ids of runs, and how far executions are' },
  'secretsmanager:GetSecretValue': { sees: 'the key itself' },
  'events:PutEvents': { changes: 'puts events on it' },
  'sns:Publish': { changes: 'sends messages to whoever listens' },
  'sqs:SendMessage': { changes: 'puts messages into it' },
  'sqs:ReceiveMessage': { sees: 'messages: events that tell of deploys or of secrets' },
  'sqs:GetQueueAttributes': { sees: 'settings and length' },
  'sqs:DeleteMessage': { changes: 'takes messages out of it' },
  'logs:CreateLogStream': LOG,
  'logs:PutLogEvents': LOG,
  'xray:PutTelemetryRecords': TRACES,
  'xray:PutTraceSegments': TRACES,
  'xray:GetSamplingRules': SAMPLING,
  'xray:GetSamplingTargets': SAMPLING,
};

const LEDGER = 'the ledger';

const texts = z.union([z.string(), z.array(z.string())]).transform((each) => [each].flat());
const statement = z.union([
  z.strictObject({
    Effect: z.literal('Allow'),
    Action: texts,
    Resource: z.unknown(),
    Condition: z.optional(z.unknown()),
  }),
  z.strictObject({ Effect: z.literal('Deny'), Action: texts, Resource: z.literal('*') }),
  z.strictObject({ Effect: z.literal('Deny'), Action: texts, NotResource: z.unknown() }),
]);
const trust = z.strictObject({
  Effect: z.literal('Allow'),
  Action: z.literal('sts:AssumeRole'),
  Principal: z.union([z.strictObject({ Service: z.string() }), z.strictObject({ AWS: z.unknown() })]),
  Condition: z.optional(z.unknown()),
});
const policy = <S extends z.ZodType>(of: S) =>
  z.strictObject({ Version: z.string(), Statement: z.array(of) });
const rolePolicy = z.strictObject({ PolicyName: z.string(), PolicyDocument: policy(statement) });
/** One that is there only if a condition holds. */
const maybePolicy = z
  .strictObject({
    'Fn::If': z.tuple([z.string(), rolePolicy, z.strictObject({ Ref: z.literal('AWS::NoValue') })]),
  })
  .transform((either) => either['Fn::If'][1]);
/** Strict, so that nothing that gives a role more is overlooked. */
const role = z.strictObject({
  RoleName: z.unknown(),
  Description: z.optional(z.string()),
  AssumeRolePolicyDocument: policy(trust),
  Policies: z.array(z.union([rolePolicy, maybePolicy])),
});

/** What every role that is deployed can see and change, in Markdown: a row for each statement of its policies. */
export function rolesTable(): string {
  const { recohere, templateOf } = synthesize(WITH_TABLES);
  const region = recohere.regions.find(({ account }) => account === OTHER_ACCOUNT);
  const [data] = recohere.data.filter(({ account }) => account === OTHER_ACCOUNT); // the first one makes the role
  if (region === undefined || data === undefined) throw new Error('there is another account');
  const templates = [recohere.hub, recohere.monitoring, region, data].map(
    (stack) => templateOf(stack).toJSON() as CfnTemplate,
  );
  return markdownTable(
    ['role', 'who may assume it', 'can see', 'can change', 'limited to'],
    templates.flatMap(rolesOf),
  );
}

/**
 * A row for each statement of a template's roles.
 * @throws Error for whatever has no wording: an action, a condition, a resource, or a property that gives a role more
 */
export function rolesOf(template: CfnTemplate): string[][] {
  return Object.values(template.Resources)
    .filter(({ Type }) => Type === 'AWS::IAM::Role')
    .flatMap(({ Properties }) => {
      const { RoleName, AssumeRolePolicyDocument, Policies } = role.parse(Properties);
      const name = `\`${textOf(template, RoleName)}\`${placeOf(textOf(template, RoleName))}`;
      const trusted = AssumeRolePolicyDocument.Statement.map((each) => trustedBy(template, each)).join('; ');
      return Policies.flatMap(({ PolicyDocument }) => PolicyDocument.Statement).map((each, row) => [
        ...(row === 0 ? [name, trusted] : ['', '']),
        ...permissionOf(template, each),
      ]);
    });
}

/** What a statement lets a role see and change, and what it is limited to. */
function permissionOf(template: CfnTemplate, each: z.output<typeof statement>): string[] {
  if (each.Effect === 'Allow') {
    const resources = [each.Resource].flat().map((resource) => resourceText(template, resource));
    const limits = [...new Set(resources)].join(', ') + conditionText(template, each.Condition);
    const [sees, changes] = wordsOf(each.Action);
    const isKept = limits === LEDGER && changes !== '–' && !each.Action.includes('dynamodb:DeleteItem');
    return [sees, isKept ? `${changes}; cannot delete` : changes, limits];
  }
  if (each.Action.toSorted().join() !== SECRET_VALUE_ACTIONS.toSorted().join())
    throw new Error(`what does it mean that ${each.Action} is denied?`);
  const but = 'NotResource' in each ? ` but ${resourceText(template, each.NotResource)}` : '';
  return ['never: values of secrets, which it is denied', '–', `all secrets${but}`];
}

/** Where a role is made: the region's template has two, and a condition says where the second is made. */
function placeOf(name: string): string {
  switch (name) {
    case '<prefix>-forward-<region>':
      return ', in each account and region';
    case '<prefix>-read':
      return ', in each account but that of the hub';
    case '<prefix>-data':
      return ', in each account with tables but that of the hub';
    default:
      return ', in the account of the hub';
  }
}

/** @throws Error for an action without wording */
function wordsOf(actions: readonly string[]): [string, string] {
  const unknown = actions.filter((action) => !Object.hasOwn(ACTIONS, action));
  if (unknown.length > 0) throw new Error(`what does ${unknown} let a role see or change?`);
  const wordings = Object.entries(ACTIONS).flatMap(([action, wording]) =>
    actions.includes(action) ? wording : [],
  );
  const joined = (words: readonly string[]) => [...new Set(words)].join('; ') || '–';
  return [
    joined(wordings.flatMap((each) => ('sees' in each ? each.sees : []))),
    joined(wordings.flatMap((each) => each.changes ?? [])),
  ];
}

function trustedBy(template: CfnTemplate, { Principal, Condition }: z.output<typeof trust>): string {
  const conditions = conditionText(template, Condition);
  if ('AWS' in Principal) {
    if (textOf(template, Principal.AWS) !== 'arn:aws:iam::<hub>:root')
      throw new Error('somebody else is trusted');
    return `the account of the hub${conditions}`;
  }
  const names: Readonly<Record<string, string>> = {
    'lambda.amazonaws.com': 'Lambda',
    'events.amazonaws.com': 'EventBridge',
    'states.amazonaws.com': 'Step Functions',
  };
  const name = names[Principal.Service];
  if (name === undefined) throw new Error(`who is ${Principal.Service}?`);
  return `${name}${conditions}`;
}

/** @throws Error for a condition without wording */
function conditionText(template: CfnTemplate, condition: unknown): string {
  if (condition === undefined) return '';
  return Object.entries(z.record(z.string(), z.record(z.string(), z.unknown())).parse(condition))
    .flatMap(([operator, operands]) =>
      Object.entries(operands).map(([key, operand]) => {
        const text = JSON.stringify([operator, key, operand]);
        switch (`${operator} ${key}`) {
          case 'StringEquals aws:RequestedRegion':
            if (JSON.stringify(operand) !== JSON.stringify(REGIONS)) break;
            return ', in the regions of `replicas`';
          case 'StringEquals aws:SourceAccount':
            if (textOf(template, operand) !== '<account>') break;
            return ', for its own account';
          case 'ArnLike aws:PrincipalArn':
            switch (textOf(template, operand)) {
              case 'arn:aws:iam::<hub>:role/<prefix>-*':
                return ': its roles `<prefix>-*`';
              case 'arn:aws:iam::<hub>:role/<prefix>-reconcile*':
                return ': its roles `<prefix>-reconcile*`';
            }
            break;
          case 'StringEquals Fn::If':
            if (!text.includes('"HasExternalId",{"sts:ExternalId":{"Ref":"ExternalId"}}')) break;
            return ', with the `externalId` of the config, if it has one';
        }
        throw new Error(`what does the condition ${text} mean?`);
      }),
    )
    .join('');
}

/** What a statement is limited to. */
function resourceText(template: CfnTemplate, resource: unknown): string {
  const text = textOf(template, resource);
  const [, kind = '', name = ''] =
    /^arn:aws:iam::<other>:(role)\/(.*)$/.exec(text) ??
    /^arn:aws:events:<hub region>:<hub>:event-(bus)\/(.*)$/.exec(text) ??
    /^arn:aws:secretsmanager:\*:<(?:hub|other)>:(secret):(.*?)(?:-\?{6})?$/.exec(text) ??
    /^arn:aws:lambda:\*:<(?:hub|other)>:(function):(.*)$/.exec(text) ??
    /^arn:aws:dynamodb:[a-z0-9-]+:<(?:hub|other)>:(table)\/(.*)$/.exec(text) ??
    /^arn:aws:(s3):::<prefix>-<(?:hub|other)>-(.*)$/.exec(text) ??
    /^arn:aws:states:<region>:<account>:(stateMachine|execution):<prefix>-runs(.*)$/.exec(text) ??
    [];
  if (text === '*') return 'the whole account';
  if (kind === 'role') return `\`${name}\` of the other accounts`;
  if (kind === 'bus') return `the bus \`${name}\` of the hub`;
  if (kind === 's3')
    return name.endsWith('/*') ? 'objects of the buckets beside the tables' : 'these buckets';
  if (kind === 'stateMachine') return 'the state machine `<prefix>-runs`';
  if (kind === 'execution') return 'executions of it';
  if (kind === 'table') return tableText(name);
  const { secrets = [] } = WITH_TABLES;
  const probes = secrets.flatMap(({ consumers = [] }) => consumers.map(({ probe }) => probe));
  if (kind === 'secret' && secrets.some((secret) => secret.name === name)) return NAMED.secrets;
  if (kind === 'function' && probes.includes(name)) return NAMED.probes;
  if (text.startsWith('the ledger/index/')) return 'the index of the ledger';
  if (text.startsWith('arn:')) throw new Error(`what is ${text}?`);
  return text;
}

/** Which tables are meant, by what the config lets runs do with them. @throws Error for one that it does not name */
function tableText(name: string): string {
  const tables = WITH_TABLES.tables ?? [];
  const isApplied = tables.some(
    ({ apply = false, ...table }) => apply && table.name === name && table.dedupe,
  );
  if (isApplied) return 'tables that a dedupe may be applied to';
  if (tables.some(({ apply = false, backfill }) => apply && backfill?.to === name))
    return 'tables that a backfill may be applied to';
  if (tables.some((table) => table.name === name || table.backfill?.to === name))
    return 'tables that runs only read';
  throw new Error(`what is the table ${name}?`);
}

const NAMED = {
  secrets: 'the secrets that the config names',
  probes: 'the probes that the config names',
  tables: 'the tables that the config names',
};

const VARIABLES: Readonly<Record<string, string>> = {
  'AWS::Partition': 'aws',
  'AWS::AccountId': '<account>',
  'AWS::Region': '<region>',
  Prefix: '<prefix>',
  HubAccount: '<hub>',
  HubRegion: '<hub region>',
  SecretArns: NAMED.secrets,
  ProbeArns: NAMED.probes,
};

/** The text of a name or an ARN, with words for what differs from one installation to another. */
function textOf(template: CfnTemplate, value: unknown): string {
  if (typeof value === 'string') {
    const { prefix = '' } = WITH_TABLES;
    return value
      .replaceAll(prefix, '<prefix>')
      .replaceAll(HUB_ACCOUNT, '<hub>')
      .replaceAll(OTHER_ACCOUNT, '<other>');
  }
  const [[kind, operand] = ['', undefined]] = Object.entries(z.record(z.string(), z.unknown()).parse(value));
  const parts = z.array(z.unknown()).catch([]).parse(operand);
  switch (kind) {
    case 'Ref':
      return VARIABLES[String(operand)] ?? resourceName(template, String(operand));
    case 'Fn::GetAtt':
      return resourceName(template, String(parts[0]));
    case 'Fn::Join':
      return z
        .array(z.unknown())
        .parse(parts[1])
        .map((part) => textOf(template, part))
        .join('');
    case 'Fn::If': // in another account than the hub's
      return textOf(template, parts[2]);
    default:
      throw new Error(`what is ${JSON.stringify(value)}?`);
  }
}

function resourceName(template: CfnTemplate, id: string): string {
  const { Type, Properties } = template.Resources[id] ?? {};
  const properties = z.record(z.string(), z.unknown()).parse(Properties);
  switch (Type) {
    case 'AWS::DynamoDB::GlobalTable':
      return LEDGER;
    case 'AWS::SecretsManager::Secret':
      return 'the fingerprint key';
    case 'AWS::Events::EventBus':
      return `the bus \`${textOf(template, properties.Name)}\` of the hub`;
    case 'AWS::SNS::Topic':
      return `the topic \`${textOf(template, properties.TopicName)}\``;
    case 'AWS::SQS::Queue':
      return `the queue \`${textOf(template, properties.QueueName)}\``;
    case 'AWS::Lambda::Function':
      return `the function \`${textOf(template, properties.FunctionName)}\``;
    case 'AWS::StepFunctions::StateMachine':
      return `the state machine \`${textOf(template, properties.StateMachineName)}\``;
    case 'AWS::Logs::LogGroup':
      return `the log \`${textOf(template, properties.LogGroupName)}\``;
    default:
      throw new Error(`what is ${id}, a ${Type}?`);
  }
}
