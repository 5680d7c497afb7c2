import { Aws, Duration } from 'aws-cdk-lib';
import {
  AlarmStatusWidget,
  CustomWidget,
  Dashboard,
  GraphWidget,
  type GraphWidgetProps,
  type IAlarm,
  type IMetric,
  type IWidget,
  LogQueryWidget,
  type MetricOptions,
  PeriodOverride,
  SingleValueWidget,
  TextWidget,
} from 'aws-cdk-lib/aws-cloudwatch';
import type { Construct } from 'constructs';
import {
  type AlarmDefinition,
  alarmsFor,
  BURNS,
  COMPLETENESS_MIN,
  type Has,
} from '../functions/contract/alarms.ts';
import { DEPLOYED, type Part } from '../functions/contract/deployment.ts';
import type { MetricName } from '../functions/contract/metrics.ts';
import { runbookOf } from './alarms.ts';
import { deadLettersIn, ofFunction, ofQueue, ofRuns, ours, QUEUED } from './metrics.ts';

/** Columns of a dashboard. */
const WIDTH = 24;
/** Of CloudWatch's own palette, for those who are woken and those who are told. */
const COLORS = { page: '#d62728', ticket: '#ff7f0e' } as const;

type Options = Pick<MetricOptions, 'statistic'>;

/** What an installation shows beside its metrics. */
interface Shown {
  /** Those that notify. */
  readonly alarms: readonly IAlarm[];
  /** Address of the README. */
  readonly runbook: string;
}

/**
 * The one dashboard, from what everybody asks to what only its developers do: at a glance, on call, debug. It has no more metrics than
 * those of dashboards that cost nothing.
 *
 * It is made of the CDK's own widgets: cdk-monitoring-constructs draws whole sets of metrics of resources, while here each metric counts, and
 * most are ours.
 */
export function makeDashboard(
  scope: Construct,
  prefix: string,
  has: Has,
  { alarms, runbook }: Shown,
): Dashboard {
  return new Dashboard(scope, 'Dashboard', {
    dashboardName: DEPLOYED.dashboard(prefix),
    defaultInterval: Duration.days(1),
    periodOverride: PeriodOverride.INHERIT, // with longer ones, counts would add up and burn rates would not be those of the alarms
    widgets: [...atAGlance(prefix, has, alarms), ...onCall(prefix, has, runbook), ...debug(prefix, has)],
  });
}

function atAGlance(prefix: string, { critical }: Has, alarms: readonly IAlarm[]): IWidget[][] {
  const gauges: readonly MetricName[] = [
    'EpisodesOpen',
    'EpisodesStalled',
    ...(critical ? (['CriticalStalled'] as const) : []),
    'ConfigDriftCount',
    'SecretReplicasStale',
    'SecretConsumersStale',
    'UnobservableReplicas',
    'TelemetryCompleteness',
  ];
  return [
    [heading('At a glance', 'Which copies agree, what happened to the others, and how far runs are.')],
    [
      new CustomWidget({
        title: 'Copies, episodes and runs',
        functionArn: `arn:${Aws.PARTITION}:lambda:${Aws.REGION}:${Aws.ACCOUNT_ID}:function:${DEPLOYED.part(prefix, 'widget')}`,
        width: WIDTH,
        height: 12,
        updateOnRefresh: true,
        updateOnResize: true,
        updateOnTimeRangeChange: false,
      }),
    ],
    [new AlarmStatusWidget({ title: 'Alarms', alarms: [...alarms], width: WIDTH, height: 4 })],
    [
      new SingleValueWidget({
        title: 'As of the last sweep',
        metrics: gauges.map((name) => ours(prefix, name, { label: name })),
        width: WIDTH,
        height: 4,
      }),
    ],
  ];
}

