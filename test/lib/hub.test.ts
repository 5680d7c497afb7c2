import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { RemovalPolicy, Stack } from 'aws-cdk-lib';
import { Match, Template } from 'aws-cdk-lib/assertions';
import { Topic } from 'aws-cdk-lib/aws-sns';
import { describe, expect, it } from 'vitest';
import { parseConfig } from '../../functions/contract/config.ts';
import {
  DEPLOYED,
  PARTS,
  type Part,
  type QueuedPart,
  SEVERITIES,
} from '../../functions/contract/deployment.ts';
import { environmentSchemas } from '../../functions/contract/environment.ts';
import { DEPLOY_SOURCES, ROTATION_SOURCES } from '../../functions/contract/event-patterns.ts';
import { RELEASE, RELEASE_VARIABLE } from '../../functions/contract/release.ts';
import { RecohereHub } from '../../lib/index.ts';
import {
  PROBE_ACTIONS,
  READ_ACTIONS,
  RUNTIME_ACTIONS,
  SECRET_READ_ACTIONS,
  WAKE_ACTIONS,
} from '../../lib/permissions.ts';
import {
  actionsOf,
  HUB_ACCOUNT,
  newApp,
  ONE_ACCOUNT,
  OTHER_ACCOUNT,
  REGIONS,
  resourcesOf,
  statementsOf,
  statementWith,
  synthesize,
  TWO_ACCOUNTS,
  textOf,
  WITH_SECRETS,
  WITH_TABLE,
} from './synthesized.ts';

const one = synthesize(ONE_ACCOUNT);
const template = one.templateOf(one.recohere.hub);
const two = synthesize(TWO_ACCOUNTS);
const ofTwo = two.templateOf(two.recohere.hub);
const secretive = synthesize(WITH_SECRETS);
const withSecrets = secretive.templateOf(secretive.recohere.hub);
const tabled = synthesize(WITH_TABLE);
const withTable = tabled.templateOf(tabled.recohere.hub);

const functionOf = (part: Part, of = template) =>
  resourcesOf(of, 'AWS::Lambda::Function').find(
    ({ Properties }) => Properties.Handler && Properties.FunctionName.endsWith(part),
  )?.Properties;
const idOf = (type: string, name: string, of = template) =>
  Object.entries(of.findResources(type)).find(([, each]) => JSON.stringify(each).includes(`"${name}"`))?.[0];
const arnOf = (type: string, name: string) => ({ 'Fn::GetAtt': [idOf(type, name), 'Arn'] });
const queueArn = (name: string) => arnOf('AWS::SQS::Queue', name);

const UNDELIVERED = 'recohere-hub-dead-letters';
const QUEUED: readonly QueuedPart[] = ['verify-deploy', 'verify-rotation'];
/** Those that look; the others are about tables. */
const LOOKING = [...QUEUED, 'sweep'] as const;
const queueOf = (part: QueuedPart) => `recohere-${part}`;
const refusedBy = (part: QueuedPart) => `recohere-${part}-dead-letters`;

