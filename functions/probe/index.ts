import { randomUUID } from 'node:crypto';
import { PROBE_KIND, type ProbeAnswer, type ProbeRequest } from '../contract/probe.ts';
import { type PutEvents, reporter, sdkPutEvents } from './reporter.ts';
import { currentLoadOf, type Load, loadsOf, type SecretAnswer, versions } from './versions.ts';

export type { PutEvents, ReportEntry } from './reporter.ts';
export type { SecretAnswer } from './versions.ts';

export interface ConsumerOptions {
  /**
   * The consumer, as the config of Recohere names it. A process without a name, such as one of unit tests, reports nothing.
   * @default AWS_LAMBDA_FUNCTION_NAME of the environment
   */
  readonly name?: string | undefined;
  /**
   * Sends the reports.
   * @default `PutEvents` of @aws-sdk/client-eventbridge, to the default bus of the own region
   */
  readonly putEvents?: PutEvents;
}

/** A client of the AWS SDK for JavaScript v3, of any version. */
export interface SdkClient {
  readonly middlewareStack: { add(middleware: Middleware, options: { step: 'initialize' }): void };
}

type Middleware = <Answer extends { output: object }>(
  next: (call: { input: object }) => Promise<Answer>,
  context: { commandName?: string },
) => (call: { input: object }) => Promise<Answer>;

/** A process that uses secrets. Nothing here fails, reads a value, or keeps what it watches waiting. */
export interface Consumer {
  /**
   * Reports what a client of Secrets Manager loads of `AWSCURRENT`, from now on: a version once, until another is loaded.
   * @returns the same client
   */
  watch<Client extends SdkClient>(client: Client): Client;
  /**
   * The same for a parsed answer of `GetSecretValue` that came by another way, such as from the Lambda extension.
   * @returns the same answer
   */
  loaded<Answer extends SecretAnswer>(answer: Answer): Answer;
  /**
   * Makes a handler answer probes, and wait a little for reports under way when it ends. All other events are the handler's,
   * and its result or error is handed on as it is; who probes is none of its callers, so the type stays the same.
   * @param handler An asynchronous one: what it gives to a callback is lost.
   */
  answering<Args extends unknown[], Result>(
    handler: (...args: Args) => Result | Promise<Result>,
    options: ProbeOptions,
  ): (...args: Args) => Promise<Result>;
}

export interface ProbeOptions {
  /**
   * Loads a secret as the consumer always does, by what is watched, and uses it, such as to connect to a database.
   * Ends if it could, and throws otherwise; the error is not told to anyone.
   * @param secret The secret's name, by the word of whoever invoked the function: load none that you do not know.
   */
  readonly use: (secret: string) => Promise<unknown>;
}

/**
 * A consumer of secrets that reports which versions its process has loaded, and answers probes. One a process will do.
 * @example
 * const { watch, answering } = consumer();
 * const secrets = watch(new SecretsManagerClient());
 */
export function consumer(options: ConsumerOptions = {}): Consumer {
  const { name = process.env.AWS_LAMBDA_FUNCTION_NAME, putEvents = sdkPutEvents() } = options;
  const id = randomUUID();
  const known = versions();
  const { report, settle } = reporter(putEvents);

  function note(loads: readonly Load[]): void {
    for (const load of loads) {
      if (!known.changedBy(load) || !name) continue;
      const { arn: secret, versionId } = load;
      report({ consumer: name, process: id, secret, versionId, loadedAt: new Date().toISOString() });
    }
  }

  async function answer({ kind, secret }: ProbeRequest, { use }: ProbeOptions): Promise<ProbeAnswer> {
    const used = await inOrder(use, secret);
    const versionId = known.lastOf(secret);
    return used && versionId ? { kind, secret, versionId } : { kind, secret, failed: true };
  }

  return {
    watch(client) {
      const watching: Middleware =
        (next, { commandName }) =>
        async (call) => {
          const answer = await next(call);
          note(loadsOf(commandName, call.input, answer.output ?? {}));
          return answer;
        };
      client.middlewareStack.add(watching, { step: 'initialize' });
      return client;
    },
    loaded(answer) {
      note(currentLoadOf(answer));
      return answer;
    },
    answering:
      <Args extends unknown[], Result>(
        handler: (...args: Args) => Result | Promise<Result>,
        options: ProbeOptions,
      ) =>
      async (...args: Args) => {
        const [event] = args;
        try {
          return isProbe(event) ? ((await answer(event, options)) as Result) : await handler(...args);
        } finally {
          await settle();
        }
      },
  };
}

/** Whether a use ended; the error of one that did not may quote a value. */
async function inOrder(use: ProbeOptions['use'], secret: string): Promise<boolean> {
  try {
    await use(secret);
    return true;
  } catch {
    return false;
  }
}

function isProbe(event: unknown): event is ProbeRequest {
  const { kind, secret } = (event ?? {}) as Partial<ProbeRequest>;
  return kind === PROBE_KIND && typeof secret === 'string';
}
