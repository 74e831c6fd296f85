/** A text with places that values of secrets are put into. Parsed once; rendered as often as a value changes. */
export interface Template {
  readonly pieces: readonly Piece[]
  /** The secrets that it names, each once, in the order in which they come. */
  readonly names: readonly string[]
}

export type Piece = Literal | Placeholder

/** What stands there for itself. */
export interface Literal {
  readonly bytes: Buffer
}

/** A secret's value, after its filters. */
export interface Placeholder {
  readonly name: string
  readonly filters: readonly FilterUse[]
}

export interface FilterUse {
  readonly filter: FilterName
  /** Of `field`: a member of a JSON value, or a JSON Pointer. */
  readonly argument?: string
}

export const filterNames = ['field', 'urlencode', 'base64', 'json', 'trim'] as const

export type FilterName = (typeof filterNames)[number]

export function isPlaceholder(piece: Piece): piece is Placeholder {
  return 'name' in piece
}
