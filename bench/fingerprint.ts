import { createHash } from 'node:crypto';
import { fingerprint, fingerprintKey, type Home } from '../functions/core/fingerprint.ts';
import { compare, type Measured } from './measure.ts';

/** Lambda takes no larger environment; keys count too. */
const ENVIRONMENT_CHARACTERS = 4096;
const KEYS = 60;
const HOME: Home = { region: 'eu-west-1', account: '111111111111' };

/** Leaves and root of a full environment, compared with the cheapest hash of it: `JSON.stringify` and one SHA-256. */
export function measureFingerprint(): Measured {
  const environment = fullEnvironment();
  const values = new Map(Object.entries(environment));
  const key = fingerprintKey('bench', new Uint8Array(32));
  const { ratio, micros } = compare(
    () => fingerprint(key, 'env', values, HOME),
    () => createHash('sha256').update(JSON.stringify(environment)).digest('hex'),
    { rounds: 101, warmUps: 20, runs: 200 },
  );
  return { values: { ratio, micros }, aims: { ratio: 12 } };
}

/** Of ten values, one names its own region and account, three are short, three are addresses, three are long. */
function fullEnvironment(): Record<string, string> {
  const shapes = [
    (id: number) => `arn:aws:dynamodb:${HOME.region}:${HOME.account}:table/orders-${id}`,
    (id: number) => String(id),
    () => 'true',
    () => 'info',
    (id: number) => `https://service-${id}.internal.example.com/v1`,
    (id: number) => `service-${id}.cluster.eu.example.com:5432`,
    (id: number) => `s3://example-bucket-${id}/templates/`,
    (id: number) => createHash('sha512').update(`${id}`).digest('hex').slice(0, 100),
    (id: number) => createHash('sha512').update(`${id}`).digest('base64'),
    (id: number) => createHash('sha512').update(`${id}`).digest('base64url'),
  ];
  const environment: Record<string, string> = {};
  let left = ENVIRONMENT_CHARACTERS;
  for (let id = 0; id < KEYS; id++) {
    const name = `SERVICE_OPTION_${id}`;
    const value = shapes[id % shapes.length]?.(id) ?? '';
    const whole = id < KEYS - 1 ? value : value.padEnd(left - name.length, '=');
    environment[name] = whole;
    left -= name.length + whole.length;
  }
  if (left !== 0) throw new Error(`the environment is ${-left} characters too large`);
  return environment;
}
