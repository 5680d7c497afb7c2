import pc from 'picocolors';
import { rulesOn } from '../functions/adapters/aws/bus-rules.ts';
import { runsAtWork } from '../functions/adapters/aws/executions.ts';
import { awsRegionSource } from '../functions/adapters/aws/region-source.ts';
import { s3ObjectStores } from '../functions/adapters/aws/s3-objects.ts';
import { awsStacks } from '../functions/adapters/aws/stacks.ts';
import { systemClock } from '../functions/adapters/aws/system.ts';
import { callerAccount } from '../functions/app/deployed-places.ts';
import {
  type ForeignStack,
  goingOf,
  type Installed,
  type InstalledBucket,
  type InstalledStack,
  isBusy,
  lookInstalled,
  quarantinesIn,
  type Uninstalled,
  uninstall,
} from '../functions/app/uninstall.ts';
import { hubMistakes } from '../functions/contract/config.ts';
import { DEPLOYED, QUARANTINE } from '../functions/contract/deployment.ts';
import { type AskFlags, configOf, granted, print } from './ask-hub.ts';
import { EXIT, type ExitCode, Failure } from './failure.ts';
import { printed } from './printable.ts';
import { withProgress } from './progress.ts';
import { commandLine } from './reconcile.ts';
import { listed, plural, refusalLines, type Screen, screenOf, sentenceOf, wrapped } from './render.ts';

export interface UninstallFlags extends AskFlags {
  readonly yes?: boolean;
  readonly leaveQuarantine?: boolean;
}

/** What outlives its stack, by its type: what it is, and how it is deleted. */
const RETAINED: ReadonlyMap<string, { readonly words: string; readonly command: string }> = new Map([
  ['AWS::DynamoDB::GlobalTable', { words: 'the ledger', command: 'aws dynamodb delete-table --table-name' }],
  [
    'AWS::SecretsManager::Secret',
    { words: 'the fingerprint key', command: 'aws secretsmanager delete-secret --secret-id' },
  ],
]);

/** Why nothing is done to a stack. */
const LEFT_ALONE: Readonly<Record<ForeignStack['why'], string>> = {
  'not ours':
    'which is not as the CDK app of Recohere makes it: if it is of Recohere, remove it with what has made it',
  'other hub': 'which is of a hub in another account',
  'any hub': 'which does not say whose hub it is of: if it is of this one, remove it with CloudFormation',
  'other name': 'which StackSets, Terraform or another app has made: remove it there',
};

/** `recohere uninstall`: what would go and what stays; with `--yes`, what is gone. */
export async function uninstallHere(flags: UninstallFlags): Promise<ExitCode> {
  const { config } = await configOf(flags);
  const mistakes = hubMistakes(config);
  if (mistakes.length > 0) throw new Failure(EXIT.usage, mistakes.join('\n'));
  const { AWS_ENDPOINT_URL: endpoint } = process.env; // of an emulator
  const stacks = awsStacks();
  const account = await granted(() => callerAccount(config, stacks.account));
  const objects = s3ObjectStores({ prefix: config.prefix, account, endpoint });
  const ports = { stacks, objects, regions: awsRegionSource(), runsAtWork, rulesOn, clock: systemClock };
  const installed = await withProgress(process.stderr, (show) =>
    granted(() =>
      lookInstalled(ports, config, account, (done, of) => show(done, of, `${done}/${of} regions`)),
    ),
  );
  const hindrances = hindrancesOf(installed, flags);
  const screen = screenOf(process.stdout);
  const isReady = installed.unread.length === 0 && installed.stacks.length > 0;
  if (!flags.yes || !isReady) {
    if (flags.json) print({ ...installed, hindrances });
    else process.stdout.write(renderInstalled(installed, hindrances, flags, screen));
    return exitCodeOfLook(installed, hindrances);
  }
  if (hindrances.length > 0) {
    throw new Failure(EXIT.usage, ['nothing was changed', ...hindrances].join('\n'));
  }
  const goesOn = 'What CloudFormation deletes already goes on. Ask again for the rest:';
  const done = await withProgress(
    process.stderr,
    (show) => uninstall(ports, installed, (gone, of) => show(gone, of, `${gone}/${of} stacks`)),
    () => process.stderr.write(`${goesOn}\n${commandOf(flags)}\n`),
  );
  if (flags.json) print({ ...installed, ...done });
  else process.stdout.write(renderUninstalled(installed, done, flags, screen));
  return exitCodeOf(done);
}

/** Where nothing goes, all is well, unless that is because of a hindrance. */
export function exitCodeOfLook(installed: Installed, hindrances: readonly string[]): ExitCode {
  if (installed.unread.length > 0) return EXIT.refused;
  const isRefused = installed.stacks.length > 0 && hindrances.length > 0;
  return isRefused || goingOf(installed).length > 0 ? EXIT.disagreed : EXIT.agreed;
}

