import { type LocalDynamo, startLocalDynamo } from '../../../functions/adapters/aws/local-dynamo.ts';

/** What `make` builds on a DynamoDB-compatible server of its own, which ends with it. */
export async function onDynalite<World extends { close(): Promise<void> }>(
  make: (options: LocalDynamo['client']) => World | Promise<World>,
): Promise<World> {
  const dynamo = await startLocalDynamo();
  const world = await make(dynamo.client);
  return {
    ...world,
    async close() {
      await world.close();
      await dynamo.stop();
    },
  };
}
