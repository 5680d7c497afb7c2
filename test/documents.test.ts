import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import * as permissions from '../lib/permissions.ts';
import { DOCUMENTS, FOR_DEVELOPERS } from './documents.ts';

const DECISIONS = 'docs/decisions';

const { scripts } = JSON.parse(readFileSync('package.json', 'utf8'));

/** A document without blocks of code, in which nothing is a link or a heading. */
function proseOf(document: string): string {
  return textOf(document).replace(/^```.*?^```$/gms, '');
}

function textOf(document: string): string {
  return readFileSync(document, 'utf8');
}

/** What a pattern finds in a text, by its first group, each once. */
function found(text: string, pattern: RegExp): string[] {
  return [...new Set([...text.matchAll(pattern)].flatMap(([, group]) => group ?? []))];
}

/** Anchors of the headings of a document, as GitHub makes them. */
function anchorsOf(document: string): string[] {
  return found(proseOf(document), /^#+ (.*)$/gm).map((heading) =>
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
    const links = found(proseOf(document), /\]\((?!https:)([^)\s]+)\)/g);
    expect(links.filter((link) => !leadsSomewhere(document, link))).toEqual([]);
  });

  it('names commands that package.json has', () => {
    const named = found(textOf(document), /npm run ([\w:-]+)/g);
    expect(named.filter((name) => !(name in scripts))).toEqual([]);
  });
});

it.each(FOR_DEVELOPERS)('%s names files and folders of the repository that are there', (document) => {
  const named = found(
    textOf(document),
    /`((?:bench|bin|docs|functions|lib|local|rehearsal|test)\/[\w./-]+)`/g,
  );
  expect(named.filter((path) => !existsSync(path))).toEqual([]);
});

it('the security policy names every action that roles are given', () => {
  const actions = found(JSON.stringify(permissions), /"(\w+:\w+)"/g);
  expect(actions.length).toBeGreaterThan(30);
  expect(actions.filter((action) => !textOf('SECURITY.md').includes(`\`${action}\``))).toEqual([]);
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
    expect(DOCUMENTS).toEqual(expect.arrayContaining(['README.md', 'examples/README.md', ...FOR_DEVELOPERS]));
    expect(FOR_DEVELOPERS).toEqual(expect.arrayContaining(['CONTRIBUTING.md', 'docs/decisions/README.md']));
  });

  it('lists every decision', () => {
    const records = readdirSync(DECISIONS).filter((file) => /^\d{4}-/.test(file));
    expect(found(textOf(`${DECISIONS}/README.md`), /\]\(([^)]+)\)/g)).toEqual(records.toSorted());
  });
});
