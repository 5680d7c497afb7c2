import { Annotations, Aws, Duration, RemovalPolicy } from 'aws-cdk-lib';
import {
  type CfnEventBus,
  EventBus,
  EventField,
  Rule,
  RuleTargetInput,
  Schedule,
} from 'aws-cdk-lib/aws-events';
import { LambdaFunction } from 'aws-cdk-lib/aws-events-targets';
import {
  AccountPrincipal,
  AnyPrincipal,
  type IPrincipal,
  PolicyDocument,
  PolicyStatement,
} from 'aws-cdk-lib/aws-iam';
import type { IFunction } from 'aws-cdk-lib/aws-lambda';
import { SqsDestination } from 'aws-cdk-lib/aws-lambda-destinations';
import { RetentionDays } from 'aws-cdk-lib/aws-logs';
import type { Queue } from 'aws-cdk-lib/aws-sqs';
import { Construct } from 'constructs';
import {
  hasCritical,
  type ParsedConfig,
  type RecohereConfig,
  warningsOf,
} from '../functions/contract/config.ts';
import {
  CRITICAL_EVERY_MINUTES,
  DEPLOYED,
  LIFE_SECONDS,
  MEGABYTES,
  SWEEP_EVERY_MINUTES,
} from '../functions/contract/deployment.ts';
import { DEPLOY_SOURCES, ROTATION_SOURCES } from '../functions/contract/event-patterns.ts';
import { DATA_EVENT, type Scheduled } from '../functions/contract/messages.ts';
import { RUN_KINDS } from '../functions/contract/tables.ts';
import { acknowledge } from './acknowledge.ts';
import { acknowledgeObjects } from './data.ts';
import { FingerprintKey } from './fingerprint-key.ts';
import { HubFunction } from './hub-function.ts';
import { Ledger } from './ledger.ts';
import {
  INDEX_ACTIONS,
  LEDGER_ACTIONS,
  LEDGER_READ_ACTIONS,
  NOTICE_ACTIONS,
  PAUSE_ACTIONS,
  PROBE_ACTIONS,
  PROOF_ACTIONS,
  READ_ACTIONS,
  SECRET_READ_ACTIONS,
  START_ACTIONS,
  WAKE_ACTIONS,
} from './permissions.ts';
import { QueuedFunction } from './queued-function.ts';
import { deadLetterQueue, sending } from './queues.ts';
import { type ReplicaAccount, readDeployable } from './replica-accounts.ts';
import { Runs } from './runs.ts';
import { type ArnOwner, probeArns, secretArns } from './secret-access.ts';
import { type DataAccess, type DataPlace, dataStatements } from './table-access.ts';
import { type AlarmNotification, makeTopics } from './topics.ts';

/** A dashboard does not wait for longer. */
const WIDGET_TIMEOUT = Duration.seconds(30);
/** One whole vCPU, of which Lambda gives a share by memory: somebody waits while it parses and draws thousands of states. */
const WIDGET_MEGABYTES = 1_769;

/** Enough to read what an item of the ledger says of each segment of a run. */
const RECONCILE_TIMEOUT = Duration.minutes(5);
/** How long a request that nobody waits for is tried, if the function cannot be called. */
const ASKED_FOR_AT_MOST = Duration.hours(1);

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
  /** Who is told of alarms, and of what deploys have left different. @default nobody: who listens to the topics is up to you */
  readonly notify?: AlarmNotification | undefined;
}

/** What one installation has once: the bus that regions forward to, the functions that look, and what they remember. */
export class RecohereHub extends Construct {
  readonly bus: EventBus;
  readonly ledger: Ledger;
  readonly fingerprintKey: FingerprintKey;

