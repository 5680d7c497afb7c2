import type { VirtualClock } from '../functions/adapters/sim/virtual-clock.ts';
import type { Delivered } from '../functions/app/receive.ts';
import { BATCH_MESSAGES, BATCHES_AT_ONCE, TRIES_MAX } from '../functions/contract/deployment.ts';
import type { Fate } from './fate.ts';

/** How much later a repeated message comes at most. */
const REPEATED_WITHIN_MS = 60_000;

interface Message {
  readonly id: string;
  readonly body: string;
  visibleAt: number;
  tries: number;
}

/** Works on a batch. @returns Ids of the messages that failed; `undefined` if it died, or failed as a whole. */
type Work = (batch: readonly Delivered[]) => Promise<readonly string[] | undefined>;

/**
 * A queue of SQS that feeds a function. It delivers at least once and in no order: a message that is not deleted comes again when its
 * visibility timeout has passed, and is put aside when it was tried too often.
 * @see https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html
 */
export class Queue {
  /** Messages that were put aside, since no process lived long enough to handle them. */
  readonly aside: string[] = [];
  sent = 0;
  handled = 0;
  readonly #clock: VirtualClock;
  readonly #fate: Fate;
  readonly #name: string;
  readonly #visibilityMs: number;
  readonly #work: Work;
  readonly #messages = new Set<Message>();
  #working = 0;

  /** @param visibilityMs For so long a message that was delivered is not delivered again. */
  constructor(clock: VirtualClock, fate: Fate, name: string, visibilityMs: number, work: Work) {
    this.#clock = clock;
    this.#fate = fate;
    this.#name = name;
    this.#visibilityMs = visibilityMs;
    this.#work = work;
  }

  /** Messages that are neither handled nor put aside. */
  get left(): number {
    return this.#messages.size;
  }

  send(body: string, delayMs: number): void {
    this.#add(`${this.#name}-${++this.sent}`, body, delayMs);
  }

  #add(id: string, body: string, delayMs: number): void {
    const message: Message = { id, body, visibleAt: this.#clock.now() + delayMs, tries: 0 };
    this.#messages.add(message);
    this.#deliverAt(message);
  }

  #deliverAt({ visibleAt }: Message): void {
    void this.#clock.sleep(Math.max(0, visibleAt - this.#clock.now())).then(() => this.#deliver());
  }

  #deliver(): void {
    while (this.#working < BATCHES_AT_ONCE) {
      const batch = this.#visible();
      if (batch.length === 0) return;
      this.#working++;
      void this.#handle(batch).then(() => {
        this.#working--;
        this.#deliver();
      });
    }
  }

  #visible(): readonly Message[] {
    const now = this.#clock.now();
    const batch: Message[] = [];
    for (const message of this.#messages) {
      if (message.visibleAt > now || batch.length === BATCH_MESSAGES) continue;
      if (message.tries === TRIES_MAX) {
        this.#messages.delete(message);
        this.aside.push(message.id);
        continue;
      }
      message.tries++;
      message.visibleAt = now + this.#visibilityMs;
      batch.push(message);
    }
    return batch;
  }

  async #handle(batch: readonly Message[]): Promise<void> {
    const failed = await this.#work(batch.map(({ id, body, tries }) => ({ messageId: id, body, tries })));
    for (const message of batch) {
      if (failed === undefined || failed.includes(message.id)) {
        this.#deliverAt(message);
        continue;
      }
      if (!this.#messages.delete(message)) continue; // it came twice
      this.handled++;
      if (this.#fate.strikes(['message repeated'], message.id)) {
        this.sent++;
        const delayMs = this.#fate.random('repeated', message.id).below(REPEATED_WITHIN_MS);
        this.#add(`${message.id}-again`, message.body, delayMs);
      }
    }
  }
}
