import { describe, expect, it } from 'vitest';
import { DEPLOYED, TASK_ERRORS, WORKER_MS_MAX } from '../../functions/contract/deployment.ts';
import { askedSchema } from '../../functions/contract/messages.ts';
import { requestSchema } from '../../functions/contract/requests.ts';
import {
  actionsOf,
  HUB_ACCOUNT,
  ONE_ACCOUNT,
  resourcesOf,
  statementsOf,
  statementWith,
  synthesize,
  textOf,
  WITH_TABLE,
  WITH_TABLES,
} from './synthesized.ts';

const { recohere, templateOf } = synthesize(WITH_TABLES);
const template = templateOf(recohere.hub);
const [machine] = resourcesOf(template, 'AWS::StepFunctions::StateMachine').map(
  ({ Properties }) => Properties,
);
const functionNamed = (name: string) => {
  const found = Object.entries(template.findResources('AWS::Lambda::Function')).find(
    ([, { Properties }]) => Properties.FunctionName === name,
  );
  if (found === undefined) throw new Error(`there is no ${name}`);
  return { arn: { 'Fn::GetAtt': [found[0], 'Arn'] }, properties: found[1].Properties };
};
const worker = functionNamed('copies-reconcile-worker');
const entry = functionNamed('copies-reconcile');

/** The state machine as Step Functions reads it. */
const definition = JSON.parse(
  machine.DefinitionString['Fn::Join'][1]
    .map((part: unknown) => (typeof part === 'string' ? part : 'WORKER'))
    .join(''),
);
const { Steer, Work, ...others } = definition.States;
const child = Work.ItemProcessor.States;

describe('without tables', () => {
  const one = synthesize(ONE_ACCOUNT);
  const without = one.templateOf(one.recohere.hub);

  it('there is an entry, for looks, and nothing that works on runs', () => {
    without.resourceCountIs('AWS::StepFunctions::StateMachine', 0);
    const names = resourcesOf(without, 'AWS::Lambda::Function').map(
      ({ Properties }) => Properties.FunctionName,
    );
    expect(names).toContain('recohere-reconcile');
    expect(names).not.toContain('recohere-reconcile-worker');
    expect(one.recohere.data).toEqual([]);
    expect(JSON.stringify(resourcesOf(without, 'AWS::Events::Rule'))).not.toMatch(/Dry runs/);
  });

  it('the entry reads the ledger, silences and asks for looks, and may do nothing else', () => {
    expect(actionsOf(statementsOf(without, 'recohere-reconcile'))).toEqual(
      [
        'dynamodb:GetItem',
        'dynamodb:PutItem',
        'dynamodb:Query',
        'logs:CreateLogStream',
        'logs:PutLogEvents',
        'sqs:SendMessage',
        'xray:PutTelemetryRecords',
        'xray:PutTraceSegments',
      ].toSorted(),
    );
    const queried = statementsOf(without, 'recohere-reconcile').filter(({ Action }) =>
      [Action].flat().includes('dynamodb:Query'),
    );
    const [table] = Object.keys(without.findResources('AWS::DynamoDB::GlobalTable'));
    const tableArn = { 'Fn::GetAtt': [table, 'Arn'] };
    expect(queried.map(({ Resource }) => Resource)).toEqual(
      expect.arrayContaining([tableArn, { 'Fn::Join': ['', [tableArn, '/index/states']] }]),
    );
    expect(queried).toHaveLength(2);
  });
});

describe('the functions', () => {
  it('have time: the entry for a status of many segments, the worker for all that Lambda gives', () => {
    expect(entry.properties.Timeout).toBe(300);
    expect(worker.properties.Timeout * 1000).toBe(WORKER_MS_MAX);
    expect([entry.properties.MemorySize, worker.properties.MemorySize]).toEqual([512, 1024]);
  });

  it('know the state machine, and the account that is in names of buckets', () => {
    const [id] = Object.keys(template.findResources('AWS::StepFunctions::StateMachine'));
    expect(entry.properties.Environment.Variables).toMatchObject({
      RECOHERE_RUNS: { 'Fn::GetAtt': [id, 'Arn'] },
      RECOHERE_ACCOUNT: { Ref: 'AWS::AccountId' },
    });
    expect(worker.properties.Environment.Variables.RECOHERE_ACCOUNT).toEqual({ Ref: 'AWS::AccountId' });
  });
});