describe('queues of the hub', () => {
  it('are encrypted by SQS and refuse what comes without TLS', () => {
    const queues = template.findResources('AWS::SQS::Queue');
    expect(Object.keys(queues)).toHaveLength(5);
    for (const [id, { Properties }] of Object.entries(queues)) {
      expect(Properties).toMatchObject({ SqsManagedSseEnabled: true });
      const policy = resourcesOf(template, 'AWS::SQS::QueuePolicy').find(
        (each) => each.Properties.Queues[0].Ref === id,
      );
      expect(policy?.Properties.PolicyDocument.Statement).toContainEqual(
        expect.objectContaining({
          Effect: 'Deny',
          Action: 'sqs:*',
          Condition: { Bool: { 'aws:SecureTransport': 'false' } },
        }),
      );
    }
  });

  it('keep dead letters for 14 days', () => {
    for (const QueueName of [UNDELIVERED, ...QUEUED.map(refusedBy)]) {
      template.hasResourceProperties('AWS::SQS::Queue', {
        QueueName,
        MessageRetentionPeriod: 14 * 24 * 3600,
      });
    }
  });

  it.each(QUEUED)('give a message for %s five tries, none while another may run', (part) => {
    template.hasResourceProperties('AWS::SQS::Queue', {
      QueueName: queueOf(part),
      RedrivePolicy: { deadLetterTargetArn: queueArn(refusedBy(part)), maxReceiveCount: 5 },
      VisibilityTimeout: 6 * functionOf(part).Timeout,
    });
  });

  it('stand behind everything that is asynchronous', () => {
    const targets = resourcesOf(template, 'AWS::Events::Rule').flatMap(
      ({ Properties }) => Properties.Targets,
    );
    expect(targets).toHaveLength(4);
    for (const { DeadLetterConfig } of targets)
      expect(DeadLetterConfig).toEqual({ Arn: queueArn(UNDELIVERED) });
    template.hasResourceProperties('AWS::Lambda::EventInvokeConfig', {
      FunctionName: { Ref: idOf('AWS::Lambda::Function', 'recohere-sweep') },
      DestinationConfig: { OnFailure: { Destination: queueArn(UNDELIVERED) } },
      MaximumRetryAttempts: 0,
    });
    for (const part of ['reconcile', 'notify']) {
      template.hasResourceProperties('AWS::Lambda::EventInvokeConfig', {
        FunctionName: { Ref: idOf('AWS::Lambda::Function', `recohere-${part}`) },
        DestinationConfig: { OnFailure: { Destination: queueArn(UNDELIVERED) } },
        MaximumEventAgeInSeconds: 3600,
      });
    }
  });
});

describe('what the hub remembers', () => {
  it('is a table on demand with point-in-time recovery and an index of keys', () => {
    const [table] = resourcesOf(template, 'AWS::DynamoDB::GlobalTable');
    expect(table?.Properties).toMatchObject({
      BillingMode: 'PAY_PER_REQUEST',
      KeySchema: [
        { AttributeName: 'pk', KeyType: 'HASH' },
        { AttributeName: 'sk', KeyType: 'RANGE' },
      ],
      GlobalSecondaryIndexes: [
        {
          IndexName: 'states',
          KeySchema: [
            { AttributeName: 'kind', KeyType: 'HASH' },
            { AttributeName: 'subject', KeyType: 'RANGE' },
          ],
          Projection: { ProjectionType: 'KEYS_ONLY' },
        },
      ],
      Replicas: [
        { Region: 'us-east-1', PointInTimeRecoverySpecification: { PointInTimeRecoveryEnabled: true } },
      ],
    });
    expect(table?.Properties.SSESpecification).toBeUndefined();
  });

  it('is a key of 64 characters that fit in any shell', () => {
    template.hasResourceProperties('AWS::SecretsManager::Secret', {
      GenerateSecretString: { PasswordLength: 64, ExcludePunctuation: true },
    });
    expect(JSON.stringify(template.findResources('AWS::SecretsManager::Secret'))).not.toContain('KmsKeyId');
  });

  it('outlives the stack, with names that the next stack will not want', () => {
    for (const type of ['AWS::DynamoDB::GlobalTable', 'AWS::SecretsManager::Secret']) {
      const [resource] = resourcesOf(template, type);
      expect(resource).toMatchObject({ DeletionPolicy: 'Retain', UpdateReplacePolicy: 'Retain' });
      expect(resource?.Properties).not.toHaveProperty('TableName');
      expect(resource?.Properties).not.toHaveProperty('Name');
    }
  });

  it('goes with the stack if so asked', () => {
    const { recohere, templateOf } = synthesize(ONE_ACCOUNT, { removalPolicy: RemovalPolicy.DESTROY });
    for (const type of ['AWS::DynamoDB::GlobalTable', 'AWS::SecretsManager::Secret']) {
      templateOf(recohere.hub).hasResource(type, { DeletionPolicy: 'Delete' });
    }
  });
});

