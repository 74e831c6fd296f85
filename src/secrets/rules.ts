import type { Template } from './template/template.ts'

/** One rule of the configuration: a secret, or a pattern of secrets, and where it comes from. Times in milliseconds. */
export interface Rule {
  /** A name, or a pattern: a name with exactly one `*`, which stands for any characters, slashes too. */
  readonly name: string
  readonly provider: string
  /** The provider's key; in a pattern's key `*` stands for what `*` stands for in the name. */
  readonly key: string
  /**
   * What `*` does not stand for, whoever asks: to the provider it would not be part of the secret's name, but pick another
   * version, account or project than the pattern covers.
   */
  readonly reserved?: RegExp | undefined
  /** The field of a JSON value that is the secret. */
  readonly field?: string | undefined
  /** Where it is fetched in turn while the places before are unavailable. Only of a declared secret. */
  readonly fallback?: readonly RulePlace[] | undefined
  /** What it is composed of, in place of being fetched: it has no provider then (''). Only of a declared secret. */
  readonly template?: Template | undefined
  readonly refreshMs: number
  readonly maxStaleMs: number
  readonly required: boolean
}

/** One place that a secret is fetched from. */
export interface RulePlace {
  readonly provider: string
  readonly key: string
  readonly field?: string | undefined
}

/** Whether a name or a key stands for many: it has a `*`. */
export const isPattern = (text: string): boolean => text.includes('*')

/** A rule applied to one secret. */
export interface Match {
  readonly rule: Rule
  readonly name: string
  readonly key: string
}

/** All places that a secret is fetched from, the one that is asked first at the front. */
export function placesOf({ rule, key }: Match): RulePlace[] {
  return [{ provider: rule.provider, key, field: rule.field }, ...(rule.fallback ?? [])]
}

/** Which rule names a secret: the one with its exact name, else the most specific of the patterns. */
export class Rules {
  readonly #declared = new Map<string, Match>()
  readonly #patterns: readonly Rule[]

  constructor(rules: Iterable<Rule>) {
    const patterns: Rule[] = []
    for (const rule of withRequiredParts([...rules])) {
      if (isPattern(rule.name)) patterns.push(rule)
      else this.#declared.set(rule.name, { rule, name: rule.name, key: rule.key })
    }
    // The longer the literal part, the more specific; the order in the file decides between equals.
    this.#patterns = patterns.sort((a, b) => b.name.length - a.name.length)
  }

  get declared(): Iterable<Match> {
    return this.#declared.values()
  }

  /** Those of them that are fetched rather than composed. */
  *fetched(): Generator<Match> {
    for (const match of this.#declared.values()) if (match.rule.template === undefined) yield match
  }

  get patterns(): readonly Rule[] {
    return this.#patterns
  }

  patternsOf(provider: string): Rule[] {
    return this.#patterns.filter((rule) => rule.provider === provider)
  }

  find(name: string): Match | undefined {
    const declared = this.#declared.get(name)
    if (declared !== undefined) return declared
    if (!isSecretName(name)) return undefined
    for (const rule of this.#patterns) {
      const middle = starOf(rule.name, name)
      if (middle !== undefined && !isReserved(rule, middle))
        return { rule, name, key: rule.key.replace('*', () => middle) }
    }
    return undefined
  }

  /**
   * The pattern secrets that a key of a provider stands for: one for each pattern whose key matches and that wins its name.
   *
   * @param isWanted which patterns; without it: all
   */
  *discover(provider: string, key: string, isWanted?: (rule: Rule) => boolean): Generator<Match> {
    for (const rule of this.#patterns) {
      if (rule.provider !== provider || isWanted?.(rule) === false) continue
      const middle = starOf(rule.key, key)
      if (middle === undefined || isReserved(rule, middle)) continue
      const name = rule.name.replace('*', () => middle)
      if (this.find(name)?.rule === rule) yield { rule, name, key }
    }
  }
}

/** What a required secret is composed of is required too: nobody has the one without the other. */
function withRequiredParts(rules: readonly Rule[]): readonly Rule[] {
  const templates = new Map(rules.map(({ name, template }) => [name, template]))
  const required = new Set<string>()
  const rest = rules.filter((rule) => rule.required && rule.template !== undefined).map(({ name }) => name)
  for (let name = rest.pop(); name !== undefined; name = rest.pop()) {
    for (const part of templates.get(name)?.names ?? []) {
      if (required.has(part)) continue
      required.add(part)
      rest.push(part)
    }
  }
  return required.size === 0
    ? rules
    : rules.map((rule) => (required.has(rule.name) ? { ...rule, required: true } : rule))
}

function isReserved({ reserved }: Rule, middle: string): boolean {
  return reserved?.test(middle) === true
}

/** What `*` stands for where `text` matches the pattern; at least one character. */
function starOf(pattern: string, text: string): string | undefined {
  const star = pattern.indexOf('*')
  const after = pattern.length - star - 1
  if (text.length <= pattern.length - 1) return undefined
  if (!text.startsWith(pattern.slice(0, star)) || !text.endsWith(pattern.slice(star + 1))) return undefined
  return text.slice(star, text.length - after)
}

/** 256 bytes of UTF-8 fit a file's name in hex, a URL and a metric's label. */
const longestName = 256

/** Control characters, halves of surrogate pairs (they have no UTF-8) and backslashes. */
const unfitCharacter = /[\p{Cc}\p{Cs}\\]/u

/**
 * Whether a text can be the name of a secret: 1 to 256 bytes of UTF-8 without control characters and backslashes, whose
 * segments between slashes are neither empty nor `.` nor `..`, so that no client and no proxy rewrites its path.
 */
export function isSecretName(text: string): boolean {
  if (text.length === 0 || Buffer.byteLength(text) > longestName || unfitCharacter.test(text)) return false
  return text.split('/').every((segment) => segment !== '' && segment !== '.' && segment !== '..')
}
