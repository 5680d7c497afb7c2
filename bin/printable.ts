/** Free text from outside, in one line, without what a terminal would obey. */
export function printable(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]+/gu, ' ');
}

/** The same of several lines, which stay lines. */
export function printableLines(text: string): string {
  return text.split('\n').map(printable).join('\n');
}

/** The same of all texts in what was told, names of fields too: ids of deploys and reasons are anybody's, and names are tags. */
export function printed<T>(told: T): T {
  const text = JSON.stringify(told, (_, value) => {
    if (typeof value === 'string') return printable(value);
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
    return Object.fromEntries(Object.entries(value).map(([name, member]) => [printable(name), member]));
  });
  return JSON.parse(text);
}
