import { type OutputChunk, rolldown } from 'rolldown';
import type { Part } from '../../functions/contract/deployment.ts';
import bundles from '../../rolldown.config.ts';

/** What IAM calls the service of each SDK client. */
const SERVICES: Readonly<Record<string, string>> = {
  'client-dynamodb': 'dynamodb',
  'client-eventbridge': 'events',
  'client-lambda': 'lambda',
  'client-resource-groups-tagging-api': 'tag',
  'client-s3': 's3',
  'client-secrets-manager': 'secretsmanager',
  'client-sfn': 'states',
  'client-sns': 'sns',
  'client-sqs': 'sqs',
  'client-sts': 'sts',
};

/** Calls that IAM does not name like their commands. */
const NAMED_OTHERWISE: Readonly<Record<string, string>> = {
  'lambda:Invoke': 'lambda:InvokeFunction',
  's3:ListObjectsV2': 's3:ListBucket',
};

/** `…/@aws-sdk/client-sqs/dist-es/commands/SendMessageCommand.js` */
const COMMAND = /@aws-sdk\/([\w-]+)\/dist-es\/(?:submodules\/\w+\/)?commands\/(\w+)Command\.js$/;

/** The modules of a function's bundle that are left of it when what is not used is taken out, with their sizes. */
async function modulesOf(part: Part): Promise<ReadonlyMap<string, number>> {
  const options = bundles.find(({ input }) => input === `functions/${part}/handler.ts`);
  if (options === undefined) throw new Error(`${part} is not bundled`);
  const built = await rolldown(options);
  const { output } = await built.generate(options.output);
  await built.close();
  const [chunk, ...others] = output.filter((each): each is OutputChunk => each.type === 'chunk');
  if (chunk === undefined || others.length > 0) throw new Error(`${part} is not one file`);
  return new Map(Object.entries(chunk.modules).map(([id, { renderedLength }]) => [id, renderedLength]));
}

/**
 * Every call of AWS that the bundle of a function can make, as IAM names it: an SDK client sends commands, and each command
 * is a module of its own, which is in the bundle only if something can use it.
 */
export async function bundledCalls(part: Part): Promise<ReadonlySet<string>> {
  const calls = new Set<string>();
  for (const [id, size] of await modulesOf(part)) {
    const [, client = '', command] = COMMAND.exec(id) ?? [];
    if (command === undefined || size === 0) continue;
    const service = SERVICES[client];
    if (service === undefined)
      throw new Error(`${part} has ${command} of ${client}, whose service is not known`);
    const call = `${service}:${command}`;
    calls.add(NAMED_OTHERWISE[call] ?? call);
  }
  return calls;
}
