import { type Document, isAlias, isMap, isScalar, type Node, parseDocument } from 'yaml'
import { SecretValue } from '../../secrets/secret.ts'
import { jsonSecret } from '../shared/json.ts'
import { Malformed } from '../shared/malformed.ts'
import type { Entries } from './entries.ts'

/** A number as JSON spells it (RFC 8259, section 6). */
const jsonNumber = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$/

/** So many copies may aliases make of what they stand for; more is an attack on memory. */
const maxAliases = 100

/**
 * The entries of a YAML 1.2 mapping. Throws `Malformed` with the line of the first error: the parser's own messages
 * quote the text around it.
 */
export function parseYaml(text: string): Entries {
  const document = parseDocument(text, { prettyErrors: false, uniqueKeys: true, logLevel: 'error' })
  const [error] = document.errors
  if (error !== undefined) {
    const line = text.slice(0, error.pos[0]).split('\n').length
    throw new Malformed(`it is not valid YAML: line ${line} (${error.code})`)
  }
  if (!isMap(document.contents)) throw new Malformed('it is no YAML mapping of names and values')
  return document.contents.items.map(({ key, value }) => [
    nameOf(key),
    () => secretOf(resolved(value, document), document),
  ])
}

/** A name as it is written: `123` and `true` are names too. */
function nameOf(key: unknown): string {
  if (isScalar(key)) return typeof key.value === 'string' ? key.value : (key.source ?? '')
  throw new Malformed('it has a name that is no plain text')
}

function resolved(value: unknown, document: Document.Parsed): unknown {
  return isAlias(value) ? value.resolve(document) : value
}

function secretOf(node: unknown, document: Document.Parsed): SecretValue {
  if (isScalar(node) && (typeof node.value === 'number' || typeof node.value === 'bigint')) {
    // 0123 and 0x1f are numbers in YAML and would come out as 123 and 31: nobody means that of a secret.
    if (node.source === undefined || !jsonNumber.test(node.source)) {
      throw new Malformed('it is a number that JSON spells otherwise. Put it in quotes')
    }
    return SecretValue.fromText(node.source)
  }
  return jsonSecret(plain(node, document))
}

function plain(node: unknown, document: Document.Parsed): unknown {
  if (!isNode(node)) return null
  try {
    return node.toJS(document, { maxAliasCount: maxAliases })
  } catch {
    throw new Malformed('its aliases lead to nothing, or to too much')
  }
}

function isNode(value: unknown): value is Node {
  return typeof value === 'object' && value !== null && 'toJS' in value
}
