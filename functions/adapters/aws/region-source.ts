import { AccountClient, paginateListRegions, type Region } from '@aws-sdk/client-account';
import * as z from 'zod/mini';
import { REGION_CODE } from '../../contract/names.ts';
import type { RegionSource } from '../../ports/region-source.ts';
import { readOf, unexpected } from './answers.ts';
import { asking } from './asking.ts';
import { CLIENT_BOUNDS } from './bounds.ts';

/** What is read of all pages. */
const regionsSchema = z.array(z.object({ RegionName: z.optional(z.string().check(z.regex(REGION_CODE))) }));

/** The regions that the caller's account may use, as Account Management says. */
export function awsRegionSource(): RegionSource {
  return {
    async enabled() {
      const client = new AccountClient({ region: 'us-east-1', ...CLIENT_BOUNDS }); // the service has no other region
      const call = 'account:ListRegions';
      const answer = await asking(call, async (bounded) => {
        const found: Region[] = [];
        const pages = paginateListRegions(
          { client },
          { RegionOptStatusContains: ['ENABLED', 'ENABLED_BY_DEFAULT'] },
          bounded,
        );
        for await (const page of pages) found.push(...(page.Regions ?? []));
        return found;
      });
      const names = readOf(call, regionsSchema, answer).flatMap(({ RegionName }) => RegionName ?? []);
      if (names.length === 0) throw unexpected(call); // whoever asks is in one
      return [...new Set(names)].sort();
    },
  };
}
