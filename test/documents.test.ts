import { existsSync, readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import * as permissions from '../lib/permissions.ts';
import { DOCUMENTS, found, pathsIn, proseOf, strayNamesIn, textOf } from './documents.ts';
import {
  actionsOf,
  resourcesOf,
  statementsOf,
  synthesize,
  WITH_CRITICAL,
  WITH_TABLES,
} from './lib/synthesized.ts';

const DECISIONS = 'docs/decisions';

const { scripts } = JSON.parse(textOf('package.json'));

/** Of everything that a config of this prefix may have deployed. */
const { recohere, templateOf } = synthesize({
  ...WITH_TABLES,
  prefix: 'recohere',
  functions: WITH_CRITICAL.functions ?? [],
});
const stacks = [recohere.hub, recohere.monitoring, ...recohere.regions, ...recohere.data];
const templates = stacks.map(templateOf);

/** Names of these, and in them; those of a region begin with a parameter. */
const deployed = found(
  JSON.stringify([stacks.map(({ stackName }) => stackName), templates]).replaceAll(
    '{"Ref":"Prefix"},"',
    '"recohere',
  ),
  /\b(recohere-[a-z-]*[a-z])\b/g,
);

const COMMANDS_OF_NPM = ['ci', 'install', 'pack', 'publish'];

/** Names that documents mention beside paths of other files than theirs. */
const NAMES_OF_ELSEWHERE = ['ALARMS', 'FUTURE_ITEM', 'alarmOn'];

/** Anchors of the headings of a document, as GitHub makes them. */
function anchorsOf(document: string): string[] {
  return found(proseOf(textOf(document)), /^#+ (.*)$/gm).map((heading) =>
    heading
      .toLowerCase()
      .replace(/[^\p{L}\p{N}\s_-]/gu, '')
      .replaceAll(' ', '-'),
  );
}

/** Whether a link leads to a file, and to a heading if it names one. */
function leadsSomewhere(from: string, link: string): boolean {
  const [path = '', anchor] = link.split('#');
  const target = path === '' ? from : join(dirname(from), path);
  if (!existsSync(target)) return false;
  return anchor === undefined || anchorsOf(target).includes(anchor);
}

describe.each(DOCUMENTS)('%s', (document) => {
  it('has links that lead to files and headings of the repository', () => {
    const links = found(proseOf(textOf(document)), /\]\((?!https:)([^)\s]+)\)/g);
    expect(links.filter((link) => !leadsSomewhere(document, link))).toEqual([]);
  });

  it('names commands that package.json has, or npm itself', () => {
    const named = found(textOf(document), /(?:`|^|&& )npm (?:run )?([\w:-]+)/gm);
    expect(named.filter((name) => !(name in scripts) && !COMMANDS_OF_NPM.includes(name))).toEqual([]);
  });

  it('names files and folders of the repository that are there', () => {
    expect(pathsIn(textOf(document)).filter((path) => !existsSync(path))).toEqual([]);
  });

  it('names of what is deployed only what templates have', () => {
    const named = found(
      textOf(document).replaceAll('<prefix>', 'recohere'),
      /\b(recohere-[a-z-]*[a-z])\b(?![-*]|\.html)/g,
    );
    expect(named.filter((name) => !deployed.includes(name))).toEqual([]);
  });

  it('names beside a path what is in its file', () => {
    expect(strayNamesIn(textOf(document)).filter((name) => !NAMES_OF_ELSEWHERE.includes(name))).toEqual([]);
  });
});

describe('the security policy', () => {
  const [, table = ''] = textOf('SECURITY.md').split('\n| of what |');
  const rows = table.slice(0, table.indexOf('\n\n')).split('\n');
  const actionsIn = (text: string) => found(text, /`(\w+:\w+)`/g).toSorted();

  it.each<{ what: string; actions: readonly string[] }>([
    { what: 'functions', actions: permissions.READ_ACTIONS },
    { what: 'secrets', actions: permissions.SECRET_READ_ACTIONS },
    { what: 'probes', actions: permissions.PROBE_ACTIONS },
    { what: 'tables', actions: [...permissions.TABLE_LOOK_ACTIONS, ...permissions.TABLE_READ_ACTIONS] },
    {
      what: 'tables, to change',
      actions: [...permissions.TABLE_PUT_ACTIONS, ...permissions.TABLE_REMOVE_ACTIONS],
    },
    {
      what: 'buckets beside tables',
      actions: [...permissions.BUCKET_ACTIONS, ...Object.values(permissions.OBJECT_ACTIONS).flat()],
    },
    {
      what: 'the ledger',
      actions: [...permissions.LEDGER_ACTIONS, ...permissions.PROOF_ACTIONS, ...permissions.INDEX_ACTIONS],
    },
    {
      what: 'telling',
      actions: [
        ...permissions.NOTICE_ACTIONS,
        ...permissions.PAUSE_ACTIONS,
        ...permissions.WAKE_ACTIONS,
        'sqs:SendMessage',
      ],
    },
    { what: 'runs', actions: permissions.START_ACTIONS },
    { what: 'what Lambda does itself', actions: Object.values(permissions.RUNTIME_ACTIONS).flat() },
    {
      what: 'what Step Functions does itself',
      actions: actionsOf(statementsOf(templateOf(recohere.hub), 'recohere-runs')),
    },
  ])('names the actions on $what, and no others', ({ what, actions }) => {
    const row = rows.find((line) => line.startsWith(`| ${what} |`)) ?? '';
    expect(actionsIn(row)).toEqual([...new Set(actions)].toSorted());
  });

  it('names every action that a role has, and none that no role has', () => {
    const allowed = templates.flatMap((template) =>
      resourcesOf(template, 'AWS::IAM::Role').flatMap(({ Properties }) =>
        actionsOf(statementsOf(template, Properties.RoleName)),
      ),
    );
    expect(actionsIn(rows.join())).toEqual([...new Set(allowed)].toSorted());
  });
});

describe('the check of links', () => {
  it.each([
    { link: 'README.md', reason: 'a file', leads: true },
    { link: 'docs/decisions', reason: 'a folder', leads: true },
    { link: '#the-sweep', reason: 'a heading', leads: true },
    { link: 'SECURITY.md#how-to-report', reason: 'a heading of another file', leads: true },
    { link: 'READ.md', reason: 'no file', leads: false },
    { link: '#the-swoop', reason: 'no heading', leads: false },
    { link: 'SECURITY.md#the-sweep', reason: 'a heading of this file, and not of that one', leads: false },
  ])('tells that $link is $reason', ({ link, leads }) => {
    expect(leadsSomewhere('README.md', link)).toBe(leads);
  });

  it('is made of all documents', () => {
    const some = ['README.md', 'examples/README.md', 'CONTRIBUTING.md', 'docs/decisions/README.md'];
    expect(DOCUMENTS).toEqual(expect.arrayContaining(some));
  });

  it('lists every decision', () => {
    const records = readdirSync(DECISIONS).filter((file) => /^\d{4}-/.test(file));
    expect(found(textOf(`${DECISIONS}/README.md`), /\]\(([^)]+)\)/g)).toEqual(records.toSorted());
  });
});
