/** Two images by turns. */
import type { Image, Images } from './images.ts'

/** By image, what each round gave. */
export type Rounds<T> = ReadonlyMap<Image, readonly T[]>

/** Has both run in each round; whoever comes first finds the machine otherwise: each has its turn. */
export async function byTurns<T>(
  { own, standIn }: Pick<Images, 'own' | 'standIn'>,
  rounds: number,
  run: (image: Image) => Promise<T>,
): Promise<Rounds<T>> {
  const results = new Map<Image, T[]>([
    [own, []],
    [standIn, []],
  ])
  for (let round = 0; round < rounds; round += 1) {
    for (const image of round % 2 === 0 ? [own, standIn] : [standIn, own]) {
      results.get(image)?.push(await run(image))
    }
  }
  return results
}

/** One figure of each round; those that have none are left out. */
export function figuresOf<T>(
  rounds: Rounds<T>,
  image: Image,
  figure: (result: T) => number | undefined,
): readonly number[] {
  return (rounds.get(image) ?? []).map(figure).filter((value) => value !== undefined)
}
