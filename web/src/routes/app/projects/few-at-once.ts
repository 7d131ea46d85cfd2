/** Maps in order, with no more than `width` under way at any time: a page that asks much does not ask it all at once. */
export async function fewAtOnce<T, U>(
  items: readonly T[],
  map: (item: T) => Promise<U>,
  width = 8,
): Promise<U[]> {
  const results = new Array<U>(items.length)
  let next = 0
  const work = async () => {
    for (let at = next++; at < items.length; at = next++) results[at] = await map(items[at] as T)
  }
  await Promise.all(Array.from({ length: Math.min(width, items.length) }, work))
  return results
}