/** What could not be deleted for want of a permission is another matter than what CloudFormation could not delete. */
export function exitCodeOf({ failed }: Uninstalled): ExitCode {
  if (failed.some(({ refusal }) => refusal)) return EXIT.refused;
  return failed.length > 0 ? EXIT.disagreed : EXIT.agreed;
}

/** Why nothing is deleted, each with what mends it. */
export function hindrancesOf(told: Installed, flags: UninstallFlags): readonly string[] {
  const installed = printed(told);
  const stacks = goingOf(installed).flatMap((stack) => {
    const what = `${stack.region} · ${stack.name}`;
    if (isBusy(stack)) return [`${what} is being changed: ${stack.status}; ask again when that has ended`];
    if (!stack.isProtected) return [];
    const command = `aws cloudformation update-termination-protection --no-enable-termination-protection --region ${stack.region} --stack-name ${stack.name}`;
    return [`${what} is protected from deletion, until: ${command}`];
  });
  const runs = installed.atWork.map((run) => `${run} is at work: let it end, or recohere cancel ${run}`);
  const rules = installed.foreignRules.map(({ region, bus, name, isManaged }) => {
    const mending = isManaged
      ? 'an archive or a discoverer of the bus has made it: delete that'
      : 'remove it first, with the stack that made it';
    return `${region} · the rule ${name} is on the bus ${bus}, which cannot go before: ${mending}`;
  });
  if (flags.leaveQuarantine) return [...stacks, ...runs, ...rules];
  return [
    ...stacks,
    ...runs,
    ...rules,
    ...quarantinesIn(installed).map((bucket) => quarantineText(installed, bucket)),
  ];
}

function quarantineText(
  { prefix, isHubGone }: Installed,
  { region, account, name, quarantined }: InstalledBucket,
) {
  if (quarantined === null) {
    return `${account}/${region} · these credentials do not see whether items are quarantined in ${name}: uninstall with those of account ${account} before, or say --leave-quarantine`;
  }
  const has = `${region} · ${name} has what was removed by ${listed(quarantined)}`;
  const leaving = `With --leave-quarantine this bucket and the stack ${DEPLOYED.stack(prefix, 'data')} stay, until all items are ${QUARANTINE.days} days old`;
  if (isHubGone) {
    return `${has}, which nothing puts back any more, for the hub is gone. ${leaving}, or until: aws s3 rm --recursive s3://${name}/${QUARANTINE.prefix} --region ${region}`;
  }
  return `${has}: put it back with recohere undo, if it is to be back, and then erase what is kept of it with recohere forget. ${leaving}; but without the hub, no undo puts them back`;
}

/** What would go, what stays, and the command that does it. */
export function renderInstalled(
  told: Installed,
  hindrances: readonly string[],
  flags: UninstallFlags,
  screen: Screen,
): string {
  const installed = printed(told);
  const colors = pc.createColors(screen.colors);
  const going = goingOf(installed);
  const line = (...parts: string[]) => wrapped(parts.join(' · '), screen);
  const lines = [
    whoseLine(installed),
    ...going.map((stack) => line(colors.red('goes'), stack.region, stack.name, resourcesText(stack))),
    ...staysLines(installed, going, screen),
    ...asideLines(installed, screen),
    ...refusalLines(
      installed.unread.map(({ region, refusal }) => ({ replica: region, refusal })),
      screen,
    ),
    ...hindrances.map((words) => line(colors.yellow('refused'), words)),
  ];
  if (installed.unread.length > 0) lines.push('', 'Nothing is deleted before all of it can be read.');
  else if (installed.stacks.length === 0) {
    const what = installed.foreign.length > 0 ? 'Nothing else' : 'Nothing';
    lines.push(`${what} of ${installed.prefix} is deployed in account ${installed.account}.`);
  } else if (hindrances.length === 0 && going.length > 0) {
    lines.push('', 'Nothing was changed. Delete it:', commandOf(flags), ...retainedLines(going));
  } else lines.push('', 'Nothing was changed.');
  return `${lines.join('\n')}\n`;
}

