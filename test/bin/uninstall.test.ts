import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  exitCodeOf,
  exitCodeOfLook,
  hindrancesOf,
  renderInstalled,
  renderUninstalled,
} from '../../bin/uninstall.ts';
import type { Installed, InstalledBucket, InstalledStack } from '../../functions/app/uninstall.ts';
import { run } from './run.ts';

const OWN = '111111111111';
const OTHER = '222222222222';
const HUB = 'us-east-1';
const SCREEN = { colors: false, width: Number.POSITIVE_INFINITY };

const stackOf = (kind: InstalledStack['kind'], more: Partial<InstalledStack> = {}): InstalledStack => ({
  kind,
  name: `recohere-${kind}`,
  region: HUB,
  status: 'UPDATE_COMPLETE',
  isProtected: false,
  goes: { 'AWS::SQS::Queue': 1 },
  retained: [],
  ...more,
});
const HUB_STACK = stackOf('hub', {
  goes: { 'AWS::SQS::Queue': 5, 'AWS::Lambda::Function': 7 },
  retained: [
    { type: 'AWS::DynamoDB::GlobalTable', name: 'recohere-hub-Ledger' },
    { type: 'AWS::SecretsManager::Secret', name: 'arn:key' },
    { type: 'AWS::SQS::Queue', name: 'kept-by-hand' },
  ],
});
const bucketOf = (quarantined: InstalledBucket['quarantined'], account = OWN): InstalledBucket => ({
  name: `recohere-${account}-${HUB}`,
  region: HUB,
  account,
  quarantined,
});
const installedOf = (more: Partial<Installed> = {}): Installed => ({
  prefix: 'recohere',
  account: OWN,
  stacks: [stackOf('data'), HUB_STACK],
  buckets: [],
  atWork: [],
  foreignRules: [],
  isHubGone: false,
  elsewhere: [],
  foreign: [],
  unread: [],
  unsearched: [],
  ...more,
});
/** How what stays of the hub is deleted. */
const RETAINED = `
A new installation makes its own ledger and key. If nobody needs the record of episodes and runs any more, then, after all else (Secrets Manager keeps a deleted secret for 30 days):
  aws dynamodb delete-table --table-name recohere-hub-Ledger --region us-east-1
  aws secretsmanager delete-secret --secret-id arn:key --region us-east-1
`;
const DENIED = { code: 'ACCESS_DENIED', call: 's3:ListBucket', permission: 's3:ListBucket' } as const;

