import prettyMilliseconds from 'pretty-ms';
import type { State } from './installation.ts';

type Findings = NonNullable<State['open']>['findings'];

/** `eu-west-1: env FEATURE_X missing, env RELEASE different` */
export function findingsText(findings: Findings): string {
  const byReplica = new Map<string, string[]>();
  for (const { replica, facet, kind, keys } of findings) {
    const words = [facet, ...(keys.length > 0 ? [keys.join(' and ')] : []), kind].join(' ');
    byReplica.set(replica, [...(byReplica.get(replica) ?? []), words]);
  }
  return [...byReplica].map(([replica, words]) => `${replica}: ${words.join(', ')}`).join('; ');
}

export function durationText(ms: number): string {
  return prettyMilliseconds(ms, { secondsDecimalDigits: 1 });
}

/** What went wrong, and nothing of where in the code. */
export function reasonText(error: unknown): string {
  const { message, cause } = error instanceof Error ? error : new Error(String(error));
  const isUnanswered = /ECONNREFUSED|ECONNRESET/.test(message) || /ECONNREFUSED/.test(String(cause));
  return isUnanswered ? `${process.env.AWS_ENDPOINT_URL} does not answer` : message;
}
