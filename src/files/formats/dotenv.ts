import { defaultKey, dotenvKey } from '../../config/file-keys.ts'
import { type FileSecret, FormatError } from '../content.ts'
import { type ByteWriter, written } from './byte-writer.ts'
import { entriesOf, type Keys, quoted, textBytes } from './entries.ts'

/**
 * Lines of `KEY='value'`. Right for the shell (POSIX, Shell Command Language, section 2.2) whatever the value is; other
 * readers take a part of its language each, so the spelling is the one that most of them share.
 *
 * In single quotes everything stands for itself. A value with `'` stands in double quotes, where `"`, `$`, backtick and `\`
 * have a `\` before them. Found by experiment, what others than dash and bash read differently:
 *
 * - A carriage return: python-dotenv and npm's dotenv read a line feed, Node drops it.
 * - A value with `'` and also one of `"`, `$`, backtick and `\`: Node and npm's dotenv keep the `\` that escapes (and take
 *   `\n` for a line feed); python-dotenv keeps it before `$` and backtick.
 * - python-dotenv alone, without a `'` in the value: `\\` is read as one `\`, `${NAME}` is replaced unless it is told
 *   `interpolate=False`, and a value that ends with a `\` is lost with what follows it.
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

function writeValue(out: ByteWriter, value: Buffer): void {
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