describe('the state machine', () => {
  it('is a traced one of standard executions, which end before what a run has written down is gone', () => {
    expect(machine).toMatchObject({
      StateMachineName: 'copies-runs',
      StateMachineType: 'STANDARD',
      TracingConfiguration: { Enabled: true },
    });
    expect(machine).not.toHaveProperty('LoggingConfiguration');
    expect(definition.TimeoutSeconds).toBe(14 * 86_400);
  });

  it('asks the worker what is next, and does that', () => {
    expect(definition.StartAt).toBe('Steer');
    expect(Steer).toMatchObject({
      Resource: 'WORKER',
      Parameters: { task: 'steer', 'run.$': '$.run' },
      Next: 'What next',
    });
    const { Choices, Default } = others['What next'];
    expect(Default).toBeUndefined();
    expect(
      Object.fromEntries(
        Choices.map(({ Variable, StringEquals, Next }: Record<string, string>) => {
          expect(Variable).toBe('$.next');
          return [StringEquals, Next];
        }),
      ),
    ).toEqual({ work: 'Work', wait: 'Wait', end: 'Ended', fail: 'Failed' });
    expect(others.Wait).toEqual({ Type: 'Wait', SecondsPath: '$.seconds', Next: 'Steer' });
    expect(others.Ended.Type).toBe('Succeed');
    expect(others.Failed).toMatchObject({ Type: 'Fail', Error: 'RunFailed' });
  });

  it('gives each segment to a child of its own, and tolerates no failed one', () => {
    expect(Work).toMatchObject({
      Type: 'Map',
      ItemsPath: '$.segments',
      ItemSelector: { 'run.$': '$.run', 'phase.$': '$.phase', 'index.$': '$$.Map.Item.Value' },
      MaxConcurrencyPath: '$.concurrency',
      ItemProcessor: { ProcessorConfig: { Mode: 'DISTRIBUTED', ExecutionType: 'STANDARD' } },
      Next: 'Steer',
    });
    expect(JSON.stringify(Work)).not.toContain('Tolerated');
    expect(Work).not.toHaveProperty('Catch');
  });

  it('has a child work until the segment is done, waits while somebody else is at it, and keeps nothing of it', () => {
    expect(child['Work on it']).toMatchObject({
      Resource: 'WORKER',
      Parameters: { task: 'work', 'run.$': '$.run', 'phase.$': '$.phase', 'index.$': '$.index' },
      ResultPath: '$.worked',
      Next: 'Is it done',
    });
    expect(child['Is it done']).toMatchObject({
      Choices: [{ Variable: '$.worked.isDone', BooleanEquals: true, Next: 'Done' }],
      Default: 'Wait for it',
    });
    expect(child['Wait for it']).toEqual({
      Type: 'Wait',
      SecondsPath: '$.worked.waitSeconds',
      Next: 'Work on it',
    });
    expect(child.Done).toEqual({ Type: 'Pass', Result: {}, End: true });
    expect(Work.ResultPath).toBeNull();
  });

  it.each([
    ['steering', Steer],
    ['work', child['Work on it']],
  ])('tries %s again where that may help, and gives each try longer than the worker has', (_what, task) => {
    const [final, patiently, aFewTimes] = task.Retry;
    expect(final).toEqual({ ErrorEquals: [TASK_ERRORS.final], MaxAttempts: 0 });
    expect(patiently.ErrorEquals).toEqual(
      expect.arrayContaining([
        TASK_ERRORS.retryable,
        'Lambda.TooManyRequestsException',
        'Lambda.ServiceException',
      ]),
    );
    expect(patiently).toMatchObject({ BackoffRate: 2, JitterStrategy: 'FULL', MaxDelaySeconds: 300 });
    expect(aFewTimes).toMatchObject({ ErrorEquals: ['States.TaskFailed', 'States.Timeout'], MaxAttempts: 3 });
    expect(task.TimeoutSeconds * 1000).toBeGreaterThan(WORKER_MS_MAX);
  });

  it('names only states that are there', () => {
    for (const states of [definition.States, child]) {
      const next = JSON.stringify(states, (key, value) =>
        key === 'ItemProcessor' ? undefined : value,
      ).matchAll(/"(?:Next|Default)":"([^"]+)"/g);
      for (const [, name = ''] of next) expect(Object.keys(states)).toContain(name);
    }
  });

  it('has a role that invokes the worker, and starts executions of its own', () => {
    const statements = statementsOf(template, 'copies-runs');
    expect(statementWith(statements, 'lambda:InvokeFunction')?.Resource).toEqual(worker.arn);
    expect(textOf(statementWith(statements, 'states:StartExecution')?.Resource)).toBe(
      `arn:aws:states:us-east-1:${HUB_ACCOUNT}:stateMachine:${DEPLOYED.runs('copies')}`,
    );
    expect(actionsOf(statements)).toEqual([
      'lambda:InvokeFunction',
      'states:DescribeExecution',
      'states:StartExecution',
      'states:StopExecution',
      'xray:GetSamplingRules',
      'xray:GetSamplingTargets',
      'xray:PutTelemetryRecords',
      'xray:PutTraceSegments',
    ]);
  });
});

