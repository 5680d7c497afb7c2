import { beforeEach, describe, expect, it } from 'vitest';
import { SimulatedAccessMemory } from '../../functions/adapters/sim/access-memory.ts';
import { SeededRandom } from '../../functions/adapters/sim/seeded-random.ts';
import { SimulatedRegions } from '../../functions/adapters/sim/simulated-regions.ts';
import { VirtualClock } from '../../functions/adapters/sim/virtual-clock.ts';
import { backingOff, doorkeeper } from '../../functions/app/back-off.ts';
import type { Refusal } from '../../functions/contract/report.ts';
import { RefusedError } from '../../functions/core/errors.ts';
import type { Place } from '../../functions/core/place.ts';
import type { AccessMemory } from '../../functions/ports/access-memory.ts';
import type { FunctionSource } from '../../functions/ports/function-source.ts';

const MINUTE_MS = 60_000;
const DAY_MS = 86_400_000;
const START = Date.UTC(2026, 0, 5);
const CALL_MS = 50;

const ACCOUNT = '222222222222';
const ACCESS = { roleArn: `arn:aws:iam::${ACCOUNT}:role/recohere-read` };
const REGIONS = ['us-east-1', 'eu-west-1', 'ap-southeast-2', 'sa-east-1'];
const PLACES: readonly Place[] = REGIONS.map((region) => ({ region, account: ACCOUNT, access: ACCESS }));
const [US, EU] = PLACES as readonly [Place, Place];
const OWN: Place = { region: 'us-east-1', account: '111111111111' };

const REFUSED: Refusal = { code: 'ACCESS_DENIED', call: 'sts:AssumeRole', permission: 'sts:AssumeRole' };

/** What becomes of each call that reaches AWS; `undefined` lets it through. */
let answer: (place: Place) => Refusal | undefined;
let clock: VirtualClock;
/** When calls reached AWS, in minutes since the start. */
let reached: number[];
let memory: AccessMemory;
let memoryCalls: string[];
let memoryFails: 'read' | 'write' | undefined;
let told: string[];
/** How long a region takes, where it is not {@link CALL_MS}. */
let latencyMs: Record<string, number>;
let regions: SimulatedRegions;

beforeEach(() => {
  answer = () => undefined;
  clock = new VirtualClock(START);
  reached = [];
  memoryCalls = [];
  memoryFails = undefined;
  told = [];
  latencyMs = {};
  regions = new SimulatedRegions(clock, ({ region }) => latencyMs[region] ?? CALL_MS);
  for (const call of ['list', 'read', 'alias', 'tagged'] as const) {
    regions.inject(call, (place) => {
      reached.push(minute());
      const refusal = answer(place);
      if (refusal) throw new RefusedError(refusal);
    });
  }
  const kept = new SimulatedAccessMemory(clock, () => 1);
  const count = (call: 'read' | 'write') => {
    memoryCalls.push(call);
    if (memoryFails === call) throw new RefusedError({ code: 'THROTTLED', call: `dynamodb:${call}` });
  };
  memory = {
    async read(access) {
      count('read');
      return kept.read(access);
    },
    async write(access, refused) {
      count('write');
      return kept.write(access, refused);
    },
  };
});

function minute(): number {
  return Math.floor((clock.now() - START) / MINUTE_MS);
}

/** A process that begins, sharing the memory with all others. */
function startProcess(name = ''): FunctionSource {
  const tell = (what: string) => (account: string) => told.push([name, what, account].join(' ').trim());
  return backingOff(regions, doorkeeper(memory, clock, tell('refused'), tell('readable')));
}

/** Asks all regions at once, each for several things one after the other, as a look does. @returns What was refused. */
async function look(source: FunctionSource, places = PLACES): Promise<unknown[]> {
  const asked = places.map(async (place) => {
    const results: unknown[] = [];
    for (const ask of [
      () => source.list(place),
      () => source.tagged(place, []),
      () => source.read(place, 'api'),
    ]) {
      results.push(await ask().then(() => undefined, refusalIn));
    }
    return results;
  });
  return (await Promise.all(asked)).flat().filter((refusal) => refusal !== undefined);
}

function refusalIn(error: unknown): Refusal {
  if (error instanceof RefusedError) return error.refusal;
  throw error;
}

const verify = (what: string, body: () => Promise<void>) => it(what, () => clock.run(body));

