import { Aws, Duration, RemovalPolicy } from 'aws-cdk-lib';
import { type CfnEventBus, EventBus, Rule, Schedule } from 'aws-cdk-lib/aws-events';
import { LambdaFunction, SqsQueue } from 'aws-cdk-lib/aws-events-targets';
import { AccountPrincipal, PolicyDocument, PolicyStatement } from 'aws-cdk-lib/aws-iam';
import { RecursiveLoop } from 'aws-cdk-lib/aws-lambda';
import { SqsDestination } from 'aws-cdk-lib/aws-lambda-destinations';
import { RetentionDays } from 'aws-cdk-lib/aws-logs';
import type { Queue } from 'aws-cdk-lib/aws-sqs';
import { Construct } from 'constructs';
import type { RecohereConfig } from '../functions/contract/config.ts';
import { DEPLOYED, SWEEP_EVERY_MINUTES, TRIES_MAX } from '../functions/contract/deployment.ts';
import { DEPLOY_SOURCES } from '../functions/contract/event-patterns.ts';
import { FingerprintKey } from './fingerprint-key.ts';
import { HubFunction } from './hub-function.ts';
import { Ledger } from './ledger.ts';
import { CONSUME_ACTIONS, INDEX_ACTIONS, LEDGER_ACTIONS, READ_ACTIONS } from './permissions.ts';
import { deadLetterQueue, secureQueue } from './queues.ts';
import { type ReplicaAccount, readDeployable } from './replica-accounts.ts';

/** Enough for an event that names nobody, so that everything is looked at, at the pace of a good guest. */
const VERIFY_TIMEOUT = Duration.seconds(300);
const VERIFY_BATCH_MESSAGES = 10;
/** The least that Lambda takes. More would only share the same pace of reading. */
const VERIFY_CONCURRENCY_MAX = 2;

const SWEEP_EVERY = Duration.minutes(SWEEP_EVERY_MINUTES);
/** Less than from one sweep to the next, so that sweeps do not overlap. */
const SWEEP_TIMEOUT = Duration.seconds(270);

export interface RecohereHubProps {
  /** What is watched, as in `recohere.config.ts`. */
  readonly config: RecohereConfig;
  /**
   * What becomes of ledger and fingerprint key when the stack goes. Without them, all that was learnt is forgotten.
   * @default RemovalPolicy.RETAIN
   */
  readonly removalPolicy?: RemovalPolicy;
  /** How long the logs of the functions are kept. @default RetentionDays.ONE_MONTH */
  readonly logRetention?: RetentionDays;
}

/** What one installation has once: the bus that regions forward to, the functions that look, and what they remember. */
export class RecohereHub extends Construct {
  readonly bus: EventBus;
  readonly ledger: Ledger;
  readonly fingerprintKey: FingerprintKey;

  /** @throws ConfigError with every mistake of the config */
  constructor(scope: Construct, id: string, props: RecohereHubProps) {
    super(scope, id);
    const { config, accounts } = readDeployable(props.config);
    const { prefix } = config;
    const { removalPolicy = RemovalPolicy.RETAIN, logRetention = RetentionDays.ONE_MONTH } = props;

    this.ledger = new Ledger(this, 'Ledger', { removalPolicy });
    this.fingerprintKey = new FingerprintKey(this, 'FingerprintKey', { removalPolicy });
    this.bus = busFor(this, prefix, accounts);

    const undelivered = deadLetterQueue(this, 'DeadLetters', DEPLOYED.deadLetters(prefix, 'hub'));
    const refused = deadLetterQueue(
      this,
      'VerifyDeployDeadLetters',
      DEPLOYED.deadLetters(prefix, 'verify-deploy'),
    );
    const queue = secureQueue(this, 'VerifyDeployQueue', {
      queueName: DEPLOYED.part(prefix, 'verify-deploy'),
      // as AWS advises, so that no message is seen again while a batch with it is retried
      visibilityTimeout: Duration.seconds(6 * VERIFY_TIMEOUT.toSeconds()),
      deadLetterQueue: { queue: refused, maxReceiveCount: TRIES_MAX },
    });
    new Rule(this, 'Deploys', {
      description: 'Events that tell of deploys, to verify-deploy',
      eventBus: this.bus,
      eventPattern: { source: DEPLOY_SOURCES },
      targets: [new SqsQueue(queue, { deadLetterQueue: undelivered })],
    });

    const environment = {
      RECOHERE_LEDGER: this.ledger.table.tableName,
      RECOHERE_KEY: this.fingerprintKey.secret.secretArn,
      RECOHERE_QUEUE: queue.queueUrl,
      POWERTOOLS_SERVICE_NAME: prefix,
    };
    const looking = [...readingStatements(accounts), ...this.rememberingStatements(), sending(queue)];

    const verifyDeploy = new HubFunction(this, 'VerifyDeploy', {
      part: 'verify-deploy',
      description: 'Looks at what a deploy may have moved, and again until its replicas agree',
      config,
      logRetention,
      timeout: VERIFY_TIMEOUT,
      environment: { ...environment, RECOHERE_DEAD_LETTERS: refused.queueUrl },
      permissions: [
        ...looking,
        sending(refused),
        new PolicyStatement({ actions: [...CONSUME_ACTIONS], resources: [queue.queueArn] }),
      ],
      // It sends messages to itself, later and for minutes only. Lambda would take the sixteenth for a runaway loop.
      options: { recursiveLoop: RecursiveLoop.ALLOW },
    });
    verifyDeploy.function.addEventSourceMapping('Queue', {
      eventSourceArn: queue.queueArn,
      batchSize: VERIFY_BATCH_MESSAGES,
      maxConcurrency: VERIFY_CONCURRENCY_MAX,
      reportBatchItemFailures: true,
    });

    const sweep = new HubFunction(this, 'Sweep', {
      part: 'sweep',
      description: 'Looks at everything, whether an event told of it or not',
      config,
      logRetention,
      timeout: SWEEP_TIMEOUT,
      environment,
      permissions: [...looking, sending(undelivered)],
      // what one sweep did not do, the next one does
      options: { retryAttempts: 0, maxEventAge: SWEEP_EVERY, onFailure: new SqsDestination(undelivered) },
    });
    new Rule(this, 'SweepSchedule', {
      description: `A sweep every ${SWEEP_EVERY_MINUTES} minutes`,
      schedule: Schedule.rate(SWEEP_EVERY),
      targets: [
        new LambdaFunction(sweep.function, { deadLetterQueue: undelivered, maxEventAge: SWEEP_EVERY }),
      ],
    });
  }

