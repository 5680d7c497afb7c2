import {
  type AttributeValue,
  DeleteTableCommand,
  DynamoDBClient,
  paginateScan,
  ResourceInUseException,
  UpdateContinuousBackupsCommand,
} from '@aws-sdk/client-dynamodb';
import { createFilledTable } from '../functions/adapters/aws/local-table.ts';

type Item = Record<string, AttributeValue>;

interface DeployedTable {
  /** Attribute that is its primary key, a text. */
  readonly key: string;
  readonly items: readonly object[];
  /** @default false */
  readonly hasPointInTimeRecovery?: boolean;
}

/** Real tables of a region, made through the SDK, which are removed together. */
export class DeployedTables {
  readonly #region: string;
  readonly #client: DynamoDBClient;
  readonly #made: string[] = [];

  constructor(region: string) {
    this.#region = region;
    this.#client = new DynamoDBClient({ region });
  }

  /** Creates a table and fills it. One that is there already stays as it is. */
  async create(name: string, { key, items, hasPointInTimeRecovery = false }: DeployedTable): Promise<void> {
    try {
      await createFilledTable({ region: this.#region }, name, key, items);
    } catch (error) {
      if (error instanceof ResourceInUseException) return;
      throw error;
    }
    this.#made.push(name);
    if (!hasPointInTimeRecovery) return;
    await this.#client.send(
      new UpdateContinuousBackupsCommand({
        TableName: name,
        PointInTimeRecoverySpecification: { PointInTimeRecoveryEnabled: true },
      }),
    );
  }

  /** All items of a table. */
  async items(name: string): Promise<readonly Item[]> {
    const items: Item[] = [];
    for await (const { Items = [] } of paginateScan({ client: this.#client }, { TableName: name })) {
      items.push(...Items);
    }
    return items;
  }

  async removeAll(): Promise<void> {
    for (const TableName of this.#made.splice(0)) {
      await this.#client.send(new DeleteTableCommand({ TableName }));
    }
    this.#client.destroy();
  }
}
