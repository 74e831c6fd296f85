import type { Aim } from './aims.ts'

/** What one of the measurements has to say. */
export interface Part {
  /** Tables, and what goes with them. */
  readonly text: string
  readonly aims: readonly Aim[]
}

/** Paragraphs, without those that are not there. */
export function listed(...paragraphs: readonly (string | undefined)[]): string {
  return paragraphs.filter((paragraph) => paragraph !== undefined).join('\n\n')
}
