#!/usr/bin/env node
import { readFileSync } from 'node:fs';
import { constants } from 'node:os';
import { Command, InvalidArgumentError, Option } from 'commander';
import {
  FUNCTION_NAME_PATTERN,
  REGION_CODE,
  SECRET_NAME,
  STACK_NAME_PATTERN,
} from '../functions/contract/names.ts';
import { EXIT, Failure } from './failure.ts';
import type { InitFlags } from './init.ts';
import type { ScanFlags } from './scan.ts';

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

// Which Node it runs on is the package's own business; the SDK's seven lines about it are not the user's.
process.env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED = 'true';

// Each command is imported when it is called, so that help and version answer at once.
const program = new Command('recohere')
  .description(
    'Tells which copies of your functions and secrets disagree across regions and accounts, and in what.',
  )
  .version(readVersion())
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

program
  .command('demo')
  .description('show what scan tells, on simulated regions; needs no account')
  .option('--seed <number>', 'repeat the run of this seed', wholeNumber, 1)
  .option('--json', 'print one JSON document, the same bytes for the same seed')
  .action(async (flags: { seed: number; json?: boolean }) => {
    const { demo } = await import('./demo.ts');
    await demo(flags);
  });

process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(128 + constants.signals.SIGPIPE); // the reader, such as head, has seen enough
  process.stderr.write(`recohere: the output cannot be written: ${error.code}\n`);
  process.exit(EXIT.defect);
});

try {
  await program.parseAsync();
} catch (error) {
  if (error instanceof Failure) {
    process.stderr.write(`recohere: ${error.message}\n`);
    process.exitCode = error.exitCode;
  } else {
    const stack = error instanceof Error ? error.stack : String(error);
    process.stderr.write(`recohere: this is a defect of Recohere, please report it\n${stack}\n`);
    process.exitCode = EXIT.defect;
  }
}

// A connection that hangs must not keep the process: all is said. What was written is read first.
process.stdout.write('', (error) => {
  if (!error) process.exit(); // else the handler above says so
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

function regionList(text: string): string[] {
  const regions = [...new Set(text.split(',').map((part) => part.trim()))];
  for (const region of regions) {
    if (!REGION_CODE.test(region)) {
      throw new InvalidArgumentError(`'${region}' is not the code of an AWS region, such as eu-west-1.`);
    }
  }
  return regions;
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

function readVersion(): string {
  const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'));
  return version;
}
