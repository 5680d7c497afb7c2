/** A request to look at one subject again. It counts only while the subject's state holds the same number. */
export interface Wake {
  readonly subject: string;
  readonly wake: number;
}

/** Sends messages to ourselves, later. Delivery is at least once and unordered. */
export interface Wakes {
  /** @param delaySeconds At most 900, the limit of a queue's delay. */
  send(wake: Wake, delaySeconds: number): Promise<void>;
}
