import {
  type Alias,
  type Document,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  type LineCounter,
  type Node,
  type YAMLMap,
} from 'yaml'
import type { Path } from './problems.ts'

export interface Position {
  /** Counted from 1. */
  readonly line: number
  readonly column: number
}

type Member = { readonly key: Node; readonly value: Node | null }

/** Finds the place of an option in the file: of its key, or of its value. */
export class Locator {
  readonly #doc: Document.Parsed
  readonly #lines: LineCounter
  readonly #targets = new Map<Alias, Node | null>()
  readonly #members = new Map<YAMLMap, Map<string, Member>>()

  constructor(doc: Document.Parsed, lines: LineCounter) {
    this.#doc = doc
    this.#lines = lines
  }

  /** The place of what the path names; where it is not there, the place of the nearest thing around it that is. */
  find(path: Path, part: 'key' | 'value'): Position {
    let node: Node | null = this.#doc.contents
    let place = start(node) ?? 0
    for (const [index, step] of path.entries()) {
      const member = this.#child(this.resolve(node), step)
      if (member === undefined) break
      const last = index === path.length - 1
      const ofKey = start(member.key)
      const ofValue = start(member.value)
      // What is wrong inside of a mapping but has no place of its own is told at the mapping's key.
      place = (last && part === 'value' ? (ofValue ?? ofKey) : ofKey) ?? place
      node = member.value
    }
    return this.at(place)
  }

  at(offset: number): Position {
    const { line, col } = this.#lines.linePos(offset)
    return { line: Math.max(1, line), column: Math.max(1, col) }
  }

  /** What an alias stands for; any other node is itself. */
  resolve(node: Node | null): Node | null {
    if (!isAlias(node)) return node
    let target = this.#targets.get(node)
    if (target === undefined) {
      // The library searches the whole document, each time.
      target = node.resolve(this.#doc) ?? null
      this.#targets.set(node, target)
    }
    return target
  }

  #child(node: Node | null, step: string | number): Member | undefined {
    if (isSeq(node)) {
      const item = typeof step === 'number' ? node.items[step] : undefined
      return isYamlNode(item) ? { key: item, value: item } : undefined
    }
    return isMap(node) ? this.#membersOf(node).get(String(step)) : undefined
  }

  #membersOf(map: YAMLMap): Map<string, Member> {
    let members = this.#members.get(map)
    if (members === undefined) {
      members = new Map()
      for (const { key, value } of map.items) {
        if (!isYamlNode(key)) continue
        const name = keyText(this.resolve(key))
        if (name !== undefined && !members.has(name))
          members.set(name, { key, value: isYamlNode(value) ? value : null })
      }
      this.#members.set(map, members)
    }
    return members
  }
}

/** A key as it is written: `123` and `true` are names here, whatever YAML calls them. */
export function keyText(key: Node | null): string | undefined {
  if (!isScalar(key)) return undefined
  if (typeof key.value === 'string') return key.value
  return key.value === null ? undefined : (key.source ?? String(key.value))
}

/** yaml types the members of its collections as unknown, since programs may build documents of anything. */
export function isYamlNode(value: unknown): value is Node {
  return isScalar(value) || isMap(value) || isSeq(value) || isAlias(value)
}

function start(node: Node | null): number | undefined {
  return node?.range?.[0]
}
