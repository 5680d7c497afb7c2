import type { WrittenRequest } from '../../functions/contract/requests.ts';
import type { RealRunsOptions } from './real-runs.ts';

/** What the process is told, as JSON. */
export interface WorkerOrder
  extends Pick<RealRunsOptions, 'client' | 'ledger' | 'folder' | 'tables' | 'limits'> {
  readonly asked: WrittenRequest;
  /** How far its clock goes before the machine's own. */
  readonly aheadMs: number;
  /** What it is told how many items there are: more than there are, so that there are several partitions. */
  readonly items: number;
}

/** What a line begins with that has, as JSON, how the run ended. All other lines say that something happens to a call of a port. */
export const ENDED = 'ended ';
