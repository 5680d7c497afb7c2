import { Command, InvalidArgumentError, Option } from 'commander';
import {
  FUNCTION_NAME_PATTERN,
  HAZARDS,
  type Hazard,
  REGION_CODE,
  RUN_ID,
  SCENARIOS,
  SECRET_NAME,
  STACK_NAME_PATTERN,
  TOKEN,
} from '../functions/contract/names.ts';
import type { AskFlags } from './ask-hub.ts';
import { secondsOf } from './duration.ts';
import { EXIT, Failure } from './failure.ts';
import type { InitFlags } from './init.ts';
import { printable } from './printable.ts';
import type { ReconcileFlags, StartFlags } from './reconcile.ts';
import type { RehearseFlags } from './rehearse.ts';
import type { ReportFlags } from './report.ts';
import type { ScanFlags } from './scan.ts';
import type { SilenceFlags } from './silence.ts';
import type { UninstallFlags } from './uninstall.ts';
import type { VerifyFlags } from './verify.ts';

/** Runs that one answer lists. */
const RUNS_MAX = 100;

const EXIT_CODES = `
Exit codes:
  0  all subjects agreed
  1  a subject disagrees
  2  the command, its config or its selection is wrong; nothing was compared,
     a group of the config selects nothing, or a secret is nowhere
  3  something could not be read: what, and the missing permission, is printed`;

const READS = `
It calls ListFunctions, GetFunctionConfiguration, GetAlias, tag:GetResources,
account:ListRegions, sts:GetCallerIdentity and, for replicas in other accounts,
sts:AssumeRole, only as needed, and changes nothing in AWS. It never prints,
stores or sends the value of an environment variable.`;

const READS_OF_SECRETS = `
With --secrets it calls secretsmanager:DescribeSecret, once for each secret and
region, and no other call of Secrets Manager, never GetSecretValue; besides it
sts:GetCallerIdentity and sts:AssumeRole, as above.`;

const RUN_EXIT_CODES = `
Exit codes:
  0  done, and nothing was found or left alone
  1  a dry run found something, an apply or undo left items alone, a check or an
     audit found something wrong, or the run failed or was cancelled
  2  the command or its config is wrong, or a rule refuses what was asked
  3  AWS refused: what, and the missing permission, is printed`;

const ASKS = `
It invokes the function <prefix>-reconcile in the hub's region, both as the
config says, and nothing else: lambda:InvokeFunction is all it needs.`;

const VERDICT_EXIT_CODES = `
Exit codes:
  0  all agreed
  1  a subject disagrees (diverged or converging), whether or not it alarms
  2  the command or its config is wrong, nobody knows the subject, or the hub is
     not deployed, or of a release that does not know the question
  3  it is not known: AWS refused, a replica could not be read, or nobody has
     looked in time`;

const DONE_EXIT_CODES = `
Exit codes:
  0  done
  2  the command or its config is wrong, nobody knows the subject, or the hub is
     not deployed, or of a release that does not know the question
  3  AWS refused: what, and the missing permission, is printed`;

const ONE_NAME = 'A name that a secret of the config and a function share means the secret alone.';

const KEYS = `
Primary keys of items are shown as hashes, unless --show-keys is given.`;

/** The command line, without its version. Each command is imported when it is called, so that help and version answer at once. */
export const program = new Command('recohere')
  .description(
    'Tells which copies of your functions and secrets disagree across regions and accounts, and in what, and puts tables right that were written twice or have gaps.',
  )
  // one line, whatever was typed
  .configureOutput({
    outputError: (text, write) => write(`${printable(text.trimEnd())} (--help says more)\n`),
  })
  .exitOverride(({ exitCode }) => process.exit(exitCode === 0 ? EXIT.agreed : EXIT.usage));

