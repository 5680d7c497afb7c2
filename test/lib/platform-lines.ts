const REQUEST_ID = '00000000-0000-0000-0000-000000000000';
const TIME = '2026-01-05T09:00:00.000Z';
const TRACING = {
  spanId: '0'.repeat(16),
  type: 'X-Amzn-Trace-Id',
  value: `Root=1-00000000-${'0'.repeat(24)};Parent=${'0'.repeat(16)};Sampled=1`,
};

/**
 * What Lambda itself logs, as JSON, of one call of a function that was not warm; ids and times stand for any.
 * @see https://docs.aws.amazon.com/lambda/latest/dg/telemetry-schema-reference.html
 */
export const PLATFORM_LINES: readonly string[] = [
  {
    time: TIME,
    type: 'platform.initStart',
    record: {
      initializationType: 'on-demand',
      phase: 'init',
      runtimeVersion: 'nodejs:24.mainline.v100',
      runtimeVersionArn: `arn:aws:lambda:ap-southeast-2::runtime:${'0'.repeat(64)}`,
      functionName: 'recohere-verify-deploy',
      functionVersion: '$LATEST',
      instanceId: `2026/01/05/recohere-verify-deploy[$LATEST]${'0'.repeat(32)}`,
      instanceMaxMemory: 536_870_912,
    },
  },
  {
    time: TIME,
    type: 'platform.start',
    record: {
      requestId: REQUEST_ID,
      functionArn: 'arn:aws:lambda:ap-southeast-2:111111111111:function:recohere-verify-deploy',
      version: '$LATEST',
      tracing: TRACING,
    },
  },
  {
    time: TIME,
    type: 'platform.report',
    record: {
      requestId: REQUEST_ID,
      metrics: {
        durationMs: 10_000.123,
        billedDurationMs: 10_001,
        memorySizeMB: 512,
        maxMemoryUsedMB: 120,
        initDurationMs: 1000.123,
      },
      tracing: TRACING,
      status: 'success',
    },
  },
].map((line) => JSON.stringify(line));
