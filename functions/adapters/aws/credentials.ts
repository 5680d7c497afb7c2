import { AssumeRoleCommand, STSClient } from '@aws-sdk/client-sts';
import { fromNodeProviderChain } from '@aws-sdk/credential-providers';
import { accessKey } from '../../contract/ledger.ts';
import { type Place, placeId } from '../../core/place.ts';
import type { Access } from '../../ports/access-memory.ts';
import { required } from './answers.ts';
import { asking } from './asking.ts';
import type { CLIENT_BOUNDS } from './bounds.ts';

/** What every client takes as its credentials. */
export type Credentials = STSClient['config']['credentials'];

/** What bounds each try of a call, and the call. */
export interface CallBounds {
  readonly client: typeof CLIENT_BOUNDS;
  readonly callTimeoutMs: number;
}

/** The credentials for each place, one session a role. */
export interface PlaceCredentials {
  /** Those of the environment. */
  readonly own: Credentials;
  /** The own, or those of the role that the place names. */
  of(place: Place): Credentials;
}

/**
 * The credentials of the environment, or those of a role that a place names. A role is assumed once for all its regions, and
 * anew shortly before its session ends; one that is refused, again at each call.
 */
export function placeCredentials(bounds: CallBounds): PlaceCredentials {
  const own = fromNodeProviderChain(); // one for all places, so that credentials are looked for once
  const sessions = new Map<string, Credentials>();
  return {
    own,
    of({ region, access }) {
      if (access === undefined) return own;
      const { pk } = accessKey(access);
      const made = sessions.get(pk) ?? assuming(access, own, process.env.AWS_REGION || region, bounds);
      sessions.set(pk, made);
      return made;
    },
  };
}

/** Makes something for each place, such as its clients, once. */
export function oncePerPlace<T>(make: (place: Place) => T): (place: Place) => T {
  const all = new Map<string, T>();
  return (place) => {
    const made = all.get(placeId(place)) ?? make(place);
    all.set(placeId(place), made);
    return made;
  };
}

/** @param region Where STS is asked: the own, so that no other need work for it. What any region gives is good in all. */
function assuming(
  { roleArn, externalId }: Access,
  own: Credentials,
  region: string,
  { client, callTimeoutMs }: CallBounds,
): Credentials {
  const call = 'sts:AssumeRole';
  const sts = new STSClient({ region, credentials: own, ...client });
  const assume = async () => {
    const command = new AssumeRoleCommand({
      RoleArn: roleArn,
      RoleSessionName: 'recohere',
      ExternalId: externalId,
    });
    const answer = await asking(call, (bounded) => sts.send(command, bounded), callTimeoutMs);
    const { AccessKeyId, SecretAccessKey, SessionToken, Expiration } = answer.Credentials ?? {};
    return {
      accessKeyId: required(call, AccessKeyId),
      secretAccessKey: required(call, SecretAccessKey),
      sessionToken: required(call, SessionToken),
      ...(Expiration && { expiration: Expiration }),
    };
  };
  // each client would keep a session of its own; so all are given the credentials of one, which keep theirs
  return new STSClient({ region, credentials: assume }).config.credentials;
}