function onCall(prefix: string, has: Has, runbook: string): IWidget[][] {
  const graph = (
    title: string,
    names: readonly MetricName[],
    more: GraphWidgetProps = {},
    options: Options = {},
  ) =>
    graphOf(
      title,
      names.map((name) => ours(prefix, name, { label: name, ...options })),
      more,
    );
  return [
    [heading('On call', 'What is wrong, since when, and where to read what to do.')],
    [
      graph('Copies that do not agree', [
        'ConfigDriftCount',
        'EpisodesStalled',
        ...(has.critical ? (['CriticalStalled'] as const) : []),
        'EpisodesOpen',
        'UnobservableReplicas',
      ]),
      graph('Secrets', ['SecretReplicasStale', 'SecretConsumersStale', 'SecretRotationsFailed']),
      graph(
        'How fast the time of mixed state is used up',
        ['ExposureBurnRate'],
        {
          leftAnnotations: [
            { value: BURNS.fast.rate, label: 'exposure-fast', color: COLORS.page },
            { value: BURNS.slow.rate, label: 'exposure-slow', color: COLORS.ticket },
          ],
        },
        { statistic: 'Average' },
      ),
    ],
    [
      graph('Replicas that sweeps read, in percent', ['TelemetryCompleteness'], {
        leftYAxis: { max: 100 },
        leftAnnotations: [{ value: COMPLETENESS_MIN, label: 'incomplete', color: COLORS.ticket }],
      }),
      graph(
        'Moves without an event, and how episodes went',
        ['LostEventCount', 'PartialDeployCount', 'RollbackCount', 'FlapCount'],
        {},
        { statistic: 'Sum' },
      ),
      graph(
        'How long it took, 95th percentile',
        ['TimeToDetect', 'ConvergenceTime', 'ExposureTime', 'SecretPropagationTime'],
        {},
        { statistic: 'p95' },
      ),
    ],
    [new TextWidget({ markdown: sections(prefix, alarmsFor(has), runbook), width: WIDTH, height: 7 })],
  ];
}

function debug(prefix: string, { tables }: Has): IWidget[][] {
  const working: readonly Part[] = [
    ...QUEUED,
    'sweep',
    'notify',
    ...(tables ? (['reconcile-worker'] as const) : []),
  ];
  const all: readonly Part[] = [...working, 'reconcile', 'widget'];
  const logs = (title: string, parts: readonly Part[], ...queryLines: string[]) =>
    new LogQueryWidget({
      title,
      logGroupNames: parts.map((part) => `/aws/lambda/${DEPLOYED.part(prefix, part)}`),
      queryLines: [...queryLines, 'sort @timestamp desc', 'limit 50'],
      width: WIDTH,
      height: 6,
    });
  return [
    [heading('Debug', 'Whether Recohere itself is well.')],
    [
      graphOf(
        'Errors',
        all.map((part) => ofFunction(prefix, part, 'Errors')),
      ),
      graphOf(
        'Longest call',
        working.map((part) => ofFunction(prefix, part, 'Duration')),
      ),
      graphOf(
        'Throttled calls',
        QUEUED.map((part) => ofFunction(prefix, part, 'Throttles')),
      ),
    ],
    [
      graphOf(
        'Messages that wait, and for how many seconds',
        QUEUED.map((part) => ofQueue(DEPLOYED.part(prefix, part), 'ApproximateNumberOfMessagesVisible')),
        {
          right: QUEUED.map((part) => ofQueue(DEPLOYED.part(prefix, part), 'ApproximateAgeOfOldestMessage')),
        },
      ),
      graphOf(
        'Dead letters',
        [...QUEUED, 'hub' as const].map((of) => deadLettersIn(prefix, of)),
      ),
      ...(tables
        ? [
            graphOf(
              'Runs',
              (['ExecutionsStarted', 'ExecutionsFailed'] as const).map((name) => ofRuns(prefix, name)),
            ),
          ]
        : [graphOf('Sweeps', [ours(prefix, 'SweepHeartbeat', { statistic: 'Sum' })])]),
    ],
    [
      logs(
        'What was found',
        [...QUEUED, 'sweep'],
        'fields @timestamp, subject, episode, findings, TimeToDetect, ConvergenceTime, version, evidence',
        'filter ispresent(findings)',
      ),
    ],
    [
      logs(
        'What went wrong',
        all,
        'fields @timestamp, @log, message.code, message.context, @message',
        'filter level = "ERROR" or level = "WARN"',
      ),
    ],
  ];
}

function graphOf(title: string, left: IMetric[], more: GraphWidgetProps = {}): GraphWidget {
  return new GraphWidget({
    title,
    left,
    width: WIDTH / 3,
    height: 6,
    ...more,
    leftYAxis: { min: 0, showUnits: false, ...more.leftYAxis },
  });
}

function heading(title: string, text: string): TextWidget {
  return new TextWidget({ markdown: `# ${title}\n${text}`, width: WIDTH, height: 2 });
}

/** What to do, as a list of the sections of the README: links, if somebody has said where it is. */
function sections(prefix: string, alarms: readonly AlarmDefinition[], runbook: string): string {
  const whatToDo = (alarm: string) =>
    runbook.startsWith('https://')
      ? `[alarm-${alarm}](${runbookOf(runbook, alarm)})`
      : `\`${runbookOf(runbook, alarm)}\``;
  const rows = alarms.map(({ name, severity, meaning }) => {
    const alarm = DEPLOYED.alarm(prefix, name);
    return `[${alarm}](#alarmsV2:alarm/${alarm}) | ${severity} | ${meaning} | ${whatToDo(name)}`;
  });
  return ['alarm | severity | what has happened | what to do', '---|---|---|---', ...rows].join('\n');
}
