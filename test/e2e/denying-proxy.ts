import { once } from 'node:events';
import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface DenyingProxy {
  readonly endpoint: string;
  close(): Promise<void>;
}

/** `Credential=<key id>/<day>/<region>/<service>/aws4_request` */
const SCOPE = /Credential=[^/]+\/\d{8}\/([^/]+)\/([^/]+)\//;

/** IAM's names of the calls that a function source makes. */
const CALLS: readonly (readonly [RegExp, string])[] = [
  [/^\/[\d-]+\/functions\/?(\?|$)/, 'lambda:ListFunctions'],
  [/\/configuration(\?|$)/, 'lambda:GetFunctionConfiguration'],
  [/\/aliases\//, 'lambda:GetAlias'],
  [/^\/$/, 'tag:GetResources'],
];

/** Passes requests on to an emulator, which checks no permission, and denies those for one region as AWS does. */
export async function startDenyingProxy(target: string, deniedRegion: string): Promise<DenyingProxy> {
  const server = createServer((asked, answer) => {
    const region = SCOPE.exec(asked.headers.authorization ?? '')?.[1];
    if (region === deniedRegion) deny(asked, answer);
    else forward(target, asked, answer);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    endpoint: `http://127.0.0.1:${port}`,
    async close() {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
}

function deny(asked: IncomingMessage, answer: ServerResponse): void {
  const call = CALLS.find(([path]) => path.test(asked.url ?? ''))?.[1] ?? 'lambda:Unknown';
  const user = 'arn:aws:iam::111111111111:user/reader';
  const message = `User: ${user} is not authorized to perform: ${call} on resource: * because no identity-based policy allows the ${call} action`;
  asked.resume();
  answer.writeHead(403, {
    'Content-Type': 'application/json',
    'x-amzn-ErrorType': 'AccessDeniedException',
  });
  answer.end(JSON.stringify({ Message: message }));
}

function forward(target: string, asked: IncomingMessage, answer: ServerResponse): void {
  const passed = request(
    new URL(asked.url ?? '/', target),
    { method: asked.method, headers: asked.headers },
    (answered) => {
      answer.writeHead(answered.statusCode ?? 502, answered.headers);
      answered.pipe(answer);
    },
  );
  passed.on('error', () => answer.destroy());
  asked.pipe(passed);
}
