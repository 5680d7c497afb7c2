import { describe, expect, it } from 'vitest';
import { drawPage, drawWidget } from '../../functions/app/draw.ts';
import { html } from '../../functions/app/draw-html.ts';
import { durationText, percentText } from '../../functions/app/draw-words.ts';
import type { EpisodeStatus, Overview, SubjectStatus } from '../../functions/contract/overview.ts';
import type { Finding } from '../../functions/contract/report.ts';
import {
  anEpisode,
  aSubject,
  EMPTY,
  HOSTILE,
  HOSTILE_NAMES,
  manySubjects,
  NOW,
  REGIONS,
  SAMPLE,
} from './sample-overview.ts';

const ARN = 'arn:aws:lambda:us-east-1:111111111111:function:recohere-widget';
const [US, WEST, EU] = REGIONS;

const widget = (overview: Overview, lookAgain?: string) =>
  drawWidget(overview, { theme: 'light', width: 800, lookAgain });
const of = (subjects: readonly SubjectStatus[], more: Partial<Overview> = {}) =>
  widget({ ...EMPTY, subjects, ...more });
/** What stands between tags. */
const textOf = (drawn: string) =>
  drawn
    .replace(/<style>.*?<\/style>/gs, '')
    .replace(/<[^>]*>/g, ' ')
    .replace(/\s+/g, ' ');
