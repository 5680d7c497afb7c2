import { describe, expect, it } from 'vitest';
import { DEPLOYED, PARTS, type Part } from '../../functions/contract/deployment.ts';
import {
  PROBE_ACTIONS,
  READ_ACTIONS,
  RUNTIME_ACTIONS,
  SECRET_READ_ACTIONS,
  SECRET_VALUE_ACTIONS,
} from '../../lib/permissions.ts';
import { bundledCalls } from './bundled-calls.ts';
import { decision, type MadeRole, rolesIn } from './decision.ts';
import { evaluated, SUFFIX, type WholeTemplate } from './evaluated.ts';
import {
  actionsOf,
  HUB_ACCOUNT,
  OTHER_ACCOUNT,
  REGIONS,
  resourcesOf,
  statementsOf,
  synthesize,
  WITH_SECRETS,
  WITH_TABLES,
} from './synthesized.ts';

/**
 * Calls that IAM lets everybody make, and those which the SDK makes only if a client is told to look for its endpoint, or for a bucket
 * of another kind than ours.
 */
const NEED_NO_PERMISSION = ['sts:GetCallerIdentity', 'dynamodb:DescribeEndpoints', 's3:CreateSession'];

/** Calls that are in a bundle beside others of their port, and that the function never makes. It may not. */
const NEVER_MADE: Readonly<Partial<Record<Part, readonly string[]>>> = {
  widget: ['dynamodb:PutItem'],
  reconcile: ['dynamodb:Scan', 'dynamodb:BatchGetItem', 's3:PutObject'],
};

const plain = synthesize(WITH_TABLES);
const hub = plain.templateOf(plain.recohere.hub);

describe('the permission proof', () => {
  it.each(PARTS)('%s may make the calls that are in its bundle, and no other', async (part) => {
    const calls = await bundledCalls(part);
    const runtime: readonly string[] = RUNTIME_ACTIONS[part];
    const allowed = actionsOf(statementsOf(hub, DEPLOYED.part('copies', part)));
    const ofItsCode = allowed.filter((action) => calls.has(action) || !runtime.includes(action));
    const notNeeded = [...NEED_NO_PERMISSION, ...(NEVER_MADE[part] ?? [])];
    const needed = [...calls].filter((call) => !notNeeded.includes(call));
    expect([...calls]).toEqual(expect.arrayContaining([...(NEVER_MADE[part] ?? [])]));
    expect(needed.length).toBeGreaterThan(2);
    expect(ofItsCode).toEqual(needed.toSorted());
    expect(runtime.filter((action) => !allowed.includes(action))).toEqual([]);
  });

  it('a role of another account may be read with by the same calls', async () => {
    const region = plain.recohere.regions.find(({ account }) => account === OTHER_ACCOUNT);
    const statements = statementsOf(plain.templateOf(region ?? plain.recohere.hub), {
      'Fn::Join': ['', [{ Ref: 'Prefix' }, '-read']],
    });
    const calls = new Set([
      ...(await bundledCalls('verify-deploy')),
      ...(await bundledCalls('verify-rotation')),
    ]);
    const reads = [...calls].filter(
      (call) => /^(lambda|tag|secretsmanager):/.test(call) && call !== 'secretsmanager:GetSecretValue',
    );
    expect(actionsOf(statements)).toEqual(reads.toSorted());
    expect([...READ_ACTIONS, ...SECRET_READ_ACTIONS, ...PROBE_ACTIONS].toSorted()).toEqual(reads.toSorted());
  });

  it('a role of another account may work on tables with by the same calls', async () => {
    const { recohere, templateOf } = plain;
    const statements = recohere.data.flatMap((stack) => statementsOf(templateOf(stack), 'copies-data') ?? []); // one makes it
    const calls = await bundledCalls('reconcile-worker');
    const ofData = [...calls].filter(
      (call) => !/^sts:|^dynamodb:(GetItem|Query)$/.test(call) && !NEED_NO_PERMISSION.includes(call),
    );
    expect(actionsOf(statements)).toEqual(ofData.toSorted()); // the rest is for the ledger
  });

  it('nothing may decrypt', () => {
    const { recohere, templateOf } = plain;
    const statements = [recohere.hub, recohere.monitoring, ...recohere.regions, ...recohere.data]
      .map(templateOf)
      .flatMap((template) =>
        resourcesOf(template, 'AWS::IAM::Role').flatMap(({ Properties }) =>
          statementsOf(template, Properties.RoleName),
        ),
      );
    expect(statements.length).toBeGreaterThan(30);
    expect(actionsOf(statements).filter((action) => /^kms:|\*/.test(action))).toEqual([]);
  });
});