  /** @throws ConfigError with every mistake of the config */
  constructor(scope: Construct, id: string, props: RecohereHubProps) {
    super(scope, id);
    const { config, accounts, data } = readDeployable(props.config);
    const { prefix, hub } = config;
    for (const words of warningsOf(config)) {
      Annotations.of(this).addWarningV2('recohere:cache-budget', words);
    }
    const {
      removalPolicy = RemovalPolicy.RETAIN,
      logRetention = RetentionDays.ONE_MONTH,
      notify = {},
    } = props;

    this.ledger = new Ledger(this, 'Ledger', { removalPolicy });
    this.fingerprintKey = new FingerprintKey(this, 'FingerprintKey', { removalPolicy });
    this.bus = busFor(this, prefix, accounts, hub.organization);

    const undelivered = deadLetterQueue(this, 'DeadLetters', DEPLOYED.deadLetters(prefix, 'hub'));
    const shared = { RECOHERE_LEDGER: this.ledger.table.tableName, POWERTOOLS_SERVICE_NAME: prefix };
    const keyArn = this.fingerprintKey.secret.secretArn;
    const remembering = this.rememberingStatements();
    const own = accounts.find(({ isHub }) => isHub);
    const readingFunctions = own ? [inRegionsOf(own, READ_ACTIONS, ['*'])] : [];
    const readingSecrets = own ? secretStatements(this, own) : [];
    const history = new PolicyStatement({
      actions: [...PROOF_ACTIONS],
      resources: [this.ledger.table.tableArn],
    });

    const topics = makeTopics(this, prefix, notify);
    const topicArns = { page: topics.page.topicArn, ticket: topics.ticket.topicArn };
    const notifier = new HubFunction(this, 'Notify', {
      part: 'notify',
      description:
        'Tells people, once for each deploy, what it has left different, and asks for pauses of rollouts',
      config,
      logRetention,
      timeout: Duration.seconds(LIFE_SECONDS.notify),
      memoryMegabytes: MEGABYTES.notify,
      environment: {
        ...shared,
        RECOHERE_PAGE_TOPIC: topicArns.page,
        RECOHERE_TICKET_TOPIC: topicArns.ticket,
      },
      permissions: [
        ...remembering,
        new PolicyStatement({
          actions: [...NOTICE_ACTIONS],
          resources: [...new Set(Object.values(topicArns))],
        }),
        new PolicyStatement({ actions: [...PAUSE_ACTIONS], resources: [this.bus.eventBusArn] }),
        sending(undelivered),
      ],
      options: { maxEventAge: ASKED_FOR_AT_MOST, onFailure: new SqsDestination(undelivered) },
    });
    wakeAtBurn(this, prefix, notifier.function, undelivered);
    const waking = new PolicyStatement({
      actions: [...WAKE_ACTIONS],
      resources: [notifier.function.functionArn],
    });
    const queued = { config, logRetention, bus: this.bus, undelivered };

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
      permissions: [...readingFunctions, ...assuming(accounts), ...remembering, waking],
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
        waking,
      ],
    });
    const queues = {
      RECOHERE_QUEUE: verifyDeploy.queue.queueUrl,
      RECOHERE_SECRETS_QUEUE: verifyRotation.queue.queueUrl,
    };
    const everyMinutes = hasCritical(config) ? CRITICAL_EVERY_MINUTES : SWEEP_EVERY_MINUTES;
    const untilNext = Duration.minutes(everyMinutes);
    const sweep = new HubFunction(this, 'Sweep', {
      part: 'sweep',
      description: 'Looks at everything, whether an event told of it or not',
      config,
      logRetention,
      timeout: Duration.seconds(LIFE_SECONDS.sweep),
      environment: {
        ...shared,
        ...queues,
        RECOHERE_KEY: keyArn,
      },
      permissions: [
        ...readingFunctions,
        ...readingSecrets,
        ...assuming(accounts),
        ...remembering,
        waking,
        sending(verifyDeploy.queue, verifyRotation.queue, undelivered),
      ],
      keyArn,
      // what one sweep did not do, the next one does
      options: { retryAttempts: 0, maxEventAge: untilNext, onFailure: new SqsDestination(undelivered) },
    });
    new Rule(this, 'SweepSchedule', {
      description: 'Sweeps',
      // by the clock, so that there is one in the first minutes of each hour, which looks at secrets too
      schedule: Schedule.cron({ minute: `0/${everyMinutes}` }),
      targets: [new LambdaFunction(sweep.function, { deadLetterQueue: undelivered, maxEventAge: untilNext })],
    });
    new HubFunction(this, 'Widget', {
      part: 'widget',
      description: 'Draws on the dashboard which copies agree, and asks for looks; it can apply nothing',
      config,
      logRetention,
      timeout: WIDGET_TIMEOUT,
      memoryMegabytes: WIDGET_MEGABYTES,
      environment: { ...shared, ...queues },
      permissions: [
        new PolicyStatement({
          actions: [...LEDGER_READ_ACTIONS],
          resources: [this.ledger.table.tableArn],
        }),
        this.indexStatement(),
        history,
        sending(verifyDeploy.queue, verifyRotation.queue),
      ],
    });

    const runs =
      data.length > 0
        ? new Runs(this, 'Runs', {
            config,
            logRetention,
            environment: { ...shared, RECOHERE_ACCOUNT: Aws.ACCOUNT_ID },
            permissions: [...workingOn(data, 'work'), this.ledgerStatement(), history],
          })
        : undefined;
    const reconcile = new HubFunction(this, 'Reconcile', {
      part: 'reconcile',
      description:
        'Takes requests: runs over tables, what became of them, and looks at functions and secrets',
      config,
      logRetention,
      timeout: RECONCILE_TIMEOUT,
      environment: {
        ...shared,
        ...queues,
        RECOHERE_ACCOUNT: Aws.ACCOUNT_ID,
        ...(runs && { RECOHERE_RUNS: runs.stateMachineArn }),
      },
      permissions: [
        ...workingOn(data, 'tell'),
        ...(runs
          ? [new PolicyStatement({ actions: [...START_ACTIONS], resources: [runs.stateMachineArn] })]
          : []),
        ...remembering,
        history,
        sending(verifyDeploy.queue, verifyRotation.queue, undelivered),
      ],
      // of those that rules have sent, which bear being repeated
      options: { maxEventAge: ASKED_FOR_AT_MOST, onFailure: new SqsDestination(undelivered) },
    });
    acknowledgeObjects(
      this,
      data.filter(({ isHub }) => isHub),
    );
    if (runs) askForDryRuns(this, config, reconcile.function, this.bus, undelivered);
  }

  private rememberingStatements(): PolicyStatement[] {
    return [this.ledgerStatement(), this.indexStatement()];
  }

  private indexStatement(): PolicyStatement {
    return new PolicyStatement({ actions: [...INDEX_ACTIONS], resources: [this.ledger.statesIndexArn] });
  }

  private ledgerStatement(): PolicyStatement {
    return new PolicyStatement({ actions: [...LEDGER_ACTIONS], resources: [this.ledger.table.tableArn] });
  }
}

