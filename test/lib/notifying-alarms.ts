import type { Template } from 'aws-cdk-lib/assertions';
import { SEVERITIES, type Severity } from '../../functions/contract/deployment.ts';
import { resourcesOf, textOf } from './synthesized.ts';

/** An alarm of a template that notifies somebody. */
export interface NotifyingAlarm {
  /** Without the prefix. */
  readonly name: string;
  readonly severity: Severity;
  readonly description: string;
}

/**
 * Every alarm of a template that notifies somebody, by the topic that it notifies.
 * @throws Error for one that does not notify one topic alone, when it begins and when it ends
 */
export function notifyingAlarms(template: Template): NotifyingAlarm[] {
  return ['AWS::CloudWatch::Alarm', 'AWS::CloudWatch::CompositeAlarm']
    .flatMap((type) => resourcesOf(template, type))
    .flatMap(({ Properties: { AlarmName, AlarmDescription, AlarmActions, OKActions } }) => {
      if (AlarmActions === undefined && OKActions === undefined) return [];
      const [topic, ...others] = [...new Set([...AlarmActions, ...OKActions].map(textOf))];
      const severity = SEVERITIES.find((each) => topic?.endsWith(`-${each}`));
      if (others.length > 0 || AlarmActions.length !== OKActions.length || severity === undefined)
        throw new Error(`whom does ${AlarmName} notify?`);
      return [{ name: AlarmName.replace(/^.*?-/, ''), severity, description: AlarmDescription }];
    });
}
