import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import * as z from 'zod';
import { loadConfig } from '../bin/load-config.ts';
import { firedSchema } from '../functions/contract/alarm-event.ts';
import { parseConfig } from '../functions/contract/config.ts';
import { DEPLOYED } from '../functions/contract/deployment.ts';
import { deployEventSchema } from '../functions/contract/events.ts';
import { PAUSE_EVENT } from '../functions/contract/notices.ts';
import { noticeOf } from '../functions/core/notice.ts';
import { run } from './bin/run.ts';
import { eventsPutIn, found, textOf } from './documents.ts';
import { ONE_ACCOUNT, regionParameters } from './lib/synthesized.ts';

const README = textOf('examples/README.md');
const commands = [...README.matchAll(/^ *```\n(.*?)^ *```$/gms)].flatMap(([, block = '']) =>
  block.replaceAll('\\\n', '').split(/\n(?= *(?:aws|npx) )/),
);
const commandWith = (words: string) => commands.find((command) => command.includes(words)) ?? '';

const yaml = (file: string): unknown => parse(readFileSync(file, 'utf8'));
const resources = z.record(z.string(), z.object({ Type: z.string(), Properties: z.looseObject({}) }));
const template = z.object({ Resources: resources });
const functionsIn = (file: string, type: string) =>
  Object.entries(template.parse(yaml(file)).Resources).filter(([, { Type }]) => Type === type);
const EXPANDED = 'test/e2e/templates';

