import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** All documents of the repository. */
export const DOCUMENTS = [
  ...readdirSync('.'),
  ...['docs', 'examples'].flatMap((folder) =>
    readdirSync(folder, { recursive: true, encoding: 'utf8' }).map((file) => join(folder, file)),
  ),
].filter((file) => file.endsWith('.md'));

/** Folders of the repository whose files documents name. */
const FOLDERS = 'bench|bin|docs|examples|functions|lib|local|rehearsal|test';

/** What is in a file of the repository. */
export function textOf(document: string): string {
  return readFileSync(document, 'utf8');
}

/** What a pattern finds in a text, by its first group, each once. */
export function found(text: string, pattern: RegExp): string[] {
  return [...new Set([...text.matchAll(pattern)].flatMap(([, group]) => group ?? []))];
}

/** A text without blocks of code, in which nothing is a link, a heading or a name. */
export function proseOf(text: string): string {
  return text.replace(/^```.*?^```$/gms, '');
}

/** Paths of the repository that a text names in backticks, of what is there or not. */
export function pathsIn(text: string): string[] {
  return found(text, new RegExp(`\`((?:${FOLDERS})/[\\w./-]+)\``, 'g'));
}

/** Names of code beside paths, paragraph by paragraph and point by point, that none of the files there has. */
export function strayNamesIn(text: string): string[] {
  const parts = proseOf(text).split(/\n\n|\n(?=\|| *(?:\d+\.|-) )/);
  return parts.flatMap((part) => {
    const files = pathsIn(part).filter((path) => /\.\w+$/.test(path) && existsSync(path));
    const words = new Set(files.flatMap((file) => textOf(file).split(/\W+/)));
    const names = found(part, /`([a-z]*[A-Z]\w*)`/g);
    return files.length === 0 ? [] : names.filter((name) => !words.has(name));
  });
}

interface PutEvent {
  readonly bus: string;
  readonly event: Readonly<Record<string, unknown>>;
}

/** The events that the lines `aws events put-events` of a text put, as rules hear them. */
export function eventsPutIn(text: string): PutEvent[] {
  return found(text, /--entries '(\[.*?\])'/gs).flatMap((entries) =>
    JSON.parse(entries).map(({ EventBusName, Source, DetailType, Detail }: Record<string, string>) => ({
      bus: EventBusName,
      event: {
        ...{ id: '1', account: '111111111111', region: 'eu-west-2', time: '2026-01-05T09:00:00Z' },
        ...{ source: Source, 'detail-type': DetailType, detail: JSON.parse(Detail ?? '') },
      },
    })),
  );
}
