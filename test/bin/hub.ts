import { once } from 'node:events';
import { createServer } from 'node:http';
import { text } from 'node:stream/consumers';
import { requestHandler } from '../../functions/adapters/aws/request-handler.ts';
import { SimulatedLedger } from '../../functions/adapters/sim/ledger.ts';
import { SimulatedSweepLedger } from '../../functions/adapters/sim/sweep-ledger.ts';
import { type AnswerPorts, answer } from '../../functions/app/answer.ts';
import { askingToLook } from '../../functions/app/ask-to-look.ts';
import { runHere } from '../../functions/app/run-here.ts';
import type { WrittenRequest } from '../../functions/contract/requests.ts';
import type { SubjectState } from '../../functions/core/episode.ts';
import type { RunSystem } from '../app/run-system.ts';

const NAME = 'recohere-reconcile';

/** How Lambda answers instead of the function. */
interface Instead {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: object;
}

/**
 * An endpoint of Lambda on loopback that has one function, `recohere-reconcile`, which really reconciles simulated tables, and really
 * says what a ledger holds.
 */
export interface Hub {
  /** Where the SDK finds it, and credentials. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** What the function was asked for, in order. */
  readonly asked: WrittenRequest[];
  /** Answers instead of the function, if it gives something. */
  instead: (request: WrittenRequest) => Instead | undefined;
  readonly ledgers: Readonly<Record<'function' | 'secret', SimulatedLedger>>;
  readonly sweeps: SimulatedSweepLedger;
  /** What a look that is asked for sees; without it, nobody looks. */
  look: ((state: SubjectState) => SubjectState) | undefined;
  /** Whether runs that were started get anywhere. */
  isWorking: boolean;
  stop(): Promise<void>;
}

/** Starts it. Runs are brought to their end when they are asked for the second time, so that somebody has to wait. */
export async function startHub(system: RunSystem): Promise<Hub> {
  const seen = new Set<string>();
  const ledgers = { function: new SimulatedLedger(), secret: new SimulatedLedger() };
  const sweeps = new SimulatedSweepLedger();
  const looks = (ledger: SimulatedLedger) => ({
    send: async ({ at, subjects }: { readonly at: number; readonly subjects: readonly string[] }) => {
      for (const subject of hub.look ? subjects : []) {
        const state = await ledger.read(subject);
        await ledger.swap({ ...state, ...hub.look?.(state), version: state.version + 1, answeredUntil: at });
      }
    },
  });
  const verify = askingToLook(system.config, system.ports, {
    functions: looks(ledgers.function),
    secrets: looks(ledgers.secret),
  });
  const ports: AnswerPorts = { ...system.ports, ledgers, sweeps, verify };
  const handler = requestHandler(async () => ({
    answer: (request) => system.clock.run(() => answer(ports, system.config, request)),
    ended: () => {},
  }));
  const server = createServer(async (request, response) => {
    const name = decodeURIComponent(request.url?.split('/')[3] ?? '');
    const event = JSON.parse(await text(request)) as WrittenRequest;
    hub.asked.push(event);
    await system.clock.run(() => system.clock.sleep(1000)); // so that runs begin one after the other
    if (event.kind === 'status' && hub.isWorking) {
      const { run } = event;
      const attempt = JSON.stringify([run, system.started.length]);
      if (seen.has(attempt)) await system.clock.run(() => runHere(ports, run));
      seen.add(attempt);
    }
    const {
      status,
      headers = {},
      body = {},
    } = hub.instead(event) ?? (name === NAME ? { status: 200, body: await handler(event) } : NO_FUNCTION);
    response.writeHead(status, { 'content-type': 'application/json', ...headers });
    response.end(JSON.stringify(body));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  const port = typeof address === 'object' ? address?.port : undefined;
  const hub: Hub = {
    env: {
      PATH: process.env.PATH,
      HOME: '/nonexistent',
      AWS_EC2_METADATA_DISABLED: 'true',
      AWS_ACCESS_KEY_ID: 'any',
      AWS_SECRET_ACCESS_KEY: 'any',
      AWS_ENDPOINT_URL_LAMBDA: `http://127.0.0.1:${port}`,
    },
    asked: [],
    ledgers,
    sweeps,
    look: undefined,
    instead: () => undefined,
    isWorking: true,
    stop: async () => {
      server.close();
      server.closeAllConnections();
    },
  };
  return hub;
}

const NO_FUNCTION: Instead = {
  status: 404,
  headers: { 'x-amzn-errortype': 'ResourceNotFoundException' },
  body: { Message: 'Function not found' },
};
