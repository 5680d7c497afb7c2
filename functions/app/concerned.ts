import type { ParsedConfig } from '../contract/config.ts';
import type { Place } from '../core/place.ts';
import type { FunctionSource, TagFilter } from '../ports/function-source.ts';
import type { Concern } from './hear.ts';
import { matches } from './observe.ts';
import { scopeOfConfig } from './scope.ts';
import { allTagged, LOGICAL_ID_TAG, STACK_TAG, subjectOf } from './survey.ts';

interface Member {
  readonly name: string;
  readonly tags: ReadonlyMap<string, string>;
}

/**
 * The subjects that a change concerns, or `undefined` for all. Asks for tags only where a name does not say it. A place
 * that the config does not watch concerns nobody, unless the subjects themselves are named: then it does not matter.
 * @throws RefusedError if tags are needed and refused
 */
export async function concernedSubjects(
  source: FunctionSource,
  config: ParsedConfig,
  concern: Concern,
): Promise<readonly string[] | undefined> {
  if (concern.kind === 'all') return undefined;
  if (concern.kind === 'subjects') return concern.names;
  const groups = config.functions;
  const place = scopeOfConfig(config, {}).places.find(
    ({ region, account }) =>
      region === concern.region && (account === undefined || account === concern.account),
  );
  if (place === undefined) return [];
  const members = await membersOf(source, place, concern, groups);
  return [
    ...new Set(
      groups.flatMap((group) =>
        members.filter((member) => maySelect(group, member)).map((member) => subjectOf(group, member)),
      ),
    ),
  ];
}

/** By what is known of a function: its name, and perhaps its stack. The look itself knows more. */
function maySelect({ select }: ParsedConfig['functions'][number], { name, tags }: Member): boolean {
  const stack = tags.get(STACK_TAG);
  const isNamed = select.name === undefined || matches(name, select.name);
  return isNamed && (select.stack === undefined || stack === undefined || matches(stack, select.stack));
}

async function membersOf(
  source: FunctionSource,
  place: Place,
  concern: Exclude<Concern, { kind: 'all' | 'subjects' }>,
  groups: ParsedConfig['functions'],
): Promise<readonly Member[]> {
  if (concern.kind === 'stack') {
    const tagged = await allTagged(source, place, [{ key: STACK_TAG, values: [concern.stack] }]);
    return [...tagged].map(([name, tags]) => ({ name, tags }));
  }
  const known = concern.kind === 'resource' ? [STACK_TAG, LOGICAL_ID_TAG] : [];
  const missing = groups.flatMap(({ identity }): TagFilter[] => {
    if (identity === 'name') return [];
    const key = identity === 'stack+logicalId' ? LOGICAL_ID_TAG : identity.tag;
    return known.includes(key) ? [] : [{ key, values: [] }];
  });
  const told: Member[] =
    concern.kind === 'resource'
      ? [
          {
            name: concern.name,
            tags: new Map([
              [STACK_TAG, concern.stack],
              [LOGICAL_ID_TAG, concern.logicalId],
            ]),
          },
        ]
      : concern.names.map((name) => ({ name, tags: new Map() }));
  const found = await Promise.all(missing.map((filter) => allTagged(source, place, [filter])));
  return told.map(({ name, tags }) => ({
    name,
    tags: new Map([...tags, ...found.flatMap((tagged) => [...(tagged.get(name) ?? [])])]),
  }));
}