describe('a role that can be assumed', () => {
  verify('costs one read of the memory in the life of a process', async () => {
    const source = startProcess();
    for (let looks = 0; looks < 10; looks++) {
      expect(await look(source)).toEqual([]);
      await clock.sleep(5 * MINUTE_MS);
    }
    expect(memoryCalls).toEqual(['read']);
    expect(told).toEqual([]);
  });

  verify('is no matter for places of the own account, nor for the own account itself', async () => {
    const source = startProcess();
    answer = () => REFUSED;
    expect(await look(source, [OWN])).toHaveLength(3);
    await source.ownAccount(OWN);
    expect(reached).toHaveLength(3);
    expect(memoryCalls).toEqual([]);
  });

  verify('answers what was asked, by every call', async () => {
    regions.deploy(EU, 'api', { tags: { team: 'shop' } });
    regions.publish(EU, 'api');
    regions.point(EU, 'api', 'live', { version: '1', weighted: false });
    const source = startProcess();
    expect((await source.list(EU)).functions).toMatchObject([{ name: 'api' }]);
    expect(await source.list(EU, '1')).toMatchObject({ functions: [] });
    expect(await source.read(EU, 'api', '1')).toMatchObject({ version: '1' });
    expect(await source.alias(EU, 'api', 'live')).toEqual({ version: '1', weighted: false });
    expect((await source.tagged(EU, [{ key: 'team', values: ['bank'] }])).functions).toEqual([]);
    expect((await source.tagged(EU, [], '1')).functions).toEqual([]);
  });
});

describe('a role that is refused', () => {
  beforeEach(() => {
    answer = () => REFUSED;
  });

  verify('is asked once for all regions and calls of a look, and told once', async () => {
    const refusals = await look(startProcess());
    expect(refusals).toHaveLength(PLACES.length * 3);
    expect(new Set(refusals.map((refusal) => JSON.stringify(refusal)))).toEqual(
      new Set([JSON.stringify(REFUSED)]),
    );
    expect(reached).toHaveLength(1);
    expect(told).toEqual([`refused ${ACCOUNT}`]);
    const kept = await memory.read(ACCESS);
    const since = kept?.since ?? 0;
    expect(since - START).toBeLessThan(2 * CALL_MS);
    expect(kept).toEqual({ since, tries: 1, nextAt: since + 5 * MINUTE_MS });
  });

  verify('is tried again after 5 minutes, then after twice as long, then daily', async () => {
    const source = startProcess();
    for (const until = START + 6 * DAY_MS; clock.now() < until; await clock.sleep(MINUTE_MS))
      await look(source);
    const waits = reached.slice(1).map((at, n) => at - (reached[n] ?? 0));
    const doubling = [5, 10, 20, 40, 80, 160, 320, 640, 1280];
    expect(waits.slice(0, doubling.length).map((wait, n) => wait - (doubling[n] ?? 0))).toEqual(
      doubling.map(() => expect.toBeOneOf([0, 1])),
    );
    for (const wait of waits.slice(doubling.length)) expect(wait - 1440).toBeOneOf([0, 1]);
    expect(waits.length).toBeGreaterThan(doubling.length + 2);
    expect(told).toEqual([`refused ${ACCOUNT}`]);
    expect(await memory.read(ACCESS)).toMatchObject({ tries: reached.length });
  });

  verify('is not asked by another process, which reads the memory once a look', async () => {
    await look(startProcess('sweep'));
    memoryCalls = [];
    expect(await look(startProcess('handler'))).toHaveLength(PLACES.length * 3);
    expect(reached).toHaveLength(1);
    expect(memoryCalls).toEqual(['read']);
    expect(told).toEqual([`sweep refused ${ACCOUNT}`]);
  });

  verify('counts once where two processes ask in the same moment', async () => {
    latencyMs = { 'eu-west-1': 2 * CALL_MS };
    await Promise.all([look(startProcess('a'), [US]), look(startProcess('b'), [EU])]);
    expect(reached).toHaveLength(2);
    expect(await memory.read(ACCESS)).toMatchObject({ tries: 1 });
    expect(told).toEqual([`a refused ${ACCOUNT}`]);
  });

  verify('does not stand for another role of its account, nor for another external id', async () => {
    const others = [
      { region: 'eu-west-1', access: { roleArn: `${ACCESS.roleArn}-eu` } },
      { region: 'sa-east-1', access: { ...ACCESS, externalId: 'as-corrected' } },
    ];
    answer = ({ region }) => (region === US.region ? REFUSED : undefined);
    const source = startProcess();
    expect(await look(source, [US, ...others])).toHaveLength(3);
    expect(reached).toHaveLength(1 + 3 * others.length);
  });
});

