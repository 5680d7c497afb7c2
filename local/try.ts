import { Argument, Command, InvalidArgumentError } from 'commander';
import { plainTable, screenOf } from '../bin/render.ts';
import { SUBJECT_KINDS } from '../functions/contract/ledger.ts';
import { requireEmulator } from './emulator.ts';
import { Installation, type State } from './installation.ts';
import { HUB_REGION, PREFIX, REGIONS, type Region, SECRET, SERVICES, type Service, Shop } from './shop.ts';
import { until } from './until.ts';
import { durationText, findingsText, reasonText } from './words.ts';

const EPISODES_SHOWN = 10;

const program = new Command('try').description(
  'What npm run local proposes to try. Source its .emulator/env first.',
);

program
  .command('episodes')
  .description('what the ledger remembers')
  .action(() => act(showEpisodes));

program
  .command('deploy')
  .description('bring a release of a service to a region, and tell of it as CloudFormation does')
  .addArgument(new Argument('<service>').choices(SERVICES))
  .addArgument(new Argument('<region>').choices(REGIONS))
  .argument('<release>', 'a number', positive)
  .action((service: Service, region: Region, release: number) =>
    act(async (installation) => {
      await new Shop(installation).deploy(service, region, release);
      await installation.handled();
      await showEpisodes(installation, service);
    }),
  );

program
  .command('rotate')
  .description('give a secret a new value, and wait until who uses it has it')
  .addArgument(new Argument('<secret>').choices([SECRET]))
  .action((secret: string) =>
    act(async (installation) => {
      const shop = new Shop(installation);
      const ledger = await installation.ledger('secret');
      const versionId = await shop.rotate();
      const { last } = await until(
        `the ledger shows that the rotation of ${secret} has ended`,
        async () => {
          await shop.work();
          return ledger.read(secret);
        },
        ({ last }) => last?.rotation?.versionId === versionId,
      );
      if (last) showHops(last);
    }),
  );

program
  .command('event')
  .description('put an event "Deploy Finished" on the bus of the hub')
  .argument('<detail>', 'its detail, as JSON', json)
  .action((detail: object) =>
    act(async (installation) => {
      const told = { source: 'recohere.deploy', detailType: 'Deploy Finished', detail };
      const id = await installation.put(installation.bus, told);
      await installation.handled();
      print([`The event ${id} has been handled.`]);
    }),
  );

program
  .command('dead-letters')
  .description('messages that could not be handled')
  .action(() =>
    act(async (installation) => {
      const letters = await installation.deadLetters();
      const rows = letters.map(({ reason, bytes, envelope }) => [
        reason,
        String(bytes),
        envelope['detail-type'] ?? '-',
        envelope.id ?? '-',
      ]);
      table(['REASON', 'BYTES', 'EVENT', 'ID'], rows);
    }),
  );

program
  .command('sweep')
  .description('look at everything now')
  .action(() =>
    act(async (installation) => {
      const counts = Object.entries(await installation.sweep());
      table(
        ['METRIC', 'VALUE'],
        counts.map(([metric, value]) => [metric, String(value)]),
      );
    }),
  );

program
  .command('metrics')
  .description('what was logged of each metric')
  .action(() =>
    act(async (installation) => {
      const samples = await installation.samples();
      const metrics = [...new Set(samples.map(({ metric }) => metric))].sort();
      const rows = metrics.map((metric) => {
        const own = samples.filter((sample) => sample.metric === metric);
        const last = own.at(-1);
        return [
          metric,
          String(own.length),
          `${last?.value} ${last?.unit}`,
          last?.subject ?? last?.run ?? '-',
        ];
      });
      table(['METRIC', 'SAMPLES', 'LAST', 'OF'], rows);
    }),
  );

await program.parseAsync();

function positive(text: string): number {
  if (/^[1-9]\d{0,5}$/.test(text)) return Number(text);
  throw new InvalidArgumentError('It is not a whole number.');
}

function json(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new InvalidArgumentError('It is not JSON.');
  }
}

async function act(work: (installation: Installation) => Promise<void>): Promise<void> {
  try {
    requireEmulator(process.env.AWS_ENDPOINT_URL);
    await work(new Installation(PREFIX, HUB_REGION));
  } catch (error) {
    process.stderr.write(`try: ${reasonText(error)}\n`);
    process.exitCode = 1;
  }
}

/** @param only One subject. @default all */
async function showEpisodes(installation: Installation, only?: string): Promise<void> {
  const rows: string[][] = [];
  for (const kind of SUBJECT_KINDS) {
    const ledger = await installation.ledger(kind);
    for (const { subject, open } of await installation.states(kind)) {
      if (only !== undefined && subject !== only) continue;
      const history = await ledger.history(subject, EPISODES_SHOWN);
      const shown = [...history.toReversed().map(closedRow), ...(open ? [openRow(open)] : [])];
      rows.push(...(shown.length > 0 ? shown : [['none']]).map((row) => [subject, ...row]));
    }
  }
  table(['SUBJECT', 'EPISODE', 'NOTICED IN', 'CONVERGED IN', 'EXPOSED FOR', 'FINDINGS'], rows);
}

function showHops({ cause, rotation }: NonNullable<State['last']>): void {
  const rows = (rotation?.hops ?? []).map(({ hop, replica, consumer, state, evidence, at }) => {
    const after = at === null ? '-' : durationText(Math.max(0, at - cause.at));
    return [String(hop), replica, consumer ?? '-', state, evidence ?? '-', after];
  });
  table(['HOP', 'REPLICA', 'CONSUMER', 'STATE', 'EVIDENCE', 'AFTER'], rows);
}

function closedRow({
  outcome,
  timeToDetectMs,
  convergenceMs,
  exposureMs,
}: NonNullable<State['last']>): string[] {
  const converged = outcome === 'forward' ? durationText(convergenceMs) : '-';
  return [outcome, durationText(timeToDetectMs), converged, durationText(exposureMs), '-'];
}

function openRow({ isOverdue, firstSeenAt, cause, findings }: NonNullable<State['open']>): string[] {
  const verdict = isOverdue ? 'open, overdue' : 'open';
  return [verdict, durationText(firstSeenAt - cause.at), '-', '-', findingsText(findings)];
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): void {
  print(rows.length > 0 ? plainTable(head, rows, screenOf(process.stdout)) : ['None.']);
}

function print(lines: readonly string[]): void {
  process.stdout.write(`${lines.join('\n')}\n`);
}