describe('the bus', () => {
  it('takes events of other accounts from their forward roles alone', () => {
    const [bus] = resourcesOf(ofTwo, 'AWS::Events::EventBus');
    const [statement, ...others] = bus?.Properties.Policy.Statement ?? [];
    expect(others).toEqual([]);
    ofTwo.resourceCountIs('AWS::Events::EventBusPolicy', 0);
    expect(statement).toMatchObject({ Effect: 'Allow', Action: 'events:PutEvents' });
    const ids = [HUB_ACCOUNT, OTHER_ACCOUNT];
    expect(statement.Principal.AWS.map(textOf)).toEqual(ids.map((id) => `arn:aws:iam::${id}:root`));
    expect(statement.Condition.ArnLike['aws:PrincipalArn'].map(textOf)).toEqual(
      ids.map((id) => `arn:aws:iam::${id}:role/copies-forward-*`),
    );
    expect(textOf(statement.Resource)).toBe(`arn:aws:events:us-east-1:${HUB_ACCOUNT}:event-bus/copies`);
  });

  it('takes them from the forward roles of a whole organisation too, if the config names it', () => {
    const hub = { region: 'us-east-1', account: HUB_ACCOUNT, organization: 'o-a1b2c3d4e5' };
    const { recohere, templateOf } = synthesize({ ...TWO_ACCOUNTS, hub });
    const [bus] = resourcesOf(templateOf(recohere.hub), 'AWS::Events::EventBus');
    const [regions, organization, ...others] = bus?.Properties.Policy.Statement ?? [];
    expect(others).toEqual([]);
    const [before] = resourcesOf(ofTwo, 'AWS::Events::EventBus');
    expect(regions).toEqual(before?.Properties.Policy.Statement[0]);
    const { ArnLike, ...conditions } = organization.Condition;
    expect(organization).toMatchObject({
      Effect: 'Allow',
      Principal: { AWS: '*' },
      Action: 'events:PutEvents',
      Resource: regions.Resource,
    });
    expect(ArnLike['aws:PrincipalArn'].map(textOf)).toEqual(['arn:aws:iam::*:role/copies-forward-*']);
    expect(conditions).toEqual({ StringEquals: { 'aws:PrincipalOrgID': 'o-a1b2c3d4e5' } });
  });

  it.each([
    ['verify-deploy', 'deploys', DEPLOY_SOURCES],
    ['verify-rotation', 'secrets and their consumers', ROTATION_SOURCES],
  ] as const)('passes on to %s what tells of %s', (part, _what, source) => {
    template.hasResourceProperties('AWS::Events::Rule', {
      EventBusName: { Ref: idOf('AWS::Events::EventBus', 'recohere') },
      EventPattern: { source },
      Targets: [{ Arn: queueArn(queueOf(part)) }],
    });
  });
});

const MEGABYTES: Readonly<Partial<Record<Part, number>>> = {
  'reconcile-worker': 1024,
  notify: 256,
  widget: 1769,
};

describe.each(PARTS)('the function %s', (part) => {
  const name = `recohere-${part}`;

  it('runs on nodejs24.x and arm64, is traced, and takes no concurrency from others', () => {
    expect(functionOf(part, withTable)).toMatchObject({
      FunctionName: name,
      Runtime: 'nodejs24.x',
      Architectures: ['arm64'],
      MemorySize: MEGABYTES[part] ?? 512,
      Handler: 'index.handler',
      TracingConfig: { Mode: 'Active' },
    });
    expect(functionOf(part, withTable)).not.toHaveProperty('ReservedConcurrentExecutions');
  });

  it('has a log of its own for a month, in JSON, since handlers log objects', () => {
    const id = idOf('AWS::Logs::LogGroup', `/aws/lambda/${name}`, withTable);
    expect(functionOf(part, withTable).LoggingConfig).toEqual({ LogFormat: 'JSON', LogGroup: { Ref: id } });
    expect(withTable.findResources('AWS::Logs::LogGroup')[id ?? '']).toMatchObject({
      Properties: { RetentionInDays: 30 },
      DeletionPolicy: 'Delete',
    });
  });

  it('is given the environment that it validates, and its release', () => {
    const { [RELEASE_VARIABLE]: release, ...validated } = functionOf(part, withTable).Environment.Variables;
    expect(release).toBe(RELEASE);
    expect(Object.keys(validated).toSorted()).toEqual(Object.keys(environmentSchemas[part].shape).toSorted());
  });

  it('is one bundle with the config beside it', () => {
    const read = (of: typeof one, functionProperties: { Code: { S3Key: string } }) => {
      const folder = join(
        of.assembly.directory,
        `asset.${functionProperties.Code.S3Key.replace('.zip', '')}`,
      );
      return {
        files: readdirSync(folder).toSorted(),
        config: readFileSync(join(folder, 'config.json'), 'utf8'),
      };
    };
    const other = synthesize({ ...WITH_TABLE, prefix: 'other' });
    const { files, config } = read(tabled, functionOf(part, withTable));
    expect(files).toEqual(['config.json', 'index.mjs']);
    expect({ ok: true, config: JSON.parse(config) }).toEqual(parseConfig(WITH_TABLE));
    expect(read(other, functionOf(part, other.templateOf(other.recohere.hub))).config).not.toBe(config);
  });

  it('has the same asset for the same config', () => {
    const again = synthesize({ ...structuredClone(WITH_TABLE), mode: 'alert' }); // the default, written out
    const { Code } = functionOf(part, again.templateOf(again.recohere.hub));
    expect(Code).toEqual(functionOf(part, withTable).Code);
  });
});

