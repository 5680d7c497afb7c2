/**
 * Makes a list of faults as short as it gets by leaving parts of it out: halves, quarters, and at last single ones ("delta debugging").
 * @param fails Whether what is to be explained still happens with these faults alone. It does with all of them.
 * @param triesMax How often it may be asked; then the shortest list so far is given.
 * @see https://doi.org/10.1109/32.988498
 */
export async function shrunk<T>(
  faults: readonly T[],
  fails: (some: readonly T[]) => Promise<boolean>,
  triesMax: number,
): Promise<readonly T[]> {
  let left = faults;
  let parts = 2;
  let tries = 0;
  while (left.length > 0 && parts <= 2 * left.length && tries < triesMax) {
    const size = Math.ceil(left.length / parts);
    let shorter: readonly T[] | undefined;
    for (let start = 0; start < left.length && shorter === undefined && tries < triesMax; start += size) {
      const rest = [...left.slice(0, start), ...left.slice(start + size)];
      tries++;
      if (await fails(rest)) shorter = rest;
    }
    if (shorter) {
      left = shorter;
      parts = Math.max(2, parts - 1);
    } else if (size === 1) break;
    else parts = Math.min(left.length, parts * 2);
  }
  return left;
}
