import { SecretValue } from '../secret.ts'
import { filters } from './filters.ts'
import { isPlaceholder, type Placeholder, type Template } from './template.ts'

/** The value of a secret as a template sees it: not taken over, and not kept. */
export interface PartValue {
  readonly isText: boolean
  reveal(): Buffer
}

/** Why a template could not be rendered: words that hold no value. */
export interface RenderFailure {
  readonly reason: 'malformed' | 'oversized'
  /** Names the part whose fault it is, and what is wrong with it. */
  readonly message: string
  /** The secret whose value does not fit; undefined where it is all of them together. */
  readonly part: string | undefined
}

/**
 * Puts values into a template. What the filters made on the way is overwritten again.
 *
 * @param valueOfPart the value of a secret that the template names
 * @param maxBytes of the rendered text, and of what a filter makes
 */
export function renderTemplate(
  template: Template,
  valueOfPart: (name: string) => PartValue,
  maxBytes: number,
): SecretValue | RenderFailure {
  const made: Buffer[] = []
  const pieces: Buffer[] = []
  let size = 0
  try {
    for (const piece of template.pieces) {
      const bytes = isPlaceholder(piece)
        ? filled(piece, valueOfPart(piece.name), maxBytes, made)
        : piece.bytes
      if (!Buffer.isBuffer(bytes)) return bytes
      size += bytes.length
      if (size > maxBytes) return oversized(maxBytes)
      pieces.push(bytes)
    }
    return new SecretValue(Buffer.concat(pieces, size))
  } finally {
    for (const bytes of made) bytes.fill(0)
  }
}

function filled(
  { name, filters: uses }: Placeholder,
  value: PartValue,
  maxBytes: number,
  made: Buffer[],
): Buffer | RenderFailure {
  // As base64 anything is text.
  if (!value.isText && uses[0]?.filter !== 'base64') {
    return malformed(name, 'is no text: let base64 be its first filter')
  }
  let bytes = value.reveal()
  for (const { filter, argument } of uses) {
    if (bytes.length > maxBytes) return oversized(maxBytes)
    const next = filters[filter](bytes, argument)
    if (next === undefined) return malformed(name, `is no JSON with a field "${argument}"`)
    made.push(next)
    bytes = next
  }
  return bytes
}

function malformed(part: string, fault: string): RenderFailure {
  return { reason: 'malformed', message: `the value of "${part}" ${fault}`, part }
}

function oversized(maxBytes: number): RenderFailure {
  return { reason: 'oversized', message: `the text would have more than ${maxBytes} bytes`, part: undefined }
}
