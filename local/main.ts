import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { constants } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { bootstrap, cdkEnvironment, deployStacks, EMULATED_STACKS } from './cdk.ts';
import { type Emulator, emulatorEnvironment, findEmulator, useEmulator } from './emulator.ts';
import { Installation, type State } from './installation.ts';
import {
  CONFIG,
  DEADLINE_SECONDS,
  HUB_REGION,
  ORDERS,
  PREFIX,
  REGIONS,
  SECRET,
  SERVICES,
  type Service,
  Shop,
  TABLE,
} from './shop.ts';
import { until } from './until.ts';
import { durationText, findingsText, reasonText } from './words.ts';

/** Of the working directory, as the printed commands name it. */
const FOLDER = '.emulator';
const CONFIG_FILE = join(FOLDER, 'recohere.config.json');
const ENV_FILE = join(FOLDER, 'env');
const LOG_FILE = join(FOLDER, 'emulator.log');
const CDK_FOLDER = resolve(FOLDER, 'cdk');

const ANSWER_TIMEOUT_MS = 5_000;
const WATCH_EVERY_MS = 5_000;
/** Answers that may be missing, one after the other, of an emulator that is only busy. */
const SILENCES_MAX = 3;

/** What a user may do next: each line works as it stands, in a second terminal. */
const NEXT: readonly (readonly [words: string, command: string])[] = [
  ['Talk to the emulator, and not to AWS, from this terminal:', `. ${ENV_FILE}`],
  ['Look once, by hand:', `node dist/bin/recohere.js scan --config ${CONFIG_FILE}`],
  ['See what the ledger remembers:', 'node dist/local/try.js episodes'],
  ['See what is known of everything:', `node dist/bin/recohere.js status --config ${CONFIG_FILE}`],
  ['Which keys differ where:', `node dist/bin/recohere.js diff pricing --config ${CONFIG_FILE}`],
  [
    'Keep it from alarming for a while:',
    `node dist/bin/recohere.js silence pricing --for 10m --reason "trying it out" --config ${CONFIG_FILE}`,
  ],
  ['Draw it all into recohere-report.html:', `node dist/bin/recohere.js report --config ${CONFIG_FILE}`],
  ['Bring the straggler to release 2 as well:', 'node dist/local/try.js deploy pricing eu-west-1 2'],
  ['Rotate a secret, and follow it to who uses it:', `node dist/local/try.js rotate ${SECRET}`],
  [
    'Look for orders that were written twice:',
    `node dist/bin/recohere.js reconcile ${TABLE} --dedupe --config ${CONFIG_FILE}`,
  ],
  ['See what became of it:', `node dist/bin/recohere.js runs --config ${CONFIG_FILE}`],
  [
    'Tell of a deploy, as a pipeline of your own would:',
    `node dist/local/try.js event '{ "deployId": "build-42", "functions": ["cart"] }'`,
  ],
  ['Tell nonsense …', `node dist/local/try.js event '{ "deployId": 42 }'`],
  ['… and find it among the dead letters:', 'node dist/local/try.js dead-letters'],
  ['Sweep now, and not in 5 minutes:', 'node dist/local/try.js sweep'],
  [
    'Look at a function now, as a pipeline would, and wait:',
    `node dist/bin/recohere.js verify pricing --wait --config ${CONFIG_FILE}`,
  ],
  [
    'Ask what would stop Recohere; it misses the alarms, which no emulator has:',
    `node dist/bin/recohere.js doctor --config ${CONFIG_FILE}`,
  ],
  ['See what CloudWatch would make of the logs:', 'node dist/local/try.js metrics'],
  [`Edit ${CONFIG_FILE}, and deploy it:`, `npx cdk deploy '${EMULATED_STACKS}' -c config=${CONFIG_FILE}`],
];

/** A signal that ends the run. */
class Ended extends Error {
  readonly exitCode: number;

  constructor(signal: NodeJS.Signals) {
    super(signal);
    this.exitCode = 128 + constants.signals[signal]; // as a shell says it
  }
}

const ending = new AbortController();
const ended = new Promise<never>((_, reject) => {
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => {
      ending.abort();
      reject(new Ended(signal));
    });
  }
});
ended.catch(() => {}); // whoever waits for it is told

