import { describe, expect, it } from 'vitest';
import { memoryObjectStore } from '../../functions/adapters/local/memory-objects.ts';
import { VirtualClock } from '../../functions/adapters/sim/virtual-clock.ts';
import { callerAccount, partMadeBy, type StackKind } from '../../functions/app/deployed-places.ts';
import {
  goingOf,
  type Installed,
  isBusy,
  lookInstalled,
  quarantinesIn,
  uninstall,
} from '../../functions/app/uninstall.ts';
import { parseConfig, type RecohereConfig } from '../../functions/contract/config.ts';
import { RecohereError, RefusedError } from '../../functions/core/errors.ts';
import { OBJECT_NAMES } from '../../functions/core/run.ts';
import type { BusRule } from '../../functions/ports/bus-rules.ts';
import type { ObjectStore } from '../../functions/ports/object-store.ts';
import type { Stack, StackDeletion } from '../../functions/ports/stacks.ts';

const OWN = '111111111111';
const OTHER = '222222222222';
const HUB = 'us-east-1';
const FAR = 'eu-west-1';
const MINUTE = 60_000;

const TABLE = { name: 'orders', dedupe: { key: 'order', keep: 'oldest', by: 'at' } } as const;
const TABLE_HERE = { ...TABLE, account: OWN };
const WRITTEN: RecohereConfig = {
  hub: { region: HUB, account: OWN },
  replicas: [{ region: HUB }, { region: FAR }],
  functions: [{ select: { name: '*' } }],
  tables: [TABLE],
};
/** All stacks of it, in the order in which they go. */
const ALL = [
  `${HUB} recohere-monitoring`,
  `${HUB} recohere-region`,
  `${FAR} recohere-region`,
  `${HUB} recohere-data`,
  `${HUB} recohere-hub`,
];
const LEDGER = { type: 'AWS::DynamoDB::GlobalTable', name: 'recohere-hub-Ledger' };
const STATE_MACHINE = { type: 'AWS::StepFunctions::StateMachine', name: 'arn:runs', isRetained: false };
const BUS = { type: 'AWS::Events::EventBus', name: 'recohere', isRetained: false };
const QUEUE = { type: 'AWS::SQS::Queue', name: 'a-queue', isRetained: false };

const deniedTo = (call: string) => new RefusedError({ code: 'ACCESS_DENIED', call, permission: call });
const DENIED = deniedTo('s3:ListBucket');
const NO_BUCKET = new RecohereError('NO_SUCH_BUCKET', 'there is no bucket');

/** An account with stacks and buckets, in which deletions come to their end after a while. */
class Account {
  readonly clock = new VirtualClock(0);
  readonly stacksThere = new Map<string, Stack>();
  /** Stacks of other names, by region and physical id of what is in them. */
  readonly owners = new Map<string, string>();
  /** What reads of stacks in a region, lists of regions and of executions throw. */
  readonly refused = new Map<string, Error>();
  readonly running: string[] = [];
  /** All rules on the hub's bus. */
  readonly rules: BusRule[] = [];
  /** Why CloudFormation begins no deletion. */
  whyNot: string | undefined;
  enabled: readonly string[] = [HUB, FAR];
  readonly buckets = new Map<string, ObjectStore>();
  /** What was begun and ended, in order. */
  readonly log: string[] = [];
  /** How a deletion goes, instead of well. */
  readonly instead = new Map<string, () => StackDeletion>();
  deletionMs = MINUTE;
  readonly #begun = new Map<string, number>();

  constructor(written = WRITTEN, stacks: readonly string[] = ALL) {
    this.config = configOf(written);
    for (const id of stacks) {
      const hub = id.endsWith('-hub') ? [{ ...LEDGER, isRetained: true }] : [];
      this.add(id, { resources: [QUEUE, ...hub] });
    }
    this.buckets.set(`${OWN}/${HUB}`, memoryObjectStore());
  }

  readonly config;

  /** With the part that such a stack always has. */
  add(id: string, { resources = [QUEUE], ...more }: Partial<Stack> = {}): void {
    const [region = '', kind = ''] = id.split(' recohere-');
    const part = { ...QUEUE, name: partMadeBy(kind as StackKind, 'recohere', OWN, region) };
    const hubAccount = kind === 'data' ? OWN : undefined;
    const stack = { status: 'CREATE_COMPLETE', isProtected: false, isOurs: true, hubAccount };
    this.stacksThere.set(id, { ...stack, resources: [part, ...resources], ...more });
  }

