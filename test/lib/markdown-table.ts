/** A table in Markdown; empty cells stay empty. */
export function markdownTable(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |\n`;
  return [line(header), `|${'---|'.repeat(header.length)}\n`, ...rows.map(line)].join('');
}
