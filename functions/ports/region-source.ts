/** Reads which regions the caller's account may use. */
export interface RegionSource {
  /** Codes of the enabled regions, sorted. @throws RefusedError */
  enabled(): Promise<readonly string[]>;
}