describe('two hubs in one app', () => {
  it('have each its own config', () => {
    const app = newApp();
    const stacks = [ONE_ACCOUNT, { ...ONE_ACCOUNT, prefix: 'second' }].map((config, position) => {
      const stack = new Stack(app, `stack-${position}`);
      new RecohereHub(stack, 'Hub', { config });
      return stack;
    });
    const assets = stacks.map((stack) => functionOf('sweep', Template.fromStack(stack)).Code.S3Key);
    expect(new Set(assets).size).toBe(2);
  });
});

describe.each(QUEUED)('%s', (part) => {
  it('is fed by its queue, with partial failures and a bound', () => {
    template.hasResourceProperties('AWS::Lambda::EventSourceMapping', {
      EventSourceArn: queueArn(queueOf(part)),
      FunctionName: { Ref: idOf('AWS::Lambda::Function', queueOf(part)) },
      BatchSize: 10,
      FunctionResponseTypes: ['ReportBatchItemFailures'],
      ScalingConfig: { MaximumConcurrency: 2 },
    });
  });

  it('may send messages to itself without being taken for a runaway loop', () => {
    expect(functionOf(part)).toMatchObject({ RecursiveLoop: 'Allow', Timeout: 300 });
  });
});

describe('sweep', () => {
  it.each([
    ['every five minutes', ONE_ACCOUNT, 'cron(0/5 * * * ? *)', 300],
    [
      'every minute if functions are critical',
      { ...ONE_ACCOUNT, functions: [{ select: { name: '*' }, critical: true }] },
      'cron(0/1 * * * ? *)',
      60,
    ],
    [
      'every minute if a secret is critical',
      { ...ONE_ACCOUNT, secrets: [{ name: 'prod/db', critical: true }] },
      'cron(0/1 * * * ? *)',
      60,
    ],
  ])('begins %s, and is over before everything is looked at again', (_reason, config, schedule, seconds) => {
    const { recohere, templateOf } = synthesize(config);
    const hub = templateOf(recohere.hub);
    hub.hasResourceProperties('AWS::Events::Rule', {
      ScheduleExpression: schedule,
      Targets: [{ RetryPolicy: { MaximumEventAgeInSeconds: seconds } }],
    });
    hub.hasResourceProperties('AWS::Lambda::EventInvokeConfig', {
      FunctionName: { Ref: idOf('AWS::Lambda::Function', 'recohere-sweep', hub) },
      MaximumEventAgeInSeconds: seconds,
    });
    expect(functionOf('sweep', hub).Timeout).toBeLessThan(5 * 60);
  });
});

const topicRef = (name: string) => ({ Ref: idOf('AWS::SNS::Topic', name) });

