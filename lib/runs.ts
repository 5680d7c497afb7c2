import { Aws, Duration, Stack } from 'aws-cdk-lib';
import { PolicyDocument, PolicyStatement, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import type { RetentionDays } from 'aws-cdk-lib/aws-logs';
import { CfnStateMachine } from 'aws-cdk-lib/aws-stepfunctions';
import { Construct } from 'constructs';
import type { ParsedConfig } from '../functions/contract/config.ts';
import { DEPLOYED, SPILLS, TASK_ERRORS, WORKER_MS_MAX } from '../functions/contract/deployment.ts';
import type { EnvironmentOf } from '../functions/contract/environment.ts';
import { acknowledge } from './acknowledge.ts';
import { HubFunction } from './hub-function.ts';
import { START_ACTIONS, STATE_MACHINE_TRACE_ACTIONS } from './permissions.ts';
import { denyingValues } from './secret-access.ts';
import { bundledTransforms } from './transforms.ts';

const WORKER_TIMEOUT = Duration.millis(WORKER_MS_MAX);
/** What a worker keeps of a table is bounded by this. */
const WORKER_MEGABYTES = 1_024;

/** A task that gives no answer: longer than a worker can live. */
const TASK_SECONDS_MAX = WORKER_TIMEOUT.toSeconds() + 60;

/** When a run ends in any case: what it has written down is not kept for longer. */
const RUN_SECONDS_MAX = SPILLS.days * 86_400;

/** What may pass by itself: AWS's own troubles, throttling, and what the worker says so of. About 20 minutes in all. */
const PATIENTLY = {
  ErrorEquals: [
    'Lambda.ServiceException',
    'Lambda.AWSLambdaException',
    'Lambda.SdkClientException',
    'Lambda.ClientExecutionTimeoutException',
    'Lambda.TooManyRequestsException',
    TASK_ERRORS.retryable,
  ],
  IntervalSeconds: 2,
  BackoffRate: 2,
  MaxDelaySeconds: 300,
  MaxAttempts: 10,
  JitterStrategy: 'FULL',
};

/** What may be a defect: a worker that ran out of memory or of time, or threw what nobody expected. */
const A_FEW_TIMES = {
  ErrorEquals: ['States.TaskFailed', 'States.Timeout'],
  IntervalSeconds: 10,
  BackoffRate: 2,
  MaxAttempts: 3,
};

const RETRY = [{ ErrorEquals: [TASK_ERRORS.final], MaxAttempts: 0 }, PATIENTLY, A_FEW_TIMES];

export interface RunsProps {
  readonly config: ParsedConfig;
  readonly environment: EnvironmentOf<'reconcile-worker'>;
  /** What the worker may do. */
  readonly permissions: readonly PolicyStatement[];
  readonly logRetention: RetentionDays;
}

/** What works on runs over tables: a worker, and the state machine that gives it one piece of a run after the other. */
export class Runs extends Construct {
  readonly stateMachineArn: string;

  constructor(scope: Construct, id: string, { config, ...own }: RunsProps) {
    super(scope, id);
    const { prefix } = config;
    const worker = new HubFunction(this, 'Worker', {
      ...own,
      part: 'reconcile-worker',
      description: 'Works on one piece of a run over a table, for as long as it may',
      config,
      timeout: WORKER_TIMEOUT,
      memoryMegabytes: WORKER_MEGABYTES,
      files: bundledTransforms(config),
    });
    const { functionArn } = worker.function;
    const stateMachine = new CfnStateMachine(this, 'StateMachine', {
      stateMachineName: DEPLOYED.runs(prefix),
      stateMachineType: 'STANDARD',
      definitionString: Stack.of(this).toJsonString(definitionOf(functionArn)),
      roleArn: roleOf(this, prefix, functionArn).roleArn,
      tracingConfiguration: { enabled: true },
    });
    acknowledge(stateMachine, {
      'AwsSolutions-SF1':
        'The history of an execution is kept for 90 days anyway, and what a run did stands in the ledger and in the log of the worker.',
    });
    this.stateMachineArn = stateMachine.attrArn;
  }
}

/** The ARN of the state machine, for who is in another stack of the same account and region. */
export function runsArn(prefix: string): string {
  return `arn:${Aws.PARTITION}:states:${Aws.REGION}:${Aws.ACCOUNT_ID}:stateMachine:${DEPLOYED.runs(prefix)}`;
}

/**
 * One execution is one attempt at a run. What is to be done next is decided by the worker, from the ledger, and not by the execution:
 * it keeps nothing but the id of the run, so that it can begin anywhere.
 */
function definitionOf(functionArn: string): object {
  const worker = (payload: object) => ({
    Type: 'Task',
    Resource: functionArn,
    Parameters: payload,
    TimeoutSeconds: TASK_SECONDS_MAX,
    Retry: RETRY,
  });
  return {
    Comment: 'Works on one run over a table',
    TimeoutSeconds: RUN_SECONDS_MAX,
    StartAt: 'Steer',
    States: {
      Steer: { ...worker({ task: 'steer', 'run.$': '$.run' }), Next: 'What next' },
      'What next': {
        Type: 'Choice',
        Choices: [
          { Variable: '$.next', StringEquals: 'work', Next: 'Work' },
          { Variable: '$.next', StringEquals: 'wait', Next: 'Wait' },
          { Variable: '$.next', StringEquals: 'fail', Next: 'Failed' },
          { Variable: '$.next', StringEquals: 'end', Next: 'Ended' },
        ],
      },
      Wait: { Type: 'Wait', SecondsPath: '$.seconds', Next: 'Steer' },
      Work: {
        Type: 'Map',
        Label: 'Work',
        ItemsPath: '$.segments',
        ItemSelector: { 'run.$': '$.run', 'phase.$': '$.phase', 'index.$': '$$.Map.Item.Value' },
        MaxConcurrencyPath: '$.concurrency',
        ItemProcessor: {
          ProcessorConfig: { Mode: 'DISTRIBUTED', ExecutionType: 'STANDARD' },
          StartAt: 'Work on it',
          States: {
            'Work on it': {
              ...worker({ task: 'work', 'run.$': '$.run', 'phase.$': '$.phase', 'index.$': '$.index' }),
              ResultPath: '$.worked',
              Next: 'Is it done',
            },
            'Is it done': {
              Type: 'Choice',
              Choices: [{ Variable: '$.worked.isDone', BooleanEquals: true, Next: 'Done' }],
              Default: 'Wait for it',
            },
            'Wait for it': { Type: 'Wait', SecondsPath: '$.worked.waitSeconds', Next: 'Work on it' },
            Done: { Type: 'Pass', Result: {}, End: true }, // all results together have 256 KB
          },
        },
        ResultPath: null,
        Next: 'Steer',
      },
      Ended: { Type: 'Succeed' },
      Failed: {
        Type: 'Fail',
        Error: 'RunFailed',
        Cause: 'The run cannot go on. Its status says why: ask the function reconcile.',
      },
    },
  };
}

function roleOf(scope: Construct, prefix: string, functionArn: string): Role {
  const executions = `arn:${Aws.PARTITION}:states:${Aws.REGION}:${Aws.ACCOUNT_ID}:execution:${DEPLOYED.runs(prefix)}`;
  const ofItsOwn = [`${executions}:*`, `${executions}/*`]; // those of a distributed map have the map in their names
  const role = new Role(scope, 'Role', {
    roleName: DEPLOYED.runs(prefix),
    description: 'Lets the state machine of Recohere give work to its worker',
    assumedBy: new ServicePrincipal('states.amazonaws.com', {
      conditions: { StringEquals: { 'aws:SourceAccount': Aws.ACCOUNT_ID } },
    }),
    inlinePolicies: {
      permissions: new PolicyDocument({
        statements: [
          new PolicyStatement({ actions: ['lambda:InvokeFunction'], resources: [functionArn] }),
          // a distributed map is made of executions of its own state machine
          new PolicyStatement({ actions: [...START_ACTIONS], resources: [runsArn(prefix)] }),
          new PolicyStatement({
            actions: ['states:DescribeExecution', 'states:StopExecution'],
            resources: ofItsOwn,
          }),
          new PolicyStatement({ actions: [...STATE_MACHINE_TRACE_ACTIONS], resources: ['*'] }),
          denyingValues(),
        ],
      }),
    },
  });
  acknowledge(role, {
    'AwsSolutions-IAM5[Resource::*]': 'X-Ray knows no resources.',
    ...Object.fromEntries(
      ofItsOwn.map((arn) => [
        // as cdk-nag writes it
        `AwsSolutions-IAM5[Resource::${arn.replace(/^.*:execution:/, 'arn:<AWS::Partition>:states:<AWS::Region>:<AWS::AccountId>:execution:')}]`,
        'Executions have names that nobody knows before; these are of the state machine itself.',
      ]),
    ),
  });
  return role;
}
