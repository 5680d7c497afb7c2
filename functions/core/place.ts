/** Where a replica lives. Without `account`, it is the account of the caller's own credentials. */
export interface Place {
  readonly region: string;
  readonly account?: string | undefined;
  /** How to get into another account; without it, the caller's own credentials are used. */
  readonly access?: { readonly roleArn: string; readonly externalId?: string | undefined } | undefined;
}

/** `region`, or `account/region` where the account is named. */
export type PlaceId = string & { readonly __brand: 'PlaceId' };

export function placeId(place: Place): PlaceId {
  return (place.account === undefined ? place.region : `${place.account}/${place.region}`) as PlaceId;
}

export function regionOf(replica: PlaceId): string {
  return replica.slice(replica.lastIndexOf('/') + 1);
}

/** The place of another region, in the same account. */
export function besides(replica: PlaceId, region: string): PlaceId {
  return `${replica.slice(0, replica.lastIndexOf('/') + 1)}${region}` as PlaceId;
}