describe('what an uninstall shows', () => {
  it('is what goes, what stays, and the command that does it', () => {
    const elsewhere = [
      { account: OTHER, region: HUB, stacks: ['recohere-region', 'recohere-data'], trusts: OWN },
      { account: OTHER, region: 'eu-west-1', stacks: ['recohere-hub'] },
    ];
    expect(renderInstalled(installedOf({ elsewhere }), [], { config: 'my config.ts' }, SCREEN)).toBe(`\
account 111111111111, prefix recohere
goes · us-east-1 · recohere-data · 1 resource: 1 SQS::Queue
goes · us-east-1 · recohere-hub · 12 resources: 7 Lambda::Function, 5 SQS::Queue
stays · us-east-1 · the ledger recohere-hub-Ledger
stays · us-east-1 · the fingerprint key arn:key
stays · us-east-1 · AWS::SQS::Queue kept-by-hand
not looked at · 222222222222/us-east-1 · recohere-region, recohere-data: with a profile of account 222222222222, AWS_PROFILE=… npx recohere uninstall; until then, roles there trust those of account 111111111111 that are named recohere-*
not looked at · 222222222222/eu-west-1 · recohere-hub: with a profile of account 222222222222, AWS_PROFILE=… npx recohere uninstall

Nothing was changed. Delete it:
  recohere uninstall --yes --config 'my config.ts'
${RETAINED}`);
  });

  it('is what is left alone, and where nobody could search', () => {
    const [two, three, one] = ['eu-west-2', 'eu-west-3', 'eu-west-1'];
    const foreign = [
      { region: HUB, name: 'recohere-hub', why: 'not ours' },
      { region: two, name: 'recohere-data', why: 'other hub' },
      { region: three, name: 'recohere-data', why: 'any hub' },
      { region: one, name: 'StackSet-a-b', why: 'other name' },
    ] as const;
    const list = { ...DENIED, permission: 'account:ListRegions' };
    const unsearched = [
      { region: two, refusal: DENIED },
      { refusal: list },
      { region: three, refusal: DENIED },
    ];
    const installed = installedOf({ stacks: [], organization: 'o-abcdefghij', foreign, unsearched });
    expect(renderInstalled(installed, [], {}, SCREEN)).toBe(`\
account 111111111111, prefix recohere
not looked at · accounts of o-abcdefghij that the config does not name: remove theirs there
left alone · us-east-1 · recohere-hub, which is not as the CDK app of Recohere makes it: if it is of Recohere, remove it with what has made it
left alone · eu-west-2 · recohere-data, which is of a hub in another account
left alone · eu-west-3 · recohere-data, which does not say whose hub it is of: if it is of this one, remove it with CloudFormation
left alone · eu-west-1 · StackSet-a-b, which StackSets, Terraform or another app has made: remove it there
not searched · eu-west-2, eu-west-3 · access denied: missing permission s3:ListBucket
not searched · regions that the config does not name · access denied: missing permission account:ListRegions (s3:ListBucket)
Nothing else of recohere is deployed in account 111111111111.
`);
    const done = { deleted: [], failed: [], untried: [] };
    expect(renderUninstalled(installed, done, {}, SCREEN)).toMatch(
      /^account 111111111111, prefix recohere\n.*^left alone .*^not searched /ms,
    );
  });

  it('is no resource of a stack that has none', () => {
    const shown = renderInstalled(installedOf({ stacks: [stackOf('region', { goes: {} })] }), [], {}, SCREEN);
    expect(shown).toContain('goes · us-east-1 · recohere-region · 0 resources\n');
  });

  it('is what stays with a quarantine that may be left', () => {
    const installed = installedOf({ buckets: [bucketOf(['run-a'])] });
    const flags = { leaveQuarantine: true };
    const shown = renderInstalled(installed, hindrancesOf(installed, flags), flags, SCREEN);
    expect(shown).not.toContain('goes · us-east-1 · recohere-data');
    expect(shown).toContain(
      'stays · us-east-1 · recohere-data, for its bucket recohere-111111111111-us-east-1 has quarantined items\n',
    );
    expect(shown).toContain('\n  recohere uninstall --yes --leave-quarantine\n');
    const rest = { ...installed, stacks: [stackOf('data')] };
    expect(renderInstalled(rest, [], flags, SCREEN), 'nothing is left that would go').toMatch(
      /\n\nNothing was changed\.\n$/,
    );
  });

  it('is the stack that stays for its role, where a bucket elsewhere is left', () => {
    const stacks = [
      stackOf('data', { goes: { 'AWS::S3::Bucket': 1, 'AWS::IAM::Role': 1 }, region: 'eu-west-1' }),
      stackOf('data', { goes: { 'AWS::S3::Bucket': 1 } }),
      stackOf('data', { goes: { 'AWS::S3::Bucket': 1 }, region: 'eu-west-2' }),
    ];
    const installed = installedOf({ stacks, buckets: [bucketOf(['run-a'])] });
    const flags = { leaveQuarantine: true };
    const shown = renderInstalled(installed, hindrancesOf(installed, flags), flags, SCREEN);
    expect(shown.match(/^(goes|stays) .*/gm)).toEqual([
      'goes · eu-west-2 · recohere-data · 1 resource: 1 S3::Bucket',
      'stays · us-east-1 · recohere-data, for its bucket recohere-111111111111-us-east-1 has quarantined items',
      'stays · eu-west-1 · recohere-data, for without its role no undo or forget gets to them',
    ]);
  });

  it('names no command while something is not known', () => {
    const unread = [{ region: 'eu-west-1', refusal: DENIED }];
    const shown = renderInstalled(installedOf({ unread }), [], {}, SCREEN);
    expect(shown).toContain('not readable · eu-west-1 · access denied: missing permission s3:ListBucket\n');
    expect(shown).not.toContain('--yes');
  });

  it.each<{ reason: string; installed: Partial<Installed>; leaving: boolean; code: number }>([
    { reason: 'something goes', installed: {}, leaving: false, code: 1 },
    { reason: 'nothing is there', installed: { stacks: [] }, leaving: false, code: 0 },
    {
      reason: 'nothing goes, because of a hindrance',
      installed: { stacks: [stackOf('data')], buckets: [bucketOf(['run-a'])] },
      leaving: false,
      code: 1,
    },
    {
      reason: 'nothing goes, for what is left may stay',
      installed: { stacks: [stackOf('data')], buckets: [bucketOf(['run-a'])] },
      leaving: true,
      code: 0,
    },
    {
      reason: 'something is not known',
      installed: { unread: [{ region: HUB, refusal: DENIED }] },
      leaving: false,
      code: 3,
    },
  ])('ends with $code if $reason', ({ installed, leaving, code }) => {
    const found = installedOf(installed);
    expect(exitCodeOfLook(found, hindrancesOf(found, { leaveQuarantine: leaving }))).toBe(code);
  });

  it('shows nothing that a terminal obeys', () => {
    const installed = installedOf({ buckets: [bucketOf(['run\u001b[2J'])] });
    expect(hindrancesOf(installed, {}).join()).toContain('run [2J');
    const stack = stackOf('region');
    const done = { deleted: [], failed: [{ stack, reasons: ['not\u009b31m empty'] }], untried: [] };
    expect(renderUninstalled(installed, done, {}, SCREEN)).toContain('not 31m empty');
  });
});

