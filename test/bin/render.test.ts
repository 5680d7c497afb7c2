import { describe, expect, it } from 'vitest';
import { renderLook, type Screen, SECRETS, screenOf } from '../../bin/render.ts';
import { exitCodeOf, reportOf } from '../../bin/scan.ts';
import type { SimulatedRegions } from '../../functions/adapters/sim/simulated-regions.ts';
import type { SimulatedSecrets } from '../../functions/adapters/sim/simulated-secrets.ts';
import type { Look } from '../../functions/app/look.ts';
import { RefusedError } from '../../functions/core/errors.ts';
import { AP, configScope, EU, everywhere, flagScope, lookAt, US } from '../app/simulated.ts';
import { configOf, LAG_MS, lookAt as lookAtSecretsOf } from './looked-secrets.ts';

const PIPE: Screen = { colors: false, width: Number.POSITIVE_INFINITY };
const TERMINAL: Screen = { colors: false, width: 80 };

function drifted(world: SimulatedRegions): void {
  everywhere((place) => {
    const environment = place === EU ? { DB_HOST: 'x' } : { DB_HOST: 'y', FEATURE_X: '1' };
    world.deploy(place, 'checkout-api', { environment });
    world.deploy(place, 'orders', {});
  });
}

describe('the table of a look', () => {
  it('has a row a subject, and a line a person can act on under it', async () => {
    expect(renderLook(await lookAt(configScope(), drifted), TERMINAL)).toBe(`\
SUBJECT       VERDICT   us-east-1  eu-west-1  ap-southeast-2
checkout-api  diverged  ok         differs    ok
  checkout-api · eu-west-1 · env DB_HOST differs from us-east-1; FEATURE_X
    missing
orders        agreed    ok         ok         ok

2 subjects in 3 regions: 1 agreed, 1 diverged. 3 calls, all of them reads.
`);
  });

  it.each([
    {
      reason: 'several keys',
      change: (world: SimulatedRegions) => world.deploy(EU, 'f', { environment: { A: '2', B: '2', C: '1' } }),
      line: 'f · eu-west-1 · env A, B differ from us-east-1; C not in us-east-1',
    },
    {
      reason: 'more keys than fit',
      change: (world: SimulatedRegions) =>
        world.deploy(EU, 'f', {
          environment: Object.fromEntries(Array.from({ length: 15 }, (_, i) => [`K${i + 10}`, ''])),
        }),
      line: 'env A, B missing; K10, K11, K12, K13, K14, K15, K16, K17, K18, K19 and 5 more not in us-east-1',
    },
    {
      reason: 'code',
      change: (world: SimulatedRegions) => world.deploy(EU, 'f', { code: 'x' }),
      line: 'f · eu-west-1 · code CodeSha256 differs from us-east-1',
    },
    {
      reason: 'absence',
      change: (world: SimulatedRegions) => world.remove(EU, 'f'),
      line: 'f · eu-west-1 · function missing',
    },
    {
      reason: 'a failed update',
      change: (world: SimulatedRegions) => world.deploy(EU, 'f', { updateFails: true }),
      line: 'f · eu-west-1 · last update failed',
    },
    {
      reason: 'an update under way',
      change: (world: SimulatedRegions) => world.deploy(EU, 'f', { updateMs: 60_000 }),
      line: 'f · eu-west-1 · update in progress',
    },
    {
      reason: 'a locked environment',
      change: (world: SimulatedRegions) => world.deploy(EU, 'f', { undecryptable: true }),
      line: 'f · eu-west-1 · env not readable: access denied: missing permission kms:Decrypt',
    },
  ])('tells of $reason', async ({ change, line }) => {
    const seen = await lookAt(
      configScope(),
      (world) => everywhere((place) => world.deploy(place, 'f', { environment: { A: '1', B: '1' } })),
      change,
    );
    expect(renderLook(seen, PIPE)).toContain(line);
  });

  it('tells of code that is not the one that a deploy asked for', async () => {
    const seen = await lookAt(configScope(), (world) => everywhere((place) => world.deploy(place, 'f', {})));
    const unexpected = {
      replica: 'eu-west-1',
      facet: 'code',
      kind: 'unexpected',
      keys: ['BUILD_ID'],
    } as const;
    const subjects = seen.subjects.map(
      (subject) => ({ ...subject, verdict: 'diverged', findings: [unexpected] }) as const,
    );
    expect(renderLook({ ...seen, subjects }, PIPE)).toContain(
      'f        diverged  ok         differs    ok\n' +
        '  f · eu-west-1 · code BUILD_ID is not the one expected\n',
    );
  });

  it('tells of aliases, doubles and functions where none is expected', async () => {
    const scope = configScope({
      functions: [
        { select: { name: 'a*' }, qualifier: 'live' },
        { select: { name: 'b*' }, names: { b2: 'b' }, replicas: { b: ['us-east-1', 'eu-west-1'] } },
      ],
    });
    const text = renderLook(
      await lookAt(scope, (world) => {
        everywhere((place) => {
          world.deploy(place, 'a', {});
          world.deploy(place, 'b', {});
          const version = world.publish(place, 'a');
          if (place !== AP) world.point(place, 'a', 'live', { version, weighted: place === EU });
        });
        world.deploy(US, 'b2', {});
      }),
      PIPE,
    );
    expect(text).toContain('a · eu-west-1 · alias live splits its traffic');
    expect(text).toContain('a · ap-southeast-2 · alias live missing');
    expect(text).toContain('b · us-east-1 · also claimed by b2');
    expect(text).toContain('b · ap-southeast-2 · not expected here');
  });

  it('names a region that could not be read once, and every subject as unobservable', async () => {
    const seen = await lookAt(configScope(), (world) => {
      drifted(world);
      world.inject('list', ({ region }) => {
        const call = 'lambda:ListFunctions';
        if (region === US.region) throw new RefusedError({ code: 'ACCESS_DENIED', call, permission: call });
      });
    });
    const text = renderLook(seen, PIPE);
    expect(text).toContain(
      '\nnot readable · us-east-1 · access denied: missing permission lambda:ListFunctions\n',
    );
    expect(text).toMatch(/^orders +unobservable +unread +ok +ok$/m);
  });

  it('counts what agreed beyond the first rows, and functions that are in one region only', async () => {
    const seen = await lookAt(flagScope(), (world) => {
      everywhere((place) => {
        for (let i = 10; i < 40; i++) world.deploy(place, `f-${i}`, {});
      });
      world.deploy(US, 'lonely', {});
    });
    const text = renderLook(seen, TERMINAL);
    expect(text).toContain('f-29');
    expect(text).not.toContain('f-30');
    expect(text).toContain('… and 10 more agreed');
    expect(text).toContain('1 function in one region only, not compared: lonely.');
  });

  it('names a group that selects nothing, and regions alone where one account has them all', async () => {
    const scope = configScope({
      hub: { region: 'us-east-1', account: '111111111111' },
      functions: [{ select: { name: 'orders' } }, { select: { name: 'typo' } }],
    });
    const text = renderLook(
      await lookAt(scope, (world) => {
        for (const place of scope.places) world.deploy(place, 'orders', {});
      }),
      PIPE,
    );
    expect(text).toContain('SUBJECT  VERDICT  us-east-1  eu-west-1  ap-southeast-2\norders   agreed   ok');
    expect(text).toContain(
      'selects nothing · functions[1] of the config, or nothing that a group before it has not\n',
    );
  });

  it.each([120, 80, 60])(
    'stays within %i columns, whatever the names and however many regions',
    async (width) => {
      const many = [
        'us-east-1',
        'us-east-2',
        'us-west-1',
        'us-west-2',
        'eu-west-1',
        'eu-central-1',
        'ap-southeast-2',
      ];
      const scopes = [configScope(), configScope({ replicas: many.map((region) => ({ region })) })];
      for (const scope of scopes) {
        const seen = await lookAt(scope, (world) =>
          everywhere((place) =>
            world.deploy(place, `${'long-name-'.repeat(6)}api`, {
              environment: { [`${'KEY_'.repeat(40)}`]: place === EU ? '1' : '2' },
            }),
          ),
        );
        const text = renderLook(seen, { colors: false, width });
        expect(Math.max(...text.split('\n').map((line) => line.length))).toBeLessThanOrEqual(width);
      }
    },
  );

  it('has colours only where they are wanted, and they change no letter', async () => {
    const seen = await lookAt(configScope(), drifted);
    const plain = renderLook(seen, TERMINAL);
    const coloured = renderLook(seen, { ...TERMINAL, colors: true });
    const esc = String.fromCharCode(27);
    expect(plain).not.toContain(esc);
    expect(coloured).toContain(`${esc}[31mdiverged`);
    expect(coloured.replaceAll(new RegExp(`${esc}\\[\\d+m`, 'g'), '')).toBe(plain);
  });
});