describe.each(SEVERITIES)('the topic %s', (severity) => {
  const topic = topicRef(`recohere-${severity}`);
  const statements = resourcesOf(template, 'AWS::SNS::TopicPolicy').find(
    ({ Properties }) => JSON.stringify(Properties.Topics) === JSON.stringify([topic]),
  )?.Properties.PolicyDocument.Statement;

  it('takes messages of the alarms of this installation, by TLS', () => {
    expect(statements).toHaveLength(2);
    expect(statements[0]).toMatchObject({
      Effect: 'Deny',
      Action: 'sns:Publish',
      Principal: '*',
      Condition: { Bool: { 'aws:SecureTransport': 'false' } },
    });
    expect(statements[1]).toMatchObject({
      Effect: 'Allow',
      Action: 'sns:Publish',
      Principal: { Service: 'cloudwatch.amazonaws.com' },
      Resource: topic,
    });
    expect(textOf(statements[1].Condition.ArnLike['aws:SourceArn'])).toBe(
      `arn:aws:cloudwatch:us-east-1:${HUB_ACCOUNT}:alarm:recohere-*`,
    );
  });

  it('has no key, with which CloudWatch could not publish', () => {
    expect(JSON.stringify(template.findResources('AWS::SNS::Topic'))).not.toMatch(/kms/i);
  });

  it('sends mail to the addresses that are given for it', () => {
    const notify = { [severity]: ['a@example.com', 'b@example.com'] };
    const { recohere, templateOf } = synthesize(ONE_ACCOUNT, { notify });
    const mailing = templateOf(recohere.hub);
    const TopicArn = { Ref: idOf('AWS::SNS::Topic', `recohere-${severity}`, mailing) };
    expect(resourcesOf(mailing, 'AWS::SNS::Subscription').map(({ Properties }) => Properties)).toEqual([
      { Protocol: 'email', Endpoint: 'a@example.com', TopicArn },
      { Protocol: 'email', Endpoint: 'b@example.com', TopicArn },
    ]);
  });

  it('is not made if one is given, which notices go to then', () => {
    const app = newApp();
    const stack = new Stack(app, 'stack');
    const arn = 'arn:aws:sns:us-east-1:111111111111:on-call';
    const notify = { [severity]: Topic.fromTopicArn(stack, 'Topic', arn) };
    new RecohereHub(stack, 'Hub', { config: ONE_ACCOUNT, notify });
    const own = Template.fromStack(stack);
    own.resourceCountIs('AWS::SNS::Topic', 1);
    const { Variables } = functionOf('notify', own).Environment;
    expect(Variables[`RECOHERE_${severity.toUpperCase()}_TOPIC`]).toBe(arn);
    expect(statementWith(statementsOf(own, 'recohere-notify'), 'sns:Publish')?.Resource).toContain(arn);
  });
});

describe('notify', () => {
  const statements = statementsOf(template, 'recohere-notify');

  it('is woken by who looks, and by nobody else of ours', () => {
    const target = { 'Fn::GetAtt': [idOf('AWS::Lambda::Function', 'copies-notify', withSecrets), 'Arn'] };
    const wakers = PARTS.filter((part) =>
      statementsOf(withSecrets, `copies-${part}`)?.some(
        ({ Action, Resource }) =>
          Action === 'lambda:InvokeFunction' && JSON.stringify(Resource) === JSON.stringify(target),
      ),
    );
    expect(wakers).toEqual(LOOKING);
  });

  it('is woken when too much differs for too long', () => {
    template.hasResourceProperties('AWS::Events::Rule', {
      EventBusName: Match.absent(),
      EventPattern: {
        account: [{ Ref: 'AWS::AccountId' }],
        source: ['aws.cloudwatch'],
        'detail-type': ['CloudWatch Alarm State Change'],
        detail: { alarmName: ['recohere-exposure-fast'], state: { value: ['ALARM'] } },
      },
      Targets: [{ Arn: arnOf('AWS::Lambda::Function', 'recohere-notify') }],
    });
  });

  it('publishes on the topics of both severities, and asks for pauses on the bus', () => {
    expect(statementWith(statements, 'sns:Publish')?.Resource).toEqual(
      SEVERITIES.map((severity) => topicRef(`recohere-${severity}`)),
    );
    expect(statementWith(statements, 'events:PutEvents')?.Resource).toEqual(
      arnOf('AWS::Events::EventBus', 'recohere'),
    );
  });
});

describe('widget', () => {
  it('reads the ledger and asks for looks, and could apply nothing', () => {
    const statements = statementsOf(withTable, 'recohere-widget');
    expect(actionsOf(statements)).toEqual(
      [...RUNTIME_ACTIONS.widget, 'dynamodb:GetItem', 'dynamodb:Query', 'sqs:SendMessage'].toSorted(),
    );
    const queues = QUEUED.map(queueOf).map((name) => ({
      'Fn::GetAtt': [idOf('AWS::SQS::Queue', name, withTable), 'Arn'],
    }));
    expect(statementWith(statements, 'sqs:SendMessage')?.Resource).toEqual(queues);
  });
});

