import { EventBridgeClient, ListRulesCommand, ResourceNotFoundException } from '@aws-sdk/client-eventbridge';
import { mockClient } from 'aws-sdk-client-mock';
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import { rulesOn } from '../../../functions/adapters/aws/bus-rules.ts';

const events = mockClient(EventBridgeClient);
const rules = () => rulesOn('eu-west-1', 'recohere');

beforeEach(() => events.reset());
afterAll(() => events.restore());

describe('rules on a bus', () => {
  it('are named, on all pages', async () => {
    events
      .on(ListRulesCommand, { EventBusName: 'recohere' })
      .resolves({ Rules: [{ Name: 'one' }], NextToken: 'more' })
      .on(ListRulesCommand, { EventBusName: 'recohere', NextToken: 'more' })
      .resolves({ Rules: [{ Name: 'two', ManagedBy: 'prod.vhs.events.aws.internal' }] });
    expect(await rules()).toEqual([
      { name: 'one', isManaged: false },
      { name: 'two', isManaged: true },
    ]);
  });

  it('are none on a bus that is gone', async () => {
    events.on(ListRulesCommand).rejects(new ResourceNotFoundException({ message: 'gone', $metadata: {} }));
    expect(await rules()).toEqual([]);
  });

  it('are not known if that is denied', async () => {
    events.rejects(Object.assign(new Error('not allowed'), { name: 'AccessDeniedException' }));
    await expect(rules()).rejects.toMatchObject({
      refusal: { code: 'ACCESS_DENIED', permission: 'events:ListRules' },
    });
  });

  it('are not known from an answer that AWS does not document', async () => {
    events.on(ListRulesCommand).resolves({ Rules: [{}] });
    await expect(rules()).rejects.toMatchObject({ refusal: { code: 'UNEXPECTED_ANSWER' } });
  });
});