  private rememberingStatements(): PolicyStatement[] {
    const { table, statesIndexArn } = this.ledger;
    return [
      new PolicyStatement({ actions: [...LEDGER_ACTIONS], resources: [table.tableArn] }),
      new PolicyStatement({ actions: [...INDEX_ACTIONS], resources: [statesIndexArn] }),
      new PolicyStatement({
        actions: ['secretsmanager:GetSecretValue'],
        resources: [this.fingerprintKey.secret.secretArn],
      }),
    ];
  }
}

/** The bus, on which nobody of another account may put an event but the roles with which regions forward. */
function busFor(scope: Construct, prefix: string, accounts: readonly ReplicaAccount[]): EventBus {
  const bus = new EventBus(scope, 'Bus', {
    eventBusName: DEPLOYED.bus(prefix),
    description: 'Events that tell of deploys, from all regions and accounts',
  });
  const ids = accounts.map(({ account = Aws.ACCOUNT_ID }) => account);
  const regions = new PolicyStatement({
    sid: 'regions',
    principals: ids.map((account) => new AccountPrincipal(account)),
    actions: ['events:PutEvents'],
    resources: [
      `arn:${Aws.PARTITION}:events:${Aws.REGION}:${Aws.ACCOUNT_ID}:event-bus/${DEPLOYED.bus(prefix)}`,
    ],
    conditions: {
      ArnLike: { 'aws:PrincipalArn': ids.map((id) => roleArn(id, DEPLOYED.forwardRole(prefix, '*'))) },
    },
  });
  // in the bus itself, and not beside it: until a policy is there, nobody of another account gets in
  const resource = bus.node.defaultChild as CfnEventBus;
  resource.policy = new PolicyDocument({ statements: [regions] });
  return bus;
}

/** Functions are read with the function's own role in the hub's account, with the account's read role elsewhere. */
function readingStatements(accounts: readonly ReplicaAccount[]): PolicyStatement[] {
  const own = accounts.find(({ isHub }) => isHub);
  const roles = accounts.flatMap(({ account = Aws.ACCOUNT_ID, roles }) =>
    roles.map((role) => roleArn(account, role)),
  );
  return [
    ...(own
      ? [
          new PolicyStatement({
            actions: [...READ_ACTIONS],
            resources: ['*'],
            conditions: { StringEquals: { 'aws:RequestedRegion': own.regions } },
          }),
        ]
      : []),
    ...(roles.length > 0 ? [new PolicyStatement({ actions: ['sts:AssumeRole'], resources: roles })] : []),
  ];
}

function sending({ queueArn }: Queue): PolicyStatement {
  return new PolicyStatement({ actions: ['sqs:SendMessage'], resources: [queueArn] });
}

function roleArn(account: string, role: string): string {
  return `arn:${Aws.PARTITION}:iam::${account}:role/${role}`;
}
