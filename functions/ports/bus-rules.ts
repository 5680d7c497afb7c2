/** A rule on a bus of EventBridge. */
export interface BusRule {
  readonly name: string;
  /** Whether a part of AWS has made it, such as an archive of the bus, and only that deletes it. */
  readonly isManaged: boolean;
}