describe('a role that is refused no more', () => {
  verify('is forgotten at the next try, told once, and free for all', async () => {
    const source = startProcess();
    answer = () => REFUSED;
    await look(source);
    answer = () => undefined;
    expect(await look(source)).toHaveLength(PLACES.length * 3);
    await clock.sleep(5 * MINUTE_MS);
    expect(await look(source)).toEqual([]);
    expect(await look(source)).toEqual([]);
    expect(told).toEqual([`refused ${ACCOUNT}`, `readable ${ACCOUNT}`]);
    expect(await memory.read(ACCESS)).toBeUndefined();
  });

  verify('is known within 5 minutes where another process got in, or a person deleted the item', async () => {
    const source = startProcess();
    answer = () => REFUSED;
    await memory.write(ACCESS, { since: START, tries: 9, nextAt: START + DAY_MS });
    await look(source);
    await clock.sleep(MINUTE_MS);
    await memory.write(ACCESS, undefined);
    answer = () => undefined;
    await clock.sleep(4 * MINUTE_MS);
    expect(await look(source)).toEqual([]);
    expect(told).toEqual([]);
  });

  verify('counts as assumed where Lambda itself denies', async () => {
    const denied: Refusal = {
      code: 'ACCESS_DENIED',
      call: 'lambda:ListFunctions',
      permission: 'lambda:ListFunctions',
    };
    await memory.write(ACCESS, { since: START, tries: 1, nextAt: START });
    answer = () => denied;
    expect(await look(startProcess())).toEqual(Array(PLACES.length * 3).fill(denied));
    expect(told).toEqual([`readable ${ACCOUNT}`]);
    expect(await memory.read(ACCESS)).toBeUndefined();
  });
});

describe('a try that tells nothing of the role', () => {
  const unreachable: Refusal = { code: 'REGION_UNREACHABLE', call: 'lambda:ListFunctions' };

  verify('changes nothing of what is remembered, which is read once', async () => {
    const refused = { since: START, tries: 1, nextAt: START };
    await memory.write(ACCESS, refused);
    memoryCalls = [];
    answer = () => unreachable;
    expect(await look(startProcess())).toHaveLength(PLACES.length * 3);
    expect(memoryCalls).toEqual(['read']);
    expect(await memory.read(ACCESS)).toEqual(refused);
    expect(told).toEqual([]);
  });

  verify('costs those who waited for it one wait, not one each', async () => {
    latencyMs = Object.fromEntries(REGIONS.map((region) => [region, 20_000]));
    answer = () => unreachable;
    const source = startProcess();
    const from = clock.now();
    await Promise.all(PLACES.map((place) => source.list(place).catch(() => {})));
    expect(clock.now() - from).toBeLessThan(41_000);
    expect(memoryCalls).toEqual(['read']);
  });

  verify('that was no refusal at all is thrown as it is', async () => {
    const broken = new Error('broken');
    regions.inject('list', () => {
      throw broken;
    });
    await expect(startProcess().list(US)).rejects.toBe(broken);
  });
});

describe('calls that are under way when the role is refused', () => {
  verify('count as one try where a session has ended for all', async () => {
    const source = startProcess();
    await look(source);
    reached = [];
    memoryCalls = [];
    answer = () => REFUSED;
    expect(await look(source)).toHaveLength(PLACES.length * 3);
    expect(reached).toHaveLength(PLACES.length);
    expect(await memory.read(ACCESS)).toMatchObject({ tries: 1 });
    expect(told).toEqual([`refused ${ACCOUNT}`]);
    expect(memoryCalls).toEqual(['read', 'write', 'read']);
  });

  verify('go on counting where another process began', async () => {
    const source = startProcess();
    await look(source);
    await memory.write(ACCESS, { since: START, tries: 3, nextAt: clock.now() });
    answer = () => REFUSED;
    await look(source);
    expect(await memory.read(ACCESS)).toMatchObject({ since: START, tries: 4 });
    expect(told).toEqual([]);
  });

  verify('do not open the door again with an older answer', async () => {
    latencyMs = { [EU.region]: 500 };
    const source = startProcess();
    await look(source, [US]);
    answer = ({ region }) => (region === US.region ? REFUSED : undefined);
    const [slow] = await Promise.all([source.list(EU), source.list(US).catch(() => {})]);
    expect(slow).toMatchObject({ functions: [] });
    reached = [];
    expect(await look(source)).toHaveLength(PLACES.length * 3);
    expect(reached).toEqual([]);
    expect(told).toEqual([`refused ${ACCOUNT}`]);
  });

  verify('tell once that it can be assumed again', async () => {
    await memory.write(ACCESS, { since: START, tries: 1, nextAt: START });
    latencyMs = { [EU.region]: 2 * CALL_MS };
    const source = startProcess();
    let firsts = 1;
    answer = () => (firsts-- > 0 ? { code: 'THROTTLED' } : undefined);
    await Promise.all(PLACES.map((place) => source.list(place).catch(() => {})));
    expect(told).toEqual([`readable ${ACCOUNT}`]);
  });
});

