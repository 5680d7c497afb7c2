import { RemovalPolicy } from 'aws-cdk-lib';
import { AttributeType, Billing, ProjectionType, TableV2 } from 'aws-cdk-lib/aws-dynamodb';
import { Construct } from 'constructs';
import { LEDGER_KEY, STATES_INDEX } from '../functions/contract/ledger.ts';

export interface LedgerProps {
  /** What becomes of the table when the stack goes. @default RemovalPolicy.RETAIN */
  readonly removalPolicy?: RemovalPolicy;
}

/**
 * The table that remembers states and episodes. It costs by the request, so next to nothing when all is quiet.
 *
 * Its name is generated, for it outlives its stack. It is encrypted with DynamoDB's own key: it holds names, hashes and
 * times, and a key of one's own would cost a dollar a month and a permission to decrypt.
 */
export class Ledger extends Construct {
  readonly table: TableV2;
  readonly statesIndexArn: string;

  constructor(scope: Construct, id: string, { removalPolicy = RemovalPolicy.RETAIN }: LedgerProps = {}) {
    super(scope, id);
    this.table = new TableV2(this, 'Table', {
      partitionKey: text(LEDGER_KEY.partition),
      sortKey: text(LEDGER_KEY.sort),
      globalSecondaryIndexes: [
        {
          indexName: STATES_INDEX.name,
          partitionKey: text(STATES_INDEX.partition),
          sortKey: text(STATES_INDEX.sort),
          projectionType: ProjectionType.KEYS_ONLY,
        },
      ],
      billing: Billing.onDemand(),
      pointInTimeRecoverySpecification: { pointInTimeRecoveryEnabled: true },
      removalPolicy,
    });
    this.statesIndexArn = `${this.table.tableArn}/index/${STATES_INDEX.name}`;
  }
}

function text(name: string) {
  return { name, type: AttributeType.STRING };
}
