/**
 * How many items a list begins with of which something is true; of those behind them it is not. By halving: a line may
 * have as many escapes, and as many values, as it has bytes.
 */
export function countUntil<T>(sorted: readonly T[], isTrue: (item: T) => boolean): number {
  let [from, until] = [0, sorted.length]
  while (from < until) {
    const middle = (from + until) >>> 1
    const item = sorted[middle]
    if (item !== undefined && isTrue(item)) from = middle + 1
    else until = middle
  }
  return from
}