/** Everything from start to end, in words. @returns the exit code */
async function main(): Promise<number> {
  let emulator: Emulator | undefined;
  let isReady = false;
  try {
    await refuseSecond();
    await mkdir(FOLDER, { recursive: true });
    const { AWS_ENDPOINT_URL: given } = process.env;
    const found = step('Starting an AWS emulator', (tell) => findEmulator(given, LOG_FILE, tell));
    emulator = await Promise.race([found, ended]);
    await Promise.race([run(emulator), ended]);
    isReady = true;
    return await Promise.race([watch(emulator), ended]);
  } catch (error) {
    if (!(error instanceof Ended)) {
      process.stderr.write(`\nlocal: ${reasonText(error)}\n`);
      return 1;
    }
    process.stdout.write('\nStopping … ');
    return isReady ? 0 : error.exitCode;
  } finally {
    await end(emulator);
  }
}

async function end(emulator: Emulator | undefined): Promise<void> {
  await emulator?.stop();
  if (emulator?.isOurs) await Promise.all([ENV_FILE, CONFIG_FILE].map((file) => rm(file, { force: true })));
  if (!ending.signal.aborted) return;
  const rest = emulator && !emulator.isOurs ? `; what was deployed stays in ${emulator.endpoint}` : '';
  process.stdout.write(`ended${rest}.\n`);
}

/** Two of one folder would take each other's files. */
async function refuseSecond(): Promise<void> {
  const text = await readFile(ENV_FILE, 'utf8').catch(() => '');
  const endpoint = /^export AWS_ENDPOINT_URL='([^']+)'$/m.exec(text)?.[1];
  if (endpoint === undefined || endpoint === process.env.AWS_ENDPOINT_URL) return;
  if (await answers(endpoint)) {
    throw new Error(`npm run local runs in this folder already, with its emulator at ${endpoint}`);
  }
}

/** @throws Error when the emulator has ended by itself */
async function watch({ endpoint }: Emulator): Promise<never> {
  for (let silent = 0; silent < SILENCES_MAX; ) {
    await setTimeout(WATCH_EVERY_MS);
    silent = (await answers(endpoint)) ? 0 : silent + 1;
  }
  throw new Error(`${endpoint} does not answer any more`);
}

async function answers(endpoint: string): Promise<boolean> {
  try {
    await fetch(endpoint, { signal: AbortSignal.timeout(ANSWER_TIMEOUT_MS) });
    return true;
  } catch {
    return false;
  }
}

async function run(emulator: Emulator): Promise<void> {
  useEmulator(emulator.endpoint);
  await writeFile(CONFIG_FILE, `${JSON.stringify(CONFIG, null, 2)}\n`);
  const options = { folder: CDK_FOLDER, config: resolve(CONFIG_FILE), signal: ending.signal };
  await step('Preparing its regions for the CDK', () => bootstrap(options, REGIONS));
  await step('Deploying Recohere: hub, regions, a bucket', () => deployStacks(options));
  await writeFile(
    ENV_FILE,
    environmentText({ ...emulatorEnvironment(emulator.endpoint), ...cdkEnvironment(CDK_FOLDER) }),
  );

  const installation = new Installation(PREFIX, HUB_REGION);
  const shop = new Shop(installation);
  await step(`Creating a secret, ${SECRET}, its replicas, and who uses it`, () =>
    openDatabase(installation, shop),
  );
  await step(`Creating a table, ${TABLE}, with ${ORDERS} items`, () => shop.openOrders());
  await step(`Creating functions: ${SERVICES.join(', ')}, each in ${REGIONS.join(', ')}`, () =>
    createAll(installation, shop),
  );
  const checkout = await step('Deploying release 2 of checkout, to one region later', () =>
    converge(installation, shop, 'checkout'),
  );
  const pricing = await step('Deploying release 2 of pricing, to all regions but one', () =>
    diverge(installation, shop, 'pricing'),
  );
  const counts = await step('Sweeping', () => installation.sweep());
  process.stdout.write(account(emulator, checkout, pricing, counts));
}

