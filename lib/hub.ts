import { Annotations, Aws, Duration, RemovalPolicy } from 'aws-cdk-lib';
import { type CfnEventBus, EventBus, Rule, Schedule } from 'aws-cdk-lib/aws-events';
import { LambdaFunction } from 'aws-cdk-lib/aws-events-targets';
import { AccountPrincipal, PolicyDocument, PolicyStatement } from 'aws-cdk-lib/aws-iam';
import { SqsDestination } from 'aws-cdk-lib/aws-lambda-destinations';
import { RetentionDays } from 'aws-cdk-lib/aws-logs';
import { Construct } from 'constructs';
import { type RecohereConfig, warningsOf } from '../functions/contract/config.ts';
import { DEPLOYED, SWEEP_EVERY_MINUTES } from '../functions/contract/deployment.ts';
import { DEPLOY_SOURCES, ROTATION_SOURCES } from '../functions/contract/event-patterns.ts';
import { acknowledge } from './acknowledge.ts';
import { FingerprintKey } from './fingerprint-key.ts';
import { HubFunction } from './hub-function.ts';
import { Ledger } from './ledger.ts';
import {
  INDEX_ACTIONS,
  LEDGER_ACTIONS,
  PROBE_ACTIONS,
  READ_ACTIONS,
  SECRET_READ_ACTIONS,
} from './permissions.ts';
import { QueuedFunction } from './queued-function.ts';
import { deadLetterQueue, sending } from './queues.ts';
import { type ReplicaAccount, readDeployable } from './replica-accounts.ts';
import { type ArnOwner, probeArns, secretArns } from './secret-access.ts';

/** Enough for an event that names nobody, so that everything is looked at, at the pace of a good guest. */
const VERIFY_TIMEOUT = Duration.seconds(300);

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
    for (const words of warningsOf(config)) {
      Annotations.of(this).addWarningV2('recohere:cache-budget', words);
    }
    const { removalPolicy = RemovalPolicy.RETAIN, logRetention = RetentionDays.ONE_MONTH } = props;

    this.ledger = new Ledger(this, 'Ledger', { removalPolicy });
    this.fingerprintKey = new FingerprintKey(this, 'FingerprintKey', { removalPolicy });
    this.bus = busFor(this, prefix, accounts);

    const undelivered = deadLetterQueue(this, 'DeadLetters', DEPLOYED.deadLetters(prefix, 'hub'));
    const shared = { RECOHERE_LEDGER: this.ledger.table.tableName, POWERTOOLS_SERVICE_NAME: prefix };
    const keyArn = this.fingerprintKey.secret.secretArn;
    const remembering = this.rememberingStatements();
    const own = accounts.find(({ isHub }) => isHub);
    const readingFunctions = own ? [inRegionsOf(own, READ_ACTIONS, ['*'])] : [];
    const readingSecrets = own ? secretStatements(this, own) : [];
    const queued = { config, logRetention, timeout: VERIFY_TIMEOUT, bus: this.bus, undelivered };

    const verifyDeploy = new QueuedFunction(this, 'VerifyDeploy', {
      ...queued,
      part: 'verify-deploy',
      description: 'Looks at what a deploy may have moved, and again until its replicas agree',
      sources: DEPLOY_SOURCES,
      environment: (queueUrl, deadLettersUrl) => ({
        ...shared,
        RECOHERE_KEY: keyArn,
        RECOHERE_QUEUE: queueUrl,
        RECOHERE_DEAD_LETTERS: deadLettersUrl,
      }),
      permissions: [...readingFunctions, ...assuming(accounts), ...remembering],
      keyArn,
    });
    const verifyRotation = new QueuedFunction(this, 'VerifyRotation', {
      ...queued,
      part: 'verify-rotation',
      description:
        'Looks at the replicas of a rotated secret and at who uses it, and again until all have its new version',
      sources: ROTATION_SOURCES,
      environment: (queueUrl, deadLettersUrl) => ({
        ...shared,
        RECOHERE_SECRETS_QUEUE: queueUrl,
        RECOHERE_DEAD_LETTERS: deadLettersUrl,
      }),
      permissions: [
        ...readingSecrets,
        ...assuming(accounts.filter(({ secrets }) => secrets.length > 0)),
        ...remembering,
      ],
    });
    const sweep = new HubFunction(this, 'Sweep', {
      part: 'sweep',
      description: 'Looks at everything, whether an event told of it or not',
      config,
      logRetention,
      timeout: SWEEP_TIMEOUT,
      environment: {
        ...shared,
        RECOHERE_KEY: keyArn,
        RECOHERE_QUEUE: verifyDeploy.queue.queueUrl,
        RECOHERE_SECRETS_QUEUE: verifyRotation.queue.queueUrl,
      },
      permissions: [
        ...readingFunctions,
        ...readingSecrets,
        ...assuming(accounts),
        ...remembering,
        sending(verifyDeploy.queue, verifyRotation.queue, undelivered),
      ],
      keyArn,
      // what one sweep did not do, the next one does
      options: { retryAttempts: 0, maxEventAge: SWEEP_EVERY, onFailure: new SqsDestination(undelivered) },
    });
    new Rule(this, 'SweepSchedule', {
      description: `A sweep every ${SWEEP_EVERY_MINUTES} minutes`,
      // by the clock, so that there is one in the first minutes of each hour, which looks at secrets too
      schedule: Schedule.cron({ minute: `0/${SWEEP_EVERY_MINUTES}` }),
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
    ];
  }
}

