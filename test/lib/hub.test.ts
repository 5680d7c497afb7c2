import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { RemovalPolicy, Stack } from 'aws-cdk-lib';
import { Template } from 'aws-cdk-lib/assertions';
import { describe, expect, it } from 'vitest';
import { parseConfig } from '../../functions/contract/config.ts';
import { DEPLOYED, PARTS, type Part } from '../../functions/contract/deployment.ts';
import { environmentSchemas } from '../../functions/contract/environment.ts';
import { DEPLOY_SOURCES } from '../../functions/contract/event-patterns.ts';
import { RecohereHub } from '../../lib/index.ts';
import { READ_ACTIONS, RUNTIME_ACTIONS } from '../../lib/permissions.ts';
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
} from './synthesized.ts';

const one = synthesize(ONE_ACCOUNT);
const template = one.templateOf(one.recohere.hub);
const two = synthesize(TWO_ACCOUNTS);
const ofTwo = two.templateOf(two.recohere.hub);

const functionOf = (part: Part, of = template) =>
  resourcesOf(of, 'AWS::Lambda::Function').find(
    ({ Properties }) => Properties.Handler && Properties.FunctionName.endsWith(part),
  )?.Properties;
const idOf = (type: string, name: string) =>
  Object.entries(template.findResources(type)).find(([, each]) =>
    JSON.stringify(each).includes(`"${name}"`),
  )?.[0];
const arnOf = (type: string, name: string) => ({ 'Fn::GetAtt': [idOf(type, name), 'Arn'] });
const queueArn = (name: string) => arnOf('AWS::SQS::Queue', name);

const UNDELIVERED = 'recohere-hub-dead-letters';
const REFUSED = 'recohere-verify-deploy-dead-letters';
const QUEUE = 'recohere-verify-deploy';

