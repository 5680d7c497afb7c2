import { isSameItem, keyOf, textOfItem, type WireItem } from '../../core/item.ts';
import { SeededRandom } from './seeded-random.ts';

/** Attribute that is the primary key of an order. */
export const ORDER_KEY = 'id';

const ORDERS = 19_800;
/** Orders that were written twice, three times, and twice but once without a time. */
const TWICE = 179;
const THRICE = 10;
const TIMELESS = 1;

const OPENED = Date.UTC(2025, 10, 1);
const BETWEEN_MS = 260_000;

/**
 * A table of 20,000 orders, of which one in a hundred is a copy: a process wrote them again, some seconds later, under another key. The
 * seed chooses which.
 */
export function demoOrders(seed: number): readonly WireItem[] {
  const chance = new SeededRandom(seed, 'orders');
  const chosen = new Set<number>();
  while (chosen.size < TWICE + THRICE + TIMELESS) chosen.add(chance.below(ORDERS));
  const turns = new Map([...chosen].map((order, turn) => [order, turn]));
  const items: WireItem[] = [];
  for (let order = 0; order < ORDERS; order++) {
    const at = OPENED + order * BETWEEN_MS + chance.below(BETWEEN_MS);
    const content = {
      order: { S: `A-${String(order).padStart(6, '0')}` },
      customer: { S: `customer-${chance.below(5_000)}@example.com` },
      cents: { N: String(500 + chance.below(20_000)) },
    };
    for (const time of timesOf(at, turns.get(order))) {
      const id = Buffer.from(chance.bytes(8)).toString('hex');
      const timed = time === undefined ? {} : { at: { S: new Date(time).toISOString() } };
      items.push({ [ORDER_KEY]: { S: id }, ...content, ...timed });
    }
  }
  return items;
}

/** When an order was written. @param turn Of those that are there more than once; `undefined` for others. */
function timesOf(at: number, turn: number | undefined): readonly (number | undefined)[] {
  if (turn === undefined) return [at];
  if (turn < TIMELESS) return [at, undefined];
  return turn < TIMELESS + THRICE ? [at, at + 4_000, at + 9_000] : [at, at + 4_000];
}

/** Whether two tables have the same items, byte for byte, in whatever order. */
export function areSameOrders(a: readonly WireItem[], b: readonly WireItem[]): boolean {
  const keyText = (item: WireItem) => textOfItem(keyOf(item, [ORDER_KEY]));
  const others = new Map(b.map((item) => [keyText(item), item]));
  return a.length === others.size && a.every((item) => isSameItem(item, others.get(keyText(item))));
}