describe('the table of a look at secrets', () => {
  const names = ['prod/api', 'prod/db', 'prod/mail'];
  const created = (world: SimulatedSecrets) => {
    for (const name of names) world.create(US, name, [EU, AP], 'version-1');
  };
  const rotated = (world: SimulatedSecrets) => {
    world.follow(EU, 'prod/db', 'lying');
    world.follow(AP, 'prod/db', 'failed');
    world.rotate(US, 'prod/db', 'version-2');
    world.removeReplica(EU, 'prod/mail');
    world.schedule(US, 'prod/mail', { nextRotationAt: 0 });
    world.addReplica(US, 'prod/mail', { region: 'sa-east-1' });
  };

  it('is like that of functions, and says what it does not tell', async () => {
    const seen = await lookAtSecretsOf(configOf([...names, 'prod/typo']), created, rotated);
    expect(renderLook(seen, TERMINAL, SECRETS)).toBe(`\
SUBJECT    VERDICT     us-east-1  eu-west-1  ap-southeast-2
prod/db    converging  ok         stale      failed
  prod/db · eu-west-1 · version is not the primary's although AWS calls it in
    sync
  prod/db · ap-southeast-2 · replication failed
prod/mail  diverged    failed     missing    ok
  prod/mail · eu-west-1 · missing
  prod/mail · sa-east-1 · not expected here
  prod/mail · us-east-1 · rotation is overdue (NextRotationDate)
prod/api   agreed      ok         ok         ok

not found in any of these regions · prod/typo
3 secrets in 3 regions: 1 agreed, 1 converging, 1 diverged. 12 calls, all of
  them reads.
Consumers are not watched by a scan.
`);
  });

  it('has a cell of its own for what is under way, not readable, and not to be there', async () => {
    const config = configOf([], { secrets: [{ name: 'a' }, { name: 'b', regions: ['us-east-1'] }] });
    const seen = await lookAtSecretsOf(
      config,
      (world) => {
        world.create(US, 'a', [EU, AP], 'v1');
        world.create(US, 'b', [], 'v1');
      },
      (world) => {
        world.rotate(US, 'a', 'v2');
        world.inject('describe', ({ region }) => {
          const call = 'secretsmanager:DescribeSecret';
          if (region === AP.region) throw new RefusedError({ code: 'ACCESS_DENIED', call, permission: call });
        });
      },
      LAG_MS / 2,
    );
    const text = renderLook(seen, PIPE, SECRETS);
    expect(text).toMatch(/^a +converging +ok +updating +unread$/m);
    expect(text).toMatch(/^b +agreed +ok +- +-$/m);
    expect(text).toContain('  a · eu-west-1 · replication under way\n');
    expect(text).toContain(
      '\nnot readable · ap-southeast-2 · access denied: missing permission secretsmanager:DescribeSecret\n',
    );
    expect(text).not.toContain('a · ap-southeast-2');
  });

  it('says that nothing was compared where nothing was found', async () => {
    const seen = await lookAtSecretsOf(configOf(['prod/typo']), () => {});
    expect(renderLook(seen, TERMINAL, SECRETS)).toBe(
      'not found in any of these regions · prod/typo\n' +
        'Nothing was compared: no secret was found. 3 calls, all of them reads.\n',
    );
    expect(exitCodeOf(seen)).toBe(2);
  });

  it.each([120, 80, 60])('stays within %i columns', async (width) => {
    const long = `${'long-name/'.repeat(9)}db`;
    const seen = await lookAtSecretsOf(configOf([...names, long, `${long}-typo`]), (world) => {
      created(world);
      rotated(world);
      world.create(US, long, [], 'v1');
    });
    const text = renderLook(seen, { colors: false, width }, SECRETS);
    expect(Math.max(...text.split('\n').map((line) => line.length))).toBeLessThanOrEqual(width);
  });

  it('is in JSON with the first two hops, and no version', async () => {
    const seen = await lookAtSecretsOf(configOf(['prod/db']), created, (world) => {
      world.follow(AP, 'prod/db', 'failed');
      world.rotate(US, 'prod/db', 'version-2');
    });
    const done = { state: 'agreed', evidence: 'described' };
    expect(JSON.parse(JSON.stringify(reportOf(seen)))).toEqual({
      regions: ['us-east-1', 'eu-west-1', 'ap-southeast-2'],
      subjects: [
        {
          subject: 'prod/db',
          verdict: 'converging',
          findings: [{ replica: 'ap-southeast-2', facet: 'version', kind: 'failed', keys: [] }],
          hops: [
            { hop: 1, replica: 'us-east-1', ...done },
            { hop: 2, replica: 'eu-west-1', ...done },
            { hop: 2, replica: 'ap-southeast-2', state: 'failed', evidence: null },
          ],
        },
      ],
      alone: [],
      refusals: [],
      unmatched: [],
      calls: { 'secretsmanager:DescribeSecret': 3 },
    });
  });
});

