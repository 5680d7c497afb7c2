import type { WatchedSecret } from '../contract/config.ts';
import { SECRET_CALLS } from '../contract/event-patterns.ts';
import type { SecretEvent } from '../contract/events.ts';
import type { Change } from '../core/episode.ts';
import type { RotationEnd } from '../core/secret.ts';

/** What an event tells of a secret, in one region of one account. */
export interface HeardOfSecret {
  readonly change: Change;
  /** Its name, its ARN, or a part of that; `undefined` if the event does not say: then it may be any. */
  readonly secretId: string | undefined;
  readonly region: string;
  readonly account: string;
  /** How a rotation ended. */
  readonly ended?: RotationEnd | undefined;
  /** What a consumer's process has loaded there. */
  readonly loaded?: {
    readonly consumer: string;
    readonly process: string;
    readonly versionId: string;
    readonly at: number;
  };
}

/** What an event means, or `undefined` if nothing can have moved. Of a secret's state it is believed in nothing. */
export function hearSecret(event: SecretEvent): HeardOfSecret | undefined {
  const { id, source, region, account } = event;
  const at = Date.parse(event.time);
  const heard = (secretId: string | undefined) => ({
    change: { id, source, at },
    secretId,
    region,
    account,
  });
  switch (event['detail-type']) {
    case 'Secret Label Updated':
      return heard(event.resources[0] ?? event.detail.name);
    case 'AWS Service Event via CloudTrail': {
      const { eventName, additionalEventData, resources } = event.detail;
      const secretId = additionalEventData?.SecretId ?? resources[0]?.ARN ?? event.resources[0];
      if (eventName === 'RotationStarted') return heard(secretId);
      return { ...heard(secretId), ended: { event: eventName, at } };
    }
    case 'AWS API Call via CloudTrail': {
      const { eventName, errorCode, requestParameters, responseElements } = event.detail;
      if (errorCode || !SECRET_CALLS.some((call) => call === eventName)) return undefined;
      const answered = responseElements?.arn ?? responseElements?.aRN ?? responseElements?.ARN;
      return heard(answered ?? requestParameters?.secretId ?? requestParameters?.name);
    }
    case 'Secret Version Loaded': {
      const { consumer, process, secret, versionId, loadedAt } = event.detail;
      const loaded = { consumer, process, versionId, at: Math.min(Date.parse(loadedAt), at) }; // its clock may be ahead
      return { ...heard(secret), loaded };
    }
  }
}

/**
 * Whether an id that an event gives may mean a secret. An ARN ends with `-` and six characters that AWS chose, and a part of an ARN
 * does not; so an ARN may mean two secrets, and both are looked at.
 */
export function mayMean(secretId: string | undefined, { name }: Pick<WatchedSecret, 'name'>): boolean {
  if (secretId === undefined) return true;
  if (!secretId.startsWith('arn:')) return secretId === name;
  const named = secretId.split(':').slice(6).join(':');
  return named === name || (named.startsWith(`${name}-`) && named.length === name.length + '-AbCdEf'.length);
}