/** The bus, on which nobody of another account may put an event but the roles with which regions forward. */
function busFor(scope: Construct, prefix: string, accounts: readonly ReplicaAccount[]): EventBus {
  const bus = new EventBus(scope, 'Bus', {
    eventBusName: DEPLOYED.bus(prefix),
    description: 'Events that tell of deploys and secrets, from all regions and accounts',
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

/** Other accounts are read with a role of theirs, the hub's own with the roles of our functions. */
function assuming(accounts: readonly ReplicaAccount[]): PolicyStatement[] {
  const roles = accounts.flatMap(({ account = Aws.ACCOUNT_ID, roles }) =>
    roles.map((role) => roleArn(account, role)),
  );
  return roles.length > 0 ? [new PolicyStatement({ actions: ['sts:AssumeRole'], resources: roles })] : [];
}

/** What the roles of our functions may do in the hub's own account: in its regions with copies. */
function inRegionsOf(
  { regions }: ReplicaAccount,
  actions: readonly string[],
  resources: readonly string[],
): PolicyStatement {
  const conditions = { StringEquals: { 'aws:RequestedRegion': regions } };
  return new PolicyStatement({ actions: [...actions], resources: [...resources], conditions });
}

/** Reading the secrets of the hub's own account, and probing those who use them, as far as the config names any. */
function secretStatements(scope: Construct, own: ReplicaAccount): PolicyStatement[] {
  const arnsOf = (owner: ArnOwner) => ({
    secrets: secretArns(owner, own.secrets),
    probes: probeArns(owner, own.probes),
  });
  const { secrets, probes } = arnsOf({ partition: Aws.PARTITION, account: own.account ?? Aws.ACCOUNT_ID });
  // as cdk-nag writes them
  const told = arnsOf({ partition: '<AWS::Partition>', account: own.account ?? '<AWS::AccountId>' });
  for (const arn of [...told.secrets, ...told.probes]) {
    acknowledge(scope, {
      [`AwsSolutions-IAM5[Resource::${arn}]`]:
        'Secrets and probes have the same name in all regions, and reading and invoking are limited to those of replicas.',
    });
  }
  return [
    ...(secrets.length > 0 ? [inRegionsOf(own, SECRET_READ_ACTIONS, secrets)] : []),
    ...(probes.length > 0 ? [inRegionsOf(own, PROBE_ACTIONS, probes)] : []),
  ];
}

function roleArn(account: string, role: string): string {
  return `arn:${Aws.PARTITION}:iam::${account}:role/${role}`;
}