describe('dry runs that rules ask for', () => {
  const rules = resourcesOf(template, 'AWS::Events::Rule').map(({ Properties }) => Properties);
  const undelivered = Object.entries(template.findResources('AWS::SQS::Queue')).find(
    ([, { Properties }]) => Properties.QueueName === 'copies-hub-dead-letters',
  )?.[0];
  const asked = rules.filter(({ Targets }) => JSON.stringify(Targets[0].Arn) === JSON.stringify(entry.arn));
  const scheduled = asked.filter(({ ScheduleExpression }) => ScheduleExpression);

  it('begin by the schedule of a table, one of each kind that the config names', () => {
    const told = scheduled.map(({ ScheduleExpression, Targets }) => ({
      ScheduleExpression,
      requests: Targets.map(({ InputTransformer }: { InputTransformer: Record<string, unknown> }) => {
        expect(InputTransformer.InputPathsMap).toEqual({ time: '$.time' });
        const text = String(InputTransformer.InputTemplate).replace('<time>', '"2026-01-05T03:00:00Z"');
        const event = askedSchema.parse(JSON.parse(text));
        if (!('request' in event)) throw new Error('it is of a schedule');
        const { request, time } = event;
        expect(requestSchema.safeParse({ ...request, mode: 'dry-run', token: time }).success).toBe(true);
        return request;
      }),
    }));
    expect(told).toEqual([
      {
        ScheduleExpression: 'rate(1 day)',
        requests: [{ kind: 'dedupe', table: 'deduped', region: 'us-east-1', account: HUB_ACCOUNT }],
      },
      {
        ScheduleExpression: 'cron(0 3 * * ? *)',
        requests: [
          { kind: 'dedupe', table: 'read-only', region: 'eu-west-1', account: HUB_ACCOUNT },
          { kind: 'backfill', table: 'read-only', region: 'eu-west-1', account: HUB_ACCOUNT },
        ],
      },
    ]);
  });

  it("begin when somebody of the hub's account puts an event on the bus", () => {
    const [rule, ...more] = asked.filter(({ EventBusName }) => EventBusName);
    expect(more).toEqual([]);
    expect(rule.EventPattern).toEqual({
      account: [{ Ref: 'AWS::AccountId' }],
      source: ['recohere.data'],
      'detail-type': ['Reconcile Requested'],
    });
    expect(rule.Targets[0]).not.toHaveProperty('InputTransformer'); // the function reads the event, and takes nothing but a dry run
  });

  it('are dead letters if they cannot begin', () => {
    expect(asked).toHaveLength(3);
    for (const { Targets } of asked) {
      for (const { DeadLetterConfig } of Targets)
        expect(DeadLetterConfig).toEqual({ Arn: { 'Fn::GetAtt': [undelivered, 'Arn'] } });
    }
    template.hasResourceProperties('AWS::Lambda::EventInvokeConfig', {
      FunctionName: { Ref: entry.arn['Fn::GetAtt'][0] },
      DestinationConfig: { OnFailure: { Destination: { 'Fn::GetAtt': [undelivered, 'Arn'] } } },
    });
  });

  it('are none without a schedule', () => {
    const tables = (WITH_TABLE.tables ?? []).map(({ schedule: _, ...table }) => table);
    const { recohere: own, templateOf: ownTemplateOf } = synthesize({ ...WITH_TABLE, tables });
    const schedules = resourcesOf(ownTemplateOf(own.hub), 'AWS::Events::Rule').flatMap(
      ({ Properties }) => Properties.ScheduleExpression ?? [],
    );
    expect(schedules).toEqual(['cron(0/5 * * * ? *)']);
  });
});