withSelection(program.command('scan'), 'those of the config, else all enabled ones')
  .description('look once at live functions, or at secrets, and say which copies disagree')
  .addOption(
    new Option('--secrets [names]', 'look at secrets instead: those of the config, or prod/db,prod/api')
      .argParser(secretNames)
      .conflicts(['name', 'stack', 'tag']),
  )
  .option(
    '--config <file>',
    'config to use (default: recohere.config.* of this folder, if there is one)',
    someText,
  )
  .option('--no-config', 'look at the account as it is, without a config')
  .option('--json', 'print one JSON document')
  .addHelpText(
    'after',
    `${READS}
${READS_OF_SECRETS}

Without a config, functions of one name are copies; so are those that one stack
and logical id deployed. A function in one region only is not compared, unless
a flag or a config selects it. A secret is to be in all the regions that the
config or the flags name, and its primary is read wherever it is. Consumers of
secrets are not watched by a scan.
${EXIT_CODES}

Examples:
  recohere scan --regions us-east-1,eu-west-1
  recohere scan --regions us-east-1,eu-west-1 --name 'checkout-*' --json
  recohere scan --regions us-east-1,eu-west-1 --secrets prod/db,prod/api`,
  )
  .action(async (flags: ScanFlags) => {
    const { scan } = await import('./scan.ts');
    process.exitCode = await scan(flags);
  });

withSelection(program.command('init'), 'all enabled ones')
  .description('look at live functions and write a first recohere.config.ts')
  .option('--force', 'replace a recohere.config.ts that is here')
  .addHelpText('after', READS)
  .action(async (flags: InitFlags) => {
    const { init } = await import('./init.ts');
    process.exitCode = await init(flags);
  });

withAsking(program.command('status'))
  .description('say what the deployed system knows: what does not agree, since when, and in what')
  .addHelpText(
    'after',
    `${ASKS}
It also says how old the last sweep is, what it could not read, and how far the
targets of the last 28 days were met. If it is older than 15 minutes, or has
not read all replicas, no more than that is known (exit code 3).
${VERDICT_EXIT_CODES}

Examples:
  recohere status
  recohere status --json | jq '.subjects[] | select(.verdict != "agreed")'`,
  )
  .action(async (flags: AskFlags) => {
    const { status } = await import('./status.ts');
    process.exitCode = await status(flags);
  });

withAsking(program.command('diff'))
  .argument('<subject>', 'name of a function or secret, as status prints it', someText)
  .description('show which keys of a subject differ where, since when, and what caused it')
  .addHelpText(
    'after',
    `${ASKS}
Keys are named; values are known to nobody.
${ONE_NAME}
${VERDICT_EXIT_CODES}

Example:
  recohere diff checkout-api`,
  )
  .action(async (subject: string, flags: AskFlags) => {
    const { diff } = await import('./status.ts');
    process.exitCode = await diff(subject, flags);
  });

withAsking(program.command('verify'))
  .argument('<subjects...>', 'names of functions and secrets, up to 100', someTexts)
  .description('have subjects looked at now; with --wait, a gate for a pipeline')
  .option('--wait', 'wait until each was looked at and none is on its way any more, and say the verdicts')
  .addOption(
    new Option('--timeout <time>', 'how long it waits at most, such as 90s; implies --wait')
      .argParser(duration)
      .default(600, '10m')
      .implies({ wait: true }),
  )
  .addHelpText(
    'after',
    `${ASKS}
As the last step of a deploy, recohere verify SUBJECT --wait fails the pipeline
if a region was left behind. A function that was never seen before is waited
for up to two minutes; without --wait, nobody notices a name that is mistyped.
At the timeout it is 1 if something differs, and 3 if nobody has looked.
${ONE_NAME}
${VERDICT_EXIT_CODES}

Examples:
  recohere verify checkout-api prod/db
  recohere verify checkout-api --timeout 5m`,
  )
  .action(async (subjects: string[], flags: VerifyFlags) => {
    const { verify } = await import('./verify.ts');
    process.exitCode = await verify(subjects, flags);
  });