describe.each(LOOKING)('the role of %s', (part) => {
  const statements = statementsOf(template, DEPLOYED.part('recohere', part));
  const ofSecrets = statementsOf(withSecrets, DEPLOYED.part('copies', part));
  const readsFunctions = part !== 'verify-rotation';
  const readsSecrets = part !== 'verify-deploy';

  it('may do what is used, and no more', () => {
    expect(actionsOf(ofSecrets)).toEqual(
      [
        ...new Set([
          ...RUNTIME_ACTIONS[part],
          ...(readsFunctions ? [...READ_ACTIONS, 'secretsmanager:GetSecretValue'] : []),
          ...(readsSecrets ? [...SECRET_READ_ACTIONS, ...PROBE_ACTIONS] : []),
          ...WAKE_ACTIONS,
          'dynamodb:GetItem',
          'dynamodb:PutItem',
          'dynamodb:Query',
          'sqs:SendMessage',
          'sts:AssumeRole',
        ]),
      ].toSorted(),
    );
  });

  it('reads in the regions of replicas only', () => {
    for (const [isMeant, actions] of [
      [readsFunctions, READ_ACTIONS],
      [readsSecrets, SECRET_READ_ACTIONS],
      [readsSecrets, PROBE_ACTIONS],
    ] as const) {
      const [action] = actions;
      const statement = statementWith(
        ofSecrets.filter(({ Condition }) => Condition !== undefined),
        action,
      );
      if (!isMeant) {
        expect(statement).toBeUndefined();
        continue;
      }
      expect(statement).toMatchObject({
        Condition: { StringEquals: { 'aws:RequestedRegion': REGIONS } },
      });
      expect([statement?.Action].flat()).toEqual(actions.toSorted());
    }
  });

  it('has nothing to do with secrets and probes if the config names none', () => {
    const allowed = actionsOf(statements);
    for (const action of SECRET_READ_ACTIONS) expect(allowed).not.toContain(action);
    const [probe] = PROBE_ACTIONS;
    expect(statementWith(statements, probe)?.Resource).toEqual(
      arnOf('AWS::Lambda::Function', 'recohere-notify'),
    );
  });

  it('reads the value of the fingerprint key or of none, is denied all others, and decrypts nothing', () => {
    const key = { Ref: idOf('AWS::SecretsManager::Secret', 'AWS::SecretsManager::Secret') };
    const allowed = statementWith(statements, 'secretsmanager:GetSecretValue')?.Resource;
    expect(allowed).toEqual(readsFunctions ? key : undefined);
    expect(statements.filter(({ Effect }) => Effect === 'Deny')).toEqual([
      {
        Effect: 'Deny',
        Action: ['secretsmanager:BatchGetSecretValue', 'secretsmanager:GetSecretValue'],
        ...(readsFunctions ? { NotResource: key } : { Resource: '*' }),
      },
    ]);
    expect(JSON.stringify(template.toJSON())).not.toMatch(/kms:/i);
  });

  it('queries the index of the ledger, and reads and writes single items of its table', () => {
    const [table] = Object.keys(template.findResources('AWS::DynamoDB::GlobalTable'));
    const tableArn = { 'Fn::GetAtt': [table, 'Arn'] };
    expect(statementWith(statements, 'dynamodb:PutItem')?.Resource).toEqual(tableArn);
    expect(statementWith(statements, 'dynamodb:Query')?.Resource).toEqual({
      'Fn::Join': ['', [tableArn, '/index/states']],
    });
  });

  it('sends messages to its queues only', () => {
    const names = part === 'sweep' ? [...QUEUED.map(queueOf), UNDELIVERED] : [queueOf(part), refusedBy(part)];
    const allowed = [statementWith(statements, 'sqs:SendMessage')?.Resource].flat();
    expect(allowed).toEqual(expect.arrayContaining(names.map(queueArn)));
    expect(allowed).toHaveLength(names.length);
  });

  it('writes its own log only', () => {
    expect(statementWith(statements, 'logs:PutLogEvents')?.Resource).toEqual(
      arnOf('AWS::Logs::LogGroup', `/aws/lambda/recohere-${part}`),
    );
  });

  it('has no resource `*` but where AWS knows none', () => {
    const everywhere = ofSecrets.filter(({ Resource }) => Resource === '*');
    expect(actionsOf(everywhere)).toEqual(
      [
        ...(readsFunctions ? READ_ACTIONS : []),
        'xray:PutTelemetryRecords',
        'xray:PutTraceSegments',
      ].toSorted(),
    );
  });

  it('assumes the read roles of other accounts, and none if there are none', () => {
    expect(statementWith(statements, 'sts:AssumeRole')).toBeUndefined();
    const { Resource } = statementWith(ofSecrets, 'sts:AssumeRole') ?? {};
    expect(textOf(Resource)).toBe(`arn:aws:iam::${OTHER_ACCOUNT}:role/copies-read`);
  });
});

