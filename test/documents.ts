import { readdirSync } from 'node:fs';
import { join } from 'node:path';

/** All documents of the repository. */
export const DOCUMENTS = [
  ...readdirSync('.'),
  ...['docs', 'examples'].flatMap((folder) =>
    readdirSync(folder, { recursive: true, encoding: 'utf8' }).map((file) => join(folder, file)),
  ),
].filter((file) => file.endsWith('.md'));

/** Those for developers; the others speak to users, and of files of theirs. */
export const FOR_DEVELOPERS = DOCUMENTS.filter(
  (document) => !document.endsWith('README.md') || document.startsWith('docs/'),
);
