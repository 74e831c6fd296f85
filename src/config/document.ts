/** From the text of a file to plain values, with the place of each. Loaded only when there is a file. */
import {
  type Document,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  parseDocument,
  type YAMLMap,
} from 'yaml'
import { interpolate } from './interpolate.ts'
import { isYamlNode, keyText, Locator } from './locate.ts'
import type { Path, Problem } from './problems.ts'
import { pathKey, type Raw } from './raw.ts'
import { syntaxText } from './syntax.ts'

/** Aliases let a small file name a huge tree (the "billion laughs"); no configuration comes near these. */
const mostNodes = 200_000
const deepest = 64

/** Reads one YAML document. What is wrong is in the answer's problems; the rest is read all the same. */
export function readDocument(text: string, env: NodeJS.ProcessEnv): Raw {
  const lines = new LineCounter()
  const parsed = parseDocument(text, {
    lineCounter: lines,
    // Its messages would quote the file, and with it what may be a credential.
    prettyErrors: false,
    // Quadratic in the library; the reader below checks it, and says where the first one is.
    uniqueKeys: false,
    schema: 'core',
    resolveKnownTags: false,
    // 'silent' would let a second document pass.
    logLevel: 'error',
  })
  const locator = new Locator(parsed, lines)
  const problems = syntaxProblems(parsed, locator)
  // The tree of a file with a syntax error is guesswork: what it seems to say would be a second, wrong message.
  if (problems.length > 0) return unreadable(problems)

  const reader = new Reader(text, env, locator)
  const value = reader.read(parsed.contents, [], 0)
  const { unread, templates } = reader
  return {
    value,
    problems: reader.problems,
    unread,
    templates,
    locate: (path, part) => locator.find(path, part),
  }
}

function unreadable(problems: readonly Problem[]): Raw {
  return { value: undefined, problems, unread: [], templates: new Map(), locate: () => undefined }
}

function syntaxProblems(doc: Document.Parsed, locator: Locator): Problem[] {
  const errors = [...doc.errors, ...doc.warnings]
  const problems = errors
    // One slip makes the parser stumble over every word after it: a run of the same error is told once.
    .filter((error, index) => error.code !== errors[index - 1]?.code)
    .map((error): Problem => ({ path: [], ...locator.at(error.pos[0]), expected: syntaxText(error.code) }))
  if (doc.directives?.yaml.explicit === true && doc.directives.yaml.version !== '1.2') {
    problems.push({ path: [], line: 1, column: 1, expected: 'YAML 1.2, or no %YAML directive' })
  }
  return problems
}

class Reader {
  readonly problems: Problem[] = []
  readonly unread: Path[] = []
  readonly templates = new Map<string, string>()
  readonly #text: string
  readonly #env: NodeJS.ProcessEnv
  readonly #locator: Locator
  #nodes = 0
  #tooDeep = false

  constructor(text: string, env: NodeJS.ProcessEnv, locator: Locator) {
    this.#text = text
    this.#env = env
    this.#locator = locator
  }

  read(node: Node | null, path: Path, depth: number): unknown {
    this.#nodes++
    if (this.#nodes > mostNodes) {
      if (this.#nodes === mostNodes + 1)
        this.#report([], node, `fewer than ${mostNodes} values, aliases counted`)
      return undefined
    }
    // An alias to what it stands in would nest for ever.
    if (depth > deepest) {
      // Once: aliases can reach the depth in more ways than anyone would read.
      if (!this.#tooDeep) this.#report(path, node, `values nested at most ${deepest} levels deep`)
      this.#tooDeep = true
      this.unread.push(path)
      return undefined
    }
    if (isAlias(node)) return this.read(this.#locator.resolve(node), path, depth + 1)
    if (isMap(node)) return this.#readMap(node, path, depth)
    if (isSeq(node)) {
      return node.items.map((item, index) =>
        this.read(isYamlNode(item) ? item : null, [...path, index], depth + 1),
      )
    }
    if (!isScalar(node)) return null
    return typeof node.value === 'string' ? this.#readString(node.value, node, path) : node.value
  }

  #readMap(map: YAMLMap, path: Path, depth: number): Record<string, unknown> {
    const first = new Map<string, Node>()
    const object: Record<string, unknown> = {}
    for (const { key, value } of map.items) {
      if (this.#nodes > mostNodes) break
      const keyNode = isYamlNode(key) ? key : null
      const name = keyText(this.#locator.resolve(keyNode))
      const earlier = name === undefined ? undefined : first.get(name)
      if (name === undefined || name === '__proto__') {
        this.#report(
          path,
          keyNode ?? map,
          name === undefined ? 'a plain name as key' : 'another key than __proto__',
        )
      } else if (earlier !== undefined) {
        const { line } = this.#locator.at(earlier.range?.[0] ?? 0)
        this.#report([...path, name], keyNode, `this key only once: it is in line ${line} already`)
      } else {
        if (keyNode !== null) first.set(name, keyNode)
        object[name] = this.read(isYamlNode(value) ? value : null, [...path, name], depth + 1)
      }
    }
    return object
  }

  #readString(written: string, node: Node, path: Path): string {
    const { value, replaced, errors } = interpolate(written, this.#env)
    if (replaced) this.templates.set(pathKey(path), written)
    if (errors.length > 0) this.unread.push(path)
    for (const { index, ...error } of errors) {
      // Escapes and folded lines move characters; then the value's own beginning has to do.
      const [begin = 0, end = begin] = node.range ?? []
      const found = this.#text.indexOf(written.slice(index, index + 8), begin)
      const place = found >= 0 && found < end ? found : begin
      this.problems.push({ path, ...this.#locator.at(place), ...error })
    }
    return value
  }

  #report(path: Path, node: Node | null, expected: string): void {
    const position = node?.range ? this.#locator.at(node.range[0]) : this.#locator.find(path, 'value')
    this.problems.push({ path, ...position, expected })
  }
}
