import * as z from 'zod/mini';

/**
 * Says that an alarm has fired. Which one, the rule has chosen: nothing more is believed of it.
 * @see https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/cloudwatch-and-eventbridge.html
 */
export const firedSchema = z.object({
  source: z.literal('aws.cloudwatch'),
  'detail-type': z.literal('CloudWatch Alarm State Change'),
  detail: z.object({ state: z.object({ value: z.literal('ALARM') }) }),
});
