import { ENDED_STATES, MOVING_CALLS, RESTING_SUFFIXES } from '../contract/event-patterns.ts';
import type { DeployEvent } from '../contract/events.ts';
import type { Change } from '../core/episode.ts';
import { Sealed } from '../core/sealed.ts';

/** What a change concerns: a stack, or functions by name, of one place; subjects, wherever they are; or all that is watched. */
export type Concern =
  | { readonly kind: 'all' }
  | {
      readonly kind: 'subjects';
      readonly names: readonly string[];
      /** What their code is to be. Sealed, since it may be the value of a variable. */
      readonly code?: Sealed<string>;
    }
  | { readonly kind: 'stack'; readonly stack: string; readonly region: string; readonly account: string }
  | {
      readonly kind: 'functions';
      readonly names: readonly string[];
      readonly region: string;
      readonly account: string;
    }
  | {
      readonly kind: 'resource';
      readonly stack: string;
      readonly logicalId: string;
      readonly name: string;
      readonly region: string;
      readonly account: string;
    };

/**
 * What an event means: a change and what it concerns, or `undefined` if nothing can have moved. The event is believed
 * in nothing else.
 */
export function hear(event: DeployEvent): { change: Change; concern: Concern } | undefined {
  const concern = concernOf(event);
  return (
    concern && { change: { id: changeId(event), source: event.source, at: Date.parse(event.time) }, concern }
  );
}

/** The same for events that tell of one deploy, so that they make one cause. A stack's name comes back with its next deploy. */
function changeId(event: DeployEvent): string {
  switch (event.source) {
    case 'aws.cloudformation':
      return event.detail['stack-id'];
    case 'aws.codedeploy':
      return event.detail.deploymentId;
    case 'aws.codepipeline':
      return event.detail['execution-id'];
    case 'recohere.deploy':
      return event.detail.deployId;
    default:
      return event.id;
  }
}

function concernOf(event: DeployEvent): Concern | undefined {
  const { region, account } = event;
  switch (event['detail-type']) {
    case 'CloudFormation Resource Status Change': {
      const { detail } = event;
      const isFunction =
        detail['resource-type'] === 'AWS::Lambda::Function' && detail['physical-resource-id'] !== '';
      if (!isFunction || !isAtRest(detail['status-details'].status)) return undefined;
      return {
        kind: 'resource',
        stack: detail['stack-id'],
        logicalId: detail['logical-resource-id'],
        name: detail['physical-resource-id'],
        region,
        account,
      };
    }
    case 'CloudFormation Stack Status Change': {
      const { detail } = event;
      if (!isAtRest(detail['status-details'].status)) return undefined;
      return { kind: 'stack', stack: detail['stack-id'], region, account };
    }
    case 'CodeDeploy Deployment State-change Notification':
    case 'CodePipeline Pipeline Execution State Change':
      return ENDED_STATES.some((state) => state === event.detail.state) ? { kind: 'all' } : undefined;
    case 'AWS API Call via CloudTrail': {
      const { eventName, errorCode, requestParameters } = event.detail;
      if (errorCode !== undefined || !MOVING_CALLS.some((call) => eventName.startsWith(call)))
        return undefined;
      const name = requestParameters?.functionName;
      return name === undefined ? { kind: 'all' } : { kind: 'functions', names: [name], region, account };
    }
    case 'Deploy Finished': {
      const { functions: names, expect } = event.detail;
      if (names === undefined) return { kind: 'all' };
      return { kind: 'subjects', names, ...(expect && { code: new Sealed(expect.code) }) };
    }
  }
}

function isAtRest(status: string): boolean {
  return RESTING_SUFFIXES.some((suffix) => status.endsWith(suffix));
}
