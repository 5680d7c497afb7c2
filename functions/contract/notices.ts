import type { Finding } from './report.ts';

/** The event with which a pause of a rollout is asked for, on the hub's bus. Its detail is a {@link PauseRequest}. */
export const PAUSE_EVENT = { source: 'recohere', detailType: 'Rollout Pause Requested' } as const;

/** What one deploy, or what nobody told of, has left different, in the words of a chat message and as data. */
export interface Notice {
  /** One line, of at most 100 characters: the subject of a mail. */
  readonly title: string;
  /** Fits a chat message: at most {@link TEXT_MAX} characters. */
  readonly text: string;
  readonly json: NoticeJson;
}

/** Characters of a notice's text. */
export const TEXT_MAX = 2_000;

export interface NoticeJson {
  readonly deploy: NamedDeploy;
  readonly severity: 'page' | 'ticket';
  /** What does not agree, from the first on as far as there is room. */
  readonly subjects: readonly {
    readonly subject: string;
    readonly kind: 'function' | 'secret';
    readonly critical: boolean;
    readonly isOverdue: boolean;
    readonly findings: readonly Finding[];
  }[];
  /** How many subjects are left out. */
  readonly subjectsLeft: number;
}

/** What caused an episode, as far as it was told. */
export interface NamedDeploy {
  /** The id that whoever told gave: of a deployment, of a pipeline's execution, the name of a stack. */
  readonly id: string;
  /** `aws.cloudformation`, `recohere.deploy` …; `look` if nobody told. */
  readonly source: string;
  /** Epoch milliseconds. */
  readonly at: number;
}

/** A rollout should not go on: a critical subject did not agree in time, or too much differs for too long. */
export interface PauseRequest {
  readonly deployId: string;
  readonly source: string;
  readonly at: number;
  readonly reason: 'critical-stalled' | 'exposure-burn';
  /** Names of the subjects concerned, at most 100. */
  readonly subjects: readonly string[];
}
