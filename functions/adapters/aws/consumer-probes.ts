import { InvokeCommand, LambdaClient, ResourceNotFoundException } from '@aws-sdk/client-lambda';
import * as z from 'zod/mini';
import { VERSION_ID } from '../../contract/names.ts';
import { PROBE_KIND, type ProbeRequest } from '../../contract/probe.ts';
import type { RefusalCode } from '../../contract/report.ts';
import { RefusedError } from '../../core/errors.ts';
import { type ConsumerProbes, PROBE_TIMEOUT_MS, type Probed } from '../../ports/consumer-probes.ts';
import { asking } from './asking.ts';
import { CALL_TIMEOUT_MS, CLIENT_BOUNDS } from './bounds.ts';
import { oncePerPlace, placeCredentials } from './credentials.ts';

/** Far more than the longest name of a secret and the longest id of a version need. */
const PAYLOAD_BYTES_MAX = 4_096;

/** An answer that could hold anything else, such as a value in the place of the id, is none. */
const answerSchema = z.union([
  z.object({
    kind: z.literal(PROBE_KIND),
    secret: z.string(),
    versionId: z.string().check(z.regex(VERSION_ID)),
  }),
  z.object({ kind: z.literal(PROBE_KIND), secret: z.string(), failed: z.literal(true) }),
]);

const CALL = 'lambda:InvokeFunction';

/**
 * Invokes probe functions, with the credentials of each place. Each once: a probe that is not answered is one answer, and
 * the next look asks again.
 * @see placeCredentials
 * @param timeoutMs A shorter one is for tests.
 */
export function awsConsumerProbes(timeoutMs = PROBE_TIMEOUT_MS): ConsumerProbes {
  const credentials = placeCredentials({ client: CLIENT_BOUNDS, callTimeoutMs: CALL_TIMEOUT_MS });
  const clientOf = oncePerPlace(
    (place) =>
      new LambdaClient({
        region: place.region,
        credentials: credentials.of(place),
        maxAttempts: 1,
        // without a `requestTimeout`: that ends like a region that cannot be reached, and a silent probe is none
        requestHandler: { connectionTimeout: CLIENT_BOUNDS.requestHandler.connectionTimeout },
      }),
  );
  return {
    async probe(place, functionName, secret) {
      const client = clientOf(place);
      const [FunctionName, Qualifier] = functionName.split(':');
      const request: ProbeRequest = { kind: PROBE_KIND, secret };
      const command = new InvokeCommand({
        FunctionName,
        InvocationType: 'RequestResponse',
        Payload: JSON.stringify(request),
        ...(Qualifier !== undefined && { Qualifier }),
      });
      let invoked: AbortSignal | undefined;
      try {
        const { FunctionError, Payload } = await asking(
          CALL,
          async (options) => {
            await client.config.credentials(); // a role that is not given in time is no silent probe either
            invoked = options.abortSignal;
            return client.send(command, options).catch(missingIfAbsent);
          },
          timeoutMs,
        );
        return FunctionError === undefined ? answerIn(secret, Payload) : refusal('PROBE_FAILED');
      } catch (error) {
        if (invoked?.aborted) return refusal('PROBE_SILENT');
        if (error instanceof RefusedError) return { refusal: error.refusal };
        throw error;
      }
    },
  };
}

/** That a function is not there says nothing of the secret. */
function missingIfAbsent(error: unknown): never {
  if (error instanceof ResourceNotFoundException)
    throw new RefusedError({ code: 'PROBE_MISSING', call: CALL });
  throw error;
}

/** @param payload For a body that is empty, the SDK gives `null`, which its types do not say. */
function answerIn(secret: string, payload: Uint8Array | null | undefined): Probed {
  if (!payload || payload.length > PAYLOAD_BYTES_MAX) return refusal('PROBE_UNREADABLE');
  const read = answerSchema.safeParse(json(payload));
  if (!read.success || read.data.secret !== secret) return refusal('PROBE_UNREADABLE');
  return 'versionId' in read.data ? { versionId: read.data.versionId } : refusal('PROBE_FAILED');
}

/** `undefined` for what is no JSON; the error would quote it. */
function json(payload: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(payload).toString());
  } catch {
    return undefined;
  }
}

function refusal(code: RefusalCode): Probed {
  return { refusal: { code, call: CALL } };
}
