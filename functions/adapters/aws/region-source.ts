import { AccountClient, paginateListRegions, type Region } from '@aws-sdk/client-account';
import type { RegionSource } from '../../ports/region-source.ts';
import { asking } from './asking.ts';
import { CLIENT_BOUNDS } from './bounds.ts';

/** The regions that the caller's account may use, as Account Management says. */
export function awsRegionSource(): RegionSource {
  return {
    async enabled() {
      const client = new AccountClient({ region: 'us-east-1', ...CLIENT_BOUNDS }); // the service has no other region
      const regions = await asking('account:ListRegions', async (bounded) => {
        const found: Region[] = [];
        const pages = paginateListRegions(
          { client },
          { RegionOptStatusContains: ['ENABLED', 'ENABLED_BY_DEFAULT'] },
          bounded,
        );
        for await (const page of pages) found.push(...(page.Regions ?? []));
        return found;
      });
      return regions.flatMap(({ RegionName }) => RegionName ?? []).sort();
    },
  };
}
