import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { awsItemStores } from '../functions/adapters/aws/item-store.ts';
import type { Reconciling } from '../functions/adapters/aws/reconcile-client.ts';
import { systemClock, systemRandom } from '../functions/adapters/aws/system.ts';
import { transforms } from '../functions/adapters/aws/transform.ts';
import { fileObjectStore } from '../functions/adapters/local/file-objects.ts';
import { memoryObjectStore } from '../functions/adapters/local/memory-objects.ts';
import { SimulatedRunLedger } from '../functions/adapters/sim/run-ledger.ts';
import { tableOf } from '../functions/app/plan-run.ts';
import { type ReconcilePorts, type RunStatus, reconcile } from '../functions/app/reconcile.ts';
import { runHere } from '../functions/app/run-here.ts';
import { PROCESS_LIMITS } from '../functions/app/run-ports.ts';
import type { ParsedConfig } from '../functions/contract/config.ts';
import { runRequestSchema, type WrittenRequest } from '../functions/contract/requests.ts';
import { EXIT, Failure } from './failure.ts';
import { userModules } from './load-config.ts';
import { sentenceOf } from './render.ts';

/** Bytes of tables of which all is kept in memory that is written down of them: keys and hashes, which are far less. */
const MEMORY_TABLE_BYTES_MAX = 256 * 1024 * 1024;

/** Dry runs in this process. */
export interface Here extends Pick<Reconciling, 'run'> {
  /** Removes all that was written down. */
  close(): void;
}

/**
 * What makes a dry run in this process, with the caller's own credentials. Nothing of it is kept.
 * @param request What will be asked for.
 * @throws Failure `refused` if the table is in another account than the config says; RecohereError, RefusedError
 */
export async function dryRunHere(
  config: ParsedConfig,
  request: Extract<WrittenRequest, { readonly table: string }>,
): Promise<Here> {
  const { ref, table } = tableOf(config, request);
  const items = awsItemStores();
  const { arn, bytes: own } = await items(ref).describe();
  const target = request.kind === 'backfill' ? table.backfill?.to : undefined;
  const bytes = own + (target === undefined ? 0 : (await items({ ...ref, name: target }).describe()).bytes);
  const account = ref.account ?? config.hub.account;
  if (account !== undefined && arn.split(':')[4] !== account) {
    throw new Failure(EXIT.refused, sentenceOf({ code: 'OTHER_ACCOUNT' }));
  }
  const folder = bytes > MEMORY_TABLE_BYTES_MAX ? mkdtempSync(join(tmpdir(), 'recohere-')) : undefined;
  const objects = folder === undefined ? memoryObjectStore() : fileObjectStore(folder);
  let failed: Promise<never> | undefined;
  const ports: ReconcilePorts = {
    clock: systemClock,
    random: systemRandom,
    ledger: new SimulatedRunLedger(),
    items,
    objects: () => objects,
    transforms: transforms((of) => importTransform(config, of)),
    telemetry: { publish: () => {} },
    limits: PROCESS_LIMITS,
    start: async (run) => {
      runHere(ports, run).catch((error) => {
        failed = Promise.reject(error);
        failed.catch(() => {}); // it is thrown by the next question
      });
    },
  };
  return {
    async run(written) {
      await failed;
      const status = (await reconcile(ports, config, runRequestSchema.parse(written))) as RunStatus;
      return { ...status };
    },
    close() {
      if (folder !== undefined) rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** The module of a table's transform, be it TypeScript. */
async function importTransform(
  config: ParsedConfig,
  { name, region, account }: Parameters<ReconcilePorts['items']>[0],
): Promise<unknown> {
  const { table } = tableOf(config, { table: name, region, account });
  return (await userModules()).import(table.backfill?.transform ?? '');
}
