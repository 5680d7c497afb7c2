import { writeFile } from 'node:fs/promises';
import { type Proposal, type ProposedGroup, propose } from '../functions/app/propose.ts';
import { EXIT, type ExitCode, Failure } from './failure.ts';
import { configsHere } from './load-config.ts';
import { sentenceOf } from './render.ts';
import { accountScope, type LookFlags, lookAtAws, requireCopies } from './scan.ts';

const FILE = 'recohere.config.ts';

export interface InitFlags extends LookFlags {
  readonly force?: boolean;
}

/** `recohere init`: writes a first config from what is live. Never replaces a file unless told. */
export async function init(flags: InitFlags): Promise<ExitCode> {
  const inTheWay = configsHere().find((name) => name !== FILE || !flags.force);
  if (inTheWay !== undefined) {
    const hint = inTheWay === FILE ? '--force replaces it' : 'two configs could not stand side by side';
    throw new Failure(EXIT.usage, `${inTheWay} is here already; ${hint}`);
  }
  const scope = await accountScope(flags);
  requireCopies(scope);
  const seen = await lookAtAws(scope);
  const proposal = propose(seen);
  if (proposal.groups.length === 0) {
    const why = seen.refusals
      .map(({ replica, refusal }) => `\n  ${replica}: ${sentenceOf(refusal)}`)
      .join('');
    throw new Failure(
      seen.refusals.length > 0 ? EXIT.refused : EXIT.usage,
      `no function was found in more than one region; nothing was written${why}`,
    );
  }
  await write(configText(proposal, flags));
  const subjects = proposal.groups.reduce((sum, group) => sum + group.subjects.length, 0);
  process.stdout.write(
    `Wrote ${FILE}: ${subjects} subjects in ${proposal.replicas.length} regions. Read its comments, then: npx recohere scan\n`,
  );
  return EXIT.agreed;
}

async function write(text: string): Promise<void> {
  try {
    await writeFile(FILE, text);
  } catch (error) {
    throw new Failure(
      EXIT.usage,
      `${FILE} cannot be written: ${error instanceof Error ? error.message : ''}`,
    );
  }
}

/** The text of a first config, with the reason of each proposal in a comment. */
export function configText({ replicas, groups, unread }: Proposal, flags: LookFlags): string {
  const regions = replicas.map((region) => `{ region: ${quoted(region)} }`).join(', ');
  return `import { defineConfig } from 'recohere/config';

${unread.map(unreadComment).join('')}export default defineConfig({
  hub: { region: ${quoted(replicas[0] ?? '')} },
  replicas: [${regions}],
  functions: [
${groups.map((group) => groupText(group, flags)).join('')}  ],
});
`;
}

function unreadComment({ subject, replica, refusal }: Proposal['unread'][number]): string {
  const what = subject === undefined ? replica : `${subject} · ${replica}`;
  return `// Could not be read: ${oneLine(what)}: ${sentenceOf(refusal)}\n`;
}

function groupText(group: ProposedGroup, flags: LookFlags): string {
  const { stack } = group;
  const ofStack =
    stack === undefined
      ? {}
      : {
          stack,
          ...(group.names !== undefined && { name: group.names }),
          ...(flags.name !== undefined && { name: flags.name }),
        };
  const lines = [
    `// Copies found: ${oneLine(group.subjects.join(', '))}`,
    `select: ${selectText({ ...flags, ...ofStack })},`,
  ];
  if (stack !== undefined) lines.push(`identity: 'stack+logicalId',`);
  if (group.ownValues.length > 0) {
    lines.push('perReplica: [');
    for (const { key, subjects, replicas, isSure } of group.ownValues) {
      const doubt = isSure ? '' : '; if it should, take the mark off the next line';
      lines.push(
        `  // a value of its own in each of ${replicas} replicas: ${oneLine(subjects.join(', '))}${doubt}`,
      );
      lines.push(`  ${isSure ? '' : '// '}${quoted(key)},`);
    }
    lines.push('],');
  }
  for (const { key, subject, replicas } of group.drifting) {
    lines.push(
      `// Not proposed, it looks like drift: ${oneLine(`${key} of ${subject} in ${replicas.join(', ')}`)}`,
    );
  }
  if (group.narrowed.length > 0) {
    lines.push(
      'replicas: {',
      '  // not found in the other regions; remove the line of one that should be there',
    );
    for (const { subject, replicas } of group.narrowed) {
      lines.push(`  ${quoted(subject)}: [${replicas.map(quoted).join(', ')}],`);
    }
    lines.push('},');
  }
  return `    {\n${lines.map((line) => `      ${line}\n`).join('')}    },\n`;
}

function selectText({ name, stack, tag }: LookFlags): string {
  const criteria: string[] = [];
  if (name !== undefined) criteria.push(`name: ${quoted(name)}`);
  if (stack !== undefined) criteria.push(`stack: ${quoted(stack)}`);
  if (tag !== undefined) {
    const tags = Object.entries(tag).map(([key, value]) => `${quoted(key)}: ${quoted(value)}`);
    criteria.push(`tags: { ${tags.join(', ')} }`);
  }
  return `{ ${criteria.join(', ') || "name: '*'"} }`;
}

/** Names come from outside and must not end a comment. */
function oneLine(text: string): string {
  return text.replace(/\s+/g, ' ');
}

function quoted(text: string): string {
  return `'${JSON.stringify(text).slice(1, -1).replaceAll("'", "\\'")}'`;
}