describe('what hinders an uninstall', () => {
  it.each<{
    reason: string;
    installed: Partial<Installed>;
    words: readonly string[];
    leaving: number;
  }>([
    { reason: 'nothing does', installed: { buckets: [bucketOf([])] }, words: [], leaving: 0 },
    {
      reason: 'items are quarantined',
      installed: { buckets: [bucketOf(['run-a', 'run-b'])] },
      words: ['has what was removed by run-a, run-b', 'recohere forget', 'the stack recohere-data stay'],
      leaving: 0,
    },
    {
      reason: 'items are quarantined, and the hub is gone',
      installed: { buckets: [bucketOf(['run-a'])], isHubGone: true },
      words: [
        'nothing puts back any more, for the hub is gone. With --leave-quarantine',
        'aws s3 rm --recursive s3://recohere-111111111111-us-east-1/quarantine/ --region us-east-1',
      ],
      leaving: 0,
    },
    {
      reason: 'others have rules on the bus of the hub',
      installed: { foreignRules: [{ region: HUB, bus: 'recohere', name: 'pause', isManaged: false }] },
      words: ['us-east-1 · the rule pause is on the bus recohere', 'with the stack that made it'],
      leaving: 1,
    },
    {
      reason: 'AWS has a rule on the bus of the hub',
      installed: {
        foreignRules: [{ region: HUB, bus: 'recohere', name: 'Events-Archive-a', isManaged: true }],
      },
      words: [
        'us-east-1 · the rule Events-Archive-a is on the bus recohere, which cannot go before: an archive or a discoverer of the bus has made it: delete that',
      ],
      leaving: 1,
    },
    {
      reason: 'nobody sees whether items are quarantined in another account',
      installed: { buckets: [bucketOf(null, OTHER)] },
      words: ['222222222222/us-east-1', 'uninstall with those of account 222222222222 before'],
      leaving: 0,
    },
    {
      reason: 'a stack is being changed',
      installed: { stacks: [stackOf('region', { status: 'UPDATE_IN_PROGRESS' })] },
      words: ['recohere-region is being changed: UPDATE_IN_PROGRESS'],
      leaving: 1,
    },
    {
      reason: 'a run is at work',
      installed: { atWork: ['run-a'] },
      words: ['run-a is at work: let it end, or recohere cancel run-a'],
      leaving: 1,
    },
    {
      reason: 'a stack is protected',
      installed: { stacks: [stackOf('hub', { isProtected: true })] },
      words: ['recohere-hub is protected', '--no-enable-termination-protection --region us-east-1'],
      leaving: 1,
    },
    {
      reason: 'a stack that stays anyway is protected',
      installed: { stacks: [stackOf('data', { isProtected: true })], buckets: [bucketOf(['run-a'])] },
      words: ['run-a'],
      leaving: 0,
    },
  ])('$reason', ({ installed, words, leaving }) => {
    const found = hindrancesOf(installedOf(installed), {});
    expect(found).toHaveLength(words.length > 0 ? 1 : 0);
    for (const word of words) expect(found[0]).toContain(word);
    if (installed.isHubGone) expect(found.join(), 'which need the hub').not.toMatch(/recohere (undo|forget)/);
    expect(hindrancesOf(installedOf(installed), { leaveQuarantine: true })).toHaveLength(leaving);
  });
});

