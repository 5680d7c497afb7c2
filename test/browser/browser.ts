import { existsSync } from 'node:fs';
import { type Browser, chromium } from 'playwright-core';

const PLACES = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];

/** Where a browser is, by `CHROME_PATH` or where systems have it; `undefined` if nowhere. */
export const BROWSER_PATH = [process.env.CHROME_PATH ?? '', ...PLACES].find(existsSync);

/** Starts a browser without a window. Who started it closes it. */
export function startBrowser(executablePath: string): Promise<Browser> {
  const isRoot = process.getuid?.() === 0;
  return chromium.launch({ executablePath, args: isRoot ? ['--no-sandbox'] : [] });
}