/** A template of an installation, and where it is deployed. */
interface Deployed {
  readonly account: string;
  readonly region: string;
  readonly template: WholeTemplate;
}

const arnOf = (secret: string, account = HUB_ACCOUNT, region = 'us-east-1') =>
  `arn:aws:secretsmanager:${region}:${account}:secret:${secret}`;

/** The name of the fingerprint key, and its ARN. */
const [KEY = ''] = Object.keys(hub.findResources('AWS::SecretsManager::Secret'));
const KEY_ARN = arnOf(`${KEY}-${SUFFIX}`);

/** Secrets of both accounts; of some, the name looks like that of the fingerprint key, or like the end of its ARN. */
const SECRETS = [
  ...(WITH_SECRETS.secrets ?? []),
  ...[KEY, `${KEY}-`, `${KEY}-${SUFFIX}`, KEY.slice(0, -1)].flatMap((name) => [
    { name },
    { name, account: OTHER_ACCOUNT },
  ]),
];

/** Their ARNs in all regions, each with the end that the key's has and with another. */
const WATCHED = SECRETS.flatMap(({ name, account }) =>
  REGIONS.flatMap((region) =>
    [SUFFIX, 'q1w2e3']
      .map((end) => arnOf(`${name}-${end}`, account, region))
      .filter((arn) => arn !== KEY_ARN),
  ),
);

const { recohere, templateOf } = synthesize({ ...WITH_TABLES, secrets: SECRETS });
const installation: readonly Deployed[] = [
  recohere.hub,
  recohere.monitoring,
  ...recohere.regions,
  ...recohere.data,
].map((stack) => ({
  account: stack.account,
  region: stack.region,
  template: templateOf(stack).toJSON() as WholeTemplate,
}));

function rolesOf(deployed: readonly Deployed[]): MadeRole[] {
  return deployed.flatMap(({ template, ...deployment }) => rolesIn(evaluated(template, deployment)));
}

/**
 * Every watched value that a role could read, or is not kept from whatever it is allowed later. Roles with which regions forward
 * are allowed nothing but that, and are denied nothing.
 */
function leaksOf(deployed: readonly Deployed[]): string[] {
  return rolesOf(deployed).flatMap((role) =>
    SECRET_VALUE_ACTIONS.flatMap((action) =>
      // who reads values by the batch is asked for no secret
      [...WATCHED, '*'].flatMap((arn) => {
        const decided = decision(role, action, arn);
        const isKept = decided === 'denied' || (decided === 'neither' && role.name.includes('-forward-'));
        return isKept ? [] : [`${role.name}, ${action}, ${arn}: ${decided}`];
      }),
    ),
  );
}

type Statements = readonly Readonly<Record<string, unknown>>[];

/** The same installation with other statements in all policies. */
function withStatements(change: (statements: Statements) => Statements): Deployed[] {
  return installation.map(({ template, ...deployment }) => ({
    ...deployment,
    template: JSON.parse(JSON.stringify(template), (key, value) =>
      key === 'PolicyDocument' ? { ...value, Statement: change(value.Statement) } : value,
    ),
  }));
}

const isAllowing = ({ Effect }: Statements[number]) => Effect === 'Allow';
const allowing = (Action: string, Resource = '*') => ({ Effect: 'Allow', Action, Resource });

/** Every denying statement with something else in it; those of roles that read the key alone, if so asked. */
const denyingWith = (change: object, isMeant = (_statement: object) => true) =>
  withStatements((statements) =>
    statements.map((each) => (isAllowing(each) || !isMeant(each) ? each : { ...each, ...change })),
  );

