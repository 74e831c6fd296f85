import { defaultKey } from '../../config/file-keys.ts'
import type { FileSecret } from '../content.ts'
import { type ByteWriter, written } from './byte-writer.ts'
import { codePoints, entriesOf, hex, type Keys, textBytes } from './entries.ts'

/**
 * As `java.util.Properties` reads it (JDK, `Properties.load(Reader)`): ASCII alone, with `\uXXXX` for each UTF-16 unit of all
 * else, so that `load(InputStream)`, which takes ISO-8859-1, and `load(Reader)` of any encoding read the same. In a key every
 * space is escaped, in a value the first alone, without which all leading spaces would be lost. A name's `/` becomes `.`, the
 * separator of Java's world.
 */
export function renderProperties(secrets: readonly FileSecret[], keys: Keys): Buffer {
  return written((out) => {
    for (const { key, secret } of entriesOf(secrets, keys, (name) => defaultKey('properties', name))) {
      writeEscaped(out, Buffer.from(key, 'utf8'), true)
      out.text('=')
      writeEscaped(out, textBytes(secret, 'properties'), false)
      out.text('\n')
    }
  })
}

const space = 0x20
const shortEscapes = new Map([
  [0x09, '\\t'],
  [0x0a, '\\n'],
  [0x0c, '\\f'],
  [0x0d, '\\r'],
])
/** `Properties.store` escapes these wherever they stand; they mean something only at the front or in a key. */
const escaped = new Set(Buffer.from('\\:=#!', 'latin1'))

function writeEscaped(out: ByteWriter, bytes: Buffer, isKey: boolean): void {
  let isFirst = true
  for (const point of codePoints(bytes)) {
    const short = shortEscapes.get(point)
    if (short !== undefined) out.text(short)
    else if (escaped.has(point) || (point === space && (isKey || isFirst))) out.bytes(Buffer.of(0x5c, point))
    else if (point >= 0x20 && point < 0x7f) out.byte(point)
    else if (point < 0x10000) out.text(`\\u${hex(point, 4)}`)
    else {
      const rest = point - 0x10000
      out.text(`\\u${hex(0xd800 + (rest >> 10), 4)}\\u${hex(0xdc00 + (rest & 0x3ff), 4)}`)
    }
    isFirst = false
  }
}
