import type { ObjectStore } from '../../functions/ports/object-store.ts';

/** Texts of all items that lie in quarantine. */
export async function quarantinedTexts(objects: ObjectStore): Promise<Set<string>> {
  const texts = new Set<string>();
  for await (const name of objects.list('quarantine/')) {
    const content = await objects.read(name);
    for (const line of content?.toString().split('\n') ?? []) texts.add(JSON.parse(line)[2]);
  }
  return texts;
}
