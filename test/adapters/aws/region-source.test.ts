import { AccountClient, ListRegionsCommand } from '@aws-sdk/client-account';
import { mockClient } from 'aws-sdk-client-mock';
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import { awsRegionSource } from '../../../functions/adapters/aws/region-source.ts';

const account = mockClient(AccountClient);
const source = awsRegionSource();

beforeEach(() => {
  account.reset();
});
afterAll(() => {
  account.restore();
});

describe('region source', () => {
  it('asks for enabled regions, page by page, and sorts them', async () => {
    account
      .on(ListRegionsCommand)
      .resolvesOnce({ Regions: [{ RegionName: 'us-east-1' }, {}], NextToken: 'more' })
      .resolvesOnce({ Regions: [{ RegionName: 'eu-west-1' }] });
    expect(await source.enabled()).toEqual(['eu-west-1', 'us-east-1']);
    const inputs = account.commandCalls(ListRegionsCommand).map(({ args }) => args[0].input);
    expect(inputs).toMatchObject([
      { RegionOptStatusContains: ['ENABLED', 'ENABLED_BY_DEFAULT'] },
      { RegionOptStatusContains: ['ENABLED', 'ENABLED_BY_DEFAULT'], NextToken: 'more' },
    ]);
  });

  it.each([
    { reason: 'no region', Regions: [] },
    { reason: 'a region without a name alone', Regions: [{}] },
    { reason: 'a name that is no code of a region', Regions: [{ RegionName: 'hunter2' }] },
  ])('is a refusal if the answer has $reason', async ({ Regions }) => {
    account.on(ListRegionsCommand).resolves({ Regions });
    await expect(source.enabled()).rejects.toMatchObject({
      refusal: { code: 'UNEXPECTED_ANSWER', call: 'account:ListRegions' },
    });
  });

  it('names a region once, however often it is answered', async () => {
    account
      .on(ListRegionsCommand)
      .resolves({ Regions: [{ RegionName: 'eu-west-1' }, { RegionName: 'eu-west-1' }] });
    expect(await source.enabled()).toEqual(['eu-west-1']);
  });

  it('is a refusal that names the call, and quotes nothing', async () => {
    const message =
      'User: arn:aws:iam::111111111111:user/x is not authorized to perform: account:ListRegions on resource: hunter2';
    account.rejects(Object.assign(new Error(message), { name: 'AccessDeniedException' }));
    await expect(source.enabled()).rejects.toMatchObject({
      refusal: { code: 'ACCESS_DENIED', call: 'account:ListRegions', permission: 'account:ListRegions' },
      message: expect.not.stringContaining('hunter2'),
      cause: undefined,
    });
  });
});
