import * as z from 'zod';
import { PARTS, type Part, type QueuedPart } from '../../functions/contract/deployment.ts';
import { DEPLOY_SOURCES } from '../../functions/contract/event-patterns.ts';
import { REPORT_SOURCE } from '../../functions/contract/probe.ts';
import type { MeasuredRotation } from './measured-rotation.ts';
import type { MeasuredSweep } from './measured-sweep.ts';
import { CALL_MS } from './measuring.ts';
import { PLATFORM_LINES } from './platform-lines.ts';
import type { PriceName } from './prices.ts';

/** What is assumed of an installation, and of a month in it. */
export const ASSUMED = {
  regions: ['us-east-1', 'eu-west-1', 'ap-southeast-2'],
  /** In each region, all of them watched. */
  functions: 100,
  /** Each with a replica in all regions, and with one consumer, which is probed. */
  secrets: 10,
  /** Of each consumer in each region, all of which report. */
  processes: 10,
  /** Of each process: the longest that meets the target of a secret. */
  cacheSeconds: 90,
  deploysAMonth: 300,
  /** Each secret about once a day. */
  rotationsAMonth: 300,
} as const;

export const MONTH_DAYS = 31;
const MONTH_SECONDS = MONTH_DAYS * 86_400;

/**
 * Events that one rule of a region passes on for one deploy or one rotation, beside reports. CloudFormation sends one of a function
 * and one of its stack; a rotation puts a value and moves a label, and begins and ends.
 */
const EVENTS_PER_RULE = 2;
/** How often a deploy that does not agree is looked at again within its five minutes. */
export const LOOKS_AGAIN = 15;
/** Times that each alarm begins in a month; each time, it ends too. */
const ALARMS_A_MONTH = 1;
/** To each address: what all alarms send, and more notices of deploys than anybody bears. */
const MAILS_A_MONTH = 100;
/** Of a dashboard that costs nothing. @see https://aws.amazon.com/cloudwatch/pricing/ */
const FREE_METRICS = 50;
/** Closed episodes are kept for ever; so long that has been. */
const HISTORY_MONTHS = 12;

/** A start without anything warm, which is billed too, and the hashing, with a third of a core. */
const START_SECONDS = 3;
/** An environment has 4 KB at most, and the rest of what a list says of a function half as much. */
const FUNCTION_BYTES = 6_000;
/** What is said of a secret with twenty versions. */
const SECRET_BYTES = 4_000;
/** Of the functions of the user that are probed. */
const PROBE_MEGABYTES = 512;
/** What CloudWatch Logs adds to each line, at most. */
const LOG_LINE_OVERHEAD_BYTES = 26;

/**
 * Lambda reads a queue with five pollers when nothing is in it, and with no fewer if the mapping has a maximum concurrency.
 * They wait for messages; 20 seconds are the longest that SQS lets them, and what users see.
 * @see https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-scaling.html
 * @see https://github.com/getlift/lift/issues/132
 */
const POLLERS = 5;
const POLL_SECONDS = 20;
/** Sent, received, deleted. */
const REQUESTS_PER_MESSAGE = 3;

/** A template as CloudFormation reads it. */
export interface CfnTemplate {
  readonly Resources: Readonly<
    Record<string, { readonly Type: string; readonly Condition?: string; readonly Properties?: unknown }>
  >;
}

/** What is billed for one thing in a month. */
export interface CostLine {
  readonly what: string;
  readonly quantity: number;
  readonly price: PriceName;
}

/** What the cost of a resource follows from, beside its own properties. */
interface Setting {
  readonly id: string;
  readonly template: CfnTemplate;
  readonly month: Month;
  /** As {@link messagesOf} says. */
  readonly messages: Messages;
}

/** What is measured of an installation in one month. */
export interface Month {
  readonly sweep: MeasuredSweep;
  /** A look at everything, if not every sweep is one. */
  readonly look?: MeasuredSweep;
  readonly rotation: MeasuredRotation;
  readonly rotations: number;
  readonly series: ReadonlySet<string>;
  /** How often somebody's dashboard is drawn. @default never */
  readonly views?: number;
}

/** Calls in a month that no schedule makes: messages, by the function that they are for, and views of the dashboard. */
type Messages = Readonly<Record<QueuedPart | 'widget', number>>;

