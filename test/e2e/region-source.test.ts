import { afterAll, describe, vi } from 'vitest';
import { awsRegionSource } from '../../functions/adapters/aws/region-source.ts';
import { describeRegionSource } from '../contract/region-source.ts';
import { emulatorEndpoint } from './emulator.ts';

vi.stubEnv('AWS_ENDPOINT_URL', emulatorEndpoint());
afterAll(() => {
  vi.unstubAllEnvs();
});

const isKnown = await awsRegionSource()
  .enabled()
  .then(
    () => true,
    ({ code }) => code !== 'UNEXPECTED_ANSWER',
  );

describe.runIf(isKnown)('where the emulator has account:ListRegions', () => {
  describeRegionSource(awsRegionSource, ['eu-west-1', 'us-east-1']);
});
