import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { demoConfig } from '../../bin/demo.ts';
import { type RehearseFlags, rehearseHere } from '../../bin/rehearse.ts';
import { renderRehearsals } from '../../bin/render-rehearsal.ts';
import { SCENARIOS } from '../../functions/contract/names.ts';
import { type Rehearsed, rehearse } from '../../rehearsal/game-day.ts';
import { run } from './run.ts';

vi.mock('../../rehearsal/game-day.ts', async (original) => {
  const real = await original<typeof import('../../rehearsal/game-day.ts')>();
  return { ...real, rehearse: vi.fn(real.rehearse) };
});

const SCREEN = { colors: false, width: 80 };
const CONFIG = {
  prefix: 'copies',
  hub: { region: 'us-east-1' },
  replicas: [{ region: 'us-east-1' }, { region: 'eu-west-1' }],
  functions: [{ select: { name: 'checkout-*' } }, { select: { name: 'checkout-a*' } }],
};

let folder: string;
let written: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'recohere-'));
  await writeFile(join(folder, 'config.json'), JSON.stringify(CONFIG));
  written = '';
  vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
    written += text;
    return true;
  });
});
afterEach(async () => {
  vi.restoreAllMocks();
  vi.clearAllMocks();
  await rm(folder, { recursive: true });
});

function rehearsing(flags: Partial<RehearseFlags> = {}) {
  return rehearseHere({ scenario: 'bad-deploy', seed: 7, config: join(folder, 'config.json'), ...flags });
}

/** What a violation makes of a rehearsal. */
async function withViolation(): Promise<Rehearsed> {
  const { rehearsed } = await rehearse(demoConfig(), 'bad-deploy', 1);
  return {
    ...rehearsed,
    violations: [{ invariant: 1, atMs: 60_000, words: 'api is called agreed\u001b[31m' }],
  };
}

