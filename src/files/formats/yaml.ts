import { type FileSecret, FormatError } from '../content.ts'
import { type ByteWriter, written } from './byte-writer.ts'
import { codePoints, entriesOf, hex, type Keys, quoted, textBytes } from './entries.ts'

/** A key on one line may have 1024 characters (YAML 1.2.2, section 8.2.2; YAML 1.1 too), with its quotes. */
const longestKey = 1024

/**
 * A mapping of double-quoted scalars, which are strings in YAML 1.1 and 1.2 whatever stands in them, keys too: no `no` and
 * no `1e3` becomes anything else. All but visible ASCII is escaped (YAML 1.2.2, section 5.7; the escapes used here are those of
 * 1.1 too): line breaks would be folded, NEL, LS and PS are line breaks for 1.1 alone, and a byte order mark, DEL and the
 * controls of C1 are refused by some readers.
 */
export function renderYaml(secrets: readonly FileSecret[], keys: Keys): Buffer {
  return written((out) => {
    if (secrets.length === 0) out.text('{}\n')
    for (const { key, secret } of entriesOf(secrets, keys)) {
      const written = scalarOfKey(key)
      if (written.length > longestKey)
        throw new FormatError(
          `${quoted(secret.name)} has too long a name for a key of yaml: name it shorter in keys`,
          secret.name,
        )
      out.bytes(written)
      out.text(': ')
      writeScalar(out, textBytes(secret, 'yaml'))
      out.text('\n')
    }
  })
}

function scalarOfKey(key: string): Buffer {
  return written((out) => writeScalar(out, Buffer.from(key, 'utf8')))
}

const shortEscapes = new Map([
  [0x09, '\\t'],
  [0x0a, '\\n'],
  [0x0d, '\\r'],
  [0x22, '\\"'],
  [0x5c, '\\\\'],
])

function writeScalar(out: ByteWriter, bytes: Buffer): void {
  out.text('"')
  for (const point of codePoints(bytes)) {
    const short = shortEscapes.get(point)
    if (short !== undefined) out.text(short)
    else if (point >= 0x20 && point < 0x7f) out.byte(point)
    else if (point < 0x100) out.text(`\\x${hex(point, 2)}`)
    else out.text(point < 0x10000 ? `\\u${hex(point, 4)}` : `\\U${hex(point, 8)}`)
  }
  out.text('"')
}
