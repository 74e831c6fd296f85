import { type FileSecret, FormatError } from '../content.ts'
import { checkSize } from './byte-writer.ts'

/** The exact bytes of the one secret, whatever they are; nothing is added, no line's end either. */
export function renderRaw(secrets: readonly FileSecret[]): Buffer {
  const [secret, ...more] = secrets
  if (secret === undefined || more.length > 0)
    throw new FormatError(`raw is for exactly one secret, not for ${secrets.length}`)
  const bytes = secret.reveal()
  checkSize(bytes.length)
  return Buffer.from(bytes)
}
