/**
 * From the first on, so many as there is room for.
 * @param least So many are taken in any case.
 */
export function fitting<T>(
  all: readonly T[],
  room: number,
  sizeOf: (each: T) => number,
  least = 0,
): readonly T[] {
  let size = 0;
  const end = all.findIndex((each, position) => {
    size += sizeOf(each);
    return position >= least && size > room;
  });
  return end === -1 ? all : all.slice(0, end);
}
