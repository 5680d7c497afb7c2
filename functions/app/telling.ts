import type { MetricName } from '../contract/metrics.ts';
import type { Finding } from '../contract/report.ts';
import type { ClosedEpisode, Episode } from '../core/episode.ts';
import type { Heeded } from '../core/moves.ts';
import { gradeOf } from '../core/rotation.ts';
import type { Telemetry } from '../ports/telemetry.ts';

export { gradeOf };

/** Of a sample's findings, so many stand in its log line. */
const FINDINGS_TOLD = 10;

type Told = Pick<Episode, 'id' | 'findings' | 'rotation'> & Partial<Pick<ClosedEpisode, 'resolutionMs'>>;

/** Publishes samples that speak of one subject: what is known of its episode goes into the log line alone. */
export function tellingOf(
  telemetry: Telemetry,
  subject: string,
): (metric: MetricName, value: number, of?: Told) => void {
  return (metric, value, of) =>
    telemetry.publish(metric, value, {
      subject,
      ...(of && { episode: of.id, findings: of.findings.slice(0, FINDINGS_TOLD).map(wordsOf).join('; ') }),
      ...(of?.rotation && { version: of.rotation.versionId }),
      ...(of?.rotation &&
        of.resolutionMs !== undefined && {
          evidence: gradeOf(of.rotation), // of what has ended: before, the third hop has none
          resolutionMs: of.resolutionMs,
        }),
    });
}

/** Publishes the moves that no event told of in time, each with the last event that did come. */
export function tellLost(telemetry: Telemetry, { state, lost }: Pick<Heeded, 'state' | 'lost'>): void {
  const { subject, heard } = state;
  for (const { replica, seenAt } of lost) {
    telemetry.publish('LostEventCount', 1, {
      subject,
      replica,
      seenAt: new Date(seenAt).toISOString(),
      ...(heard && {
        lastEvent: `${heard.source} ${heard.id}`,
        lastEventAt: new Date(heard.at).toISOString(),
      }),
    });
  }
}

/** `eu-west-1 env different DB_HOST`, for who looks in the log. */
function wordsOf({ replica, facet, kind, keys }: Finding): string {
  return [replica, facet, kind, ...keys].join(' ');
}
