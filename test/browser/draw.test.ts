import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import axe from 'axe-core';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { drawPage, drawWidget } from '../../functions/app/draw.ts';
import type { Overview } from '../../functions/contract/overview.ts';
import { EMPTY, HOSTILE, HOSTILE_NAMES, manySubjects, SAMPLE } from '../app/sample-overview.ts';
import { BROWSER_PATH, startBrowser } from './browser.ts';

const SCREENSHOTS = '.reports/screenshots';
const ARN = 'arn:aws:lambda:us-east-1:111111111111:function:recohere-widget';
const THEMES = ['light', 'dark'] as const;
type Theme = (typeof THEMES)[number];
const WIDTHS = [400, 800, 1600];
/** What the accessibility of web content asks for by law in most places, and what is good practice. */
const RULES = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];

if (BROWSER_PATH === undefined)
  process.stdout.write('No Chromium was found: tests in a browser are skipped.\n');

describe.skipIf(BROWSER_PATH === undefined)('in a browser', () => {
  let browser: Browser;
  let folder: string;
  beforeAll(async () => {
    await mkdir(SCREENSHOTS, { recursive: true });
    folder = await mkdtemp(join(tmpdir(), 'recohere-'));
    browser = await startBrowser(BROWSER_PATH ?? '');
  });
  afterAll(async () => {
    await browser?.close();
    await rm(folder, { recursive: true });
  });

  /** Opens a document as a file, as people do, and notes what it asks for, runs and complains about. */
  async function open(
    document: string,
    theme: Theme,
    width = 1280,
  ): Promise<{ page: Page; noted: string[] }> {
    const page = await browser.newPage({ viewport: { width, height: 900 }, colorScheme: theme });
    const file = join(folder, 'picture.html');
    const url = pathToFileURL(file).href;
    const noted: string[] = [];
    page.on('request', (request) => request.url() !== url && noted.push(`request of ${request.url()}`));
    page.on('console', (message) => noted.push(message.text()));
    page.on('pageerror', (error) => noted.push(error.message));
    page.on('dialog', (dialog) => {
      noted.push(`dialog ${dialog.message()}`);
      return dialog.dismiss();
    });
    await writeFile(file, document);
    await page.goto(url);
    return { page, noted };
  }

  /** A widget within a page that is not ours. */
  function dashboardWith(overview: Overview, theme: Theme, width: number): string {
    const widget = drawWidget(overview, { theme, width, lookAgain: ARN });
    return `<!doctype html><html lang="en"><meta charset="utf-8"><title>Dashboard</title><body style="margin:0"><main><h1 style="position:absolute;clip-path:inset(50%)">Dashboard</h1>${widget}</main></body></html>`;
  }

  async function violationsOf(page: Page): Promise<{ violations: string[]; contrasts: number }> {
    await page.evaluate(axe.source);
    const result = await page.evaluate<axe.AxeResults>(
      `axe.run(document, { runOnly: ${JSON.stringify(RULES)} })`,
    );
    const contrast = result.passes.find(({ id }) => id === 'color-contrast');
    return {
      violations: result.violations.flatMap(({ id, nodes }) =>
        nodes.map(({ target, failureSummary }) => `${id}: ${target} ${failureSummary}`),
      ),
      contrasts: contrast?.nodes.length ?? 0,
    };
  }

  describe.each(THEMES)('a page in the %s theme', (theme) => {
    it('shows every subject in every replica, and what is wrong where', async () => {
      const { page, noted } = await open(drawPage(SAMPLE), theme);
      const words = await page.locator('.rc-cell').allTextContents();
      expect(words).toHaveLength(SAMPLE.subjects.length * SAMPLE.replicas.length);
      const wrong = SAMPLE.subjects.map(
        ({ findings }) => new Set(findings.map(({ replica }) => replica)).size,
      );
      const elsewhere = SAMPLE.subjects.map(({ replicas }) => SAMPLE.replicas.length - replicas.length);
      const sum = (counts: number[]) => counts.reduce((total, count) => total + count, 0);
      expect(words.filter((word) => word === 'not expected')).toHaveLength(sum(elsewhere));
      expect(words.filter((word) => word !== 'ok' && word !== 'not expected')).toHaveLength(sum(wrong));
      expect(await page.getByText('29 of 36 subjects agree').isVisible()).toBe(true);
      await page.screenshot({ path: `${SCREENSHOTS}/page-${theme}.png`, fullPage: true });
      expect(noted).toEqual([]);
      await page.close();
    });

    it('shows all findings on a click', async () => {
      const { page } = await open(drawPage(SAMPLE), theme);
      const finding = page.getByText('env FEATURE_X missing');
      expect(await finding.isVisible()).toBe(false);
      await page.getByText('and 3 more').click();
      expect(await finding.isVisible()).toBe(true);
      await page.close();
    });

    it('draws each episode with a mark for each replica that came to agree, and an axis of time', async () => {
      const { page } = await open(drawPage(SAMPLE), theme);
      const lanes = page.locator('.rc-lanes > li');
      expect(await lanes.count()).toBe(SAMPLE.episodes.length);
      const reached = SAMPLE.episodes.map((episode) => episode.reached.length);
      for (const [position, count] of reached.entries()) {
        expect(
          await lanes.nth(position).locator('svg circle').count(),
          SAMPLE.episodes[position]?.subject,
        ).toBe(count);
      }
      const cart = lanes.filter({ hasText: 'cart' });
      expect(await cart.locator('svg title').allTextContents()).toEqual([
        'target 5m after the last change',
        'us-east-1 after 6s',
        'eu-west-1 after 41s',
        'ap-southeast-2 after 2m',
      ]);
      expect(await page.locator('.rc-axis').nth(1).locator('text').allTextContents()).toEqual([
        '0',
        '1m',
        '15m',
        '6h',
        '7d',
      ]);
      await page.close();
    });

    it.each([
      { name: 'the sample', overview: SAMPLE },
      { name: 'nothing', overview: EMPTY },
      { name: 'many', overview: manySubjects(60, 12, 20) },
    ])('is accessible, with enough contrast, and shows $name', async ({ overview }) => {
      const { page } = await open(drawPage(overview), theme);
      const { violations, contrasts } = await violationsOf(page);
      expect(violations).toEqual([]);
      expect(contrasts).toBeGreaterThan(0);
      await page.close();
    });

    it('is accessible as a widget, beside what is not ours', async () => {
      const { page, noted } = await open(
        dashboardWith(SAMPLE, theme, 1280),
        theme === 'light' ? 'dark' : 'light',
      );
      expect((await violationsOf(page)).violations).toEqual([]);
      expect(await page.getByRole('button', { name: 'Look again' }).count()).toBe(8);
      expect(await page.locator('cwdb-action').first().isVisible()).toBe(false);
      await page.screenshot({ path: `${SCREENSHOTS}/widget-${theme}.png`, fullPage: true });
      expect(noted).toEqual([]);
      await page.close();
    });
  });

  it.each([
    { drawn: 'page', document: drawPage(SAMPLE) },
    { drawn: 'page of many replicas', document: drawPage(manySubjects(60, 12, 20)) },
    { drawn: 'page of long names', document: drawPage(HOSTILE) },
    { drawn: 'widget', document: dashboardWith(SAMPLE, 'light', 400) },
    { drawn: 'widget of long names', document: dashboardWith(HOSTILE, 'light', 400) },
  ])('fits a $drawn into every width', async ({ drawn, document }) => {
    const { page } = await open(document, 'light');
    for (const width of WIDTHS) {
      await page.setViewportSize({ width, height: 900 });
      expect(await page.evaluate('document.documentElement.scrollWidth'), `${width} pixels`).toBe(width);
      const name = page.locator('.rc-matrix tbody th').first();
      expect((await name.boundingBox())?.width, `of a subject's name, at ${width} pixels`).toBeGreaterThan(
        100,
      );
      for (const theme of drawn === 'page' ? THEMES : []) {
        await page.emulateMedia({ colorScheme: theme });
        await page.screenshot({ path: `${SCREENSHOTS}/page-${theme}-${width}.png`, fullPage: true });
      }
    }
    await page.close();
  });

  it.each([
    { reason: 'as a page', document: drawPage(HOSTILE) },
    { reason: 'as a widget, which no policy protects', document: dashboardWith(HOSTILE, 'light', 800) },
  ])(
    'shows names that attack, and does nothing of what they ask for: $reason',
    async ({ document, reason }) => {
      const { page, noted } = await open(document, 'light');
      const names = await page.locator('.rc-matrix .rc-name').allTextContents();
      const seen = HOSTILE_NAMES.map((name) =>
        name.replace(
          /[\p{Cc}\p{Cf}]/gu,
          (unseen) => `[U+${unseen.charCodeAt(0).toString(16).toUpperCase().padStart(4, '0')}]`,
        ),
      );
      expect(names, reason).toEqual(seen);
      expect(await page.locator('script, img, iframe, link, [onerror], [onload]').count(), reason).toBe(0);
      const endpoints = await page
        .locator('cwdb-action')
        .evaluateAll((actions) => actions.map((action) => action.getAttribute('endpoint')));
      expect(new Set(endpoints).size, reason).toBeLessThanOrEqual(1);
      expect(noted, reason).toEqual([]);
      await page.close();
    },
  );

  it('asks a function to look at exactly what was named', async () => {
    const { page } = await open(dashboardWith(HOSTILE, 'light', 800), 'light');
    const asked = await page.locator('.rc-why cwdb-action').allTextContents();
    expect(asked.map((json) => JSON.parse(json))).toEqual(HOSTILE_NAMES.map((name) => ({ look: [name] })));
    await page.close();
  });

  it('prints dark on light, with all findings', async () => {
    const { page } = await open(drawPage(SAMPLE), 'dark');
    await page.emulateMedia({ media: 'print', colorScheme: 'dark' });
    const background = "getComputedStyle(document.querySelector('.rc')).backgroundColor";
    expect(await page.evaluate(background)).toBe('rgb(255, 255, 255)');
    expect(await page.getByText('env FEATURE_X missing').isVisible()).toBe(true);
    await page.close();
  });
});
