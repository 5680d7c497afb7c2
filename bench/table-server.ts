import { startLocalDynamo } from '../functions/adapters/aws/local-dynamo.ts';

/** A server of tables as a process of its own, which says where it is, and ends when whoever started it does. */
const { endpoint } = await startLocalDynamo();
process.stdout.write(`${JSON.stringify({ endpoint })}\n`);
process.stdin.resume().on('end', () => process.exit());
