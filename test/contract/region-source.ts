import { describe, expect, it } from 'vitest';
import { REGION_CODE } from '../../functions/contract/names.ts';
import type { RegionSource } from '../../functions/ports/region-source.ts';

/** What every region source holds. @param deployed Regions that are known to be enabled. */
export function describeRegionSource(source: () => RegionSource, deployed: readonly string[]): void {
  describe('a region source', () => {
    it('knows the regions that are in use, each once, sorted, by their codes', async () => {
      const regions = await source().enabled();
      expect(regions).toEqual(expect.arrayContaining([...deployed]));
      expect(regions).toEqual([...new Set(regions)].sort());
      for (const region of regions) expect(region).toMatch(REGION_CODE);
    });
  });
}
