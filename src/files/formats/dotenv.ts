import { defaultKey, dotenvKey } from '../../config/file-keys.ts'
import { type FileSecret, FormatError } from '../content.ts'
import { type ByteWriter, written } from './byte-writer.ts'
import { entriesOf, type Keys, quoted, textBytes } from './entries.ts'

/**
 * Lines of `KEY=value`. Right for the shell (POSIX, Shell Command Language, section 2.2) whatever the value is; other readers
 * take a part of its language each, so the spelling is the one that most of them share.
 *
 * What needs no quotes has none: then `docker run --env-file`, to which quotes are part of the value, reads it too. Else the
 * value stands in single quotes, in which everything stands for itself; one with `'` in double quotes, where `"`, `$`,
 * backtick and `\` have a `\` before them. What others than dash and bash read differently, by experiment
 * (test/files/formats/readers holds Node and python-dotenv to exactly this):
 *
 * - A carriage return: python-dotenv and npm's dotenv read a line feed, Node drops it.
 * - `'` together with `"`: Node ends the value at the `"` and may take the rest for other entries, npm's dotenv keeps the `\`.
 * - `'` together with `$` or backtick: python-dotenv, Node and npm's dotenv keep the `\`.
 * - `'` together with `\`: Node and npm's dotenv keep both `\`, and take what looks like `\n` for a line feed.
 * - `\\` without `'`: python-dotenv reads one `\`.
 * - `${NAME}`: python-dotenv replaces it, unless it is told `interpolate=False`.
 * - A `\` at the end: python-dotenv loses the value and damages entries beside it.
 *
 * For such values json or map is the format that every reader of these languages reads right.
 */
export function renderDotenv(secrets: readonly FileSecret[], keys: Keys): Buffer {
  return written((out) => {
    for (const { key, secret } of entriesOf(secrets, keys, (name) => defaultKey('dotenv', name))) {
      if (!dotenvKey.test(key))
        throw new FormatError(
          `${quoted(secret.name)} would be written as ${quoted(key)}, which is no name of a variable`,
          secret.name,
        )
      const value = textBytes(secret, 'dotenv')
      if (value.includes(0))
        throw new FormatError(
          `the value of ${quoted(secret.name)} has a NUL, which no environment can hold: use raw or directory`,
          secret.name,
        )
      out.text(`${key}=`)
      writeValue(out, value)
      out.text('\n')
    }
  })
}

const [singleQuote, backslash] = [0x27, 0x5c]
/** What means something between double quotes (POSIX, Shell Command Language, section 2.2.3). */
const special = new Set(Buffer.from('"$`\\', 'latin1'))

/** No reader gives these a meaning, wherever they stand in a value. An empty value is none of them: it looks forgotten. */
const bare = new Set(
  Buffer.from('ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_./:@%+,=-', 'latin1'),
)

function writeValue(out: ByteWriter, value: Buffer): void {
  if (value.length > 0 && value.every((byte) => bare.has(byte))) {
    out.bytes(value)
    return
  }
  if (!value.includes(singleQuote)) {
    out.byte(singleQuote)
    out.bytes(value)
    out.byte(singleQuote)
    return
  }
  out.text('"')
  for (const byte of value) {
    if (special.has(byte)) out.byte(backslash)
    out.byte(byte)
  }
  out.text('"')
}
