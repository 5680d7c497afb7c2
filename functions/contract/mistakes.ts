import * as z from 'zod/mini';

const { localeError: wordsOfZod } = z.locales.en();

/** What is wrong, in words that follow the path of what is meant. */
export function wordsOf(issue: z.core.$ZodRawIssue): ReturnType<typeof wordsOfZod> {
  if (issue.code !== 'invalid_type') return wordsOfZod(issue);
  return issue.input === undefined ? 'is missing' : `is not of the type ${String(issue.expected)}`;
}

/** One line for each mistake, with its path; `whole` stands for that of all. */
export function linesOf(issues: readonly z.core.$ZodIssue[], whole: string): string[] {
  return issues.map(({ path, message }) => `${pathOf(path) || whole}: ${message}`);
}

function pathOf(path: readonly PropertyKey[]): string {
  return path.reduce<string>((text, part) => {
    if (typeof part === 'number') return `${text}[${part}]`;
    return text ? `${text}.${String(part)}` : String(part);
  }, '');
}
