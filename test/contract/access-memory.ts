import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Access, AccessMemory, RefusedAccess } from '../../functions/ports/access-memory.ts';

/** A memory, and what is around it. */
export interface AccessMemoryWorld {
  readonly memory: AccessMemory;
  /** Runs a test to its end; a world with virtual time moves the time meanwhile. */
  run<T>(work: () => Promise<T>): Promise<T>;
  close(): Promise<void>;
}

const FIRST: RefusedAccess = { since: 1_767_600_000_000, tries: 1, nextAt: 1_767_600_300_000 };
const SECOND: RefusedAccess = { since: FIRST.since, tries: 2, nextAt: 1_767_600_900_000 };

/** Declares what every {@link AccessMemory} must do. */
export function describeAccessMemory(makeWorld: () => Promise<AccessMemoryWorld>): void {
  describe('access memory', () => {
    let world: AccessMemoryWorld;
    let roles = 0;

    beforeAll(async () => {
      world = await makeWorld();
    });
    afterAll(() => world.close());

    /** A test with a role of its own. */
    const verify = (what: string, body: (access: Access, memory: AccessMemory) => Promise<void>) =>
      it(what, () =>
        world.run(() => body({ roleArn: `arn:aws:iam::222222222222:role/role-${++roles}` }, world.memory)),
      );

    verify('remembers nothing of a role that never refused', async (access, memory) => {
      expect(await memory.read(access)).toBeUndefined();
    });

    verify('gives what was written last', async (access, memory) => {
      await memory.write(access, FIRST);
      expect(await memory.read(access)).toEqual(FIRST);
      await memory.write(access, SECOND);
      expect(await memory.read(access)).toEqual(SECOND);
      await memory.write(access, FIRST);
      expect(await memory.read(access)).toEqual(FIRST);
    });

    verify('forgets, and remembers anew', async (access, memory) => {
      await memory.write(access, FIRST);
      await memory.write(access, undefined);
      expect(await memory.read(access)).toBeUndefined();
      await memory.write(access, SECOND);
      expect(await memory.read(access)).toEqual(SECOND);
    });

    verify('may forget what it never knew', async (access, memory) => {
      await memory.write(access, undefined);
      expect(await memory.read(access)).toBeUndefined();
    });

    verify('keeps one of two writes at once, whole', async (access, memory) => {
      await Promise.all([memory.write(access, FIRST), memory.write(access, SECOND)]);
      expect([FIRST, SECOND]).toContainEqual(await memory.read(access));
    });

    verify('tells ways into an account apart by role and by external id', async ({ roleArn }, memory) => {
      const ways = [
        { roleArn },
        { roleArn: `${roleArn}-2` },
        { roleArn, externalId: 'of-the-hub' },
        { roleArn, externalId: 'of:the/hub' },
      ];
      for (const [n, access] of ways.entries()) await memory.write(access, { ...FIRST, tries: n + 1 });
      for (const [n, access] of ways.entries()) {
        expect(await memory.read(access)).toEqual({ ...FIRST, tries: n + 1 });
      }
    });

    verify('is shared with nobody', async (access, memory) => {
      const written = { ...FIRST };
      await memory.write(access, written);
      Object.assign(written, SECOND);
      const read = await memory.read(access);
      expect(read).toEqual(FIRST);
      Object.assign(read ?? {}, SECOND);
      expect(await memory.read(access)).toEqual(FIRST);
    });
  });
}
