import type { Notice, PauseRequest, Severity } from '../../core/notice.ts';
import type { Notices } from '../../ports/notices.ts';
import { Answering } from './answering.ts';

/** Keeps what is told, in order. Faults are told the title of a notice, or the id of a deploy. */
export class SimulatedNotices extends Answering<keyof Notices, string> implements Notices {
  readonly sent: { readonly severity: Severity; readonly notice: Notice }[] = [];
  readonly paused: PauseRequest[] = [];

  send(severity: Severity, notice: Notice): Promise<void> {
    const kept = structuredClone({ severity, notice });
    return this.answer('send', notice.title, () => {
      this.sent.push(kept);
    });
  }

  pause(request: PauseRequest): Promise<void> {
    const kept = structuredClone(request);
    return this.answer('pause', request.deployId, () => {
      this.paused.push(kept);
    });
  }
}
