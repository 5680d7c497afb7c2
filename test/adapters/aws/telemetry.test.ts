import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { emfTelemetry } from '../../../functions/adapters/aws/telemetry.ts';

/** Lines in the embedded metric format. */
let lines: Record<string, unknown>[];

beforeEach(() => {
  lines = [];
  vi.stubEnv('POWERTOOLS_SERVICE_NAME', 'acme');
  vi.spyOn(process.stdout, 'write').mockImplementation((line) => {
    lines.push(JSON.parse(String(line)));
    return true;
  });
});
afterEach(() => {
  vi.restoreAllMocks();
  vi.unstubAllEnvs();
});

function metricsOf(line: Record<string, unknown> | undefined) {
  const { _aws } = line as {
    _aws: { CloudWatchMetrics: [{ Namespace: string; Dimensions: string[][]; Metrics: object[] }] };
  };
  return _aws.CloudWatchMetrics[0];
}

describe('metrics', () => {
  it('that speak of a subject name it in their line, and in no dimension', () => {
    emfTelemetry().publish('ConvergenceTime', 4200, { subject: 'checkout-api' });
    expect(lines).toMatchObject([{ service: 'acme', subject: 'checkout-api', ConvergenceTime: 4200 }]);
    expect(metricsOf(lines[0])).toMatchObject({
      Namespace: 'Recohere',
      Dimensions: [['service']],
      Metrics: [{ Name: 'ConvergenceTime', Unit: 'Milliseconds' }],
    });
  });

  it('of a sweep share one line, which is written when it ends', () => {
    const telemetry = emfTelemetry();
    telemetry.publish('EpisodesOpen', 2);
    telemetry.publish('SweepHeartbeat', 1);
    expect(lines).toEqual([]);
    telemetry.publishStored();
    telemetry.publishStored();
    expect(lines).toMatchObject([{ service: 'acme', EpisodesOpen: 2, SweepHeartbeat: 1 }]);
    expect(metricsOf(lines[0])?.Dimensions).toEqual([['service']]);
  });
});
