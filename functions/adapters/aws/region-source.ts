import { AccountClient, paginateListRegions, type Region } from '@aws-sdk/client-account';
import type { RegionSource } from '../../ports/region-source.ts';
import { CALL_TIMEOUT_MS, CLIENT_BOUNDS } from './bounds.ts';
import { refused } from './errors.ts';

/** The regions that the caller's account may use, as Account Management says. */
export function awsRegionSource(): RegionSource {
  return {
    async enabled() {
      const client = new AccountClient({ region: 'us-east-1', ...CLIENT_BOUNDS }); // the service has no other region
      const regions: Region[] = [];
      try {
        const pages = paginateListRegions(
          { client },
          { RegionOptStatusContains: ['ENABLED', 'ENABLED_BY_DEFAULT'] },
          { abortSignal: AbortSignal.timeout(CALL_TIMEOUT_MS) },
        );
        for await (const page of pages) regions.push(...(page.Regions ?? []));
      } catch (error) {
        throw refused('account:ListRegions', error);
      }
      return regions.flatMap(({ RegionName }) => RegionName ?? []).sort();
    },
  };
}