/** What one call of a function takes. */
interface Work {
  readonly seconds: number;
  readonly readUnits: number;
  readonly writes: number;
  /** Of the largest item that is written. */
  readonly itemBytes: number;
  readonly logLines: readonly string[];
  readonly secretCalls: number;
  readonly functionsRead: number;
}

/** Every message that may tell of a deploy is as dear as a sweep. */
function workOf(part: Part, { sweep, look = sweep, rotation }: Month): Work {
  switch (part) {
    case 'sweep':
      return { ...sweep, functionsRead: ASSUMED.functions };
    case 'verify-deploy':
      return { ...look, writes: 1, secretCalls: 0, functionsRead: ASSUMED.functions }; // a state a message
    case 'verify-rotation': {
      const ofOne = (ofAll: number) => ofAll / rotation.messages;
      return {
        seconds: ofOne(rotation.seconds),
        readUnits: ofOne(rotation.readUnits),
        writes: ofOne(rotation.writes),
        itemBytes: rotation.itemBytes,
        logLines: rotation.logLines, // as if each message had all of them
        secretCalls: ofOne(rotation.secretCalls),
        functionsRead: 0,
      };
    }
    case 'widget':
      return { ...NO_WORK, ...sweep.view };
    case 'notify':
    case 'reconcile':
    case 'reconcile-worker':
      return NO_WORK;
  }
}

/** Functions that nothing calls while all agree and no run is asked for. */
const UNTIL_ASKED: readonly Part[] = ['notify', 'reconcile', 'reconcile-worker'];

/** Of these. What a run costs it says itself. */
const NO_WORK: Work = {
  seconds: 0,
  readUnits: 0,
  writes: 0,
  itemBytes: 0,
  logLines: [],
  secretCalls: 0,
  functionsRead: 0,
};

type Priced = (properties: unknown, setting: Setting) => readonly CostLine[];

/** A type whose properties are all known. One that is not may cost something, and fails. */
function priced<S extends z.ZodRawShape>(
  known: S,
  linesOf: (properties: z.output<z.ZodObject<S>>, setting: Setting) => readonly CostLine[],
): Priced {
  const schema = z.strictObject(known);
  return (properties, setting) => linesOf(schema.parse(properties) as z.output<z.ZodObject<S>>, setting);
}

/** A type that is free whatever its properties say. */
const free: Priced = () => [];

/** A property that changes no cost, whatever it says. */
const any = z.optional(z.unknown());
const ref = z.strictObject({ Ref: z.string() });
const arnOf = z.strictObject({ 'Fn::GetAtt': z.tuple([z.string(), z.literal('Arn')]) });
const busArn = z.strictObject({
  'Fn::Join': z.tuple([z.literal(''), z.array(any).refine((parts) => parts.includes(':event-bus/'))]),
});
const targetsOf = (arn: z.ZodType) =>
  z.array(z.strictObject({ Arn: arn, Id: any, DeadLetterConfig: any, RetryPolicy: any, RoleArn: any }));

export function line(what: string, quantity: number, price: PriceName): CostLine {
  return { what, quantity, price };
}

const actions = { AlarmActions: z.optional(z.array(any)), OKActions: z.optional(z.array(any)) };
const ofAlarm = {
  ...actions,
  AlarmDescription: any,
  AlarmName: any,
  ComparisonOperator: any,
  DatapointsToAlarm: any,
  EvaluationPeriods: any,
  Threshold: any,
  TreatMissingData: any,
};
/** Below, an alarm is one of high resolution. */
const period = z.number().min(60);
/** A percentile may be billed otherwise. */
const statistic = z.enum(['Average', 'Maximum', 'Sum']);
const alarmSchema = z.union([
  z.strictObject({
    ...ofAlarm,
    Dimensions: any,
    MetricName: any,
    Namespace: any,
    Period: period,
    Statistic: statistic,
  }),
  z.strictObject({
    ...ofAlarm,
    Metrics: z.array(
      z.union([
        z.strictObject({ Id: any, Label: any, ReturnData: any, Expression: z.string() }),
        z.strictObject({
          Id: any,
          Label: any,
          ReturnData: z.literal(false),
          MetricStat: z.strictObject({ Metric: any, Period: period, Stat: statistic }),
        }),
      ]),
    ),
  }),
]);

function notifying({ AlarmActions = [], OKActions = [] }: z.output<z.ZodObject<typeof actions>>): CostLine[] {
  const sent = ALARMS_A_MONTH * (AlarmActions.length + OKActions.length);
  return [line('SNS: alarms that begin and end', sent, 'topicRequest')];
}

