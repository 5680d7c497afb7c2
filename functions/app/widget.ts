import type { ParsedConfig } from '../contract/config.ts';
import type { WidgetRequest } from '../contract/widget.ts';
import { drawWidget } from './draw.ts';
import { type OverviewPorts, overview } from './overview.ts';

/** What CloudWatch shows of a custom widget that is asked for its documentation. */
const DESCRIPTION = `## Recohere

Which copies of your functions and secrets disagree, where and in which keys; the last episodes; runs over tables.

It takes no parameters. Its buttons ask for a look at subjects, now: nothing in it can change anything else. Whoever views the dashboard needs
\`lambda:InvokeFunction\` on this function.
`;

export interface WidgetPorts extends OverviewPorts {
  /** Asks for a look at subjects. */
  readonly verify: (subjects: readonly string[]) => Promise<object>;
}

/**
 * Draws what is known, or says how the widget is used. If one of its buttons was pressed, it first asks for a look, of which it shows
 * what is known so far.
 * @param ownArn Of the function that draws, which its buttons call.
 * @returns HTML; or, asked to describe itself, Markdown.
 */
export async function widget(
  ports: WidgetPorts,
  config: ParsedConfig,
  { describe, look, widgetContext }: WidgetRequest,
  ownArn: string,
): Promise<string | { readonly markdown: string }> {
  if (describe) return { markdown: DESCRIPTION };
  if (look.length > 0) await ports.verify(look);
  const known = await overview(ports, config, { limit: Number.POSITIVE_INFINITY });
  return drawWidget(known, { ...widgetContext, lookAgain: ownArn, asked: look });
}
