import { Duration, TimeZone } from 'aws-cdk-lib';
import {
  Alarm,
  AlarmMuteRule,
  AlarmRule,
  AlarmState,
  ComparisonOperator,
  CompositeAlarm,
  type IAlarm,
  ScheduleExpression,
  TreatMissingData,
} from 'aws-cdk-lib/aws-cloudwatch';
import { SnsAction } from 'aws-cdk-lib/aws-cloudwatch-actions';
import { Construct } from 'constructs';
import {
  type AlarmDefinition,
  alarmsFor,
  CAUSE_WITHIN_MINUTES,
  type Condition,
} from '../functions/contract/alarms.ts';
import { hasCritical, type ParsedConfig, type RecohereConfig } from '../functions/contract/config.ts';
import { DEPLOYED } from '../functions/contract/deployment.ts';
import { metricOf, runbookOf } from './alarms.ts';
import { makeDashboard } from './dashboard.ts';
import { readDeployable } from './replica-accounts.ts';
import { type AlarmNotification, namedTopics, type Topics } from './topics.ts';

export interface RecohereMonitoringProps {
  /** What is watched, as in `recohere.config.ts`. */
  readonly config: RecohereConfig;
  /** Who is told: as for the hub, which makes the topics and lets addresses listen to them. @default nobody */
  readonly notify?: AlarmNotification | undefined;
  /**
   * Where alarms and the dashboard send who is to do something: the address of this release's README, or of a copy of yours that keeps its
   * sections `alarm-<name>`, such as `https://github.com/you/recohere/blob/main/README.md`.
   * @default 'README.md', which is no link
   */
  readonly runbook?: string | undefined;
}

/** Alarms and dashboard of one installation. In the region of its hub, for alarms watch metrics of their own region only. */
export class RecohereMonitoring extends Construct {
  /** What the alarms notify, when they begin and when they end. */
  readonly topics: Topics;

  /** @throws ConfigError with every mistake of the config */
  constructor(scope: Construct, id: string, props: RecohereMonitoringProps) {
    super(scope, id);
    const { config: written, notify = {}, runbook = 'README.md' } = props;
    const { config } = readDeployable(written);
    const { prefix, tables } = config;
    const has = { critical: hasCritical(config), tables: tables.length > 0 };
    this.topics = namedTopics(this, prefix, notify);
    const alarms = new Map<string, IAlarm>();
    for (const definition of alarmsFor(has)) {
      const { name, meaning, silencedBy } = definition;
      const alarm = alarmOf(this, prefix, definition, {
        alarmDescription: `${meaning} What to do: ${runbookOf(runbook, name)}`,
        cause: silencedBy && alarms.get(silencedBy.name),
      });
      const action = new SnsAction(this.topics[definition.severity]);
      alarm.addAlarmAction(action);
      alarm.addOkAction(action);
      alarms.set(name, alarm);
    }
    muteInWindows(this, config, [...alarms.values()]);
    makeDashboard(this, prefix, has, { alarms: [...alarms.values()], runbook });
  }
}

const MISSING: Readonly<Record<Condition['missing'], TreatMissingData>> = {
  breaching: TreatMissingData.BREACHING,
  notBreaching: TreatMissingData.NOT_BREACHING,
  ignore: TreatMissingData.IGNORE,
};

/** One alarm of one metric, or one that is made of such alarms. */
function alarmOf(
  scope: Construct,
  prefix: string,
  { name, conditions, silencedBy }: AlarmDefinition,
  { alarmDescription, cause }: { readonly alarmDescription: string; readonly cause: IAlarm | undefined },
): Alarm | CompositeAlarm {
  const alarmName = DEPLOYED.alarm(prefix, name);
  const [first, ...others] = conditions;
  if (others.length === 0 && silencedBy === undefined) {
    return metricAlarm(scope, `alarm-${name}`, { alarmName, alarmDescription }, prefix, first);
  }
  if (silencedBy && !cause) throw new Error(`${silencedBy.name} comes after ${name}`);
  const parts = conditions.map((condition) => {
    const own = {
      alarmName: `${alarmName}-${condition.name ?? 'metric'}`,
      alarmDescription: `A part of ${alarmName}.`,
    };
    return metricAlarm(scope, own.alarmName, own, prefix, condition);
  });
  return new CompositeAlarm(scope, `alarm-${name}`, {
    compositeAlarmName: alarmName,
    alarmDescription,
    alarmRule: AlarmRule.allOf(...parts.map((part) => AlarmRule.fromAlarm(part, AlarmState.ALARM))),
    // a rule without its cause: one with it would tell that all is well when the cause begins
    ...(silencedBy &&
      cause && {
        actionsSuppressor: cause,
        actionsSuppressorWaitPeriod: Duration.minutes(CAUSE_WITHIN_MINUTES),
        actionsSuppressorExtensionPeriod: Duration.minutes(silencedBy.minutesAfter),
      }),
  });
}

function metricAlarm(
  scope: Construct,
  id: string,
  named: { readonly alarmName: string; readonly alarmDescription: string },
  prefix: string,
  condition: Condition,
): Alarm {
  const { isBad, periods, missing } = condition;
  return new Alarm(scope, id, {
    ...named,
    metric: metricOf(prefix, condition),
    ...('above' in isBad
      ? { comparisonOperator: ComparisonOperator.GREATER_THAN_THRESHOLD, threshold: isBad.above }
      : { comparisonOperator: ComparisonOperator.LESS_THAN_THRESHOLD, threshold: isBad.below }),
    evaluationPeriods: periods.of,
    datapointsToAlarm: periods.bad,
    treatMissingData: MISSING[missing],
  });
}

/** In a window, alarms begin and end as ever, and notify nobody. */
function muteInWindows(
  scope: Construct,
  { prefix, maintenance }: ParsedConfig,
  alarms: readonly IAlarm[],
): void {
  maintenance.forEach(({ schedule, minutes, timezone }, position) => {
    new AlarmMuteRule(scope, `Maintenance${position}`, {
      alarmMuteRuleName: `${prefix}-maintenance-${position}`,
      description: 'A window of maintenance of the config',
      schedule: ScheduleExpression.expression(schedule, TimeZone.of(timezone)),
      duration: Duration.minutes(minutes),
      alarms: [...alarms],
    });
  });
}
