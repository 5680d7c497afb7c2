import { InvokeCommand, LambdaClient } from '@aws-sdk/client-lambda';
import { type AwsClientStub, mockClient } from 'aws-sdk-client-mock';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect } from 'vitest';
import { failureOf, overviewFrom } from '../../bin/ask-hub.ts';
import { EXIT, Failure } from '../../bin/failure.ts';
import { progressText, renderAudit, renderReports, renderRuns } from '../../bin/render-run.ts';
import { renderDiff, renderStatus, renderVerdicts } from '../../bin/render-status.ts';
import { exitCodeOfStatus } from '../../bin/status.ts';
import { reconcileClient } from '../../functions/adapters/aws/reconcile-client.ts';
import { drawPage } from '../../functions/app/draw.ts';
import { serviceLevels } from '../../functions/app/service-levels.ts';
import { SAMPLE } from '../app/sample-overview.ts';
import { fuzzed } from './fuzzed.ts';
import { anyJson, expectUntold, mutated, PLANTED, textsOf } from './inputs.ts';

const SCREENS = [
  { colors: false, width: 80 },
  { colors: false, width: Number.POSITIVE_INFINITY },
];
/** What a terminal would obey. */
const OBEYED = /(?!\n)[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u;
const RUN = 'dedupe-dry-orders-1';
const OBEYED_TEXT = '\u001b[31m\u202e\n';

const report = {
  ...{
    id: RUN,
    kind: 'dedupe',
    mode: 'dry-run',
    state: 'finished',
    phase: 'gather',
    table: `orders${OBEYED_TEXT}`,
  },
  ...{
    scanned: 20_000,
    duplicates: 199,
    removed: 0,
    restored: 0,
    verified: 0,
    readUnits: 248.5,
    writeUnits: 0,
  },
  ...{ costUsd: 0.01, durationMs: 4_600, counts: { groups: 1 }, skipped: { CHANGED: 1 } },
  problems: [{ reason: 'CHANGED', key: 'k' }],
  keys: [{ reason: 'CHANGED', key: '{"id":{"S":"a"}}' }],
  failure: { code: 'ACCESS_DENIED', permission: 'dynamodb:Scan' },
  estimate: {
    ...{ share: 0.01, items: 100, readUnits: 1, costUsd: 0.1 },
    duplicates: { likely: 10, least: 5, most: 20 },
  },
  progress: { done: 1, of: 2 },
};
const audit = {
  ...{ run: RUN, proofs: 2, items: 2, isQuarantineRead: true, isRootSame: false },
  breaks: [{ phase: 'apply', index: 0, number: 1, why: `a proof is missing${OBEYED_TEXT}` }],
};
const [subject] = SAMPLE.subjects;
const refusal = {
  error: { code: 'NO_SUCH_RUN', message: 'there is no such run', mistakes: ['run: is missing'] },
};

describe('what the hub answers may be anything: it is shown as it may be, or refused in clear words', () => {
  let lambda: AwsClientStub<LambdaClient>;
  beforeAll(() => {
    lambda = mockClient(LambdaClient);
  });
  afterAll(() => lambda.restore());

  const hub = reconcileClient({ prefix: 'recohere', hub: { region: 'eu-west-1' } });

  /** @param work What a command does with an answer; gives the texts that it shows. */
  async function shown(answer: string, work: () => Promise<readonly string[]>): Promise<string> {
    lambda.reset();
    lambda.on(InvokeCommand).callsFake(async () => ({ Payload: Buffer.from(answer) }));
    try {
      for (const text of await work()) expect(text).not.toMatch(OBEYED);
      return 'shown';
    } catch (thrown) {
      const failure = failureOf(thrown);
      if (!(failure instanceof Failure)) throw thrown;
      expect([EXIT.usage, EXIT.refused]).toContain(failure.exitCode);
      expect(failure.message).toMatch(/\S/);
      expectUntold(failure);
      return 'refused';
    }
  }

  const asked = fc.constantFrom<readonly [answer: object, work: () => Promise<readonly string[]>]>(
    [
      report,
      async () => {
        const run = await hub.run({ kind: 'status', run: RUN });
        return [...SCREENS.map((screen) => renderReports([run], screen)), progressText(run, 10)];
      },
    ],
    [
      { runs: [report, report] },
      async () => {
        const runs = await hub.runs(10);
        return SCREENS.map((screen) => renderRuns(runs, screen));
      },
    ],
    [
      audit,
      async () => {
        const read = await hub.audit(RUN);
        return SCREENS.map((screen) => renderAudit(read, screen));
      },
    ],
    [{ at: 1, functions: ['api'], secrets: [] }, async () => [String((await hub.verify(['api'])).at)]],
    [subject ?? {}, async () => [(await hub.silence('api', 60, 'why')).verdict]],
    [refusal, async () => [(await hub.run({ kind: 'cancel', run: RUN })).state]],
  );
  fuzzed(
    'answers of the hub',
    asked.chain(([answer, work]) => {
      const changed = mutated(fc.constant(answer), ['error']);
      const texts = fc.oneof(
        { weight: 4, arbitrary: changed.map((value) => JSON.stringify(value)) },
        {
          weight: 1,
          arbitrary: textsOf(fc.oneof(anyJson, changed)),
        },
      );
      return fc.record({ text: texts, work: fc.constant(work) });
    }),
    { past: ['shown'], ended: ['refused'] },
    ({ text, work }) => shown(text, work),
  );

  const overview = {
    ...SAMPLE,
    subjects: SAMPLE.subjects
      .slice(0, 8)
      .map((status) => ({ ...status, subject: `${status.subject}<script>${PLANTED}${OBEYED_TEXT}` })),
    episodes: SAMPLE.episodes.slice(0, 8),
  };
  fuzzed(
    'overviews of the hub',
    mutated(fc.constantFrom(overview, { ...overview, next: 'function z' })).map((value) =>
      JSON.stringify(value),
    ),
    { past: ['shown'], ended: ['refused'] },
    (text) =>
      shown(text, async () => {
        const known = await overviewFrom(hub);
        const page = drawPage(known);
        expect(page).not.toMatch(/<script[^<]*hunter2/);
        expect(Object.values(EXIT)).toContain(exitCodeOfStatus(known));
        JSON.stringify(serviceLevels(known));
        return SCREENS.flatMap((screen) =>
          [renderStatus, renderVerdicts, renderDiff].map((render) => render(known, screen)),
        );
      }),
  );
});