withAsking(program.command('silence'))
  .argument('<subject>', 'name of a function or secret, as status prints it', someText)
  .description('keep a subject from alarming for a while; it is looked at and shown as before')
  .addOption(
    new Option('--for <time>', 'how long, such as 30m, 2h or 3d, up to 30d')
      .argParser(duration)
      .conflicts('end'),
  )
  .option('--reason <text>', 'why, for whoever sees it', someText)
  .option('--end', 'end the silence')
  .addHelpText(
    'after',
    `${ASKS}
${ONE_NAME}
${DONE_EXIT_CODES}

Examples:
  recohere silence checkout-api --for 2h --reason 'failover drill'
  recohere silence checkout-api --end`,
  )
  .action(async (subject: string, flags: SilenceFlags) => {
    const { silence } = await import('./silence.ts');
    process.exitCode = await silence(subject, flags);
  });

withAsking(program.command('report'))
  .description('draw what status says into one HTML file that needs nothing else')
  .option(
    '--out <file>',
    'where to; a file that is no report of Recohere is left alone',
    someText,
    'recohere-report.html',
  )
  .option('--open', 'open it in the browser')
  .addHelpText('after', `${ASKS}\n${DONE_EXIT_CODES}`)
  .action(async (flags: ReportFlags) => {
    const { report } = await import('./report.ts');
    process.exitCode = await report(flags);
  });

withAsking(program.command('doctor'))
  .description('say what would keep the deployed system from its work, and what mends it')
  .addHelpText(
    'after',
    `
It calls sts:GetCallerIdentity, and in each region cloudformation:DescribeStacks
(once for each stack, and once more if one is missing; then it also asks
DescribeStackResources for one of another name) and ListStackResources,
events:DescribeRule (once for each rule), sqs:GetQueueUrl and
GetQueueAttributes; in the hub's also lambda:GetFunctionConfiguration for our
own functions, whose environment it does not show, and lambda:InvokeFunction to
ask what the last sweep could not read. These are some 12 calls a region, and 25
more for the hub. It changes nothing. What is in other accounts is left to their
own credentials.

Exit codes:
  0  nothing is wrong
  1  something is wrong
  2  the command or its config is wrong
  3  something could not be checked: what, and the missing permission, is printed

Examples:
  recohere doctor
  AWS_PROFILE=second recohere doctor --json`,
  )
  .action(async (flags: AskFlags) => {
    const { doctor } = await import('./doctor.ts');
    process.exitCode = await doctor(flags);
  });

withAsking(program.command('reconcile'))
  .argument('<table>', 'name of a table of the config')
  .description('look for copies in a table, or for gaps behind it; a dry run, unless --apply is given')
  .addOption(new Option('--dedupe', 'look for items that are there more than once').conflicts('backfill'))
  .option('--backfill', 'look for items that another table lacks')
  .addOption(
    new Option('--apply', 'do what a dry run has found: remove the copies, or write the items').conflicts([
      'sample',
      'token',
    ]),
  )
  .option('--plan <run>', 'with --apply: the dry run that is applied', runId)
  .option('--count <number>', 'with --apply: how many items that dry run found', wholeNumber)
  .option(
    '--acknowledge <a,b>',
    `with --apply: what makes the table special, and is known: ${HAZARDS.join(', ')}`,
    hazardList,
  )
  .option(
    '--sample <percent>',
    'read a part of the table only, such as 1%, and estimate the rest',
    percentage,
  )
  .option('--region <region>', 'region of the table, if the config has several of this name', region)
  .option('--account <id>', 'account of the table, likewise', accountId)
  .option('--token <token>', 'the same token is the same run, however often it is asked for', token)
  .option('--show-keys', 'name the items that were left alone, and not only hashes of their keys')
  .option('--no-wait', 'do not wait for its end')
  .addOption(
    new Option('--here', 'a dry run in this process, with your own credentials; needs no hub').conflicts([
      'wait',
      'plan',
      'count',
      'acknowledge',
    ]),
  )
  .addHelpText(
    'after',
    `${ASKS}
With --here it calls DescribeTable, DescribeContinuousBackups and Scan instead.
Nothing is changed without --apply, and without tables[].apply in the config
that is deployed. Every item that a dedupe removes is quarantined before.
${KEYS}
${RUN_EXIT_CODES}

Examples:
  recohere reconcile orders --dedupe
  recohere reconcile orders --dedupe --sample 1%
  recohere reconcile orders --dedupe --apply --plan <run> --count 199`,
  )
  .action(async (table: string, flags: ReconcileFlags) => {
    const { reconcileTable } = await import('./reconcile.ts');
    process.exitCode = await reconcileTable(table, flags);
  });

