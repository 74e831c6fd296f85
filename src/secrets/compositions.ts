import type { Match, Rules } from './rules.ts'
import type { Template } from './template/template.ts'

/** A secret that is composed of others. */
export interface Composition {
  readonly match: Match
  readonly template: Template
  /** The secrets that its template names, which may be composed themselves. */
  readonly parts: readonly Match[]
  /** What it is made of in the end: secrets that are fetched. */
  readonly leaves: readonly Match[]
}

/** Which secrets are composed, and of which. */
export class Compositions {
  /** What others are composed of comes before them. */
  readonly #all = new Map<string, Composition>()
  readonly #byLeaf = new Map<string, Set<string>>()

  constructor(rules: Rules) {
    for (const match of rules.declared) if (match.rule.template !== undefined) this.#add(match, rules)
  }

  get all(): Iterable<Composition> {
    return this.#all.values()
  }

  find(name: string): Composition | undefined {
    return this.#all.get(name)
  }

  /** Those that any of the names is a leaf of, what others are composed of before them. */
  madeOf(names: Iterable<string>): Composition[] {
    if (this.#all.size === 0) return []
    const found = new Set<string>()
    for (const name of names) for (const each of this.#byLeaf.get(name) ?? []) found.add(each)
    return found.size === 0 ? [] : [...this.#all.values()].filter(({ match }) => found.has(match.name))
  }

  /** The configuration's checks let no circle pass, and no name that nothing declares. */
  #add(match: Match, rules: Rules): Composition | undefined {
    const { template } = match.rule
    const known = this.#all.get(match.name)
    if (known !== undefined || template === undefined) return known
    const parts = template.names.map((name) => partOf(rules, match.name, name))
    const leaves = new Map<string, Match>()
    for (const part of parts) {
      for (const leaf of this.#add(part, rules)?.leaves ?? [part]) leaves.set(leaf.name, leaf)
    }
    const composition = { match, template, parts, leaves: [...leaves.values()] }
    this.#all.set(match.name, composition)
    for (const name of leaves.keys())
      this.#byLeaf.set(name, (this.#byLeaf.get(name) ?? new Set()).add(match.name))
    return composition
  }
}

function partOf(rules: Rules, of: string, name: string): Match {
  const part = rules.find(name)
  if (part === undefined) throw new Error(`"${of}" is composed of "${name}", which no rule names`)
  return part
}
