/** Whether what a list of names and patterns names can be there. */
import { globOf } from '../../secrets/glob.ts'
import { isPattern } from '../../secrets/rules.ts'

/** Far more than a configuration of some sense has, and less than half a second. */
const mostComparisons = 5_000_000

/** Tells which names and patterns could be those of a secret, by the names of the rules. */
export class RuleNames {
  readonly #declared: ReadonlySet<string>
  readonly #patterns: readonly string[]
  /** Lists are much alike, and a YAML alias makes as many of one as it likes. */
  readonly #known = new Map<string, boolean>()
  #comparisons = 0

  constructor(names: readonly string[]) {
    this.#declared = new Set(names.filter((name) => !isPattern(name)))
    this.#patterns = names.filter(isPattern)
  }

  mayMatch(entry: string): boolean {
    let known = this.#known.get(entry)
    if (known === undefined) {
      known = this.#compare(entry)
      this.#known.set(entry, known)
    }
    return known
  }

  #compare(entry: string): boolean {
    if (this.#declared.has(entry)) return true
    this.#comparisons += this.#declared.size + this.#patterns.length
    // What takes too long to find out is not worth a warning.
    if (this.#comparisons > mostComparisons) return true
    const matches = globOf(entry)
    if (!isPattern(entry)) return this.#patterns.some((pattern) => globOf(pattern)(entry))
    return this.#declared.values().some(matches) || this.#patterns.some((pattern) => meet(entry, pattern))
  }
}

/**
 * Whether some name matches both patterns. What stands for their `*` may be as long as one likes, so only what comes
 * before the first and after the last one can keep them apart.
 */
function meet(a: string, b: string): boolean {
  const [beforeA, beforeB] = [a.slice(0, a.indexOf('*')), b.slice(0, b.indexOf('*'))]
  const [afterA, afterB] = [a.slice(a.lastIndexOf('*') + 1), b.slice(b.lastIndexOf('*') + 1)]
  const alike = beforeA.startsWith(beforeB) || beforeB.startsWith(beforeA)
  return alike && (afterA.endsWith(afterB) || afterB.endsWith(afterA))
}