withAsking(program.command('runs'))
  .argument('[run]', 'one run, as far as it is', runId)
  .description('list the newest runs, or show one')
  .addOption(
    new Option('--limit <number>', 'how many are listed')
      .argParser(runsLimit)
      .default(20)
      .conflicts('showKeys'),
  )
  .option('--show-keys', 'of one run: name the items that were left alone')
  .addHelpText('after', `${ASKS}\n${KEYS}\n${RUN_EXIT_CODES}`)
  .action(
    async (
      run: string | undefined,
      flags: AskFlags & { readonly limit: number; readonly showKeys?: boolean },
    ) => {
      const { listRuns, showRun } = await import('./reconcile.ts');
      if (run === undefined && flags.showKeys) {
        throw new Failure(
          EXIT.usage,
          'name the run whose keys are to be shown: recohere runs RUN --show-keys',
        );
      }
      process.exitCode = await (run === undefined ? listRuns(flags) : showRun(run, flags));
    },
  );

withAsking(program.command('audit'))
  .argument('<run>', 'an apply, or an undo', runId)
  .description('go along all proofs of a run, and compare them with what is quarantined')
  .addHelpText('after', `${ASKS}\n${RUN_EXIT_CODES}`)
  .action(async (run: string, flags: AskFlags) => {
    const { auditRun } = await import('./reconcile.ts');
    process.exitCode = await auditRun(run, flags);
  });

for (const [kind, description] of [
  ['undo', 'put back what the apply of a dedupe has removed, byte for byte'],
  ['cancel', 'have a run stop; what it is at comes to its end'],
  ['resume', 'go on with a run that failed or was cancelled'],
] as const) {
  withAsking(program.command(kind))
    .argument('<run>', 'its id', runId)
    .description(description)
    .option('--show-keys', 'name the items that were left alone, and not only hashes of their keys')
    .option('--no-wait', 'do not wait for its end')
    .addHelpText('after', `${ASKS}\n${KEYS}\n${RUN_EXIT_CODES}`)
    .action(async (run: string, flags: StartFlags) => {
      const { steerRun } = await import('./reconcile.ts');
      process.exitCode = await steerRun(kind, run, flags);
    });
}

withAsking(program.command('forget'))
  .argument('<run>', 'an apply that has ended', runId)
  .description('erase what a run has quarantined, for ever; its proofs stay valid')
  .option('--yes', 'it is meant')
  .addHelpText('after', `${ASKS}\n${RUN_EXIT_CODES}`)
  .action(async (run: string, flags: AskFlags & { readonly yes?: boolean }) => {
    const { forgetRun } = await import('./reconcile.ts');
    process.exitCode = await forgetRun(run, flags);
  });