describe('a memory that fails', () => {
  for (const { fails, before, reason } of [
    { fails: 'read', before: undefined, reason: 'no role is asked that may be remembered' },
    {
      fails: 'write',
      before: { since: START, tries: 1, nextAt: START },
      reason: 'it could not be forgotten',
    },
  ] as const) {
    verify(`is told, and asked again by the next call: ${fails}, ${reason}`, async () => {
      if (before) await memory.write(ACCESS, before);
      const source = startProcess();
      memoryFails = fails;
      await expect(source.list(US)).rejects.toMatchObject({ refusal: { call: `dynamodb:${fails}` } });
      memoryFails = undefined;
      await source.list(US);
      expect(await memory.read(ACCESS)).toBeUndefined();
      expect(told).toEqual(before ? [`readable ${ACCOUNT}`] : []);
    });
  }

  for (const fails of ['read', 'write'] as const) {
    verify(
      `at a refusal lets this process wait all the same, and tells at the next try: ${fails}`,
      async () => {
        const source = startProcess();
        await source.list(US);
        answer = () => REFUSED;
        memoryFails = fails;
        await expect(source.list(US)).rejects.toMatchObject({ refusal: { call: `dynamodb:${fails}` } });
        reached = [];
        expect(await look(source)).toHaveLength(PLACES.length * 3);
        expect(reached).toEqual([]);
        memoryFails = undefined;
        await clock.sleep(5 * MINUTE_MS);
        await look(source);
        expect(reached).toHaveLength(1);
        expect(told).toEqual([`refused ${ACCOUNT}`]);
      },
    );
  }
});

describe('days of a role that is refused', () => {
  const DAYS = 8;

  /**
   * A sweep every 5 minutes, and two handlers that look whenever something happens; each at times in a process of its own
   * that begins anew.
   */
  async function live(seed: number, until: number): Promise<void> {
    const sweep = async () => {
      let source = startProcess();
      while (clock.now() < until) {
        if (random.below(50) === 0) source = startProcess();
        await look(source);
        await clock.sleep(5 * MINUTE_MS);
      }
    };
    const random = new SeededRandom(seed, 'days');
    const handle = async () => {
      let source = startProcess();
      while (clock.now() < until) {
        await clock.sleep(random.below(30 * MINUTE_MS));
        if (random.below(10) === 0) source = startProcess();
        await look(source, [random.pick(PLACES), random.pick(PLACES)]);
      }
    };
    await Promise.all([sweep(), handle(), handle()]);
  }

  verify(
    'has no more tries than processes where all look in the same moment, and none counts twice',
    async () => {
      answer = () => REFUSED;
      const processes = ['a', 'b', 'c'].map(startProcess);
      let moments = 0;
      for (const until = START + DAYS * DAY_MS; clock.now() < until; await clock.sleep(5 * MINUTE_MS)) {
        const before = reached.length;
        await Promise.all(processes.map((source) => look(source)));
        if (reached.length > before) moments++;
        expect(reached.length - before).toBeLessThanOrEqual(processes.length);
      }
      expect(moments).toBeLessThanOrEqual(9 + DAYS - 1);
      expect(await memory.read(ACCESS)).toMatchObject({ tries: moments });
      expect(told).toHaveLength(processes.length);
    },
  );

  for (const seed of [1, 2, 3, 4, 5]) {
    verify(
      `has 9 tries on the first and then one in 24 hours, however many processes: seed ${seed}`,
      async () => {
        answer = () => REFUSED;
        await live(seed, START + DAYS * DAY_MS);
        const onDay = (day: number) => reached.filter((at) => Math.floor(at / 1440) === day).length;
        const days = Array.from({ length: DAYS }, (_, day) => onDay(day));
        expect(days[0]).toBe(9);
        for (const tries of days.slice(1)) expect(tries).toBeLessThanOrEqual(1);
        expect(told).toEqual([`refused ${ACCOUNT}`]);

        answer = () => undefined;
        await live(seed + 100, clock.now() + DAY_MS + 5 * MINUTE_MS);
        expect(await look(startProcess())).toEqual([]);
        expect(told).toEqual([`refused ${ACCOUNT}`, `readable ${ACCOUNT}`]);
      },
    );
  }
});