/** Roles that are no function's own. */
const OTHERS = ['copies-read', 'copies-data', 'copies-runs'];

describe('the proof that no value of a watched secret is read', () => {
  it('is about all roles of all templates, in each account and region', () => {
    const forwarding = [HUB_ACCOUNT, OTHER_ACCOUNT].flatMap(() =>
      REGIONS.map((region) => `copies-forward-${region}`),
    );
    expect(rolesOf(installation).map(({ name }) => name)).toEqual(
      expect.arrayContaining([...PARTS.map((part) => `copies-${part}`), ...OTHERS, ...forwarding]),
    );
    expect(rolesOf(installation)).toHaveLength(PARTS.length + OTHERS.length + forwarding.length);
    expect(WATCHED.length).toBeGreaterThan(80);
  });

  it('finds none', () => {
    expect(leaksOf(installation)).toEqual([]);
  });

  it('finds none either if all is allowed beside: what is denied stays denied', () => {
    const leaks = leaksOf(withStatements((statements) => [...statements, allowing('*')]));
    expect(leaks.filter((leak) => !leak.includes('-forward-'))).toEqual([]);
  });

  it.each([
    ['nothing is denied', withStatements((statements) => statements.filter(isAllowing)), 'neither'],
    [
      'values are allowed, and nothing is denied',
      withStatements((statements) => [
        ...statements.filter(isAllowing),
        allowing('secretsmanager:Get*', arnOf('prod/*')),
      ]),
      'allowed',
    ],
    [
      'a role that forwards may read one secret in one region',
      withStatements((statements) => [
        ...statements,
        allowing('SecretsManager:GetSecretValue', arnOf('prod/db-??????', OTHER_ACCOUNT, 'eu-west-1')),
      ]),
      'allowed',
    ],
    [
      'it is denied on a condition',
      denyingWith({ Condition: { Bool: { 'aws:SecureTransport': 'false' } } }),
      '',
    ],
    ['it is denied in one way only', denyingWith({ Action: 'secretsmanager:GetSecretValue' }), 'BatchGet'],
    [
      'what is spared is whatever has a name like the key',
      denyingWith({ NotResource: arnOf(`${KEY}-*`) }, (each) => 'NotResource' in each),
      `secret:${KEY}-`,
    ],
    [
      'what is spared is the key in all regions',
      denyingWith(
        { NotResource: arnOf(`${KEY}-${SUFFIX}`, HUB_ACCOUNT, '*') },
        (each) => 'NotResource' in each,
      ),
      'eu-west-1',
    ],
  ])('fails if %s', (_reason, deployed, words) => {
    const leaks = leaksOf(deployed);
    expect(leaks.length).toBeGreaterThan(0);
    expect(leaks.join('\n')).toContain(words);
  });

  it('fails for a policy that stands beside the roles', () => {
    const Properties = { SecretId: 'prod/db', ResourcePolicy: {} };
    const Resources = { Policy: { Type: 'AWS::SecretsManager::ResourcePolicy', Properties } };
    expect(() => leaksOf([{ account: HUB_ACCOUNT, region: 'us-east-1', template: { Resources } }])).toThrow(
      'Policy (AWS::SecretsManager::ResourcePolicy)',
    );
  });
});