/** What is gone, what is not and why, and how to delete what stays. */
export function renderUninstalled(
  told: Installed,
  done: Uninstalled,
  flags: UninstallFlags,
  screen: Screen,
): string {
  const installed = printed(told);
  const { deleted, failed, untried } = printed(done);
  const colors = pc.createColors(screen.colors);
  const line = (...parts: string[]) => wrapped(parts.join(' · '), screen);
  const lines = [
    whoseLine(installed),
    ...deleted.map(({ region, name }) => line(colors.green('deleted'), region, name)),
    ...failed.flatMap(({ stack: { region, name }, reasons, refusal }) => [
      line(colors.red('not deleted'), region, name, ...(refusal ? [sentenceOf(refusal)] : [])),
      ...reasons.map((reason) => wrapped(reason, screen, '  ')),
    ]),
    ...untried.map(({ region, name }) => line(colors.yellow('not tried'), region, name)),
    ...staysLines(installed, deleted, screen),
    ...asideLines(installed, screen),
  ];
  if (failed.length > 0) lines.push('', 'When the reason is gone, go on:', commandOf(flags));
  return `${[...lines, ...retainedLines(deleted)].join('\n')}\n`;
}

function whoseLine({ account, prefix }: Installed): string {
  return `account ${account}, prefix ${prefix}`;
}

/** `40 resources: 7 Lambda::Function, …`. */
function resourcesText({ goes }: InstalledStack): string {
  const types = Object.entries(goes).sort(([one], [other]) => (one < other ? -1 : 1));
  const count = types.reduce((sum, [, each]) => sum + each, 0);
  if (count === 0) return plural(count, 'resource');
  return `${plural(count, 'resource')}: ${types.map(([type, each]) => `${each} ${type.replace(/^AWS::/, '')}`).join(', ')}`;
}

/** What stays of stacks that are gone or go, and the stacks that stay. */
function staysLines(installed: Installed, gone: readonly InstalledStack[], screen: Screen): string[] {
  const colors = pc.createColors(screen.colors);
  const stays = (...parts: string[]) => wrapped([colors.green('stays'), ...parts].join(' · '), screen);
  const kept = quarantinesIn(installed).filter(({ account }) => account === installed.account);
  const going = goingOf(installed);
  const forRole = installed.stacks.filter(
    (stack) => !going.includes(stack) && !kept.some(({ region }) => region === stack.region),
  );
  return [
    ...gone.flatMap(({ region, retained }) =>
      retained.map(({ type, name }) => stays(region, `${RETAINED.get(type)?.words ?? type} ${name}`)),
    ),
    ...kept.map(({ region, name }) =>
      stays(
        region,
        `${DEPLOYED.stack(installed.prefix, 'data')}, for its bucket ${name} has quarantined items`,
      ),
    ),
    ...forRole.map(({ region, name }) =>
      stays(region, `${name}, for without its role no undo or forget gets to them`),
    ),
  ];
}

/** How what outlives these stacks is deleted, which nobody can ask for when they are gone. */
function retainedLines(stacks: readonly InstalledStack[]): string[] {
  const commands = stacks.flatMap(({ region, retained }) =>
    retained.flatMap(({ type, name }) => {
      const command = RETAINED.get(type)?.command;
      return command ? [`  ${command} ${name} --region ${region}`] : [];
    }),
  );
  if (commands.length === 0) return [];
  return [
    '',
    'A new installation makes its own ledger and key. If nobody needs the record of episodes and runs any more, then, after all else (Secrets Manager keeps a deleted secret for 30 days):',
    ...commands,
  ];
}

/** What is left to others, and where nobody has looked. */
function asideLines(
  { prefix, organization, elsewhere, foreign, unsearched }: Installed,
  screen: Screen,
): string[] {
  const line = (...parts: string[]) => wrapped(parts.join(' · '), screen);
  const refusals = new Set(unsearched.map(({ refusal }) => sentenceOf(refusal)));
  return [
    ...elsewhere.map(({ account, region, stacks, trusts }) => {
      const command = `with a profile of account ${account}, AWS_PROFILE=… npx recohere uninstall`;
      const roles = `; until then, roles there trust those of account ${trusts} that are named ${prefix}-*`;
      const where = `${account}/${region}`;
      return line('not looked at', where, `${stacks.join(', ')}: ${command}${trusts ? roles : ''}`);
    }),
    ...(organization
      ? [
          line(
            'not looked at',
            `accounts of ${organization} that the config does not name: remove theirs there`,
          ),
        ]
      : []),
    ...foreign.map(({ region, name, why }) => line('left alone', region, `${name}, ${LEFT_ALONE[why]}`)),
    ...[...refusals].map((why) => {
      const regions = unsearched.filter(({ refusal }) => sentenceOf(refusal) === why);
      const names = regions.map(({ region = 'regions that the config does not name' }) => region);
      return line('not searched', names.join(', '), why);
    }),
  ];
}

function commandOf(flags: UninstallFlags): string {
  const leave = flags.leaveQuarantine ? ['--leave-quarantine'] : [];
  return commandLine(flags, ['recohere uninstall', '--yes', ...leave]);
}