describe('what an uninstall has done', () => {
  it('is said with the commands that delete what stays', () => {
    const done = { deleted: [stackOf('data'), HUB_STACK], failed: [], untried: [] };
    expect(renderUninstalled(installedOf(), done, {}, SCREEN)).toBe(`\
account 111111111111, prefix recohere
deleted · us-east-1 · recohere-data
deleted · us-east-1 · recohere-hub
stays · us-east-1 · the ledger recohere-hub-Ledger
stays · us-east-1 · the fingerprint key arn:key
stays · us-east-1 · AWS::SQS::Queue kept-by-hand
${RETAINED}`);
    expect(exitCodeOf(done)).toBe(0);
  });

  it('is said with what could not be deleted, and why', () => {
    const failed = [
      { stack: stackOf('data'), reasons: ['AWS::S3::Bucket b: not empty'] },
      { stack: stackOf('data', { region: 'eu-west-1' }), reasons: [], refusal: DENIED },
    ];
    const done = { deleted: [], failed, untried: [HUB_STACK] };
    expect(renderUninstalled(installedOf(), done, {}, SCREEN)).toBe(`\
account 111111111111, prefix recohere
not deleted · us-east-1 · recohere-data
  AWS::S3::Bucket b: not empty
not deleted · eu-west-1 · recohere-data · access denied: missing permission s3:ListBucket
not tried · us-east-1 · recohere-hub

When the reason is gone, go on:
  recohere uninstall --yes
`);
    expect(exitCodeOf(done)).toBe(3);
    expect(exitCodeOf({ ...done, failed: failed.slice(0, 1) })).toBe(1);
  });
});