  #answer<T>(what: string, value: T): T {
    const refused = this.refused.get(what);
    if (refused) throw refused;
    return value;
  }

  readonly ports = {
    clock: this.clock,
    regions: { enabled: async () => this.#answer('regions', this.enabled) },
    runsAtWork: async (region: string, arn: string) =>
      this.#answer('runs', region === HUB && arn === STATE_MACHINE.name ? this.running : []),
    rulesOn: async (_: string, bus: string) => (bus === BUS.name ? this.rules : []),
    objects: ({ region, account }: { readonly region: string; readonly account?: string | undefined }) =>
      this.buckets.get(`${account}/${region}`) ?? failing(NO_BUCKET),
    stacks: {
      account: async () => OWN,
      read: async (region: string, name: string) =>
        this.#answer(region, this.stacksThere.get(`${region} ${name}`)),
      ownerOf: async (region: string, resource: string) => this.owners.get(`${region} ${resource}`),
      remove: async (region: string, name: string) => {
        this.log.push(`begin ${region} ${name}`);
        this.#begun.set(`${region} ${name}`, this.clock.now());
        return this.whyNot;
      },
      deletion: async (region: string, name: string) => {
        const id = `${region} ${name}`;
        const instead = this.instead.get(id);
        if (instead) return instead();
        const isOver = this.clock.now() - (this.#begun.get(id) ?? 0) >= this.deletionMs;
        if (!isOver) return { status: 'DELETE_IN_PROGRESS', reasons: [] };
        if (this.stacksThere.delete(id)) this.log.push(`end ${id}`);
        return undefined;
      },
    },
  };

  get bucket(): ObjectStore {
    return this.ports.objects({ region: HUB, account: OWN });
  }

  look(): Promise<Installed> {
    return lookInstalled(this.ports, this.config, OWN, () => {});
  }

  async delete(installed?: Installed) {
    const found = installed ?? (await this.look());
    return this.clock.run(() => uninstall(this.ports, found, () => {}));
  }

  async quarantine(run: string, region = HUB): Promise<void> {
    const bucket = this.ports.objects({ region, account: OWN });
    await bucket.write(OBJECT_NAMES.quarantine(run, 0, 0, 1), Buffer.from('items'));
  }
}

function configOf(written: RecohereConfig) {
  const parsed = parseConfig(written);
  if (!parsed.ok) throw new Error(parsed.mistakes.join());
  return parsed.config;
}

/** A bucket that answers nothing else. */
function failing(error: Error): ObjectStore {
  const fail = async () => {
    throw error;
  };
  return {
    write: fail,
    read: fail,
    remove: fail,
    // biome-ignore lint/correctness/useYield: it fails before
    async *list() {
      throw error;
    },
  };
}

const namesOf = (stacks: readonly { readonly region: string; readonly name: string }[]) =>
  stacks.map(({ region, name }) => `${region} ${name}`);

describe('what is installed', () => {
  it('is counted by type, and what is retained is named', async () => {
    const { stacks, buckets, elsewhere, unread } = await new Account().look();
    expect(namesOf(stacks)).toEqual(ALL);
    expect(stacks.at(-1)).toEqual({
      kind: 'hub',
      name: 'recohere-hub',
      region: HUB,
      status: 'CREATE_COMPLETE',
      isProtected: false,
      goes: { 'AWS::SQS::Queue': 2 },
      retained: [LEDGER],
    });
    const name = `recohere-${OWN}-${HUB}`;
    expect(buckets).toEqual([{ name, region: HUB, account: OWN, quarantined: [] }]);
    expect({ elsewhere, unread }).toEqual({ elsewhere: [], unread: [] });
  });

  it('is also what the config has named once, in any region that the account may use', async () => {
    const account = new Account();
    account.enabled = [FAR, 'sa-east-1', HUB, 'ca-central-1'];
    const old = ['monitoring', 'region', 'data', 'hub'].map((kind) => `sa-east-1 recohere-${kind}`);
    for (const id of old) account.add(id);
    account.buckets.set(`${OWN}/sa-east-1`, memoryObjectStore());
    await account.quarantine('run-old', 'sa-east-1');
    const shown: string[] = [];
    const installed = await lookInstalled(account.ports, account.config, OWN, (done, of) =>
      shown.push(`${done}/${of}`),
    );
    expect(namesOf(installed.stacks)).toEqual(expect.arrayContaining([...old, ...ALL]));
    expect(installed).toMatchObject({ foreign: [], unread: [], unsearched: [] });
    expect(quarantinesIn(installed)).toMatchObject([{ region: 'sa-east-1', quarantined: ['run-old'] }]);
    expect(shown).toEqual(['1/4', '2/4', '3/4', '4/4']);
  });

  it('is not asked of S3 where the config names nothing and no stack is', async () => {
    const account = new Account();
    account.enabled = ['sa-east-1'];
    account.buckets.set(`${OWN}/sa-east-1`, failing(DENIED));
    expect(await account.look()).toMatchObject({ unread: [], unsearched: [] });
  });

  it.each<{
    id: string;
    hub: string | undefined;
    ofHub?: string | undefined;
    tables?: (typeof TABLE)[];
    isOurs: boolean;
    reason: string;
  }>([
    {
      id: `${FAR} recohere-region`,
      hub: OWN,
      ofHub: undefined,
      isOurs: true,
      reason: 'to its own account',
    },
    { id: `${FAR} recohere-region`, hub: OWN, ofHub: OTHER, isOurs: false, reason: 'to another hub' },
    {
      id: `${FAR} recohere-region`,
      hub: OTHER,
      ofHub: OTHER,
      isOurs: true,
      reason: 'to the hub elsewhere',
    },
    {
      id: `${FAR} recohere-region`,
      hub: OTHER,
      ofHub: undefined,
      isOurs: false,
      reason: 'to a hub of its own',
    },
    { id: `${FAR} recohere-data`, hub: OWN, ofHub: OWN, isOurs: true, reason: 'it says so' },
    { id: `${HUB} recohere-data`, hub: OWN, ofHub: OTHER, isOurs: false, reason: 'it says so, of a replica' },
    { id: `${FAR} recohere-data`, hub: OTHER, ofHub: OTHER, isOurs: true, reason: 'it says so' },
    {
      id: `${HUB} recohere-data`,
      hub: OTHER,
      ofHub: OWN,
      tables: [TABLE_HERE],
      isOurs: false,
      reason: 'it says so, although the config has a table there',
    },
    { id: `${FAR} recohere-data`, hub: OWN, isOurs: false, reason: 'nothing says whose it is' },
    { id: `${HUB} recohere-data`, hub: OWN, isOurs: false, reason: 'the config has but a replica there' },
    {
      id: `${HUB} recohere-data`,
      hub: undefined,
      ofHub: OTHER,
      tables: [TABLE],
      isOurs: false,
      reason: 'these are the credentials of another account than meant',
    },
    {
      id: `${HUB} recohere-data`,
      hub: OTHER,
      tables: [TABLE_HERE],
      isOurs: true,
      reason: 'an older release has made it, and the config has a table there',
    },
    {
      id: `${HUB} recohere-region`,
      hub: OWN,
      ofHub: OTHER,
      isOurs: false,
      reason: 'the config names its region, and it forwards to another hub',
    },
  ])(
    'leaves alone $id if it may be of a hub in another account: $reason',
    async ({ id, hub, ofHub, tables = [], isOurs }) => {
      const replicas = [{ region: HUB, ...(hub !== undefined && { account: OWN }) }];
      const written = { region: HUB, ...(hub !== undefined && { account: hub }) };
      const account = new Account({ ...WRITTEN, hub: written, replicas, tables }, []);
      account.add(id, { hubAccount: ofHub });
      const { stacks, foreign } = await account.look();
      expect(namesOf(stacks)).toEqual(isOurs ? [id] : []);
      expect(namesOf(foreign)).toEqual(isOurs ? [] : [id]);
      const why = id.endsWith('-data') && ofHub === undefined ? 'any hub' : 'other hub';
      for (const each of foreign) expect(each.why).toBe(why);
    },
  );

  it('is not the hub that another account has of its own', async () => {
    const hub = { region: HUB, account: OTHER };
    const account = new Account({ ...WRITTEN, hub, replicas: [{ region: FAR, account: OWN }], tables: [] });
    account.add(`${FAR} recohere-region`, { hubAccount: OTHER });
    const { stacks, foreign } = await account.look();
    expect(namesOf(stacks)).toEqual([`${FAR} recohere-region`]);
    expect(namesOf(foreign)).toEqual([`${HUB} recohere-region`, `${HUB} recohere-data`]);
  });

  it('is looked for where the config says if the regions are not told', async () => {
    const account = new Account();
    const error = deniedTo('account:ListRegions');
    account.refused.set('regions', error);
    const installed = await account.look();
    expect(namesOf(installed.stacks)).toEqual(ALL);
    expect(installed).toMatchObject({ unread: [], unsearched: [{ refusal: error.refusal }] });
  });

  it.each([
    {
      region: 'sa-east-1',
      call: 'cloudformation:DescribeStacks',
      blocks: false,
      reason: 'the account may not use the region',
    },
    { region: 'sa-east-1', call: 'cloudformation:GetTemplate', blocks: true, reason: 'there is something' },
    { region: FAR, call: 'cloudformation:DescribeStacks', blocks: true, reason: 'the config names it' },
  ])('says what is refused in a region: $reason', async ({ region, call, blocks }) => {
    const account = new Account();
    account.enabled = ['sa-east-1'];
    const error = deniedTo(call);
    account.refused.set(region, error);
    const told = [{ region, refusal: error.refusal }];
    expect(await account.look()).toMatchObject({
      unread: blocks ? told : [],
      unsearched: blocks ? [] : told,
    });
  });

  it('names stacks of other names that have our parts, each once, and leaves them alone', async () => {
    const account = new Account(WRITTEN, [`${HUB} recohere-region`]);
    for (const part of ['recohere-sweep', 'recohere-heartbeat']) account.owners.set(`${HUB} ${part}`, 'Shop');
    account.owners.set(`${HUB} recohere-forward-${HUB}`, 'never asked, since ours is there');
    account.owners.set(`${FAR} recohere-sweep`, 'never asked, since the hub is not to be there');
    account.owners.set(`${FAR} recohere-forward-${FAR}`, 'StackSet-recohere-1');
    const installed = await account.look();
    expect(installed.foreign).toEqual([
      { region: HUB, name: 'Shop', why: 'other name' },
      { region: FAR, name: 'StackSet-recohere-1', why: 'other name' },
    ]);
    expect(namesOf(goingOf(installed))).toEqual([`${HUB} recohere-region`]);
  });

  it('names the runs at work', async () => {
    const account = new Account();
    expect((await account.look()).atWork).toEqual([]);
    account.add(`${HUB} recohere-hub`, { resources: [STATE_MACHINE] });
    account.running.push('run-a', 'run-b');
    expect((await account.look()).atWork).toEqual(['run-a', 'run-b']);
  });

  it('does not know whether runs are at work if that is refused', async () => {
    const account = new Account();
    account.add(`${HUB} recohere-hub`, { resources: [STATE_MACHINE] });
    const error = deniedTo('states:ListExecutions');
    account.refused.set('runs', error);
    expect((await account.look()).unread).toEqual([{ region: HUB, refusal: error.refusal }]);
  });

  it('says whom roles of other accounts trust', async () => {
    const replicas = [{ region: HUB }, { region: FAR, account: OTHER }];
    const account = new Account({ ...WRITTEN, replicas });
    const installed = await account.look();
    expect(installed.elsewhere).toEqual([
      { account: OTHER, region: FAR, stacks: ['recohere-region'], trusts: OWN },
    ]);
    expect(namesOf(installed.stacks), 'that region is one of the own account too').toEqual(ALL);
    const fromThere = await lookInstalled(account.ports, account.config, OTHER, () => {});
    expect(fromThere.elsewhere).toEqual([expect.not.objectContaining({ trusts: expect.anything() })]);
  });

  it('is none of what somebody else has made under a name of ours', async () => {
    const account = new Account();
    const id = `${HUB} recohere-monitoring`;
    account.add(id, { isOurs: false });
    const installed = await account.look();
    expect(installed.foreign).toEqual([{ region: HUB, name: 'recohere-monitoring', why: 'not ours' }]);
    expect(namesOf((await account.delete(installed)).deleted)).toEqual(ALL.filter((each) => each !== id));
    expect(account.stacksThere.has(id)).toBe(true);
  });

  it.each([
    { status: 'CREATE_COMPLETE', resources: [QUEUE], goes: false, reason: 'it is whole' },
    { status: 'UPDATE_ROLLBACK_COMPLETE', resources: [QUEUE], goes: false, reason: 'it is whole again' },
    { status: 'ROLLBACK_COMPLETE', resources: [], goes: true, reason: 'it was never made' },
    { status: 'DELETE_FAILED', resources: [QUEUE], goes: true, reason: 'it is half gone' },
    { status: 'UPDATE_IN_PROGRESS', resources: [], goes: true, reason: 'it is being changed' },
  ])('a stack that is $status without the part that it always has: $reason', async ({ goes, ...stack }) => {
    const account = new Account(WRITTEN, []);
    const id = `${HUB} recohere-hub`;
    account.add(id);
    account.stacksThere.set(id, { isProtected: false, isOurs: true, hubAccount: undefined, ...stack });
    const { stacks, foreign } = await account.look();
    expect(stacks).toHaveLength(goes ? 1 : 0);
    expect(foreign).toEqual(goes ? [] : [{ region: HUB, name: 'recohere-hub', why: 'not ours' }]);
  });

  it('names the rules that others have put on the bus of the hub', async () => {
    const account = new Account();
    account.rules.push(
      ...['of-the-hub', 'by-name-alone', 'pause'].map((name) => ({ name, isManaged: false })),
      { name: 'Events-Archive-a', isManaged: true },
    );
    const rules = ['recohere|of-the-hub', 'by-name-alone'].map((name) => ({ ...QUEUE, name }));
    account.add(`${HUB} recohere-hub`, { resources: [BUS, ...rules] });
    expect((await account.look()).foreignRules).toEqual([
      { region: HUB, bus: 'recohere', name: 'pause', isManaged: false },
      { region: HUB, bus: 'recohere', name: 'Events-Archive-a', isManaged: true },
    ]);
  });

  it.each<{ isGone: boolean; change: (account: Account) => void; reason: string }>([
    { isGone: true, change: () => {}, reason: 'no stack of it is there' },
    { isGone: false, change: (all) => all.add(`${HUB} recohere-hub`), reason: 'its stack is there' },
    {
      isGone: false,
      change: (all) => all.add(`${FAR} recohere-hub`),
      reason: 'it is in a region that the config has named once',
    },
    {
      isGone: false,
      change: ({ owners }) => owners.set(`${HUB} recohere-sweep`, 'Shop'),
      reason: 'a stack of another name has made it',
    },
    { isGone: false, change: ({ refused }) => refused.set(HUB, DENIED), reason: 'nobody sees it' },
  ])('knows whether the hub is gone: $reason', async ({ isGone, change }) => {
    const account = new Account(WRITTEN, []);
    change(account);
    expect((await account.look()).isHubGone).toBe(isGone);
    const fromElsewhere = await lookInstalled(account.ports, account.config, OTHER, () => {});
    expect(fromElsewhere.isHubGone, 'nobody sees it from another account').toBe(false);
  });

  it('names the organization whose accounts the config does not name', async () => {
    const account = new Account({
      ...WRITTEN,
      hub: { region: HUB, account: OWN, organization: 'o-abcdefghij' },
    });
    expect((await account.look()).organization).toBe('o-abcdefghij');
    expect(await new Account().look()).not.toHaveProperty('organization');
  });

  it('is a quarantine too of a table that the config does not name any more', async () => {
    const account = new Account({ ...WRITTEN, tables: [] });
    await account.quarantine('run-a');
    const installed = await account.look();
    expect(quarantinesIn(installed)).toMatchObject([{ region: HUB, quarantined: ['run-a'] }]);
    expect(namesOf(goingOf(installed))).not.toContain(`${HUB} recohere-data`);
  });

  it('keeps the role of the account while one of its buckets stays, for nothing else gets to that', async () => {
    const tables = [TABLE_HERE, { ...TABLE_HERE, region: FAR }, { ...TABLE_HERE, region: 'sa-east-1' }];
    const hub = { region: HUB, account: OTHER };
    const account = new Account({ ...WRITTEN, hub, replicas: [{ region: HUB }], tables }, []);
    account.enabled = [HUB, FAR, 'sa-east-1'];
    const role = { type: 'AWS::IAM::Role', name: 'recohere-data', isRetained: false };
    account.add(`${HUB} recohere-data`, { hubAccount: OTHER, resources: [role] });
    for (const region of [FAR, 'sa-east-1']) {
      account.add(`${region} recohere-data`, { hubAccount: OTHER });
      account.buckets.set(`${OWN}/${region}`, memoryObjectStore());
    }
    expect(goingOf(await account.look())).toHaveLength(3);
    await account.quarantine('run-a', FAR);
    expect(namesOf(goingOf(await account.look()))).toEqual(['sa-east-1 recohere-data']);
  });

  it.each([
    { hubAccount: undefined, runs: ['run-a'], why: 'any hub', reason: 'it may be of this hub' },
    { hubAccount: OTHER, runs: [], why: 'other hub', reason: 'this hub never puts that back' },
  ])(
    'is a quarantine too in the bucket of a stack that is left alone: $reason',
    async ({ hubAccount, runs, why }) => {
      const account = new Account({ ...WRITTEN, tables: [] }, [`${HUB} recohere-hub`]);
      account.add(`${FAR} recohere-data`, { hubAccount });
      account.buckets.set(`${OWN}/${FAR}`, memoryObjectStore());
      account.buckets.delete(`${OWN}/${HUB}`);
      await account.quarantine('run-a', FAR);
      const installed = await account.look();
      expect(installed.foreign).toEqual([{ region: FAR, name: 'recohere-data', why }]);
      expect(quarantinesIn(installed).flatMap(({ quarantined }) => quarantined)).toEqual(runs);
      expect(namesOf(goingOf(installed))).toEqual([`${HUB} recohere-hub`]);
    },
  );

  it('leaves out stacks and buckets that are not there', async () => {
    const account = new Account(WRITTEN, [`${HUB} recohere-hub`]);
    account.buckets.clear();
    const { stacks, buckets } = await account.look();
    expect({ stacks: namesOf(stacks), buckets }).toEqual({ stacks: [`${HUB} recohere-hub`], buckets: [] });
  });

  it('names the runs whose items are in quarantine, each once', async () => {
    const account = new Account();
    for (const run of ['run-b', 'run-a', 'run-a']) await account.quarantine(run);
    await account.bucket.write(OBJECT_NAMES.quarantine('run-a', 1, 2, 1), Buffer.from('items'));
    await account.bucket.write(OBJECT_NAMES.plan('run-c', 0, 0, 1), Buffer.from('entries'));
    const installed = await account.look();
    expect(quarantinesIn(installed)).toEqual([
      expect.objectContaining({ region: HUB, quarantined: ['run-a', 'run-b'] }),
    ]);
    expect(namesOf(goingOf(installed))).toEqual(ALL.filter((id) => !id.endsWith('-data')));
  });

  it.each([
    { bucket: failing(DENIED), blocks: 1, reason: 'it is there, and nobody sees what it has' },
    {
      bucket: failing(new RefusedError({ code: 'CREDENTIALS_REJECTED', call: 's3:ListBucket' })),
      blocks: 1,
      reason: 'the own account has not enabled its region',
    },
    {
      bucket: failing(new RefusedError({ code: 'UNEXPECTED_ANSWER', call: 's3:ListBucket' })),
      blocks: 1,
      reason: 'S3 has yet another name for that',
    },
    { bucket: failing(NO_BUCKET), blocks: 0, reason: 'it is gone, which S3 tells everybody' },
    { bucket: memoryObjectStore(), blocks: 0, reason: 'it may be seen, and is empty' },
  ])('looks at the bucket of another account: $reason', async ({ bucket, blocks }) => {
    const table = { ...TABLE, account: OTHER, region: FAR };
    const account = new Account({ ...WRITTEN, tables: [table] });
    account.buckets.set(`${OTHER}/${FAR}`, bucket);
    const installed = await account.look();
    expect(installed.elsewhere).toMatchObject([{ account: OTHER, region: FAR, stacks: ['recohere-data'] }]);
    expect(installed.unread).toEqual([]);
    expect(quarantinesIn(installed)).toHaveLength(blocks);
    expect(namesOf(goingOf(installed)), 'only that of the other account is meant').toEqual(ALL);
    const withoutHub = { ...installed, stacks: installed.stacks.filter(({ kind }) => kind !== 'hub') };
    expect(quarantinesIn(withoutHub), 'without the hub there is nothing to lose').toEqual([]);
  });

  it("is not looked for in buckets of others by an account that is not the hub's", async () => {
    const account = new Account();
    account.buckets.set(`${OWN}/${HUB}`, failing(DENIED));
    const installed = await lookInstalled(account.ports, account.config, OTHER, () => {});
    expect(installed).toMatchObject({ buckets: [], unread: [] });
  });

  it('says what could not be read, and why', async () => {
    const account = new Account();
    account.buckets.set(`${OWN}/${HUB}`, failing(DENIED));
    const { unread } = await account.look();
    expect(unread).toEqual([{ region: HUB, refusal: DENIED.refusal }]);
  });

  it('does not take a bucket that cannot be reached for one that is there', async () => {
    const table = { ...TABLE, account: OTHER, region: FAR };
    const account = new Account({ ...WRITTEN, tables: [table] });
    const refusal = { code: 'REGION_UNREACHABLE', call: 's3:ListBucket' } as const;
    account.buckets.set(`${OTHER}/${FAR}`, failing(new RefusedError(refusal, { retryable: true })));
    expect(await account.look()).toMatchObject({
      buckets: [{ account: OWN }],
      unread: [{ region: FAR, refusal }],
    });
  });

  it('does not take a defect for a refusal', async () => {
    const account = new Account();
    account.buckets.set(`${OWN}/${HUB}`, failing(new Error('defect')));
    await expect(account.look()).rejects.toThrow('defect');
  });

  it.each([
    { status: 'UPDATE_IN_PROGRESS', busy: true, reason: 'CloudFormation refuses' },
    { status: 'UPDATE_COMPLETE_CLEANUP_IN_PROGRESS', busy: true, reason: 'it refuses until that has ended' },
    { status: 'DELETE_IN_PROGRESS', busy: false, reason: 'it goes already' },
    { status: 'REVIEW_IN_PROGRESS', busy: false, reason: 'nothing is done about it, maybe for ever' },
    { status: 'DELETE_FAILED', busy: false, reason: 'it may be tried again' },
    { status: 'CREATE_COMPLETE', busy: false, reason: 'it is at rest' },
  ])('a stack that is $status: $reason', ({ status, busy }) => {
    expect(isBusy({ status })).toBe(busy);
  });
});

describe('an uninstall', () => {
  it('deletes one kind of stack after the other, the hub last', async () => {
    const account = new Account();
    const shown: string[] = [];
    const installed = await account.look();
    const done = await account.clock.run(() =>
      uninstall(account.ports, installed, (gone, of) => shown.push(`${gone}/${of}`)),
    );
    expect(account.log).toEqual([
      `begin ${ALL[0]}`,
      `end ${ALL[0]}`,
      `begin ${ALL[1]}`,
      `begin ${ALL[2]}`,
      `end ${ALL[1]}`,
      `end ${ALL[2]}`,
      `begin ${ALL[3]}`,
      `end ${ALL[3]}`,
      `begin ${ALL[4]}`,
      `end ${ALL[4]}`,
    ]);
    expect(namesOf(done.deleted)).toEqual(ALL);
    expect(done).toMatchObject({ failed: [], untried: [] });
    expect(shown).toEqual(['1/5', '2/5', '3/5', '4/5', '5/5']);
  });

  it('goes on where one look at a deletion is throttled', async () => {
    const account = new Account();
    const id = `${HUB} recohere-monitoring`;
    account.instead.set(id, () => {
      account.instead.delete(id);
      throw new RefusedError(
        { code: 'THROTTLED', call: 'cloudformation:DescribeStacks' },
        { retryable: true },
      );
    });
    expect(namesOf((await account.delete()).deleted)).toEqual(ALL);
  });

  it('erases what runs wrote down in a bucket that goes, and nothing else', async () => {
    const account = new Account();
    const kept = 'somebody-else';
    for (const name of [OBJECT_NAMES.plan('run-c', 0, 0, 1), kept]) {
      await account.bucket.write(name, Buffer.from('x'));
    }
    await account.delete();
    const left: string[] = [];
    for await (const name of account.bucket.list('')) left.push(name);
    expect(left).toEqual([kept]);
  });

  it('leaves a bucket with quarantined items as it is, and its stack', async () => {
    const account = new Account();
    await account.quarantine('run-a');
    await account.bucket.write(OBJECT_NAMES.plan('run-a', 0, 0, 1), Buffer.from('x'));
    const { deleted } = await account.delete();
    expect(namesOf(deleted)).toEqual(ALL.filter((id) => !id.endsWith('-data')));
    const left: string[] = [];
    for await (const name of account.bucket.list('')) left.push(name);
    expect(left).toHaveLength(2);
  });

  it('keeps the hub if something is quarantined meanwhile, for CloudFormation deletes no bucket that has something in it', async () => {
    const account = new Account();
    const reasons = ['AWS::S3::Bucket b: The bucket you tried to delete is not empty'];
    account.instead.set(`${HUB} recohere-data`, () => ({ status: 'DELETE_FAILED', reasons }));
    const { deleted, failed, untried } = await account.delete();
    expect(namesOf(deleted)).toEqual(ALL.slice(0, 3));
    expect(failed).toEqual([{ stack: expect.objectContaining({ name: 'recohere-data' }), reasons }]);
    expect(namesOf(untried)).toEqual([`${HUB} recohere-hub`]);

    account.instead.clear();
    expect(namesOf((await account.delete()).deleted), 'and is simply run again').toEqual(ALL.slice(3));
    expect((await account.look()).stacks).toEqual([]);
  });

  it('erases nothing where CloudFormation does not begin, and says why', async () => {
    const account = new Account(WRITTEN, [`${HUB} recohere-data`]);
    const plan = OBJECT_NAMES.plan('run-c', 0, 0, 1);
    await account.bucket.write(plan, Buffer.from('entries'));
    account.whyNot = 'Role arn:role is invalid or cannot be assumed';
    const { failed } = await account.delete();
    expect(failed).toEqual([{ stack: expect.anything(), reasons: [account.whyNot] }]);
    expect(await account.bucket.read(plan)).toBeDefined();
    expect(account.clock.now()).toBe(0);
  });

  it('deletes once more where the turn of a bucket came before it was empty', async () => {
    const account = new Account();
    const id = `${HUB} recohere-data`;
    account.instead.set(id, () => {
      account.instead.delete(id);
      return { status: 'DELETE_FAILED', reasons: ['AWS::S3::Bucket b: not empty'] };
    });
    expect(namesOf((await account.delete()).deleted)).toEqual(ALL);
    expect(account.log.filter((line) => line === `begin ${id}`)).toHaveLength(2);
  });

  it('tries all of a kind although one of them is refused', async () => {
    const account = new Account();
    account.instead.set(`${HUB} recohere-region`, () => {
      throw DENIED;
    });
    const { deleted, failed, untried } = await account.delete();
    expect(namesOf(deleted)).toEqual([ALL[0], `${FAR} recohere-region`]);
    expect(failed).toMatchObject([{ stack: { region: HUB }, reasons: [], refusal: DENIED.refusal }]);
    expect(namesOf(untried)).toEqual(ALL.slice(3));
  });

  it('does not wait for ever', async () => {
    const account = new Account();
    account.deletionMs = Number.POSITIVE_INFINITY;
    const { failed } = await account.delete();
    expect(failed).toMatchObject([{ reasons: ['is still there: DELETE_IN_PROGRESS'] }]);
    expect(account.clock.now()).toBe(30 * MINUTE);
  });

  it('goes on where the bucket of a stack is gone already', async () => {
    const account = new Account();
    account.buckets.clear();
    expect(namesOf((await account.delete()).deleted)).toEqual(ALL);
  });
});

describe("the caller's account", () => {
  const refusal = (code: 'CREDENTIALS_REJECTED' | 'ACCESS_DENIED', call: string) =>
    new RefusedError({ code, call });

  it.each([
    { refused: {}, asked: [HUB], reason: 'the region of the hub says it' },
    { refused: { [HUB]: 'CREDENTIALS_REJECTED' }, asked: [HUB, FAR], reason: 'that is not enabled' },
    {
      refused: { [HUB]: 'CREDENTIALS_REJECTED', [FAR]: 'CREDENTIALS_REJECTED' },
      asked: [HUB, FAR],
      isRefused: true,
      reason: 'none takes the credentials',
    },
    {
      refused: { [HUB]: 'ACCESS_DENIED' },
      asked: [HUB],
      isRefused: true,
      reason: 'it is not a matter of the region',
    },
  ] as const)('$reason', async ({ refused, asked, ...more }) => {
    const calls: string[] = [];
    const found = callerAccount(configOf(WRITTEN), async (region) => {
      calls.push(region);
      const code = new Map(Object.entries(refused)).get(region);
      if (code) throw refusal(code, region);
      return OWN;
    });
    if ('isRefused' in more) await expect(found).rejects.toMatchObject({ refusal: { call: HUB } });
    else expect(await found).toBe(OWN);
    expect(calls).toEqual(asked);
  });
});