/** Every type of resource that our templates may have, and what it costs when idle. */
export const RESOURCES: Readonly<Record<string, Priced>> = {
  'AWS::CDK::Metadata': free, // a note of the CDK in the template
  'AWS::IAM::Role': free, // IAM bills nothing
  'AWS::Lambda::EventInvokeConfig': free, // a setting of a function
  'AWS::Lambda::Permission': free, // a policy
  'AWS::S3::BucketPolicy': free,
  'AWS::SNS::TopicPolicy': free,
  'AWS::SQS::QueuePolicy': free,
  // billed by the event, which the rules that forward to it count; its own log would be billed
  'AWS::Events::EventBus': priced({ Name: any, Description: any, Policy: any }, () => []),
  'AWS::Events::Rule': (properties, setting) => ruleCost(ruleSchema.parse(properties), setting),
  // billed by the request: by what reads it, in the mapping. Nothing reads a dead-letter queue. Keys of SQS cost nothing
  'AWS::SQS::Queue': priced(
    {
      QueueName: any,
      SqsManagedSseEnabled: z.literal(true),
      MessageRetentionPeriod: any,
      RedrivePolicy: any,
      VisibilityTimeout: any,
    },
    () => [],
  ),
  'AWS::Lambda::EventSourceMapping': priced(
    {
      EventSourceArn: arnOf,
      FunctionName: ref,
      BatchSize: any,
      FunctionResponseTypes: any,
      ScalingConfig: any, // one for provisioned pollers would be billed
    },
    ({ FunctionName }, { template, messages }) => [
      line('SQS: empty polls of Lambda', (POLLERS * MONTH_SECONDS) / POLL_SECONDS, 'queueRequest'),
      line(
        'SQS: messages',
        REQUESTS_PER_MESSAGE * messages[queuedPartOf(template, FunctionName.Ref)],
        'queueRequest',
      ),
    ],
  ),
  'AWS::Lambda::Function': priced(
    {
      FunctionName: z.string(),
      MemorySize: z.number(),
      Architectures: z.tuple([z.literal('arm64')]),
      TracingConfig: z.strictObject({ Mode: z.literal('Active') }),
      LoggingConfig: z.strictObject({ LogFormat: z.literal('JSON'), LogGroup: ref }),
      Code: any,
      Description: any,
      Environment: any,
      Handler: any,
      RecursiveLoop: any,
      Role: any,
      Runtime: any,
      Timeout: any,
    },
    ({ MemorySize: megabytes, LoggingConfig }, { id, template, month, messages }) => {
      const part = partOf(template, id);
      const calls = callsOf(template, id, messages);
      if (calls === 0) return [];
      const { seconds, logLines, secretCalls, functionsRead } = workOf(part, month);
      const logged = [...PLATFORM_LINES, ...logLines];
      const logBytes = sum(logged.map((text) => Buffer.byteLength(text) + LOG_LINE_OVERHEAD_BYTES));
      const logGb = (calls * logBytes) / 1e9;
      const elsewhere = ASSUMED.regions.length - 1;
      const readBytes = elsewhere * functionsRead * FUNCTION_BYTES + secretCalls * SECRET_BYTES;
      return [
        line('Lambda: requests', calls, 'lambdaRequest'),
        line(`Lambda: \`${part}\``, calls * (START_SECONDS + seconds) * (megabytes / 1024), 'lambdaGbSecond'),
        line('X-Ray: traces', calls, 'trace'), // the default rule records the first request of each second
        line('CloudWatch: logs written', logGb, 'logsIngested'),
        line('CloudWatch: logs kept', logGb * monthsKept(template, LoggingConfig.LogGroup.Ref), 'logsKept'),
        line('Data from the other regions, if it is billed', (calls * readBytes) / 1e9, 'transfer'),
        line('Secrets Manager: looks at secrets', calls * secretCalls, 'secretCall'),
        ...(part === 'verify-rotation' ? probeCost(month) : []),
      ];
    },
  ),
  // what is written and kept is counted for the function that writes
  'AWS::Logs::LogGroup': priced(
    { LogGroupName: any, RetentionInDays: z.number() },
    (_properties, { id, template }) => {
      const isWritten = Object.values(template.Resources).some(
        ({ Type, Properties }) =>
          Type === 'AWS::Lambda::Function' && JSON.stringify(Properties).includes(`{"Ref":"${id}"}`),
      );
      if (!isWritten) throw new Error(`nobody knows who writes to ${id}, and how much`);
      return [];
    },
  ),
  'AWS::DynamoDB::GlobalTable': priced(
    {
      AttributeDefinitions: any,
      BillingMode: z.literal('PAY_PER_REQUEST'),
      KeySchema: any,
      GlobalSecondaryIndexes: z.tuple([
        z.strictObject({
          IndexName: any,
          KeySchema: any,
          Projection: z.strictObject({ ProjectionType: z.literal('KEYS_ONLY') }),
        }),
      ]),
      Replicas: z.tuple([
        z.strictObject({
          Region: any,
          GlobalSecondaryIndexes: z.array(z.strictObject({ IndexName: any })),
          PointInTimeRecoverySpecification: z.strictObject({ PointInTimeRecoveryEnabled: z.literal(true) }),
        }),
      ]),
    },
    (_properties, { template, month, messages }) => {
      const { sweep, rotation, rotations } = month;
      const units = functionsOf(template).map((id) => {
        const calls = callsOf(template, id, messages);
        const { readUnits, writes, itemBytes } = workOf(partOf(template, id), month);
        return { read: calls * readUnits, written: calls * writes * unitsOf(itemBytes) };
      });
      const episodes = ASSUMED.deploysAMonth * unitsOf(sweep.itemBytes); // those of rotations are measured
      const deploysKept = (ASSUMED.functions + HISTORY_MONTHS * ASSUMED.deploysAMonth) * sweep.itemBytes;
      const rotationsKept = (ASSUMED.secrets + HISTORY_MONTHS * rotations) * rotation.itemBytes;
      const kept = (2 * (deploysKept + rotationsKept)) / 1e9; // twice, for the index and what each item adds
      return [
        line('DynamoDB: reads', sum(units.map(({ read }) => read)), 'readUnit'),
        line('DynamoDB: writes', episodes + sum(units.map(({ written }) => written)), 'writeUnit'),
        line('DynamoDB: table', kept, 'tableKept'),
        line('DynamoDB: point-in-time recovery', kept, 'tableBackup'),
      ];
    },
  ),
  // billed by what is in it, which is nothing before a run and some days after one
  'AWS::S3::Bucket': priced(
    {
      BucketName: any,
      BucketEncryption: z.strictObject({
        ServerSideEncryptionConfiguration: z.tuple([
          z.strictObject({
            ServerSideEncryptionByDefault: z.strictObject({ SSEAlgorithm: z.literal('AES256') }),
          }),
        ]),
      }),
      LifecycleConfiguration: any,
      OwnershipControls: any,
      PublicAccessBlockConfiguration: any,
    },
    () => [],
  ),
  // billed by the transition; its log would be billed
  'AWS::StepFunctions::StateMachine': priced(
    {
      DefinitionString: any,
      RoleArn: any,
      StateMachineName: any,
      StateMachineType: z.literal('STANDARD'),
      TracingConfiguration: any,
    },
    () => [],
  ),
  // its key is that of Secrets Manager, which costs nothing
  'AWS::SecretsManager::Secret': priced(
    { Description: any, GenerateSecretString: any },
    (_properties, { id, template, messages }) => {
      const readers = functionsOf(template).filter((reader) =>
        JSON.stringify(template.Resources[reader]).includes(`{"Ref":"${id}"}`),
      );
      return [
        line('Secrets Manager: the fingerprint key', 1, 'secret'),
        line(
          'Secrets Manager: reads of the key',
          sum(readers.map((reader) => callsOf(template, reader, messages))),
          'secretCall',
        ),
      ];
    },
  ),
  'AWS::CloudWatch::Alarm': (properties) => {
    const alarm = alarmSchema.parse(properties);
    const metrics = 'Metrics' in alarm ? alarm.Metrics.filter((each) => 'MetricStat' in each).length : 1;
    return [line('CloudWatch: metrics that alarms watch', metrics, 'alarm'), ...notifying(alarm)];
  },
  // those that it is made of are alarms themselves
  'AWS::CloudWatch::CompositeAlarm': priced(
    {
      ...actions,
      ActionsSuppressor: any,
      ActionsSuppressorExtensionPeriod: any,
      ActionsSuppressorWaitPeriod: any,
      AlarmDescription: any,
      AlarmName: any,
      AlarmRule: any,
    },
    (alarm) => [line('CloudWatch: composite alarms', 1, 'compositeAlarm'), ...notifying(alarm)],
  ),
  'AWS::CloudWatch::AlarmMuteRule': free,
  // one of the first three of an account
  'AWS::CloudWatch::Dashboard': priced({ DashboardName: any, DashboardBody: any }, ({ DashboardBody }) => {
    const drawn = JSON.stringify(DashboardBody).match(/\[\\+"AWS\/|\[\\+"Recohere\\+"/g) ?? [];
    if (drawn.length > FREE_METRICS) throw new Error(`${drawn.length} metrics are more than are free`);
    return []; // its queries of logs are counted where it is viewed
  }),
  'AWS::SNS::Topic': priced({ TopicName: any }, () => []), // billed by the request, which the alarms count
  'AWS::SNS::Subscription': priced({ Protocol: z.literal('email'), Endpoint: any, TopicArn: any }, () => [
    line('SNS: mails', MAILS_A_MONTH, 'mail'),
  ]),
};

/** From a default bus to another bus. */
const forwardingSchema = z.strictObject({
  EventPattern: z.looseObject({ source: z.array(z.string()) }),
  Targets: targetsOf(busArn),
  Description: any,
  State: any,
});

const ruleSchema = z.union([
  z.strictObject({
    ScheduleExpression: z.string(),
    Targets: targetsOf(arnOf),
    Description: any,
    State: any,
  }),
  // events of AWS on a default bus are free, and so are targets of the same account
  z.strictObject({
    EventPattern: z.looseObject({ source: z.tuple([z.literal('aws.cloudwatch')]) }),
    Targets: targetsOf(arnOf),
    Description: any,
    State: any,
  }),
  // on a bus of ours, whose events have been paid for; targets of the same account cost nothing
  z.strictObject({
    EventBusName: ref,
    EventPattern: any,
    Targets: targetsOf(arnOf),
    Description: any,
    State: any,
  }),
  forwardingSchema,
]);

/** What goes from bus to bus is taken to be billed where it is sent and where it is received; and a report, when it is put. */
function ruleCost(rule: z.output<typeof ruleSchema>, { template, id, month }: Setting): readonly CostLine[] {
  if ('ScheduleExpression' in rule) {
    return [line('EventBridge: the schedule', schedulesOf(template, id) * rule.Targets.length, 'event')];
  }
  if ('EventBusName' in rule) return [];
  const events = (each: number, ofRule: number) => each * ofRule * rule.Targets.length;
  const { deploys, rotations, reports } = eventsOfRule(rule);
  return [
    line('EventBridge: events of deploys', 2 * events(ASSUMED.deploysAMonth, deploys), 'event'),
    line('EventBridge: events of rotations', 2 * events(month.rotations, rotations), 'event'),
    line('EventBridge: reports of consumers', 3 * events(month.rotations, reports), 'event'),
  ];
}

/** Events that a rule passes on for one deploy and for one rotation. */
function eventsOfRule({ EventPattern: { source } }: { EventPattern: { source: readonly string[] } }) {
  const isOfDeploys = source.some((each) => DEPLOY_SOURCES.includes(each));
  return {
    deploys: isOfDeploys ? EVENTS_PER_RULE : 0,
    rotations: source.includes('aws.secretsmanager') ? EVENTS_PER_RULE : 0,
    reports: source.includes(REPORT_SOURCE) ? ASSUMED.processes : 0,
  };
}

/** What the functions of the user take that are probed. */
function probeCost({ rotation, rotations }: Month): readonly CostLine[] {
  const probes = rotations * rotation.probes;
  const seconds = START_SECONDS + CALL_MS / 1000;
  return [
    line('Lambda: requests', probes, 'lambdaRequest'),
    line(
      'Lambda: your functions that are probed',
      (probes * seconds * PROBE_MEGABYTES) / 1024,
      'lambdaGbSecond',
    ),
  ];
}

/** Units of DynamoDB that a write of an item takes. */
function unitsOf(itemBytes: number): number {
  return Math.ceil(itemBytes / 1024);
}

function idsOf({ Resources }: CfnTemplate, type: string): string[] {
  return Object.entries(Resources).flatMap(([id, { Type }]) => (Type === type ? [id] : []));
}

function functionsOf(template: CfnTemplate): string[] {
  return idsOf(template, 'AWS::Lambda::Function');
}

/** Events that all regions forward for one deploy. */
export function eventsPerDeploy(templates: readonly CfnTemplate[]): number {
  return sum(templates.flatMap(forwardingRules).map((rule) => eventsOfRule(rule).deploys));
}

/** Events that each region forwards for one rotation, beside reports. */
export function eventsPerRotation(templates: readonly CfnTemplate[]): number {
  const ofAll = sum(templates.flatMap(forwardingRules).map((rule) => eventsOfRule(rule).rotations));
  return ofAll / ASSUMED.regions.length;
}

/** Messages in a month: events, reports, and requests to look again; and views. */
export function messagesOf(
  templates: readonly CfnTemplate[],
  { rotation, rotations, views = 0 }: Month,
): Messages {
  return {
    'verify-deploy': ASSUMED.deploysAMonth * (eventsPerDeploy(templates) + LOOKS_AGAIN),
    'verify-rotation': rotations * rotation.messages,
    widget: views,
  };
}

/** How often a function is called in a month: by schedules, once for each message of a queue, and by who views what it draws. */
function callsOf(template: CfnTemplate, id: string, messages: Messages): number {
  const targeted = (rule: string) =>
    JSON.stringify(template.Resources[rule]).includes(`"Fn::GetAtt":["${id}","Arn"]`);
  const isSchedule = (rule: string) =>
    JSON.stringify(template.Resources[rule]).includes('"ScheduleExpression"');
  const schedules = idsOf(template, 'AWS::Events::Rule').filter(isSchedule).filter(targeted);
  const mappings = idsOf(template, 'AWS::Lambda::EventSourceMapping').filter((mapping) =>
    JSON.stringify(template.Resources[mapping]).includes(`"FunctionName":{"Ref":"${id}"}`),
  );
  const called = partOf(template, id);
  if (called === 'widget') return messages.widget;
  const isIdle = UNTIL_ASKED.some((part) => part === called);
  if (schedules.length + mappings.length === 0 && !isIdle)
    throw new Error(`nobody knows how often ${id} is called`);
  const scheduled = sum(schedules.map((rule) => schedulesOf(template, rule)));
  return mappings.length === 0
    ? scheduled
    : scheduled + mappings.length * messages[queuedPartOf(template, id)];
}

/** Which of our functions a resource is. */
function partOf({ Resources }: CfnTemplate, id: string): Part {
  const { FunctionName } = z.looseObject({ FunctionName: z.string() }).parse(Resources[id]?.Properties);
  const part = PARTS.find((each) => FunctionName.endsWith(`-${each}`));
  if (part === undefined) throw new Error(`nobody knows what ${FunctionName} is`);
  return part;
}

function queuedPartOf(template: CfnTemplate, id: string): QueuedPart {
  const part = partOf(template, id);
  if (part !== 'verify-deploy' && part !== 'verify-rotation') throw new Error(`no queue feeds ${part}`);
  return part;
}

/** How often a schedule fires in a month. */
function schedulesOf({ Resources }: CfnTemplate, id: string): number {
  const { ScheduleExpression } = z
    .looseObject({ ScheduleExpression: z.string() })
    .parse(Resources[id]?.Properties);
  const [, minutes] = /^cron\(0\/(\d+) \* \* \* \? \*\)$/.exec(ScheduleExpression) ?? [];
  if (minutes === undefined) throw new Error(`${ScheduleExpression} is not understood`);
  return MONTH_SECONDS / 60 / Number(minutes);
}

function monthsKept({ Resources }: CfnTemplate, logGroup: string): number {
  const { RetentionInDays } = z
    .looseObject({ RetentionInDays: z.number() })
    .parse(Resources[logGroup]?.Properties);
  return RetentionInDays / 30;
}

/** Rules of a template that put events on another bus. */
function forwardingRules(template: CfnTemplate): z.output<typeof forwardingSchema>[] {
  return idsOf(template, 'AWS::Events::Rule').flatMap((id) => {
    const rule = forwardingSchema.safeParse(template.Resources[id]?.Properties);
    return rule.success ? [rule.data] : [];
  });
}

/** GB that the dashboard's queries of logs read each time that it is drawn: at most all that a day has written. */
export function queriedGb(templates: readonly CfnTemplate[], loggedGb: number): number {
  const queries = templates.flatMap(
    (template) => JSON.stringify(template).match(/\\"type\\":\\"log\\"/g) ?? [],
  );
  return (queries.length * loggedGb) / MONTH_DAYS;
}

export function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
