/** The number that a hash begins with, of 32 bits. @param group Hash in hex, of 8 characters at least. */
export function wordOf(group: string): number {
  return Number.parseInt(group.slice(0, 8), 16);
}

/**
 * Which of so many slots of equal size a hash falls into. The slots of twice as many are halves of these: a partition that is too
 * large for one pass is worked on in several.
 * @param word What the hash begins with.
 */
export function slotOf(word: number, slots: number): number {
  return Math.floor((word / 2 ** 32) * slots);
}
