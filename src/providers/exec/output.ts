import type { Fetched } from '../../secrets/provider.ts'
import { SecretValue } from '../../secrets/secret.ts'
import { Malformed } from '../shared/malformed.ts'

/**
 * Standard output as a value, byte by byte; with `trimNewline` less one newline at its end, LF or CRLF. Throws
 * `Malformed` where nothing is left: a program that prints nothing and says that all went well has failed.
 */
export function parseRaw(output: Buffer, trimNewline: boolean): Fetched {
  const value = trimNewline ? withoutNewline(output) : output
  if (value.length === 0) throw new Malformed('it is empty')
  // The output is overwritten.
  return { value: new SecretValue(Buffer.from(value)) }
}

function withoutNewline(output: Buffer): Buffer {
  if (output.at(-1) !== 0x0a) return output
  return output.subarray(0, output.at(-2) === 0x0d ? -2 : -1)
}