describe('what is read of secrets', () => {
  const roles = rolesOf(installation).filter(({ name }) => !name.includes('-forward-'));
  const allowedTo = (action: string, resource: string) =>
    roles.filter((role) => decision(role, action, resource) === 'allowed').map(({ name }) => name);

  it.each(SECRET_READ_ACTIONS)(
    '%s reaches the watched ones of each account, there or missing, and no other',
    (action) => {
      for (const [account, readers] of [
        [HUB_ACCOUNT, ['copies-verify-rotation', 'copies-sweep']],
        [OTHER_ACCOUNT, ['copies-read']],
      ] as const) {
        for (const region of REGIONS) {
          expect(allowedTo(action, arnOf('prod/db-q1w2e3', account, region))).toEqual(readers);
          expect(allowedTo(action, arnOf('prod/db', account, region))).toEqual(readers);
          expect(allowedTo(action, arnOf('prod/db-old-q1w2e3', account, region))).toEqual([]);
          expect(allowedTo(action, arnOf('prod/dbq1w2e3', account, region))).toEqual([]);
        }
      }
      expect(allowedTo(action, arnOf('prod/mail-q1w2e3', OTHER_ACCOUNT))).toEqual([]);
      expect(allowedTo(action, '*')).toEqual([]);
    },
  );

  it.each([
    ['a probe', 'checkout-api:live', HUB_ACCOUNT, ['copies-verify-rotation', 'copies-sweep']],
    ['a probe of another account', 'billing-probe', OTHER_ACCOUNT, ['copies-read']],
    ['another alias of a probe', 'checkout-api:next', HUB_ACCOUNT, []],
    ['a probe by no alias', 'checkout-api', HUB_ACCOUNT, []],
    ['a namesake of a probe in another account', 'billing-probe', HUB_ACCOUNT, []],
    ['a function of our own', 'copies-sweep', HUB_ACCOUNT, []],
  ])('who may invoke %s', (_reason, name, account, invokers) => {
    for (const region of REGIONS) {
      const arn = `arn:aws:lambda:${region}:${account}:function:${name}`;
      expect(allowedTo('lambda:InvokeFunction', arn)).toEqual(invokers);
    }
  });
});

/** The ARN of a resource of the hub that only AWS knows: it is made up, of the logical id. */
function madeArn(type: string, text: string): string {
  const { Resources = {} } = installation[0]?.template ?? {};
  const id = Object.keys(Resources).find(
    (each) => Resources[each]?.Type === type && JSON.stringify(Resources[each]).includes(text),
  );
  return `arn:aws:made:us-east-1:${HUB_ACCOUNT}:${id}.Arn`;
}

describe('what may do what to whom', () => {
  const roles = rolesOf(installation).filter(({ name }) => !name.includes('-forward-'));
  const allowedTo = (action: string, resource: string) =>
    roles.filter((role) => decision(role, action, resource) === 'allowed').map(({ name }) => name);

  it.each([
    [
      'who looks wakes who tells',
      'lambda:InvokeFunction',
      madeArn('AWS::Lambda::Function', '"copies-notify"'),
      ['copies-verify-deploy', 'copies-verify-rotation', 'copies-sweep'],
    ],
    [
      'who tells asks for pauses',
      'events:PutEvents',
      madeArn('AWS::Events::EventBus', '"copies"'),
      ['copies-notify'],
    ],
  ])('%s, and nobody else', (_reason, action, arn, names) => {
    expect(allowedTo(action, arn).toSorted()).toEqual(names.toSorted());
  });

  it('who draws changes nothing but queues', () => {
    const [widget] = roles.filter(({ name }) => name === 'copies-widget');
    const changes = widget?.statements.flatMap(({ Action, Effect }) => (Effect === 'Allow' ? Action : []));
    expect(changes?.filter((action) => !/^(logs|xray):|^dynamodb:(GetItem|Query)$/.test(action))).toEqual([
      'sqs:SendMessage',
    ]);
  });
});

