import { BUDGET_DAYS, BURNS } from '../../functions/contract/alarms.ts';
import { SEVERITIES, type Severity } from '../../functions/contract/deployment.ts';
import { markdownTable } from './markdown-table.ts';
import { notifyingAlarms } from './notifying-alarms.ts';
import { synthesize, TWO_ACCOUNTS, WITH_CRITICAL, WITH_TABLES } from './synthesized.ts';

/** The alarms that notify, by severity, in Markdown: counted in the templates. */
export function alarmsText(): string {
  const [first, critical, tabled] = [TWO_ACCOUNTS, WITH_CRITICAL, WITH_TABLES].map((config) => {
    const { recohere, templateOf } = synthesize(config);
    return notifyingAlarms(templateOf(recohere.monitoring));
  });
  const namesOf = (alarms: typeof first = [], severity?: Severity) =>
    alarms.filter((alarm) => severity === undefined || alarm.severity === severity).map(({ name }) => name);
  const known = namesOf(first);
  const more = (alarms: typeof first, severity: Severity) =>
    namesOf(alarms, severity).filter((name) => !known.includes(name));
  const listed = (names: readonly string[]) =>
    names.map((name) => `[\`${name}\`](#alarm-${name})`).join(', ') || '–';
  const table = markdownTable(
    ['severity', 'alarms', 'which', 'with critical subjects, besides', 'with tables, besides'],
    SEVERITIES.map((severity) => {
      const own = namesOf(first, severity);
      return [
        `\`${severity}\``,
        `${own.length}`,
        listed(own),
        listed(more(critical, severity)),
        listed(more(tabled, severity)),
      ];
    }),
  );
  return `
${table}
${known.length} alarms notify somebody; ${namesOf(critical).length} with critical subjects, ${namesOf(tabled).length} with tables.

`;
}

/** How much of a budget is gone when an alarm on its burn rate begins, in Markdown. */
export function burnsText(): string {
  const window = (minutes: number) => (minutes < 60 ? `${minutes} minutes` : `${minutes / 60} hours`);
  return markdownTable(
    ['alarm', 'faster than', 'on the average of both', `of a budget of ${BUDGET_DAYS} days is gone`],
    Object.entries(BURNS).map(([speed, { rate, shortMinutes, longMinutes }]) => [
      `\`exposure-${speed}\``,
      `${rate} ×`,
      `${window(shortMinutes)}, ${window(longMinutes)}`,
      `${((100 * rate * longMinutes) / (BUDGET_DAYS * 24 * 60)).toFixed(1)} %`,
    ]),
  );
}