describe('what is read of secrets', () => {
  const arnsFor = (config: typeof WITH_SECRETS, action: string) => {
    const { recohere, templateOf } = synthesize(config);
    const statements = statementsOf(templateOf(recohere.hub), 'copies-verify-rotation');
    const ofReplicas = statements.filter(({ Condition }) => Condition !== undefined); // the others are for the hub itself
    return [statementWith(ofReplicas, action)?.Resource ?? []].flat().map(textOf);
  };
  const secret = (name: string) => `arn:aws:secretsmanager:*:${HUB_ACCOUNT}:secret:${name}`;

  it('is of those of the own account that the config names, there or missing, and their probes', () => {
    expect(arnsFor(WITH_SECRETS, 'secretsmanager:DescribeSecret').toSorted()).toEqual(
      ['prod/db', 'prod/db-??????', 'prod/mail', 'prod/mail-??????'].map(secret),
    );
    expect(arnsFor(WITH_SECRETS, 'lambda:InvokeFunction')).toEqual([
      `arn:aws:lambda:*:${HUB_ACCOUNT}:function:checkout-api:live`,
    ]);
  });

  it('needs no role of an account without secrets', () => {
    const [ofOwn] = WITH_SECRETS.secrets ?? [];
    const config = { ...WITH_SECRETS, secrets: ofOwn ? [ofOwn] : [] };
    expect(arnsFor(config, 'secretsmanager:DescribeSecret')).toHaveLength(2);
    expect(arnsFor(config, 'sts:AssumeRole')).toEqual([]);
  });

  it('becomes all of the account if a policy has no room for the names', () => {
    const secrets = Array.from({ length: 100 }, (_none, id) => ({ name: `production/checkout/${id}` }));
    expect(arnsFor({ ...WITH_SECRETS, secrets }, 'secretsmanager:DescribeSecret')).toEqual([secret('*')]);
    const few = secrets.slice(0, 20);
    expect(arnsFor({ ...WITH_SECRETS, secrets: few }, 'secretsmanager:DescribeSecret')).toHaveLength(40);
  });
});

describe('roles of the hub', () => {
  it('have no policies of AWS, and none beside their own', () => {
    expect(JSON.stringify(template.toJSON())).not.toContain('ManagedPolicyArns');
    template.resourceCountIs('AWS::IAM::Policy', 0);
    template.resourceCountIs('AWS::IAM::Role', PARTS.length - 1); // without tables there is no worker
    withTable.resourceCountIs('AWS::IAM::Role', PARTS.length + 1); // with them, a state machine too
  });

  it('assume the roles that the config names, and read nothing in an account without replicas', () => {
    const { recohere, templateOf } = synthesize({
      ...TWO_ACCOUNTS,
      replicas: [
        { region: 'eu-west-1', account: OTHER_ACCOUNT, role: 'theirs' },
        { region: 'us-east-1', account: OTHER_ACCOUNT },
      ],
    });
    const statements = statementsOf(templateOf(recohere.hub), 'copies-sweep');
    expect([statementWith(statements, 'sts:AssumeRole')?.Resource].flat().map((arn) => textOf(arn))).toEqual([
      `arn:aws:iam::${OTHER_ACCOUNT}:role/copies-read`,
      `arn:aws:iam::${OTHER_ACCOUNT}:role/theirs`,
    ]);
    const reads: readonly string[] = [...READ_ACTIONS, ...SECRET_READ_ACTIONS];
    expect(actionsOf(statements).filter((action) => reads.includes(action))).toEqual([]);
  });
});
