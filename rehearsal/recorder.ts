import { MEGABYTES } from '../functions/contract/deployment.ts';
import type { SubjectKind } from '../functions/contract/ledger.ts';
import type { MetricName } from '../functions/contract/metrics.ts';
import { CALL_PRICES } from '../functions/contract/prices.ts';
import type { ClosedEpisode, SubjectState } from '../functions/core/episode.ts';
import type { Notice, PauseRequest, Severity } from '../functions/core/notice.ts';
import type { Measurements, MetricSample, SourceCount } from './alarms.ts';
import { heard } from './haunted.ts';
import type { HubPart, Invocation, Watched, Watcher } from './hub.ts';

/** Something that happened to a subject, and when it was first seen. Times are epoch milliseconds. */
export interface Change {
  readonly kind: SubjectKind;
  readonly subject: string;
  readonly at: number;
  seenAt?: number;
  /** When a notice named it. */
  noticedAt?: number;
}

/** Somebody was told something. */
export interface Told {
  readonly at: number;
  /** `pause`: pipelines were asked for one. */
  readonly what: Severity | 'pause';
  readonly words: string;
}

/** What one function of the hub did. */
export interface Worked {
  readonly invocations: number;
  readonly ms: number;
}

/** Sent, received, deleted. */
const REQUESTS_PER_MESSAGE = 3;
/** From the beginning of a look, which says when it was, to the last of its reads. */
const LOOK_MS_MAX = 10_000;
/** What IAM calls the calls that are made. */
const CALLS: Readonly<Record<string, string>> = {
  list: 'lambda:ListFunctions',
  read: 'lambda:GetFunctionConfiguration',
  alias: 'lambda:GetAlias',
  tagged: 'tag:GetResources',
  describe: 'secretsmanager:DescribeSecret',
  hasVersion: 'secretsmanager:ListSecretVersionIds',
  probe: 'lambda:InvokeFunction',
};

/** Writes down what a hub does and what it takes. */
export class Recorder implements Watcher {
  readonly changes: Change[] = [];
  readonly closed: { readonly kind: SubjectKind; readonly episode: ClosedEpisode }[] = [];
  readonly told: Told[] = [];
  /** By the name that IAM gives them. */
  readonly calls = new Map<string, number>();
  readonly worked = new Map<HubPart, Worked>();
  /** Events that were put on the hub's bus. */
  events = 0;
  readonly #now: () => number;
  readonly #samples: MetricSample[] = [];
  readonly #counts: SourceCount[] = [];
  readonly #last = new Map<string, string | undefined>();
  #letters = 0;
  #writes = 0;

  constructor(now: () => number) {
    this.#now = now;
  }

  /** What CloudWatch would know. */
  get measurements(): Measurements {
    return { samples: this.#samples, counts: this.#counts };
  }

  /** What comes from now on counts. */
  begin(): void {
    this.calls.clear();
    this.worked.clear();
    this.events = 0;
    this.#writes = 0;
  }

  /** Something has happened now that the hub is to see. */
  changed(kind: SubjectKind, subject: string): Change {
    const change: Change = { kind, subject, at: this.#now() };
    this.changes.push(change);
    return change;
  }

  /** When the episode ended that a change opened or joined; `undefined` if it did not. */
  closedAt({ kind, subject, at }: Change): number | undefined {
    return this.closed.find(
      (each) => each.kind === kind && each.episode.subject === subject && each.episode.closedAt >= at,
    )?.episode.closedAt;
  }

  /** What is watched, with all calls counted. */
  counting({ functions, secrets, probes }: Watched): Watched {
    return {
      functions: this.#counted(functions),
      secrets: this.#counted(secrets),
      probes: this.#counted(probes),
    };
  }

  /**
   * What all of it costs at list prices, as far as it depends on what happened: invocations, calls of Secrets Manager, messages, events and
   * writes of the ledger. Reads of it and of the key, metrics, alarms, the dashboard, logs, traces and what a user's own probes run are left
   * out.
   * @param messages That were sent to the queues.
   */
  usd(messages: number): number {
    const worked = [...this.worked];
    const units: Readonly<Record<keyof typeof CALL_PRICES, number>> = {
      lambdaRequest: sum(worked.map(([, { invocations }]) => invocations)),
      lambdaGbSecond: sum(
        worked.map(
          ([part, { ms }]) => ((ms / 1000) * (part === 'notify' ? MEGABYTES.notify : MEGABYTES.usual)) / 1024,
        ),
      ),
      secretCall: sum(
        [...this.calls].map(([call, count]) => (call.startsWith('secretsmanager:') ? count : 0)),
      ),
      queueRequest: messages * REQUESTS_PER_MESSAGE,
      event: this.events,
      writeUnit: this.#writes,
    };
    const names = Object.keys(units) as (keyof typeof CALL_PRICES)[];
    return sum(names.map((name) => (units[name] * CALL_PRICES[name].usd) / CALL_PRICES[name].per));
  }

  published(metric: MetricName, value: number): void {
    this.#samples.push({ at: this.#now(), metric, value });
  }

  swapped(kind: SubjectKind, { subject, open, last }: SubjectState): void {
    this.#writes++;
    const key = `${kind} ${subject}`;
    const isClosed = last !== undefined && last.id !== this.#last.get(key);
    if (isClosed) this.closed.push({ kind, episode: last });
    this.#last.set(key, last?.id);
    const sawAt = open?.lastSeenAt ?? (isClosed ? last.closedAt + LOOK_MS_MAX : 0);
    for (const change of this.changes) {
      if (change.kind === kind && change.subject === subject && change.at <= sawAt)
        change.seenAt ??= this.#now();
    }
  }

  noticed(severity: Severity, { title, json }: Notice): void {
    this.told.push({ at: this.#now(), what: severity, words: title });
    for (const { kind, subject } of json.subjects) {
      for (const change of this.changes) {
        if (change.kind === kind && change.subject === subject) change.noticedAt ??= this.#now();
      }
    }
  }

  paused({ subjects }: PauseRequest): void {
    this.told.push({ at: this.#now(), what: 'pause', words: subjects.join(', ') });
  }

  refused(): void {
    this.#counts.push({ at: this.#now(), source: 'dead-letters', value: ++this.#letters });
  }

  ended({ part, startedAt, outcome }: Invocation): void {
    const at = this.#now();
    const { invocations, ms } = this.worked.get(part) ?? { invocations: 0, ms: 0 };
    this.worked.set(part, { invocations: invocations + 1, ms: ms + at - startedAt });
    if (outcome !== 'ok') this.#counts.push({ at, source: 'failures', value: 1 });
  }

  #counted<T extends object>(port: T): T {
    return heard(port, (method) => {
      const call = CALLS[method];
      if (call !== undefined) this.calls.set(call, (this.calls.get(call) ?? 0) + 1);
    });
  }
}

/** Watchers as one. */
export function allOf(...watchers: readonly Watcher[]): Watcher {
  return new Proxy<Watcher>(
    {},
    {
      get:
        (_target, event) =>
        (...given: unknown[]) => {
          for (const watcher of watchers) {
            const hear: unknown = Reflect.get(watcher, event, watcher);
            if (typeof hear === 'function') Reflect.apply(hear, watcher, given);
          }
        },
    },
  );
}

function sum(values: readonly number[]): number {
  return values.reduce((all, value) => all + value, 0);
}