withAsking(program.command('uninstall'))
  .description('say what of the deployed system would go, and what stays; with --yes, delete it')
  .option('--yes', 'it is meant')
  .option(
    '--leave-quarantine',
    'although quarantined items are left: they stay in their bucket, and its stack too',
  )
  .addHelpText(
    'after',
    `
It calls sts:GetCallerIdentity and account:ListRegions, and in each enabled
region cloudformation:DescribeStacks, four times in the hub's account, twice in
others. For each stack that is there it calls GetTemplate and
ListStackResources, for the hub's also states:ListExecutions and
events:ListRules. Where the config names something, it calls s3:ListBucket, and
DescribeStackResources for each stack that is missing. With --yes it calls
cloudformation:DeleteStack for each stack, and then s3:DeleteObject for what
runs wrote down in buckets that go. Stacks that the CDK has deployed are deleted
with the role that deployed them, so the CDK's bootstrap goes after them.

What is in other accounts is left to their own credentials, and best deleted
before the hub, when no run is at work. A stack is left alone, and named, if it
is not as the CDK app of Recohere makes it, if it may be of a hub in another
account, or if it has our parts and another name. The ledger, the fingerprint
key and quarantined items stay.

Exit codes:
  0  nothing is here that it would delete; with --yes, all that goes is gone
  1  without --yes, something goes, or would but for what it refuses; with it, a
     stack could not be deleted
  2  the command or its config is wrong; with --yes also if a quarantine is not
     empty, a run is at work, others have rules on the hub's bus, or a stack is
     being changed or protected from deletion: nothing was changed
  3  AWS refused: what, and the missing permission, is printed

Examples:
  recohere uninstall
  recohere uninstall --yes
  AWS_PROFILE=second recohere uninstall --yes`,
  )
  .action(async (flags: UninstallFlags) => {
    const { uninstallHere } = await import('./uninstall.ts');
    process.exitCode = await uninstallHere(flags);
  });

program
  .command('rehearse')
  .description('say what Recohere would see and tell of what goes wrong, on what the config watches')
  .addOption(new Option('--scenario <name>', 'what goes wrong').choices(['all', ...SCENARIOS]).default('all'))
  .option('--seed <number>', 'repeat the rehearsal of this seed', wholeNumber, 1)
  .option(
    '--config <file>',
    'config to use (default: recohere.config.* of this folder, else that of the demonstration)',
    someText,
  )
  .option(
    '--output <file>',
    'draw what was known at the end, or at the worst moment, into one HTML file',
    someText,
  )
  .option('--json', 'print one JSON document, the same bytes for the same config and seed')
  .addHelpText(
    'after',
    `
It needs no account and no network: the functions, secrets and tables that the
config would select are made up, a few for each group, and Recohere itself runs
beside them in virtual time. Scenarios:
  bad-deploy        deploys leave a region out, or bring a wrong value
  lost-events       a day of deploys of whose events a fifth is lost
  stuck-replica     a rotation does not reach a replica, or a consumer
  region-outage     a region cannot be reached for an hour
  duplicate-writes  tables were written twice, or have gaps

Exit codes:
  0  all that must hold held
  1  something did not: which numbered invariant, and when, is printed
  2  the command or its config is wrong, or has nothing to rehearse

Examples:
  recohere rehearse --scenario bad-deploy
  recohere rehearse --seed 7 --json | jq '.scenarios[].alarms'`,
  )
  .action(async (flags: RehearseFlags) => {
    const { rehearseHere } = await import('./rehearse.ts');
    process.exitCode = await rehearseHere(flags);
  });

program
  .command('demo')
  .description('show what scan and runs tell, on simulated regions and a local table; needs no account')
  .option('--seed <number>', 'repeat the run of this seed', wholeNumber, 1)
  .option('--json', 'print one JSON document, the same bytes for the same seed')
  .action(async (flags: { seed: number; json?: boolean }) => {
    const { demo } = await import('./demo.ts');
    await demo(flags);
  });

function withSelection(command: Command, defaultRegions: string): Command {
  return command
    .option('--regions <a,b,c>', `regions to compare (default: ${defaultRegions})`, regionList)
    .option(
      '--name <pattern>',
      "only functions of this name; * stands for any text: 'checkout-*'",
      functionName,
    )
    .option('--stack <name>', 'only functions that this CloudFormation stack deployed; * as above', stackName)
    .option('--tag <key=value>', 'only functions with this tag; may be given more than once', tagMap);
}

