import { Cron } from 'croner';
import type { ParsedConfig } from '../contract/config.ts';

type Window = ParsedConfig['maintenance'][number];

/** Whether a time lies in one of the windows in which nobody is to be told. One that never begins is none. */
export function isMaintenance(windows: readonly Window[], now: number): boolean {
  return windows.some((window) => {
    const begun = beginnings(window)?.nextRun(new Date(now - window.minutes * 60_000));
    return begun !== undefined && begun !== null && begun.getTime() <= now;
  });
}

/** When a window begins: `cron(…)` of five fields as a crontab has them, or `at(…)` a local time. */
function beginnings({ schedule, timezone }: Window): Cron | undefined {
  const [, text = ''] = /^(?:cron|at)\((.+)\)$/.exec(schedule) ?? [];
  try {
    return new Cron(text, { timezone });
  } catch {
    return undefined; // such as the minute 99, which no deploy gets past
  }
}