describe('recohere uninstall', () => {
  const config = {
    hub: { region: HUB },
    replicas: [{ region: HUB }],
    functions: [{ select: { name: 'a' } }],
  };
  let folder: string;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'recohere-uninstall-'));
    await writeFile(join(folder, 'recohere.config.json'), JSON.stringify(config));
  });
  afterEach(() => rm(folder, { recursive: true }));

  const error = (code: string, message: string) =>
    `<ErrorResponse><Error><Code>${code}</Code><Message>${message}</Message></Error></ErrorResponse>`;
  const wrapped = (call: string, content: string) =>
    `<${call}Response><${call}Result>${content}</${call}Result></${call}Response>`;
  const stack =
    '<StackName>recohere-hub</StackName><StackStatus>CREATE_COMPLETE</StackStatus><Description>Recohere: hub</Description>';
  const part =
    '<LogicalResourceId>Sweep</LogicalResourceId><PhysicalResourceId>recohere-sweep</PhysicalResourceId><ResourceType>AWS::Lambda::Function</ResourceType><ResourceStatus>CREATE_COMPLETE</ResourceStatus>';
  const protectedStack = `${stack}<EnableTerminationProtection>true</EnableTerminationProtection>`;

  /** Runs it against an AWS that has but one stack, the hub's, or says something else of it. */
  async function uninstall(args: readonly string[], { hub, denied }: { hub?: string; denied?: string }) {
    const called = new Set<string>();
    const aws = createServer(async (request, response) => {
      if (request.url === '/listRegions') {
        return void response.end(
          JSON.stringify({ Regions: [{ RegionName: HUB }, { RegionName: 'eu-west-1' }] }),
        );
      }
      const asked = new URLSearchParams(await text(request));
      const call = asked.get('Action') ?? '';
      called.add(call);
      const isHub =
        request.headers.authorization?.includes(`/${HUB}/`) && asked.get('StackName') === 'recohere-hub';
      const isThere = isHub && hub !== undefined;
      const answers: Readonly<Record<string, string>> = {
        GetCallerIdentity: `<Account>${OWN}</Account>`,
        GetTemplate: '<TemplateBody>{"Resources":{}}</TemplateBody>',
        ListStackResources: `<StackResourceSummaries><member>${part}</member></StackResourceSummaries>`,
        ...(isThere && { DescribeStacks: `<Stacks><member>${hub}</member></Stacks>` }),
      };
      const found = call === denied ? undefined : answers[call];
      if (call === '') return void response.writeHead(404).end('<Error><Code>NoSuchBucket</Code></Error>');
      const [code, message] =
        call === denied ? ['AccessDenied', 'no'] : ['ValidationError', 'Stack with id x does not exist'];
      response
        .writeHead(found === undefined ? 400 : 200, { 'content-type': 'text/xml' })
        .end(found === undefined ? error(code, message) : wrapped(call, found));
    }).listen(0, '127.0.0.1');
    await once(aws, 'listening');
    const { port } = aws.address() as AddressInfo;
    const env = {
      PATH: process.env.PATH,
      HOME: '/nonexistent',
      AWS_EC2_METADATA_DISABLED: 'true',
      AWS_ACCESS_KEY_ID: 'any',
      AWS_SECRET_ACCESS_KEY: 'any',
      AWS_ENDPOINT_URL: `http://127.0.0.1:${port}`,
    };
    try {
      const ran = await run(['uninstall', ...args], { cwd: folder, env });
      expect(called).not.toContain('DeleteStack');
      return ran;
    } finally {
      aws.close();
      aws.closeAllConnections();
    }
  }

  it('refuses a config with several accounts that does not say in which one the hub is', async () => {
    const replicas = [{ region: HUB }, { region: HUB, account: OTHER }];
    await writeFile(join(folder, 'recohere.config.json'), JSON.stringify({ ...config, replicas }));
    const { code, stderr } = await uninstall(['--yes'], { hub: stack });
    expect(code).toBe(2);
    expect(stderr).toContain('hub.account: is missing');
  });

  it.each([
    {
      reason: 'nothing is there',
      args: ['--yes'],
      aws: {},
      code: 0,
      words: `Nothing of recohere is deployed in account ${OWN}.`,
    },
    {
      reason: 'something is there, and --yes is not said',
      args: [],
      aws: { hub: stack },
      code: 1,
      words: 'Nothing was changed. Delete it:',
    },
    {
      reason: 'a rule refuses',
      args: ['--yes'],
      aws: { hub: protectedStack },
      code: 2,
      words: 'nothing was changed\nus-east-1 · recohere-hub is protected from deletion',
    },
    {
      reason: 'a stack cannot be read',
      args: ['--yes'],
      aws: { hub: stack, denied: 'GetTemplate' },
      code: 3,
      words: 'missing permission cloudformation:GetTemplate',
    },
    {
      reason: 'nobody may ask which stack has made something',
      args: ['--yes'],
      aws: { hub: stack, denied: 'DescribeStackResources' },
      code: 3,
      words: 'missing permission cloudformation:DescribeStackResources',
    },
    {
      reason: 'it is not known whose credentials these are',
      args: ['--yes'],
      aws: { denied: 'GetCallerIdentity' },
      code: 3,
      words: 'missing permission sts:GetCallerIdentity',
    },
  ])('ends with $code if $reason', async ({ args, aws, code, words }) => {
    const ran = await uninstall(args, aws);
    expect(ran.code).toBe(code);
    expect(ran.stdout + ran.stderr).toContain(words);
  });

  it('prints one JSON document', async () => {
    const ran = await uninstall(['--json'], { hub: protectedStack });
    expect(ran).toMatchObject({ code: 1, stderr: '' });
    expect(JSON.parse(ran.stdout)).toMatchObject({
      account: OWN,
      stacks: [{ name: 'recohere-hub', isProtected: true }],
      hindrances: [expect.stringContaining('is protected')],
      unsearched: [],
    });
  });

  it('needs a config', async () => {
    await rm(join(folder, 'recohere.config.json'));
    expect(await run(['uninstall'], { cwd: folder })).toMatchObject({ code: 2, stdout: '' });
  });
});
