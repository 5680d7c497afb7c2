import { parseConfig } from '../contract/config.ts';
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
  const parsed = parseConfig({
    hub: { region: regions[0] },
    replicas: regions.map((region) => ({ region })),
    functions: [{ select: { name: '*' } }],
  });
  invariant(parsed.ok, 'regions and flags were validated before');
  const expected = narrowing.regions === undefined ? 'where-seen' : isSelected ? 'everywhere' : 'if-copied';
  return { ...scopeOfConfig(parsed.config, select), expected, mustMatch: false, pairByStack: true };
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