describe('recohere rehearse', () => {
  it('prints the same bytes for the same seed, as a process of its own', async () => {
    const args = ['rehearse', '--scenario', 'all', '--seed', '7', '--json'];
    const [one, again] = await Promise.all([run(args, { cwd: folder }), run(args, { cwd: folder })]);
    expect(one.code).toBe(0);
    expect(one.stderr).toMatch(/^recohere: warning: .*cacheSeconds: .*\n$/); // a cache that the demonstration has too long on purpose
    expect(again.stdout).toBe(one.stdout);
    const { seed, config, scenarios, violations } = JSON.parse(one.stdout);
    expect({ seed, config, violations }).toEqual({ seed: 7, config: null, violations: [] });
    expect(scenarios.map(({ scenario }: Rehearsed) => scenario)).toEqual(SCENARIOS);
    expect(scenarios.every(({ skipped }: Rehearsed) => skipped === null)).toBe(true);
  });

  it('takes the config that is named, and names groups that select nothing', async () => {
    expect(await rehearsing({ json: true })).toBe(0);
    const { config, unmatched, scenarios } = JSON.parse(written);
    expect({ config, unmatched }).toEqual({
      config: join(folder, 'config.json'),
      unmatched: ['functions[1]'],
    });
    expect(scenarios[0].incidents[0].subject).toMatch(/^checkout-/);
  });

  it('says in words what the document says', async () => {
    expect(await rehearsing({ scenario: 'all' })).toBe(0);
    for (const scenario of SCENARIOS) expect(written).toContain(`${scenario} · `);
    expect(written).toContain('Nothing to rehearse: the config watches no secret.');
    expect(written).toContain('functions[1] selects nothing');
    expect(written).toMatch(/All \d+ invariants that were checked held\.\n$/);
  });

  it.each([
    { reason: 'nothing for the scenario', flags: { scenario: 'stuck-replica' }, says: 'watches no secret' },
    { reason: 'no such config', flags: { config: 'none.json' }, says: 'no such file' },
  ] as const)('refuses $reason', async ({ flags, says }) => {
    await expect(rehearsing(flags)).rejects.toMatchObject({
      exitCode: 2,
      message: expect.stringContaining(says),
    });
  });

  it('refuses a config that has nothing for any scenario, and writes nothing', async () => {
    await writeFile(
      join(folder, 'config.json'),
      JSON.stringify({ ...CONFIG, replicas: [{ region: 'us-east-1' }] }),
    );
    const output = join(folder, 'day.html');
    await expect(rehearsing({ scenario: 'all', output, json: true })).rejects.toMatchObject({
      exitCode: 2,
      message:
        'nothing to rehearse (all): no function of the config has two copies to compare; the config watches no secret; the config has no table',
    });
    expect(written).toBe('');
    await expect(readFile(output)).rejects.toMatchObject({ code: 'ENOENT' });
  });

  it('warns of what cannot do what the config asks for, which is what alarms', async () => {
    const secrets = [{ name: 'prod/db', consumers: [{ name: 'api', cacheSeconds: 86_400 }] }];
    await writeFile(join(folder, 'config.json'), JSON.stringify({ ...CONFIG, secrets }));
    const warn = vi.spyOn(process.stderr, 'write').mockReturnValue(true);
    expect(await rehearsing({ scenario: 'stuck-replica', json: true })).toBe(0);
    expect(warn).toHaveBeenCalledWith(
      expect.stringContaining('recohere: warning: secrets[0].consumers[0].cacheSeconds: '),
    );
    expect(() => JSON.parse(written)).not.toThrow();
  });

  it('refuses to write over what is no report, before it does anything', async () => {
    const output = join(folder, 'config.json');
    await expect(rehearsing({ output })).rejects.toMatchObject({
      exitCode: 2,
      message: expect.not.stringContaining('--out'),
    });
    expect(rehearse).not.toHaveBeenCalled();
  });

  it('draws each scenario that there was, with names escaped', async () => {
    const output = join(folder, 'day.html');
    await rehearsing({ scenario: 'all', output });
    const page = await readFile(output, 'utf8');
    const heads = [...page.matchAll(/<h([12])>(.*?) <small>(.*?)<\/small><\/h\1>/g)].map(([, ...all]) => all);
    expect(heads).toEqual([
      ['1', 'Recohere', 'a rehearsal of copies'],
      ['2', 'bad-deploy', '4h'],
      ['2', 'lost-events', '1d'],
      ['2', 'region-outage', '3h'],
    ]);
    const ids = [...page.matchAll(/ id="(.*?)"/g)].map(([, id]) => id);
    expect(ids).not.toEqual([]);
    expect(ids).toEqual([...new Set(ids)]);
    expect(page).toContain('<h3>Last episodes</h3>');
    expect(page).not.toContain('Service levels'); // of 28 days
    expect(page).not.toContain('kept-secret');
    await rehearsing({ output }); // over one of its own
  });

  it('fails when something does not hold, and says what', async () => {
    const violated = await withViolation();
    vi.mocked(rehearse).mockResolvedValueOnce({ rehearsed: violated, picture: undefined });
    expect(await rehearsing({ json: true })).toBe(1);
    expect(JSON.parse(written).violations).toEqual([
      {
        scenario: 'bad-deploy',
        ...violated.violations[0],
        means: expect.stringContaining('Nothing is called agreed'),
      },
    ]);
  });
});

describe('a rehearsal in words', () => {
  it('names what does not hold, in one line without what a terminal obeys', async () => {
    const text = renderRehearsals(demoConfig(), [await withViolation()], 1, SCREEN);
    expect(text).toContain('violates 1 at 1m: api is called agreed [31m\n');
    expect(text).toContain('1 violation of what must hold: please report it, with config and seed.\n');
  });

  it('says of how many subjects nothing alarms', async () => {
    const { rehearsed } = await rehearse({ ...demoConfig(), mode: 'learn' }, 'bad-deploy', 1);
    const text = renderRehearsals(demoConfig(), [rehearsed], 1, SCREEN);
    expect(text).toMatch(/\d+ subjects only learnt: nothing of them alarms\n/);
    expect(text).toContain('\nno alarm\n');
  });

  it('fits into a terminal of 80 columns', async () => {
    for (const scenario of SCENARIOS) {
      const { rehearsed } = await rehearse(demoConfig(), scenario, 1);
      const lines = renderRehearsals(demoConfig(), [rehearsed], 1, SCREEN).split('\n');
      expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(80);
    }
  });
});