describe('a screen', () => {
  const stream = (properties: object) => ({ isTTY: true, columns: 100, ...properties }) as NodeJS.WriteStream;

  it.each([
    { given: stream({}), env: {}, screen: { colors: true, width: 100 }, reason: 'a terminal' },
    {
      given: stream({ columns: undefined }),
      env: {},
      screen: { colors: true, width: 80 },
      reason: 'one that hides its width',
    },
    { given: stream({}), env: { NO_COLOR: '1' }, screen: { colors: false, width: 100 }, reason: 'NO_COLOR' },
    {
      given: stream({}),
      env: { TERM: 'dumb' },
      screen: { colors: false, width: 100 },
      reason: 'a dumb terminal',
    },
    { given: stream({ isTTY: undefined }), env: { CI: 'true' }, screen: PIPE, reason: 'a pipe' },
  ])('for $reason is $screen', ({ given, env, screen }) => {
    expect(screenOf(given, env)).toEqual(screen);
  });
});

describe('the exit code', () => {
  const refusals: Look['refusals'] = [{ replica: 'eu-west-1' as never, refusal: { code: 'THROTTLED' } }];
  const of = (verdicts: string[], refused: Look['refusals'] = [], unmatched: string[] = []) =>
    exitCodeOf({
      subjects: verdicts.map((verdict) => ({ verdict })),
      refusals: refused,
      unmatched,
    } as unknown as Look);

  it.each([
    { verdicts: ['agreed', 'agreed'], code: 0, reason: 'all agreed' },
    { verdicts: ['agreed', 'diverged'], code: 1, reason: 'one diverged' },
    { verdicts: ['agreed', 'converging'], code: 1, reason: 'one does not agree yet' },
    {
      verdicts: ['diverged', 'unobservable'],
      code: 1,
      reason: 'a known difference is a fact, whatever was not read',
    },
    { verdicts: ['agreed', 'unobservable'], code: 3, reason: 'one could not be read' },
    { verdicts: [], code: 2, reason: 'nothing was compared' },
  ])('is $code when $reason', ({ verdicts, code }) => {
    expect(of(verdicts)).toBe(code);
  });

  it('is 3 when a region was refused, and nothing known differs', () => {
    expect(of([], refusals)).toBe(3);
    expect(of(['agreed'], refusals)).toBe(3);
    expect(of(['diverged'], refusals)).toBe(1);
  });

  it('is 2 when a group of the config selects nothing, and all else agreed', () => {
    expect(of(['agreed'], [], ['functions[1]'])).toBe(2);
    expect(of(['diverged'], [], ['functions[1]'])).toBe(1);
  });
});
