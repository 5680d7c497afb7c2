import { type ParsedConfig, parseConfig, type RecohereConfig } from '../contract/config.ts';
import type { Refusal } from '../contract/report.ts';
import { invariant, RefusedError } from '../core/errors.ts';
import type { RegionSource } from '../ports/region-source.ts';
import type { LookScope } from './look.ts';
import { type Narrowing, scopeOfConfig } from './scope.ts';

/**
 * The scope without a config: all functions of the caller's own account, or those that the flags select.
 * @param enabledRegions Where to look if the flags name no regions.
 */
export function scopeOfAccount(narrowing: Narrowing, enabledRegions: readonly string[]): LookScope {
  const { regions = enabledRegions, ...select } = narrowing;
  const isSelected = Object.values(select).some((criterion) => criterion !== undefined);
  const config = configOfFlags(regions, { functions: [{ select: { name: '*' } }] });
  const expected = narrowing.regions === undefined ? 'where-seen' : isSelected ? 'everywhere' : 'if-copied';
  return { ...scopeOfConfig(config, select), expected, mustMatch: false, pairByStack: true };
}

/** What a config would be that watches this in the regions of the caller's own account. */
export function configOfFlags(
  regions: readonly string[],
  watched: Pick<RecohereConfig, 'functions' | 'secrets'>,
): ParsedConfig {
  const replicas = regions.map((region) => ({ region }));
  const parsed = parseConfig({ hub: { region: regions[0] }, replicas, ...watched });
  invariant(parsed.ok, 'regions and flags were validated before');
  return parsed.config;
}

/** The regions that the account may use, or why they cannot be told. */
export async function findRegions(
  source: RegionSource,
): Promise<{ readonly regions: readonly string[] } | { readonly refusal: Refusal }> {
  try {
    return { regions: await source.enabled() };
  } catch (error) {
    if (error instanceof RefusedError) return { refusal: error.refusal };
    throw error;
  }
}
