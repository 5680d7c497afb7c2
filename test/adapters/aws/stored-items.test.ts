import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import * as z from 'zod';
import { refusedItem } from '../../../functions/adapters/aws/access-memory.ts';
import { episodeItem, stateItem } from '../../../functions/adapters/aws/ledger-item.ts';
import { proofItem, runItem, segmentItem, tableItem } from '../../../functions/adapters/aws/run-item.ts';
import { sweepItem } from '../../../functions/adapters/aws/sweep-ledger.ts';
import { turnItem } from '../../../functions/adapters/aws/turns.ts';
import { FORMAT } from '../../../functions/contract/ledger.ts';

const ADAPTERS = 'functions/adapters/aws';

/** Every item of the ledger but the note of a role that refused, which is read without its envelope. */
const ENVELOPED = [stateItem, episodeItem, runItem, segmentItem, proofItem, tableItem, sweepItem, turnItem];

/** The format, and a hash of what all items may hold in it. */
const RECORDED = { format: 3, hash: '09ae1f71864cefc24ec1f25c0432f820e8f8e282d1f8537c82e9f3bfd843d501' };

const WORDS =
  'what an item of the ledger may hold has changed, so raise FORMAT in functions/contract/ledger.ts, and record format and hash here; ' +
  'if only the description of the same items is another one, record the new hash alone';

it('the form of what is stored changes with its format only', () => {
  const forms = [...ENVELOPED, refusedItem].map((schema) => z.toJSONSchema(schema, { io: 'input' }));
  const hash = createHash('sha256').update(JSON.stringify(forms)).digest('hex');
  expect({ format: FORMAT, hash }, WORDS).toEqual(RECORDED);
});

it('every item with the envelope is one of these', () => {
  const sources = readdirSync(ADAPTERS).map((file) => readFileSync(join(ADAPTERS, file), 'utf8'));
  expect(sources.join('\n').match(/(?:\.\.\.|, )ENVELOPE\b/g)).toHaveLength(ENVELOPED.length);
});