const cellsOf = (drawn: string) =>
  [...drawn.matchAll(/<div class="rc-cell [^>]*>.*?<span>(.*?)<\/span>/g)].map(([, word]) => word);
const rowsOf = (drawn: string) =>
  [...drawn.matchAll(/<th scope="row".*?<span class="rc-name"[^>]*>(.*?)<\/span>/g)].map(([, name]) => name);
const differs = (replica: string, more: Partial<Finding> = {}): Finding =>
  ({ replica, facet: 'env', kind: 'different', keys: ['DB_HOST'], reference: US, ...more }) as Finding;
const apart = (subject: string, more: Partial<SubjectStatus> = {}) =>
  aSubject(subject, { verdict: 'diverged', openSince: NOW - 1000, findings: [differs(EU)], ...more });

describe('markup', () => {
  it.each([
    { reason: 'tags', text: '<b>', expected: '&lt;b&gt;' },
    { reason: 'quotes, which would end an attribute', text: `"'`, expected: '&quot;&#39;' },
    { reason: 'what is escaped already is shown as it is', text: '&lt;', expected: '&amp;lt;' },
    {
      reason: 'control characters are shown by their numbers',
      text: 'a\u0000\n\u0085',
      expected: 'a[U+0000][U+000A][U+0085]',
    },
    { reason: 'and so is what turns the direction of text', text: '\u202Eexe', expected: '[U+202E]exe' },
    { reason: 'and what nobody sees', text: '\u200B\u2028\u{E0041}', expected: '[U+200B][U+2028][U+E0041]' },
    { reason: 'and half a character', text: '\uD800', expected: '[U+D800]' },
    { reason: 'letters of all languages stay', text: 'Zürich שלום 東京', expected: 'Zürich שלום 東京' },
  ])('escapes texts: $reason', ({ text, expected, reason }) => {
    expect(html`${text}`.toString(), reason).toBe(expected);
  });

  it('takes markup as it is, lists whole, and nothing for nothing', () => {
    expect(html`<p>${[html`<b>${'<'}</b>`, 0]}${undefined}${false}${''}</p>`.toString()).toBe(
      '<p><b>&lt;</b>0</p>',
    );
  });
});

it.each([
  { reason: 'nothing', percent: 0, expected: '0 %' },
  { reason: 'hardly anything is not nothing', percent: 0.004, expected: '< 0.01 %' },
  { reason: 'two digits below ten', percent: 0.4286, expected: '0.42 %' },
  { reason: 'nearly all is not all', percent: 99.99, expected: '99.9 %' },
  { reason: 'all', percent: 100, expected: '100 %' },
])('writes shares: $reason', ({ percent, expected, reason }) => {
  expect(percentText(percent), reason).toBe(expected);
});

it('writes durations, and none of clocks that went back', () => {
  expect([41_000, 17 * 60_000 + 3_000, 90_061_000, -5].map(durationText)).toEqual([
    '41s',
    '17m 3s',
    '1d 1h',
    '0ms',
  ]);
});

describe('the headline', () => {
  const sweep = {
    startedAt: NOW - 70_000,
    endedAt: NOW - 60_000,
    expected: 10,
    read: 10,
    left: 0,
    unread: [],
    unreadSubjects: [],
    unreadSubjectsLeft: 0,
  };
  it.each<{ reason: string; overview: Partial<Overview>; says: string[]; warnings: number }>([
    { reason: 'nothing is watched', overview: { sweep }, says: ['Nothing is watched yet'], warnings: 0 },
    {
      reason: 'all agree',
      overview: { subjects: [aSubject('a'), aSubject('b')], sweep },
      says: ['All 2 subjects agree', 'ended 1m ago: it read 10 of 10 replicas in 10s'],
      warnings: 0,
    },
    {
      reason: 'some do not',
      overview: { subjects: [aSubject('a'), apart('b')], sweep },
      says: ['1 of 2 subjects agree', '1 diverged', '1 agreed'],
      warnings: 0,
    },
    { reason: 'no sweep yet', overview: {}, says: ['No sweep has come to its end'], warnings: 1 },
    {
      reason: 'the sweep is late',
      overview: { sweep: { ...sweep, endedAt: NOW - 47 * 60_000 } },
      says: ['ended 47m ago, and is late'],
      warnings: 1,
    },
    {
      reason: 'not all was read',
      overview: {
        sweep: {
          ...sweep,
          unread: [...REGIONS, ...REGIONS, ...REGIONS].map((replica) => ({
            replica,
            refusal: { code: 'ACCESS_DENIED' },
          })),
          unreadSubjects: ['cart'],
          unreadSubjectsLeft: 0,
          left: 3,
        },
      },
      says: [
        'us-east-1 could not be read: access denied.',
        '5 more replicas could not be read.',
        'Not read in all their replicas: cart.',
        '3 subjects left for the next sweep',
      ],
      warnings: 13,
    },
  ])('$reason', ({ overview, says, warnings, reason }) => {
    const drawn = widget({ ...EMPTY, ...overview });
    for (const text of says) expect(textOf(drawn), reason).toContain(text);
    expect(drawn.match(/<ul class="rc-warnings">.*?<\/ul>/s)?.[0].match(/<li>/g)?.length ?? 0, reason).toBe(
      warnings,
    );
  });
});

describe('the matrix', () => {
  it('has the worst first, of these the critical ones, and keeps the order otherwise', () => {
    const subjects = [
      aSubject('agreed'),
      aSubject('agreed, critical', { critical: true }),
      apart('unread', { verdict: 'unobservable' }),
      apart('converging', { verdict: 'converging' }),
      apart('diverged 1'),
      apart('diverged 2'),
      apart('diverged, critical', { critical: true }),
    ];
    expect(rowsOf(of(subjects))).toEqual([
      'diverged, critical',
      'diverged 1',
      'diverged 2',
      'converging',
      'unread',
      'agreed, critical',
      'agreed',
    ]);
  });

  const refusal = { code: 'ACCESS_DENIED', permission: 'kms:Decrypt' } as const;
  it.each<{ reason: string; status: Partial<SubjectStatus>; expected: string; why?: string }>([
    { reason: 'it agrees', status: { verdict: 'agreed', findings: [] }, expected: 'ok' },
    { reason: 'a key differs', status: {}, expected: 'differs', why: 'env DB_HOST differs from us-east-1' },
    {
      reason: 'a key is missing, but the replica is there',
      status: { findings: [differs(EU, { kind: 'missing' })] },
      expected: 'differs',
      why: 'env DB_HOST missing',
    },
    {
      reason: 'the replica is missing',
      status: { findings: [{ replica: EU, facet: 'replica', kind: 'missing', keys: [] }] },
      expected: 'missing',
      why: 'function missing',
    },
    {
      reason: 'a secret is no function',
      status: { kind: 'secret', findings: [{ replica: EU, facet: 'replica', kind: 'missing', keys: [] }] },
      expected: 'missing',
      why: 'missing',
    },
    {
      reason: 'the worst of two is said, and both are told',
      status: {
        findings: [
          { replica: EU, facet: 'env', kind: 'unobservable', keys: [], refusal },
          differs(EU, { facet: 'code' }),
        ],
      },
      expected: 'differs',
      why: 'env not readable: access denied: missing permission kms:Decrypt; code DB_HOST differs from us-east-1',
    },
    {
      reason: 'it could not be read',
      status: {
        verdict: 'unobservable',
        findings: [{ replica: EU, facet: 'env', kind: 'unobservable', keys: [], refusal }],
      },
      expected: 'unread',
      why: 'env not readable: access denied: missing permission kms:Decrypt',
    },
    {
      reason: 'it is being updated',
      status: {
        verdict: 'converging',
        findings: [{ replica: EU, facet: 'replica', kind: 'unsettled', keys: [] }],
      },
      expected: 'updating',
      why: 'update in progress',
    },
    {
      reason: 'a replica of a secret holds another version',
      status: {
        kind: 'secret',
        findings: [{ replica: EU, facet: 'version', kind: 'stale', keys: ['InProgress'] }],
      },
      expected: 'stale',
      why: 'replication takes too long',
    },
    {
      reason: 'it is not expected there',
      status: { verdict: 'agreed', findings: [], replicas: [US] },
      expected: 'not expected',
    },
    {
      reason: 'findings are left out, and may be of it',
      status: { findings: [differs(US)], findingsLeft: 7 },
      expected: 'not told',
      why: '7 findings left out',
    },
  ])('says of a replica that $reason', ({ status, expected, why, reason }) => {
    const drawn = of([apart('cart', status)], { replicas: [EU] });
    expect(cellsOf(drawn), reason).toEqual([expected]);
    expect(drawn.match(/<td(?: title="([^"]*)")?><div class="rc-cell/)?.[1], reason).toBe(why);
  });

  it.each<{
    reason: string;
    isWhole?: true;
    status?: Partial<SubjectStatus>;
    cells: string[];
  }>([
    { reason: 'no function of a replica', isWhole: true, cells: ['ok', 'not expected', 'unread'] },
    {
      reason: 'no function of a replica, which says nothing of secrets',
      isWhole: true,
      status: { kind: 'secret' },
      cells: ['ok', 'not expected', 'ok'],
    },
    { reason: "another subject's replica", cells: ['ok', 'not expected', 'ok'] },
    {
      reason: 'something of this subject, and nobody knows what',
      status: { verdict: 'unobservable' },
      cells: ['not told', 'not expected', 'not told'],
    },
    {
      reason: 'what is known of this subject',
      status: {
        verdict: 'unobservable',
        findings: [{ replica: EU, facet: 'env', kind: 'unobservable', keys: [], refusal }],
      },
      cells: ['ok', 'not expected', 'unread'],
    },
    {
      reason: 'no function of a replica, so that nothing is known of the subject there',
      isWhole: true,
      status: { verdict: 'unobservable' },
      cells: ['ok', 'not expected', 'unread'],
    },
  ])(
    'never takes what a sweep could not read for agreement: $reason',
    ({ isWhole, status, cells, reason }) => {
      const unread = [{ replica: EU, refusal, ...(isWhole && { isWhole }) }];
      const sweep = {
        startedAt: NOW,
        endedAt: NOW,
        expected: 2,
        read: 1,
        left: 0,
        unread,
        unreadSubjects: [],
        unreadSubjectsLeft: 0,
      };
      const cart = aSubject('cart', { replicas: [US, EU], ...status });
      expect(cellsOf(of([cart], { sweep, replicas: [US, WEST, EU] })), reason).toEqual(cells);
    },
  );

  it('names the first finding at once, all of those that there is room for on a click, and counts the rest', () => {
    const findings = Array.from({ length: 20 }, (_, position) => differs(EU, { keys: [`KEY_${position}`] }));
    const drawn = of([apart('cart', { findings, findingsLeft: 5 })]);
    const [, summary, list] = drawn.match(/<details><summary>(.*?)<\/summary><ul>(.*?)<\/ul>/s) ?? [];
    expect(textOf(summary ?? '')).toContain('eu-west-1 env KEY_0 differs from us-east-1 and 24 more');
    expect(list?.match(/<li>/g)).toHaveLength(12);
    expect(list).toContain('13 more findings, not told here');
  });

  it('marks what is critical, a secret, only learnt, silenced with why and until when, and not all read', () => {
    const silence = { until: NOW + 3_600_000, reason: 'moving <house>' };
    const sweep = {
      startedAt: NOW,
      endedAt: NOW,
      expected: 1,
      read: 0,
      left: 0,
      unread: [],
      unreadSubjects: ['a'],
      unreadSubjectsLeft: 0,
    };
    const drawn = of([aSubject('a', { critical: true, kind: 'secret', mode: 'learn', silence })], { sweep });
    expect([...drawn.matchAll(/<span class="rc-mark">(.*?)<\/span>/g)].map(([, mark]) => mark)).toEqual([
      'critical',
      'secret',
      'learnt only',
      'silenced',
      'not all read by the last sweep',
    ]);
    expect(drawn).toContain('Silenced until 2026-11-21 15:05: moving &lt;house&gt;');
  });

  it('says nothing of a silence that is over', () => {
    expect(of([aSubject('a', { silence: { until: NOW, reason: 'over' } })])).not.toContain('ilenced');
  });

  it('heads columns of one account by region, and those of several by account too', () => {
    const heads = (replicas: string[]) =>
      [...of([aSubject('a')], { replicas }).matchAll(/<th scope="col" title="[^"]*">(.*?)<\/th>/g)].map(
        ([, name]) => name,
      );
    expect(heads(['1/us-east-1', '1/eu-west-1'])).toEqual(['us-east-1', 'eu-west-1']);
    expect(heads(['1/us-east-1', '2/us-east-1'])).toEqual(['1/us-east-1', '2/us-east-1']);
  });

  it('draws fewer subjects where there are many replicas, and counts the rest by verdict', () => {
    expect(rowsOf(widget(manySubjects(500, 5, 300)))).toHaveLength(200);
    const wide = widget(manySubjects(500, 50, 100));
    expect(rowsOf(wide)).toHaveLength(40);
    expect(wide).toContain('460 more subjects, not drawn here: 60 diverged, 400 agreed.');
  });

  it('draws one replica, which nothing can differ from', () => {
    expect(cellsOf(of([aSubject('cart', { replicas: [US] })], { replicas: [US] }))).toEqual(['ok']);
  });
});

describe('the timeline', () => {
  const drawn = (episodes: readonly EpisodeStatus[], more: Partial<Overview> = {}) =>
    widget({ ...EMPTY, episodes, ...more });
  const lanesOf = (picture: string) => picture.match(/<li class="rc-lane">.*?<\/li>/gs) ?? [];

  it('has a lane for each episode, with a mark for each replica that came to agree, named in their order', () => {
    const [lane = '', ...others] = lanesOf(drawn([anEpisode('cart', 3_600_000)]));
    expect(others).toEqual([]);
    expect([...lane.matchAll(/<g><title>(.*?)<\/title><circle/g)].map(([, title]) => title)).toEqual([
      'us-east-1 after 6s',
      'eu-west-1 after 41s',
      'ap-southeast-2 after 2m',
    ]);
    expect(textOf(lane)).toContain('us-east-1 6s eu-west-1 41s ap-southeast-2 2m');
  });

  it.each<{ reason: string; episode: Partial<EpisodeStatus>; says: string; fill: string }>([
    { reason: 'agreed', episode: {}, says: 'agreed after 2m', fill: 'rc-fill-ok' },
    {
      reason: 'open',
      episode: { outcome: 'open', endedAt: null },
      says: 'open for 1h',
      fill: 'rc-fill-moving',
    },
    {
      reason: 'open for too long',
      episode: { outcome: 'open', endedAt: null, isOverdue: true },
      says: 'open, overdue for 1h',
      fill: 'url(#rc-cross)',
    },
    {
      reason: 'rolled back',
      episode: { outcome: 'rolled-back' },
      says: 'rolled back after 2m',
      fill: 'url(#rc-hatch)',
    },
    {
      reason: 'superseded',
      episode: { outcome: 'superseded' },
      says: 'superseded after 2m',
      fill: 'url(#rc-dots)',
    },
    { reason: 'retired', episode: { outcome: 'retired' }, says: 'retired after 2m', fill: 'url(#rc-hollow)' },
    {
      reason: 'what it rests on',
      episode: { evidence: 'bounded' },
      says: 'agreed after 2m, bounded',
      fill: 'rc-fill-ok',
    },
    {
      reason: 'nobody watches the third hop',
      episode: { evidence: 'unwatched' },
      says: 'agreed after 2m, consumers not watched',
      fill: 'rc-fill-ok',
    },
  ])('tells outcomes apart: $reason', ({ episode, says, fill, reason }) => {
    const [lane = ''] = lanesOf(drawn([anEpisode('cart', 3_600_000, episode)]));
    expect(textOf(lane), reason).toContain(says);
    expect(lane, reason).toContain(fill);
  });

  it('marks the target of a subject that is still watched', () => {
    const episodes = [
      anEpisode('cart', 3_600_000, { outcome: 'open', endedAt: null }),
      anEpisode('gone', 60_000),
    ];
    const [cart, gone] = lanesOf(drawn(episodes, { subjects: [aSubject('cart')] }));
    expect(cart).toContain('<title>target 5m after the last change</title>');
    expect(gone).not.toContain('target');
  });

  it('counts the target from the last change that joined, as the level does', () => {
    const [HOUR, MINUTE] = [3_600_000, 60_000];
    const waves = (convergenceMs: number) =>
      anEpisode('cart', HOUR, { endedAt: NOW - HOUR + 30 * MINUTE, convergenceMs });
    const targetsOf = (episodes: readonly EpisodeStatus[]) =>
      [...drawn(episodes, { subjects: [aSubject('cart')] }).matchAll(/x1="([\d.]+)%"[^>]*rc-target/g)].map(
        ([, x]) => Number(x),
      );
    const [, one = 0, late = 0] = targetsOf([waves(30 * MINUTE), waves(20 * MINUTE)]); // the first is the legend's
    expect(one).toBeGreaterThan(0);
    expect(late).toBeGreaterThan(one);
    expect(targetsOf([waves(MINUTE)])).toHaveLength(1); // it came to agree before its target was due
  });

  it('draws bars and marks within its width, whatever the clocks said', () => {
    const odd = { firstSeenAt: NOW + 1e9, endedAt: NOW - 1e12, reached: [{ replica: US, at: NOW - 2e12 }] };
    const picture = drawn([anEpisode('cart', 60_000, odd), anEpisode('old', NOW), anEpisode('ahead', -1e9)]);
    const percents = [...picture.matchAll(/(?:x|x1|x2|cx|width)="([-\d.e]+|NaN)%"/g)].map(([, at]) =>
      Number(at),
    );
    expect(percents.length).toBeGreaterThan(20);
    for (const at of percents) expect(at >= 0 && at <= 100, `${at} %`).toBe(true);
  });

  it('draws the newest 30, and counts the rest', () => {
    const picture = drawn(
      Array.from({ length: 33 }, (_, position) => anEpisode(`e${position}`, position * 60_000)),
    );
    expect(lanesOf(picture)).toHaveLength(30);
    expect(picture).toContain('3 earlier episodes, not drawn here.');
  });

  it.each([
    { reason: 'a quarter of an hour', width: 1_600, ago: 3_600_000, step: '13:30' },
    { reason: 'days', width: 800, ago: 6 * 86_400_000, step: 'Nov 18' },
    { reason: 'weeks, of an old one', width: 400, ago: 200 * 86_400_000, step: 'Jul' },
  ])('marks the calendar with $reason', ({ width, ago, step, reason }) => {
    const calendar = drawWidget({ ...EMPTY, episodes: [anEpisode('cart', ago)] }, { theme: 'dark', width });
    expect(calendar.match(/<div class="rc-calendar">.*?<\/div>/s)?.[0], reason).toContain(`>${step}`);
  });
});

it('draws runs with how far they are, what they counted and cost', () => {
  const text = textOf(widget({ ...EMPTY, runs: SAMPLE.runs }));
  expect(text).toContain('orders apply of dedupe running');
  expect(text).toContain('68 % (11 of 16) duplicates 199 removed 137 retries 2');
  expect(text).toContain('2026-11-21 13:58 · 7m · 0.0418 USD');
  expect(text).toContain('customers apply of backfill failed');
});

it('holds service levels against what was promised, and says where there is nothing to say', () => {
  const text = textOf(widget(SAMPLE));
  expect(text).toContain(
    'Functions agree in time 50 % missed p95 2m, 6 episodes objective: 95 % within target',
  );
  expect(text).toContain('Time to detect, p95 1m 10s met');
  expect(text).toContain('Read by the last sweep 97.6 % missed 168 of 172 replicas objective: above 99 %');
  expect(textOf(of([aSubject('cart')]))).toContain(
    'Partial deploys – nothing to say yet objective: below 0.5 %',
  );
});

it('claims no service levels where only the last episode of each subject is known', () => {
  const text = textOf(widget({ ...SAMPLE, isBrief: true }));
  expect(text).toContain('too many subjects to sum up here');
  expect(text).not.toContain('Functions agree in time');
});

describe('looking again', () => {
  const actionsOf = (drawn: string) =>
    [...drawn.matchAll(/<\/button><cwdb-action ([^>]*)>([^<]*)<\/cwdb-action>/g)].map(
      ([, attributes, json = '']) => ({
        attributes,
        json: json.replaceAll('&quot;', '"').replaceAll('&#39;', "'"),
      }),
    );

  it('has a button for all that do not agree and one for each, right before what it calls', () => {
    const drawn = widget({ ...EMPTY, subjects: [aSubject('agreed'), apart('cart'), apart('db')] }, ARN);
    const attributes = `action="call" endpoint="${ARN}" display="widget" event="click"`;
    expect(actionsOf(drawn)).toEqual([
      { attributes, json: '{"look":["cart","db"]}' },
      { attributes, json: '{"look":["cart"]}' },
      { attributes, json: '{"look":["db"]}' },
    ]);
  });

  it('asks for nothing else, and for what was named, whatever it is', () => {
    const asked = actionsOf(widget(HOSTILE, ARN)).map(({ json }) => JSON.parse(json));
    expect(asked).toEqual([{ look: HOSTILE_NAMES }, ...HOSTILE_NAMES.map((name) => ({ look: [name] }))]);
  });

  it('reads the same to who does not decode entities', () => {
    const drawn = widget({ ...EMPTY, subjects: [apart('<é&>')] }, ARN);
    expect(actionsOf(drawn)[0]?.json).toBe('{"look":["\\u003c\\u00e9\\u0026\\u003e"]}');
  });

  it('asks for no more at once than one request may name', () => {
    const [all] = actionsOf(widget(manySubjects(150, 2, 150), ARN));
    expect(JSON.parse(all?.json ?? '').look).toHaveLength(100);
    expect(widget(manySubjects(150, 2, 150), ARN)).toContain('Look again at the first 100<');
  });

  it.each([
    { reason: 'nobody says what to call', drawn: widget(SAMPLE) },
    { reason: 'a page on a desk calls nothing', drawn: drawPage(SAMPLE) },
    { reason: 'all agree', drawn: widget({ ...EMPTY, subjects: [aSubject('cart')] }, ARN) },
  ])('has no button where $reason', ({ drawn, reason }) => {
    expect(drawn, reason).not.toContain('<cwdb-action');
    expect(drawn, reason).not.toContain('<button');
  });
});

describe('a hostile overview', () => {
  it.each([
    { reason: 'a widget', drawn: widget(HOSTILE, ARN) },
    { reason: 'a page', drawn: drawPage(HOSTILE) },
  ])('adds nothing to $reason: it has the tags of our own alone', ({ drawn, reason }) => {
    const tags = new Set([...drawn.matchAll(/<([a-z0-9-]+)/gi)].map(([, tag]) => tag));
    const known = new Set([
      'cwdb-action',
      ...[...drawPage(SAMPLE).matchAll(/<([a-z0-9-]+)/gi)].map(([, tag]) => tag),
      'button',
    ]);
    expect(
      [...tags].filter((tag) => !known.has(tag)),
      reason,
    ).toEqual([]);
    expect(drawn, reason).not.toMatch(/<(script|img|iframe|use|foreignObject|link)/i);
    expect(drawn.replaceAll('\n', ''), reason).not.toMatch(/[\p{Cc}\p{Cf}]/u);
  });
});

describe('size', () => {
  it('is below 500 KB for 500 subjects in 5 replicas of which 100 do not agree', () => {
    const drawn = widget(manySubjects(500, 5, 100), ARN);
    expect(rowsOf(drawn)).toHaveLength(200);
    expect(Buffer.byteLength(drawn)).toBeLessThan(500_000);
  });

  it('does not grow with 10,000 subjects that do not agree', () => {
    const drawn = widget(manySubjects(10_000, 5, 10_000), ARN);
    expect(drawn).toContain('9,800 more subjects, not drawn here: 9,800 diverged.');
    expect(Buffer.byteLength(drawn)).toBeLessThan(500_000);
  });
});

it('follows the theme that it is asked for, and on a desk that of the reader', () => {
  const themeOf = (theme: 'light' | 'dark') => drawWidget(EMPTY, { theme, width: 800 });
  expect(themeOf('light')).toMatch(/^<div class="rc rc-light /);
  expect(themeOf('dark')).toMatch(/^<div class="rc rc-dark /);
  expect(drawPage(EMPTY)).toContain('<main class="rc rc-auto">');
});