describe('an example of another tool', () => {
  it.each([
    { tool: 'sam', select: { stack: 'bookstore' }, identity: 'stack+logicalId' },
    { tool: 'serverless', select: { stack: 'bookstore-live' }, identity: 'name' },
    { tool: 'terraform', select: { tags: { project: 'bookstore' } }, identity: { tag: 'service' } },
  ])('has a config that is accepted, and pairs copies as its table says: $tool', async (row) => {
    const { tool, select, identity } = row;
    const loaded = await loadConfig(`examples/${tool}/recohere.config.yaml`);
    expect(loaded?.config.functions).toMatchObject([{ select, identity }]);
    expect(loaded?.config.replicas).toHaveLength(2);
    const line = README.split('\n').find((each) => each.includes(`](${tool})`)) ?? '';
    const said = typeof identity === 'string' ? identity : `{ tag: ${identity.tag} }`;
    expect(line).toContain(`\`identity: ${said}\``);
  });

  it('is what was expanded by SAM', () => {
    const { Globals } = z
      .object({ Globals: z.object({ Function: z.looseObject({}) }) })
      .parse(yaml('examples/sam/template.yaml'));
    const written = functionsIn('examples/sam/template.yaml', 'AWS::Serverless::Function').map(
      ([id, { Properties }]) => {
        const { CodeUri, ...shared } = Globals.Function;
        return [id, { ...shared, ...Properties }];
      },
    );
    const expanded = functionsIn(`${EXPANDED}/sam.yaml`, 'AWS::Lambda::Function').map(
      ([id, { Properties }]) => {
        const { Code, Role, Tags, ...others } = Properties;
        return [id, others];
      },
    );
    expect(expanded.length).toBeGreaterThan(1);
    expect(expanded).toEqual(written);
  });

  it('is what was expanded by the Serverless Framework', () => {
    const { service, provider, functions } = z
      .object({
        service: z.string(),
        provider: z.object({ runtime: z.string(), stage: z.string(), environment: z.looseObject({}) }),
        functions: z.record(z.string(), z.object({ handler: z.string() })),
      })
      .parse(yaml('examples/serverless/serverless.yml'));
    const written = Object.entries(functions).map(([name, { handler }]) => ({
      id: `${name.charAt(0).toUpperCase()}${name.slice(1).replaceAll('-', 'Dash')}LambdaFunction`,
      FunctionName: `${service}-${provider.stage}-${name}`,
      Handler: handler,
      Runtime: provider.runtime,
      Environment: { Variables: { ...provider.environment, BUILD_ID: '42' } },
    }));
    const expanded = functionsIn(`${EXPANDED}/serverless.yaml`, 'AWS::Lambda::Function').map(
      ([id, { Properties }]) => ({ id, ...Properties }),
    );
    expect(expanded).toMatchObject(written);
    expect(written.length).toBeGreaterThan(1);
  });

  it('is in Terraform what its config asks for', async () => {
    const source = readFileSync('examples/terraform/main.tf', 'utf8');
    const loaded = await loadConfig('examples/terraform/recohere.config.yaml');
    for (const { region } of loaded?.config.replicas ?? []) expect(source).toContain(`"${region}"`);
    expect(source).toMatch(/tags = \{\n +project = "bookstore"\n +service = each\.value\.service\n/);
  });
});

describe('the README of the examples', () => {
  it('names commands and options that there are', async () => {
    const named = [...README.matchAll(/npx recohere (\w+)([^`\n]*)/g)];
    expect(named.length).toBeGreaterThan(1);
    for (const [, command = '', rest = ''] of named) {
      const { stdout, code } = await run([command, '--help']);
      expect(code).toBe(0);
      for (const [option] of rest.matchAll(/--[\w-]+/g)) expect(stdout).toContain(option);
    }
  });

  it('tells of a deploy with an event that is understood', () => {
    const put = eventsPutIn(README);
    expect(put).toMatchObject([{ bus: 'recohere' }]);
    expect(put.map(({ event }) => deployEventSchema.parse(event))).toMatchObject([
      {
        source: 'recohere.deploy',
        detail: { deployId: 'build-42', functions: ['checkout', 'invoices'] },
      },
    ]);
  });

  it('prints patterns that hear alarms and pauses', () => {
    expect(found(README, /`(\{ "(?:source|account)": .*?\})`/g).map((text) => JSON.parse(text))).toEqual([
      {
        source: [firedSchema.shape.source.def.values[0]],
        'detail-type': [firedSchema.shape['detail-type'].def.values[0]],
        detail: { alarmName: [{ prefix: DEPLOYED.alarm('recohere', '') }] },
      },
      {
        account: ['111111111111'],
        source: [PAUSE_EVENT.source],
        'detail-type': [PAUSE_EVENT.detailType],
      },
    ]);
  });

  it('names an organisation as a config may', () => {
    const [, hub = ''] = /`hub: (\{.*?\})`/.exec(README) ?? [];
    expect(parse(hub)).toHaveProperty('organization');
    expect(parseConfig({ ...ONE_ACCOUNT, hub: parse(hub) })).toMatchObject({ ok: true });
  });

  it('gives a region’s stack parameters that it has, and all but those that may be empty', () => {
    const given = [...commandWith('create-stack-set').matchAll(/ParameterKey=(\w+)/g)].map(([, key]) => key);
    const may = ['ExternalId', 'SecretArns', 'ProbeArns'];
    const all = regionParameters();
    expect([...given, ...may].toSorted()).toEqual(all.toSorted());
    const named = found(README, /`([A-Z]\w+(?:Arns?|Id|Region|Account))`/g);
    expect(named.length).toBeGreaterThan(1);
    expect(named.filter((name) => !all.includes(name))).toEqual([]);
  });

  it('keeps notices from who reads alarms alone', () => {
    const { json, title, text } = noticeOf({ id: 'build-42', source: 'recohere.deploy', at: 0 }, [], 0);
    const [, attributes = ''] = /--attributes '(.*)'/.exec(commandWith('sns subscribe')) ?? [];
    const { FilterPolicyScope, FilterPolicy } = JSON.parse(attributes);
    expect(FilterPolicyScope).toBe('MessageBody'); // else attributes are compared, which CloudWatch's messages lack
    const [wanted = ''] = Object.keys(JSON.parse(FilterPolicy));
    expect(wanted).toBe('AlarmName');
    expect({ title, text, ...json }).not.toHaveProperty(wanted);
  });
});