describe('what is done with tables', () => {
  const roles = rolesOf(installation).filter(({ name }) => !name.includes('-forward-'));
  const allowedTo = (action: string, resource: string) =>
    roles
      .filter((role) => decision(role, action, resource) === 'allowed')
      .map(({ name }) => name)
      .toSorted();
  const ENTRY = 'copies-reconcile';
  const WORKER = 'copies-reconcile-worker';
  const DATA = 'copies-data';
  const tableArn = (name: string, account: string, region: string) =>
    `arn:aws:dynamodb:${region}:${account}:table/${name}`;

  it.each([
    // reason, table, account, region, who reads, who asks what it is, who puts, who removes
    ['one to dedupe', 'deduped', HUB_ACCOUNT, 'us-east-1', [WORKER], [ENTRY, WORKER], true, true],
    [
      'one that runs only read',
      'read-only',
      HUB_ACCOUNT,
      'eu-west-1',
      [WORKER],
      [ENTRY, WORKER],
      false,
      false,
    ],
    ['its target', 'read-only-target', HUB_ACCOUNT, 'eu-west-1', [WORKER], [ENTRY, WORKER], false, false],
    ['a source', 'source', OTHER_ACCOUNT, 'us-east-1', [DATA], [DATA], false, false],
    ['a target', 'filled', OTHER_ACCOUNT, 'us-east-1', [DATA], [DATA], true, false],
    ['one to dedupe there', 'deduped-there', OTHER_ACCOUNT, 'eu-west-1', [DATA], [DATA], true, true],
    ['a namesake in another region', 'deduped', HUB_ACCOUNT, 'eu-west-1', [], [], false, false],
    ['a namesake in another account', 'deduped', OTHER_ACCOUNT, 'us-east-1', [], [], false, false],
    ['one with a longer name', 'deduped-there', HUB_ACCOUNT, 'us-east-1', [], [], false, false],
    ['any other', 'customers', HUB_ACCOUNT, 'us-east-1', [], [], false, false],
  ])('%s', (_reason, name, account, region, readers, describers, isPut, isRemoved) => {
    const arn = tableArn(name, account, region);
    expect({
      scan: allowedTo('dynamodb:Scan', arn),
      get: allowedTo('dynamodb:BatchGetItem', arn),
      describe: allowedTo('dynamodb:DescribeTable', arn),
      backups: allowedTo('dynamodb:DescribeContinuousBackups', arn),
      put: allowedTo('dynamodb:PutItem', arn),
      remove: allowedTo('dynamodb:DeleteItem', arn),
    }).toEqual({
      scan: readers,
      get: readers,
      describe: describers,
      backups: describers,
      put: isPut ? describers : [],
      remove: isRemoved ? describers : [],
    });
    for (const action of ['DeleteTable', 'UpdateTable', 'UpdateItem', 'BatchWriteItem', 'Query'])
      expect(allowedTo(`dynamodb:${action}`, arn)).toEqual([]);
  });

  it.each([
    ['in the account of the hub', HUB_ACCOUNT, 'us-east-1', [WORKER], [ENTRY, WORKER]],
    ['in another region of it', HUB_ACCOUNT, 'eu-west-1', [WORKER], [ENTRY, WORKER]],
    ['in another account', OTHER_ACCOUNT, 'us-east-1', [DATA], [DATA]],
    ['in another region of that', OTHER_ACCOUNT, 'eu-west-1', [DATA], [DATA]],
    ['where no table is', HUB_ACCOUNT, 'eu-central-1', [], []],
  ])('the bucket beside them, %s', (_reason, account, region, writers, readers) => {
    const bucket = `arn:aws:s3:::copies-${account}-${region}`;
    expect(allowedTo('s3:PutObject', `${bucket}/runs/a`)).toEqual(writers);
    expect(allowedTo('s3:GetObject', `${bucket}/quarantine/a`)).toEqual(readers);
    expect(allowedTo('s3:DeleteObject', `${bucket}/quarantine/a`)).toEqual(readers);
    expect(allowedTo('s3:ListBucket', bucket)).toEqual(readers);
    for (const action of ['s3:DeleteBucket', 's3:PutBucketPolicy', 's3:PutLifecycleConfiguration'])
      expect(allowedTo(action, bucket)).toEqual([]);
  });

  it('is done in another account with its role, by those who work on runs alone', () => {
    const arn = `arn:aws:iam::${OTHER_ACCOUNT}:role/${DATA}`;
    expect(allowedTo('sts:AssumeRole', arn)).toEqual([ENTRY, WORKER]);
  });

  it('is begun by the entry, and given to the worker by the state machine alone', () => {
    const machine = `arn:aws:states:us-east-1:${HUB_ACCOUNT}:stateMachine:copies-runs`;
    expect(allowedTo('states:StartExecution', machine)).toEqual(['copies-runs']);
    expect(allowedTo('states:StartExecution', madeArn('AWS::StepFunctions::StateMachine', 'runs'))).toEqual([
      ENTRY,
    ]);
    const worker = madeArn('AWS::Lambda::Function', '"FunctionName":"copies-reconcile-worker"');
    expect(allowedTo('lambda:InvokeFunction', worker)).toEqual(['copies-runs']);
  });
});
