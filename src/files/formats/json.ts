import { filters } from '../../secrets/template/filters.ts'
import type { FileSecret } from '../content.ts'
import { type ByteWriter, written } from './byte-writer.ts'
import { entriesOf, type Keys, textBytes } from './entries.ts'

/** A list of `{"name", "value"}` on one line (RFC 8259). */
export function renderJson(secrets: readonly FileSecret[], keys: Keys): Buffer {
  return written((out) => {
    out.text('[')
    for (const [index, { key, secret }] of entriesOf(secrets, keys).entries()) {
      out.text(`${index === 0 ? '' : ','}{"name":${JSON.stringify(key)},"value":`)
      writeString(out, secret, 'json')
      out.text('}')
    }
    out.text(']\n')
  })
}

/** An object of names and values (RFC 8259); no name stands there twice, of which readers would keep either. */
export function renderMap(secrets: readonly FileSecret[], keys: Keys): Buffer {
  return written((out) => {
    out.text('{')
    for (const [index, { key, secret }] of entriesOf(secrets, keys).entries()) {
      out.text(`${index === 0 ? '' : ','}${JSON.stringify(key)}:`)
      writeString(out, secret, 'map')
    }
    out.text('}\n')
  })
}

function writeString(out: ByteWriter, secret: FileSecret, format: string): void {
  const escaped = filters.json(textBytes(secret, format), undefined)
  try {
    out.text('"')
    if (escaped !== undefined) out.bytes(escaped)
    out.text('"')
  } finally {
    escaped?.fill(0)
  }
}
