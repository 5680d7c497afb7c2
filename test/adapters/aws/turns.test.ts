import { PutItemCommand } from '@aws-sdk/client-dynamodb';
import { marshall } from '@aws-sdk/util-dynamodb';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { dynamoLedger } from '../../../functions/adapters/aws/ledger.ts';
import { FORMAT } from '../../../functions/contract/ledger.ts';
import { all } from '../../all.ts';
import { describeTurns } from '../../contract/turns.ts';
import { onDynalite } from './on-dynalite.ts';
import { turnsWorld } from './turns-world.ts';

describe('on dynalite', () => {
  describeTurns(() => onDynalite(turnsWorld));

  describe('beside what others keep in the table', () => {
    let world: Awaited<ReturnType<typeof turnsWorld>>;
    beforeAll(async () => {
      world = await onDynalite(turnsWorld);
    });
    afterAll(() => world.close());

    const plant = (name: string, fields: object) =>
      world.client.send(
        new PutItemCommand({
          TableName: world.table,
          Item: marshall({ pk: `TURN#${name}`, sk: 'TURN', version: 1, until: 0, swapId: 's', ...fields }),
        }),
      );

    it('is no subject of a sweep', async () => {
      await world.turns.take('sweep', 1);
      expect(await all(dynamoLedger(world.options, world.table).subjects())).toEqual([]);
    });

    it.each([
      { reason: 'a later release wrote it', fields: { format: FORMAT + 1 }, code: 'FUTURE_ITEM' },
      { reason: 'it is damaged', fields: { format: FORMAT, until: 'soon' }, code: 'MALFORMED_ITEM' },
    ])('is not taken where $reason', async ({ fields, code }) => {
      await plant(code, fields);
      await expect(world.turns.take(code, 1)).rejects.toMatchObject({ code });
    });
  });
});
