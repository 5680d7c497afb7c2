import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DeployedFunctions } from '../../local/deployed-functions.ts';
import { Folder } from './command.ts';

const REGIONS = ['us-west-1', 'eu-central-1', 'sa-east-1']; // other tests use other regions
const FLAGS = [`--regions=${REGIONS.join()}`];

describe('recohere init', () => {
  const deployed = new DeployedFunctions();
  let folder: Folder;

  beforeAll(async () => {
    folder = await Folder.make();
    for (const region of REGIONS) {
      await deployed.deploy(region, 'init-api', {
        environment: { DB_HOST: `planted-db-${region.length}-${region.charAt(0)}`, LEVEL: 'planted-info' },
      });
      await deployed.deploy(region, `Init-Job-${region.toUpperCase()}`, {
        environment: { FLAG: region === 'sa-east-1' ? 'planted-off' : 'planted-on' },
        tags: { 'aws:cloudformation:stack-name': 'Init', 'aws:cloudformation:logical-id': 'Job' },
      });
    }
  });
  afterAll(async () => {
    await deployed.removeAll();
    await folder.remove();
  });

  it('writes a config of what is live, after which scan finds only what is drift', async () => {
    const written = await folder.recohere(['init', ...FLAGS]);
    expect(written).toMatchObject({ code: 0, stderr: '' });
    expect(written.stdout).toContain('Wrote recohere.config.ts: 2 subjects in 3 regions.');

    const scanned = await folder.recohere(['scan']);
    expect(scanned.code).toBe(1);
    expect(scanned.stdout).toContain('Init/Job · sa-east-1 · env FLAG differs from us-west-1');
    expect(scanned.stdout).toMatch(/^init-api +agreed +ok +ok +ok$/m);

    const text = await folder.read('recohere.config.ts');
    expect(text).toContain("'DB_HOST',");
    expect(text + written.stdout + scanned.stdout).not.toContain('planted');
  });

  it('replaces no config, unless it is told to', async () => {
    await folder.write('recohere.config.ts', 'mine');
    expect(await folder.recohere(['init', ...FLAGS])).toMatchObject({ code: 2, stdout: '' });
    expect(await folder.read('recohere.config.ts')).toBe('mine');
    expect(await folder.recohere(['init', '--force', ...FLAGS])).toMatchObject({ code: 0 });
    expect(await folder.read('recohere.config.ts')).toContain('defineConfig');
  });

  it('says why a config cannot be written', async () => {
    await folder.remove();
    folder = await Folder.make();
    await folder.makeFolder('recohere.config.ts');
    const ended = await folder.recohere(['init', '--force', ...FLAGS]);
    expect(ended).toMatchObject({ code: 2, stdout: '' });
    expect(ended.stderr).toContain('recohere: recohere.config.ts cannot be written: EISDIR');
  });

  it('writes nothing where there are no copies', async () => {
    const ended = await folder.recohere(['init', '--force', ...FLAGS, '--name', 'init-nothing']);
    expect(ended).toMatchObject({ code: 2, stdout: '' });
    expect(ended.stderr).toContain('no function was found in more than one region; nothing was written');
  });
});