async function step<T>(what: string, work: (tell: (words: string) => void) => Promise<T>): Promise<T> {
  const began = Date.now();
  const tell = (words: string) => {
    process.stdout.write(`${words} … `);
  };
  tell(what);
  const done = await work(tell);
  process.stdout.write(`${durationText(Date.now() - began)}\n`);
  return done;
}

/** Which agree, as a first sweep learns. */
async function createAll(installation: Installation, shop: Shop): Promise<void> {
  for (const service of SERVICES) for (const region of REGIONS) await shop.place(service, region, 1);
  await installation.sweep();
  await until(
    'all services agree',
    () => installation.states(),
    (states) => states.length >= SERVICES.length && states.every(({ open }) => open === undefined),
  );
}

/** Which agree as soon as the worker has told what it has loaded. */
async function openDatabase(installation: Installation, shop: Shop): Promise<void> {
  await shop.openDatabase();
  const ledger = await installation.ledger('secret');
  await until(
    `replicas and consumers of ${SECRET} agree`,
    () => ledger.read(SECRET),
    ({ agreed }) => agreed !== undefined,
  );
}

const [FIRST, LATER, THIRD] = REGIONS;

/** Two regions first, then the other one. */
async function converge(
  installation: Installation,
  shop: Shop,
  service: Service,
): Promise<NonNullable<State['last']>> {
  await shop.deploy(service, FIRST, 2);
  await shop.deploy(service, THIRD, 2);
  const open = await episodeOf(installation, service, ({ open }) => open);
  await shop.deploy(service, LATER, 2);
  return episodeOf(installation, service, ({ last }) => (last?.id === open.id ? last : undefined));
}

/** Two regions, and then nothing, until the deadline has passed. */
async function diverge(
  installation: Installation,
  shop: Shop,
  service: Service,
): Promise<NonNullable<State['open']>> {
  await shop.deploy(service, FIRST, 2);
  await shop.deploy(service, THIRD, 2);
  return episodeOf(installation, service, ({ open }) => (open?.isOverdue ? open : undefined));
}

async function episodeOf<T>(
  installation: Installation,
  service: Service,
  wanted: (state: State) => T | undefined,
): Promise<T> {
  const ledger = await installation.ledger();
  const found = await until(
    `the ledger shows the episode of ${service}`,
    async () => wanted(await ledger.read(service)),
    (episode) => episode !== undefined,
  );
  return found as T;
}

function account(
  { name, endpoint }: Emulator,
  checkout: NonNullable<State['last']>,
  pricing: NonNullable<State['open']>,
  counts: Readonly<Record<string, number>>,
): string {
  const { timeToDetectMs, convergenceMs, exposureMs } = checkout;
  return `
Recohere runs in ${name} at ${endpoint}, and this is what it saw:

  cart      Release 1 everywhere, and nothing has moved.
  checkout  Release 2 came to ${FIRST} and ${THIRD}, and later to ${LATER}.
            Noticed in ${durationText(timeToDetectMs)}, agreed ${durationText(convergenceMs)} after the last deploy; regions differed for ${durationText(exposureMs)}.
  pricing   Release 2 never came to ${LATER}, and its deadline of ${DEADLINE_SECONDS} s has passed.
            ${findingsText(pricing.findings)}
  orders    Some orders of the table were written twice, and nobody has looked yet.

The sweep counts ${counts.ConfigDriftCount} replica that has drifted and ${counts.EpisodesStalled} episode that is stalled: in AWS an alarm would ring.

Try next, in another terminal, in this folder:

${NEXT.map(([words, command]) => `  ${words}\n    ${command}\n`).join('\n')}
It runs until Ctrl-C.
`;
}

function environmentText(variables: Readonly<Record<string, string>>): string {
  const quoted = (text: string) => `'${text.replaceAll("'", "'\\''")}'`;
  return [
    '# Talks to the emulator of npm run local, and to nothing else.',
    'unset AWS_PROFILE AWS_SESSION_TOKEN',
    ...Object.entries(variables).map(([name, value]) => `export ${name}=${quoted(value)}`),
    '',
  ].join('\n');
}

process.exit(await main());