function withAsking(command: Command): Command {
  return command
    .option(
      '--config <file>',
      'config that says where the hub is (default: recohere.config.* of this folder)',
      someText,
    )
    .option('--json', 'print one JSON document');
}

function regionList(text: string): string[] {
  return [...new Set(text.split(',').map((part) => region(part.trim())))];
}

function region(text: string): string {
  if (REGION_CODE.test(text)) return text;
  throw new InvalidArgumentError(`'${text}' is not the code of an AWS region, such as eu-west-1.`);
}

function accountId(text: string): string {
  if (/^\d{12}$/.test(text)) return text;
  throw new InvalidArgumentError('An account has 12 digits.');
}

function runId(text: string): string {
  if (RUN_ID.test(text)) return text;
  throw new InvalidArgumentError('It is not the id of a run; recohere runs lists them.');
}

function token(text: string): string {
  if (TOKEN.test(text)) return text;
  throw new InvalidArgumentError('Write 1 to 32 of letters, digits, : and -.');
}

function hazardList(text: string): Hazard[] {
  return [...new Set(text.split(',').map((part) => part.trim()))].map((part) => {
    const hazard = HAZARDS.find((each) => each === part);
    if (hazard === undefined) throw new InvalidArgumentError(`Write one or more of ${HAZARDS.join(',')}.`);
    return hazard;
  });
}

/** @returns Seconds. */
function duration(text: string): number {
  const seconds = secondsOf(text);
  if (seconds !== undefined) return seconds;
  throw new InvalidArgumentError('Write a time such as 90s, 30m, 2h or 3d.');
}

/** @returns A share: 0.01 for `1%`. */
function percentage(text: string): number {
  const share = /^\d{1,2}(\.\d{1,6})?%$/.test(text) ? Number.parseFloat(text) / 100 : 0;
  if (share > 0 && share < 1) return share;
  throw new InvalidArgumentError('Write a percentage above 0 and below 100, such as 1% or 0.5%.');
}

function runsLimit(text: string): number {
  const limit = wholeNumber(text);
  if (limit >= 1 && limit <= RUNS_MAX) return limit;
  throw new InvalidArgumentError(`Write a number from 1 to ${RUNS_MAX}.`);
}

function functionName(text: string): string {
  if (FUNCTION_NAME_PATTERN.test(text)) return text;
  throw new InvalidArgumentError('It is not the name of a function, nor a pattern of one.');
}

function stackName(text: string): string {
  if (STACK_NAME_PATTERN.test(text)) return text;
  throw new InvalidArgumentError('It is not the name of a stack, nor a pattern of one.');
}

function secretNames(text: string): string[] {
  const names = [...new Set(text.split(',').map((part) => part.trim()))];
  for (const name of names) {
    if (name.startsWith('arn:')) {
      throw new InvalidArgumentError('Write the name of the secret, such as prod/db, and not its ARN.');
    }
    if (!SECRET_NAME.test(name)) throw new InvalidArgumentError(`'${name}' is not the name of a secret.`);
  }
  return names;
}

function someText(text: string): string {
  if (text !== '') return text;
  throw new InvalidArgumentError('It must not be empty.');
}

function someTexts(text: string, before: readonly string[] = []): string[] {
  return [...before, someText(text)];
}

function tagMap(text: string, before: Record<string, string> = {}): Record<string, string> {
  const [, key, value] = /^([^=]+)=(.*)$/s.exec(text) ?? [];
  if (key === undefined || value === undefined) throw new InvalidArgumentError('Write it as key=value.');
  if (Object.hasOwn(before, key)) throw new InvalidArgumentError(`The tag ${key} is given twice.`);
  return { ...before, [key]: value };
}

function wholeNumber(text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new InvalidArgumentError('Write a whole number of up to 9 digits.');
  return Number(text);
}
