import type { Behind, Consumption, Finding, Refusal } from '../contract/report.ts';

/** Keys that one finding names; JSON has all. */
const KEYS_SHOWN = 10;

/**
 * What one finding says, in words.
 * @param before The one that was said before it: the facet is named once for findings that follow each other.
 * @param missing What is said of a replica that is not there.
 * @param keysShown So many keys are named; the others are counted.
 */
export function phraseOf(
  finding: Finding,
  before?: Finding,
  missing = 'function missing',
  keysShown = KEYS_SHOWN,
): string {
  const { kind, facet, keys } = finding;
  const named = listed(keys, keysShown);
  if (kind === 'unobservable') {
    return `${facet === 'replica' ? '' : `${facet} `}not readable: ${sentenceOf(finding.refusal)}`;
  }
  switch (facet) {
    case 'replica':
      if (kind === 'extra') return keys.length > 0 ? `also claimed by ${named}` : 'not expected here';
      if (kind === 'missing') return keys.includes('DeletedDate') ? 'scheduled for deletion' : missing;
      return { unsettled: 'update in progress', failed: 'last update failed' }[kind];
    case 'traffic':
      return `alias ${named} ${kind === 'missing' ? 'missing' : 'splits its traffic'}`;
    case 'version':
      if (kind !== 'stale') return VERSION_PHRASES[kind];
      return keys.includes('InSync')
        ? "version is not the primary's although AWS calls it in sync"
        : 'replication takes too long';
    case 'consumer': {
      if (kind !== 'failed') return `consumer ${named} ${CONSUMER_PHRASES[kind]}`;
      return `probe of ${named} failed${finding.refusal ? `: ${sentenceOf(finding.refusal)}` : ''}`;
    }
    case 'rotation':
      return `rotation ${keys.includes('NextRotationDate') ? 'is overdue' : 'failed'} (${named})`;
    default: {
      const what = facet === before?.facet ? named : `${facet} ${named}`;
      if (kind === 'missing') return `${what} missing`;
      if (kind === 'unexpected') return `${what} is not the one expected`;
      if (kind === 'extra') return `${what} not in ${finding.reference}`;
      return `${what} ${keys.length > 1 ? 'differ' : 'differs'} from ${finding.reference}`;
    }
  }
}

const VERSION_PHRASES: Record<Exclude<Behind['kind'], 'stale'>, string> = {
  unsettled: 'replication under way',
  failed: 'replication failed',
  missing: 'no version is current',
  standalone: 'a standalone secret: promoted, or never a replica',
};

const CONSUMER_PHRASES: Record<Exclude<Consumption['kind'], 'failed'>, string> = {
  unsettled: 'may still keep another version',
  stale: 'still uses another version',
  unexpected: 'says that it uses a version that the secret never had',
};

/** `A, B and 3 more`. */
export function listed(names: readonly string[], shown = KEYS_SHOWN): string {
  const named = names.slice(0, shown).join(', ');
  return names.length > shown ? `${named} and ${names.length - shown} more` : named;
}

const SENTENCES: Record<Refusal['code'], string> = {
  ACCESS_DENIED: 'access denied',
  NO_CREDENTIALS: 'no usable AWS credentials in environment, profile, single sign-on or instance role',
  CREDENTIALS_EXPIRED: 'the AWS credentials have expired; sign in again',
  CREDENTIALS_REJECTED: 'the AWS credentials are not accepted; is the region enabled for the account?',
  REGION_UNREACHABLE: 'no answer; does the region exist, and is there a network?',
  UNAVAILABLE: 'AWS failed to answer, also after retries; try again later',
  KEY_UNUSABLE: 'the key that encrypts it is disabled or gone',
  THROTTLED: 'throttled, also after retries; try again later',
  UNEXPECTED_ANSWER: 'an answer that AWS does not document',
  NOT_READ: 'not read',
  TOO_OLD: 'read too long ago',
  OTHER_ACCOUNT: 'the credentials belong to another account than the config names',
  NO_BUILD_ID: 'no replica has the build id that the config compares code by',
  OTHER_KEY: 'fingerprinted with another key',
  PROBE_FAILED: 'it ran, and could not use the secret',
  PROBE_MISSING: 'there is no such function or alias',
  PROBE_SILENT: 'it did not answer in time',
  PROBE_UNREADABLE: 'its answer is not one of a probe',
};

/** A refusal in words that a person can act on: which permission is missing, for which call. */
export function sentenceOf({ code, call, permission }: Refusal): string {
  const lacking = permission === undefined ? '' : `: missing permission ${permission}`;
  const during = call === undefined || call === permission ? '' : ` (${call})`;
  return `${SENTENCES[code]}${lacking}${during}`;
}

/** `1 item`, `2,000 items`. */
export function plural(count: number, noun: string): string {
  return `${count.toLocaleString('en-US')} ${noun}${count === 1 ? '' : 's'}`;
}

/** What a replica is called by its worst finding, worst first. */
const REPLICA_WORDS = [
  ['missing', 'missing'],
  ['different', 'differs'],
  ['extra', 'differs'],
  ['unexpected', 'differs'],
  ['stale', 'stale'],
  ['standalone', 'stale'],
  ['failed', 'failed'],
  ['unobservable', 'unread'],
  ['unsettled', 'updating'],
] as const satisfies readonly (readonly [Finding['kind'], string])[];
/** One word for a replica that does not agree. */
export type ReplicaWord = (typeof REPLICA_WORDS)[number][1];

/** One word for all findings of one replica; `undefined` if there are none. */
export function wordOf(findings: readonly Finding[]): ReplicaWord | undefined {
  const isWhole = ({ facet }: Finding) => facet === 'replica' || facet === 'version';
  if (findings.some((finding) => finding.kind === 'missing' && !isWhole(finding))) return 'differs';
  return REPLICA_WORDS.find(([kind]) => findings.some((finding) => finding.kind === kind))?.[1];
}

/** All of these words, worst first. */
export const ALL_REPLICA_WORDS: readonly ReplicaWord[] = [...new Set(REPLICA_WORDS.map(([, word]) => word))];
