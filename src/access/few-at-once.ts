/**
 * Makes what runs work for others, never more than `most` pieces of it at once; the others stand in line. Each piece
 * must end.
 */
export function fewAtOnce(most: number): <T>(work: () => Promise<T>) => Promise<T> {
  const line: (() => void)[] = []
  let running = 0
  return async (work) => {
    if (running < most) running += 1
    else await new Promise<void>((resolve) => line.push(resolve))
    try {
      return await work()
    } finally {
      // Whoever is next takes over the place itself, or somebody new could slip in between.
      const next = line.shift()
      if (next === undefined) running -= 1
      else next()
    }
  }
}
