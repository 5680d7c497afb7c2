import { execFile } from 'node:child_process';
import { copyFile, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';

/** Stands for any use case, each with a folder and in it a `handler.ts`. */
const HANDLERS = 'functions/use-case';

/** The whole system in memory. */
const REHEARSAL = [
  'rehearsal',
  'functions/app',
  'functions/ports',
  'functions/core',
  'functions/contract',
  'functions/adapters/sim',
  'functions/adapters/local',
];

/** Which folder may import which: bin → lib, app, adapters, contract; and so on. */
const ALLOWED: Readonly<Record<string, readonly string[]>> = {
  bin: [
    'bin',
    'lib',
    'rehearsal',
    'functions/app',
    'functions/adapters/aws',
    'functions/adapters/sim',
    'functions/adapters/local',
    'functions/contract',
  ],
  lib: ['lib', 'functions/contract'],
  rehearsal: REHEARSAL,
  'rehearsal/seeds': ['rehearsal/seeds', ...REHEARSAL],
  [HANDLERS]: ['functions/app', 'functions/adapters/aws', 'functions/contract'],
  'functions/app': ['functions/app', 'functions/core', 'functions/ports', 'functions/contract'],
  'functions/adapters/aws': [
    'functions/adapters/aws',
    'functions/ports',
    'functions/core',
    'functions/contract',
    '@aws-sdk/client-lambda',
  ],
  'functions/adapters/sim': [
    'functions/adapters/sim',
    'functions/ports',
    'functions/core',
    'functions/contract',
  ],
  'functions/adapters/local': [
    'functions/adapters/local',
    'functions/ports',
    'functions/core',
    'functions/contract',
  ],
  'functions/ports': ['functions/ports', 'functions/core'],
  'functions/probe': ['functions/probe'],
  'functions/elsewhere': ['functions/elsewhere'],
  'functions/core': ['functions/core', 'functions/contract'],
  'functions/contract': ['functions/contract'],
};
const TARGETS = [...new Set([...Object.keys(ALLOWED), ...Object.values(ALLOWED).flat()])];

/** What the linter has to say of one file a pair of folders, each with one import. */
async function forbiddenImports(): Promise<Set<string>> {
  const root = await mkdtemp(join(tmpdir(), 'recohere-'));
  try {
    await copyFile('biome.json', join(root, 'biome.json'));
    for (const [from, to] of pairs()) {
      const file = join(root, fileOf(from, to));
      await mkdir(dirname(file), { recursive: true });
      const specifier = to.startsWith('@') ? to : relative(dirname(file), join(root, to, 'target.ts'));
      const dotted = specifier.startsWith('.') || to.startsWith('@') ? specifier : `./${specifier}`;
      await writeFile(file, `import { x } from '${dotted}';\nexport const y = x;\n`);
    }
    const biome = join(process.cwd(), 'node_modules/.bin/biome');
    const args = [
      'lint',
      '--reporter=json',
      '--max-diagnostics=none',
      '--only=style/noRestrictedImports',
      '--vcs-enabled=false',
      '.',
    ];
    const { stdout } = await promisify(execFile)(biome, args, { cwd: root }).catch((error) => error);
    const { diagnostics } = JSON.parse(stdout) as { diagnostics: { location: { path: string } }[] };
    return new Set(diagnostics.map(({ location }) => location.path.replace(/^\.\//, '')));
  } finally {
    await rm(root, { recursive: true });
  }
}

function pairs(): [string, string][] {
  return Object.keys(ALLOWED).flatMap((from) => TARGETS.map((to): [string, string] => [from, to]));
}

function fileOf(from: string, to: string): string {
  const name = `imports-${to.replaceAll(/[^a-z]+/g, '-')}`;
  return from === HANDLERS ? `functions/${name}/handler.ts` : `${from}/${name}.ts`;
}

describe('the linter', () => {
  it('holds the import boundaries between folders', async () => {
    const forbidden = await forbiddenImports();
    const wrong = pairs().filter(
      ([from, to]) => forbidden.has(fileOf(from, to)) === ALLOWED[from]?.includes(to),
    );
    expect(wrong).toEqual([]);
    expect(forbidden.size).toBeGreaterThan(0);
  });
});
