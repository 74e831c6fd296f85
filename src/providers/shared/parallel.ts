/** Runs `work` for every item, at most `limit` at a time, in no particular order. Rejects with the first failure. */
export async function inParallel<T>(
  items: Iterable<T>,
  limit: number,
  work: (item: T) => Promise<void>,
): Promise<void> {
  // The lanes share one iterator: each takes the next item when it is free.
  const waiting = Iterator.from(items)
  const lane = async (): Promise<void> => {
    for (const item of waiting) await work(item)
  }
  await Promise.all(Array.from({ length: limit }, lane))
}
