/** Source of the events with which consumers of secrets report. */
export const REPORT_SOURCE = 'recohere.probe';

/** The detail type of these events. */
export const REPORT_DETAIL_TYPE = 'Secret Version Loaded';

/** Characters of a consumer's name. */
export const CONSUMER_NAME_MAX = 140;

/** The detail of one report: a process has loaded a version of a secret that it had not before. Holds no value. */
export interface LoadReport {
  /** The consumer, as the config names it. */
  readonly consumer: string;
  /** Tells the processes of one consumer apart; made by chance when the process starts. */
  readonly process: string;
  /** The secret's ARN, or its name. */
  readonly secret: string;
  readonly versionId: string;
  /** When it was loaded, as ISO 8601, by the clock of the process. */
  readonly loadedAt: string;
}

/** The `kind` of a probe, and of its answer. */
export const PROBE_KIND = 'recohere.probe';

/** What a probe function is invoked with. */
export interface ProbeRequest {
  readonly kind: typeof PROBE_KIND;
  /** The secret's name. */
  readonly secret: string;
}

/** What a probe function answers: the version that it could use, or that it could use none. */
export type ProbeAnswer =
  | { readonly kind: typeof PROBE_KIND; readonly secret: string; readonly versionId: string }
  | { readonly kind: typeof PROBE_KIND; readonly secret: string; readonly failed: true };
