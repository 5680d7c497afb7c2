import { execFileSync } from 'node:child_process';

const LIST = ['ls-files', '--cached', '--others', '--exclude-standard', '*.md'];

/** All documents of the repository, those too that are not committed yet. */
export const DOCUMENTS = execFileSync('git', LIST, { encoding: 'utf8' }).split('\n').filter(Boolean);

/** Those for developers; the others speak to users, and of files of theirs. */
export const FOR_DEVELOPERS = DOCUMENTS.filter(
  (document) => !document.endsWith('README.md') || document.startsWith('docs/'),
);