/** Wakes who asks for pauses of rollouts, when too much differs for too long. */
function wakeAtBurn(scope: Construct, prefix: string, notify: IFunction, undelivered: Queue): void {
  new Rule(scope, 'ExposureBurns', {
    description: 'The alarm exposure-fast, when it begins',
    eventPattern: {
      account: [Aws.ACCOUNT_ID], // alarms of other accounts may be forwarded to this bus, and be of another hub
      source: ['aws.cloudwatch'],
      detailType: ['CloudWatch Alarm State Change'],
      detail: { alarmName: [DEPLOYED.alarm(prefix, 'exposure-fast')], state: { value: ['ALARM'] } },
    },
    targets: [new LambdaFunction(notify, { deadLetterQueue: undelivered, maxEventAge: ASKED_FOR_AT_MOST })],
  });
}

/** Dry runs that begin by themselves, by the schedules of the config, and those that anybody of the hub's account asks for who may put events on the bus. */
function askForDryRuns(
  scope: Construct,
  { hub, tables }: ParsedConfig,
  reconcile: IFunction,
  bus: EventBus,
  undelivered: Queue,
): void {
  const asking = { deadLetterQueue: undelivered, maxEventAge: ASKED_FOR_AT_MOST };
  for (const { name, region = hub.region, account = hub.account, schedule, ...rules } of tables) {
    if (schedule === undefined) continue;
    new Rule(scope, `DryRuns-${[account, region, name].join('-')}`, {
      description: `Dry runs over the table ${name}`,
      schedule: Schedule.expression(schedule),
      targets: RUN_KINDS.filter((kind) => rules[kind] !== undefined).map((kind) => {
        const scheduled: Scheduled = {
          kind: 'recohere.scheduled',
          time: EventField.time,
          request: { kind, table: name, region, ...(account && { account }) }, // there may be namesakes elsewhere
        };
        return new LambdaFunction(reconcile, { ...asking, event: RuleTargetInput.fromObject(scheduled) });
      }),
    });
  }
  new Rule(scope, 'DryRunsAskedFor', {
    description: 'Dry runs over tables that somebody asks for',
    eventBus: bus,
    // of the hub's account alone: a role with which another one forwards could put it there too
    eventPattern: {
      account: [Aws.ACCOUNT_ID],
      source: [DATA_EVENT.source],
      detailType: [DATA_EVENT.detailType],
    },
    targets: [new LambdaFunction(reconcile, asking)],
  });
}

