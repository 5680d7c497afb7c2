import type { Notice, PauseRequest, Severity } from '../core/notice.ts';

/** Tells people, and pipelines, of deploys that did not arrive. */
export interface Notices {
  /** Sends a notice to whoever listens to a severity. */
  send(severity: Severity, notice: Notice): Promise<void>;
  /** Asks pipelines to stop a rollout. */
  pause(request: PauseRequest): Promise<void>;
}

/** Wakes who sends notices. What to tell, it finds in the ledger, so that a wake-up may be lost or repeated. */
export interface Nudges {
  nudge(): Promise<void>;
}
