import type { ParsedConfig } from '../contract/config.ts';
import type { AnyRequest } from '../contract/requests.ts';
import { type OverviewPorts, overview } from './overview.ts';
import { type ReconcilePorts, reconcile } from './reconcile.ts';
import { runProgress } from './run-progress.ts';
import { silence } from './silence.ts';

/** What requests of all kinds are answered with. */
export interface AnswerPorts extends ReconcilePorts, Omit<OverviewPorts, 'runs'> {
  /** Asks for a look at subjects. */
  readonly verify: (subjects: readonly string[]) => Promise<object>;
}

/**
 * Does what is asked, or says why not.
 * @returns What can be said as JSON.
 * @throws RecohereError with the reason
 */
export async function answer(ports: AnswerPorts, config: ParsedConfig, request: AnyRequest): Promise<object> {
  switch (request.kind) {
    case 'verify':
      return ports.verify(request.subjects);
    case 'overview':
      return overview({ ...ports, runs: (limit) => runProgress(ports, limit) }, config, request);
    case 'silence':
      return silence(ports, config, request);
    default:
      return reconcile(ports, config, request);
  }
}
