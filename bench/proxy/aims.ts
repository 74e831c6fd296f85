/** An aim, what was measured, and the verdict. */
export interface Aim {
  /** What is aimed at, and what it came to. */
  readonly words: string
  /** Undefined: not measured, as somebody was left out. */
  readonly met: boolean | undefined
}

export interface Figure {
  readonly of: string
  readonly value: number
}

interface Bound {
  readonly words: string
  readonly figures: readonly Figure[]
  /** As the words have it. */
  readonly show: (value: number) => string
}

/** Met where the least of the figures reaches the bound. */
export function atLeast(bound: number, { words, figures, show }: Bound): Aim {
  return judge(words, figures, show, (value) => value >= bound, Math.min)
}

/** Met where the largest of the figures stays within the bound. */
export function atMost(bound: number, { words, figures, show }: Bound): Aim {
  return judge(words, figures, show, (value) => value <= bound, Math.max)
}

function judge(
  words: string,
  figures: readonly Figure[],
  show: (value: number) => string,
  holds: (value: number) => boolean,
  worstOf: (...values: number[]) => number,
): Aim {
  if (figures.length === 0) return { words, met: undefined }
  const values = figures.map(({ value }) => value)
  const worst = worstOf(...values)
  const where = figures.find(({ value }) => Object.is(value, worst))?.of
  if (where === undefined) return { words: `${words}: ${values.map(show).join(', ')}`, met: false }
  const best = worstOf === Math.min ? Math.max(...values) : Math.min(...values)
  const range = figures.length === 1 ? '' : `, at best ${show(best)}`
  return { words: `${words}: ${show(worst)} (${where})${range}`, met: holds(worst) }
}

export function listOf(aims: readonly Aim[]): string {
  return aims.map(({ words, met }) => `- ${verdict(met)}: ${words}`).join('\n')
}

function verdict(met: boolean | undefined): string {
  if (met === undefined) return 'not measured'
  return met ? 'met' : '**missed**'
}
