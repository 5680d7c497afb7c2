import { EventBridgeClient, ListRulesCommand, ResourceNotFoundException } from '@aws-sdk/client-eventbridge';
import * as z from 'zod/mini';
import type { BusRule } from '../../ports/bus-rules.ts';
import { readOf } from './answers.ts';
import { asking } from './asking.ts';
import { CLIENT_BOUNDS } from './bounds.ts';

const pageSchema = z.object({
  Rules: z.optional(z.array(z.object({ Name: z.string(), ManagedBy: z.optional(z.string()) }))),
  NextToken: z.optional(z.string()),
});

/** All rules on a bus, whoever has made them; none if it is gone. @throws RefusedError */
export async function rulesOn(region: string, bus: string): Promise<readonly BusRule[]> {
  const client = new EventBridgeClient({ region, ...CLIENT_BOUNDS });
  const call = 'events:ListRules';
  return asking(call, async (bounded) => {
    const rules: BusRule[] = [];
    let from: string | undefined;
    do {
      const command = new ListRulesCommand({ EventBusName: bus, NextToken: from });
      const page = readOf(call, pageSchema, await client.send(command, bounded).catch(noneIfNoBus));
      rules.push(
        ...(page.Rules ?? []).map(({ Name, ManagedBy }) => ({
          name: Name,
          isManaged: ManagedBy !== undefined,
        })),
      );
      from = page.NextToken;
    } while (from);
    return rules;
  });
}

function noneIfNoBus(error: unknown): object {
  if (error instanceof ResourceNotFoundException) return {};
  throw error;
}
