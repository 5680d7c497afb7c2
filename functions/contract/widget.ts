import * as z from 'zod/mini';
import { SUBJECTS_MAX, subjectSchema } from './requests.ts';

/** Narrowest and widest that is drawn, in pixels: what a dashboard says beyond is not believed. */
const WIDTH = { least: 300, most: 3_000, unknown: 1_000 } as const;

/**
 * What CloudWatch asks a custom widget: for its documentation, or to be drawn; with what a button of it says beside. Anything else is as if it
 * were not there.
 * @see https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/add_custom_widget_dashboard.html
 */
export const widgetSchema = z.catch(
  z.object({
    describe: z.catch(z.boolean(), false),
    /** Names of subjects that a look is asked for: as many, and as long, as one message takes. */
    look: z.catch(z.array(subjectSchema).check(z.maxLength(SUBJECTS_MAX)), []),
    widgetContext: z.catch(
      z.object({
        theme: z.catch(z.enum(['light', 'dark']), 'light'),
        width: z.catch(z.number().check(z.minimum(WIDTH.least), z.maximum(WIDTH.most)), WIDTH.unknown),
      }),
      { theme: 'light', width: WIDTH.unknown },
    ),
  }),
  { describe: false, look: [], widgetContext: { theme: 'light', width: WIDTH.unknown } },
);

/** What a widget is asked. */
export type WidgetRequest = z.output<typeof widgetSchema>;
