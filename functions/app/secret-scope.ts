import type { ParsedConfig, WatchedSecret } from '../contract/config.ts';
import { type Place, placeId } from '../core/place.ts';
import type { RotationRules } from '../core/rotation.ts';
import { placesOfConfig } from './scope.ts';

/** Looks go on at least so long after a change, and at most: a longer cache is left to the sweep. */
const LOOKED_AT_FOR_MS = { least: 5 * 60_000, most: 15 * 60_000 } as const;

/** The subject that a secret is: its name, after its account if that is not the hub's. No name of a secret holds a colon. */
export function subjectOfSecret({ hub }: ParsedConfig, { name, account }: WatchedSecret): string {
  return account === undefined || account === hub.account ? name : `${account}:${name}`;
}

/** Where a secret is to be. */
export function placesOfSecret(
  config: ParsedConfig,
  { account = config.hub.account, regions }: WatchedSecret,
): readonly Place[] {
  return placesOfConfig(config).filter(
    (place) => place.account === account && (regions === undefined || regions.includes(place.region)),
  );
}

/** How a secret is judged, but for what alarms. */
export function rotationRulesOf(config: ParsedConfig, secret: WatchedSecret): Omit<RotationRules, 'alarmOn'> {
  const places = placesOfSecret(config, secret);
  const primary = places.find(({ region }) => region === config.primary?.region);
  const { replicationSeconds, targetSeconds } = secret;
  const consumers = secret.consumers.map(({ name, cacheSeconds, probe, regions }) => ({
    name,
    cacheMs: cacheSeconds * 1000,
    isProbed: probe !== undefined,
    replicas: places.filter(({ region }) => regions?.includes(region) ?? true).map(placeId),
  }));
  const longestMs = Math.max(0, ...consumers.map(({ cacheMs }) => cacheMs)) + replicationSeconds * 1000;
  return {
    replicas: places.map(placeId),
    primary: primary && placeId(primary),
    consumers,
    replicationMs: replicationSeconds * 1000,
    deadlineMs: targetSeconds * 1000,
    maxRolloutMs: targetSeconds * 1000, // from the move on, whatever joins it
    lookedAtForMs: Math.min(LOOKED_AT_FOR_MS.most, Math.max(LOOKED_AT_FOR_MS.least, longestMs)),
  };
}