describe('queues of the hub', () => {
  it('are encrypted by SQS and refuse what comes without TLS', () => {
    const queues = template.findResources('AWS::SQS::Queue');
    expect(Object.keys(queues)).toHaveLength(3);
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
    for (const QueueName of [UNDELIVERED, REFUSED]) {
      template.hasResourceProperties('AWS::SQS::Queue', {
        QueueName,
        MessageRetentionPeriod: 14 * 24 * 3600,
      });
    }
  });

  it('give a message five tries, none while another may run', () => {
    template.hasResourceProperties('AWS::SQS::Queue', {
      QueueName: QUEUE,
      RedrivePolicy: { deadLetterTargetArn: queueArn(REFUSED), maxReceiveCount: 5 },
      VisibilityTimeout: 6 * functionOf('verify-deploy').Timeout,
    });
  });

  it('stand behind everything that is asynchronous', () => {
    const targets = resourcesOf(template, 'AWS::Events::Rule').flatMap(
      ({ Properties }) => Properties.Targets,
    );
    expect(targets).toHaveLength(2);
    for (const { DeadLetterConfig } of targets)
      expect(DeadLetterConfig).toEqual({ Arn: queueArn(UNDELIVERED) });
    template.hasResourceProperties('AWS::Lambda::EventInvokeConfig', {
      FunctionName: { Ref: idOf('AWS::Lambda::Function', 'recohere-sweep') },
      DestinationConfig: { OnFailure: { Destination: queueArn(UNDELIVERED) } },
      MaximumRetryAttempts: 0,
    });
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

  it('passes on to verify-deploy what tells of deploys', () => {
    template.hasResourceProperties('AWS::Events::Rule', {
      EventBusName: { Ref: idOf('AWS::Events::EventBus', 'recohere') },
      EventPattern: { source: DEPLOY_SOURCES },
      Targets: [{ Arn: queueArn(QUEUE) }],
    });
  });
});

describe.each(PARTS)('the function %s', (part) => {
  const name = `recohere-${part}`;

  it('runs on nodejs24.x and arm64, is traced, and takes no concurrency from others', () => {
    expect(functionOf(part)).toMatchObject({
      FunctionName: name,
      Runtime: 'nodejs24.x',
      Architectures: ['arm64'],
      MemorySize: 512,
      Handler: 'index.handler',
      TracingConfig: { Mode: 'Active' },
    });
    expect(functionOf(part)).not.toHaveProperty('ReservedConcurrentExecutions');
  });

  it('has a log of its own for a month, in JSON, since handlers log objects', () => {
    const id = idOf('AWS::Logs::LogGroup', `/aws/lambda/${name}`);
    expect(functionOf(part).LoggingConfig).toEqual({ LogFormat: 'JSON', LogGroup: { Ref: id } });
    expect(template.findResources('AWS::Logs::LogGroup')[id ?? '']).toMatchObject({
      Properties: { RetentionInDays: 30 },
      DeletionPolicy: 'Delete',
    });
  });

  it('is given the environment that it validates', () => {
    expect(Object.keys(functionOf(part).Environment.Variables).toSorted()).toEqual(
      Object.keys(environmentSchemas[part].shape).toSorted(),
    );
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
    const { files, config } = read(one, functionOf(part));
    expect(files).toEqual(['config.json', 'index.mjs']);
    expect({ ok: true, config: JSON.parse(config) }).toEqual(parseConfig(ONE_ACCOUNT));
    expect(read(two, functionOf(part, ofTwo)).config).not.toBe(config);
  });

  it('has the same asset for the same config', () => {
    const again = synthesize({ ...structuredClone(ONE_ACCOUNT), mode: 'alert' }); // the default, written out
    const { Code } = functionOf(part, again.templateOf(again.recohere.hub));
    expect(Code).toEqual(functionOf(part).Code);
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

describe('verify-deploy', () => {
  it('is fed by its queue, with partial failures and a bound', () => {
    template.hasResourceProperties('AWS::Lambda::EventSourceMapping', {
      EventSourceArn: queueArn(QUEUE),
      BatchSize: 10,
      FunctionResponseTypes: ['ReportBatchItemFailures'],
      ScalingConfig: { MaximumConcurrency: 2 },
    });
  });

  it('may send messages to itself without being taken for a runaway loop', () => {
    expect(functionOf('verify-deploy')).toMatchObject({ RecursiveLoop: 'Allow', Timeout: 300 });
  });
});

describe('sweep', () => {
  it('is over before the next one begins', () => {
    template.hasResourceProperties('AWS::Events::Rule', { ScheduleExpression: 'rate(5 minutes)' });
    expect(functionOf('sweep').Timeout).toBeLessThan(5 * 60);
  });
});

describe.each(PARTS)('the role of %s', (part) => {
  const statements = statementsOf(template, DEPLOYED.part('recohere', part));

  it('may do what is used, and no more', () => {
    expect(actionsOf(statements)).toEqual(
      [
        ...new Set([
          ...RUNTIME_ACTIONS[part],
          ...READ_ACTIONS,
          'dynamodb:GetItem',
          'dynamodb:PutItem',
          'dynamodb:Query',
          'secretsmanager:GetSecretValue',
          'sqs:SendMessage',
        ]),
      ].toSorted(),
    );
  });

  it('reads functions in the regions of replicas only', () => {
    expect(statementWith(statements, 'lambda:ListFunctions')).toMatchObject({
      Action: READ_ACTIONS.toSorted(),
      Condition: { StringEquals: { 'aws:RequestedRegion': REGIONS } },
    });
  });

  it('reads the fingerprint key and no other secret, and decrypts nothing', () => {
    const key = { Ref: idOf('AWS::SecretsManager::Secret', 'AWS::SecretsManager::Secret') };
    expect(statementWith(statements, 'secretsmanager:GetSecretValue')?.Resource).toEqual(key);
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
    const letters = part === 'sweep' ? UNDELIVERED : REFUSED;
    expect([statementWith(statements, 'sqs:SendMessage')?.Resource].flat()).toEqual(
      expect.arrayContaining([queueArn(QUEUE), queueArn(letters)]),
    );
    expect([statementWith(statements, 'sqs:SendMessage')?.Resource].flat()).toHaveLength(2);
  });

  it('writes its own log only', () => {
    expect(statementWith(statements, 'logs:PutLogEvents')?.Resource).toEqual(
      arnOf('AWS::Logs::LogGroup', `/aws/lambda/recohere-${part}`),
    );
  });

  it('has no resource `*` but where AWS knows none', () => {
    const everywhere = statements.filter(({ Resource }) => Resource === '*');
    expect(actionsOf(everywhere)).toEqual(
      [...READ_ACTIONS, 'xray:PutTelemetryRecords', 'xray:PutTraceSegments'].toSorted(),
    );
  });

  it('assumes the read roles of other accounts, and none if there are none', () => {
    expect(statementWith(statements, 'sts:AssumeRole')).toBeUndefined();
    const { Resource } = statementWith(statementsOf(ofTwo, `copies-${part}`), 'sts:AssumeRole') ?? {};
    expect(textOf(Resource)).toBe(`arn:aws:iam::${OTHER_ACCOUNT}:role/copies-read`);
  });
});

describe('roles of the hub', () => {
  it('have no policies of AWS, and none beside their own', () => {
    expect(JSON.stringify(template.toJSON())).not.toContain('ManagedPolicyArns');
    template.resourceCountIs('AWS::IAM::Policy', 0);
    template.resourceCountIs('AWS::IAM::Role', PARTS.length);
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
    expect(actionsOf(statements).filter((action) => /^(lambda|tag):/.test(action))).toEqual([]);
  });
});