/** What a role of the hub may do with tables and what is beside them; in other accounts with a role of theirs. */
function workingOn(data: readonly DataPlace[], access: DataAccess): PolicyStatement[] {
  const roles = data
    .filter(({ makesRole }) => makesRole)
    .map(({ account = Aws.ACCOUNT_ID, prefix }) => roleArn(account, DEPLOYED.dataRole(prefix)));
  return [
    ...dataStatements(
      data.filter(({ isHub }) => isHub),
      access,
    ),
    ...(roles.length > 0 ? [new PolicyStatement({ actions: ['sts:AssumeRole'], resources: roles })] : []),
  ];
}

/** The bus, on which nobody of another account may put an event but the roles with which regions forward, be it of a whole organisation. */
function busFor(
  scope: Construct,
  prefix: string,
  accounts: readonly ReplicaAccount[],
  organization: string | undefined,
): EventBus {
  const bus = new EventBus(scope, 'Bus', {
    eventBusName: DEPLOYED.bus(prefix),
    description: 'Events that tell of deploys and secrets, from all regions and accounts',
  });
  const ids = accounts.map(({ account = Aws.ACCOUNT_ID }) => account);
  const forwarding = (sid: string, principals: IPrincipal[], owners: readonly string[], conditions = {}) =>
    new PolicyStatement({
      sid,
      principals,
      actions: ['events:PutEvents'],
      resources: [
        `arn:${Aws.PARTITION}:events:${Aws.REGION}:${Aws.ACCOUNT_ID}:event-bus/${DEPLOYED.bus(prefix)}`,
      ],
      conditions: {
        ArnLike: { 'aws:PrincipalArn': owners.map((id) => roleArn(id, DEPLOYED.forwardRole(prefix, '*'))) },
        ...conditions,
      },
    });
  const inOrganization = { StringEquals: { 'aws:PrincipalOrgID': organization } };
  const statements = [
    forwarding(
      'regions',
      ids.map((account) => new AccountPrincipal(account)),
      ids,
    ),
    ...(organization ? [forwarding('organization', [new AnyPrincipal()], ['*'], inOrganization)] : []),
  ];
  // in the bus itself, and not beside it: until a policy is there, nobody of another account gets in
  const resource = bus.node.defaultChild as CfnEventBus;
  resource.policy = new PolicyDocument({ statements });
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
