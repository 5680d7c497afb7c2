import type { LoadReport } from '../functions/contract/probe.ts';
import { REPORT_DETAIL_TYPE, REPORT_SOURCE } from '../functions/contract/probe.ts';

/** Where and when something happened that AWS tells of. */
export interface Happened {
  readonly id: string;
  readonly region: string;
  readonly account: string;
  /** Epoch milliseconds; AWS tells whole seconds. */
  readonly at: number;
}

function envelope({ id, region, account, at }: Happened) {
  return { id, region, account, time: new Date(Math.floor(at / 1000) * 1000).toISOString() };
}

/** CloudFormation has created, updated or deleted a function. */
export function resourceEvent(
  happened: Happened,
  functionName: string,
  status: 'CREATE_COMPLETE' | 'UPDATE_COMPLETE' | 'DELETE_COMPLETE' = 'UPDATE_COMPLETE',
) {
  const { region, account } = happened;
  return {
    ...envelope(happened),
    source: 'aws.cloudformation',
    'detail-type': 'CloudFormation Resource Status Change',
    detail: {
      'stack-id': `arn:aws:cloudformation:${region}:${account}:stack/${functionName}/1`,
      'logical-resource-id': 'Function',
      'physical-resource-id': functionName,
      'resource-type': 'AWS::Lambda::Function',
      'status-details': { status },
    },
  };
}

/** A pipeline of the user has come to its end, and names what it has deployed, or nothing. */
export function deployFinished(happened: Happened, functions?: readonly string[]) {
  return {
    ...envelope(happened),
    source: 'recohere.deploy',
    'detail-type': 'Deploy Finished',
    detail: { deployId: happened.id, ...(functions && { functions }) },
  };
}

/** `AWSCURRENT` has moved. */
export function labelUpdated(happened: Happened, secret: string) {
  const { region, account } = happened;
  return {
    ...envelope(happened),
    source: 'aws.secretsmanager',
    'detail-type': 'Secret Label Updated',
    resources: [`arn:aws:secretsmanager:${region}:${account}:secret:${secret}-AbCdEf`],
    detail: { name: secret, labelUpdated: 'AWSCURRENT' },
  };
}

/** A process of a consumer has loaded a version. */
export function versionLoaded(happened: Happened, detail: LoadReport) {
  return { ...envelope(happened), source: REPORT_SOURCE, 'detail-type': REPORT_DETAIL_TYPE, detail };
}
