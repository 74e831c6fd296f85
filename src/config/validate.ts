import * as z from 'zod/mini'
import { bindSources } from './bind.ts'
import { check } from './checks.ts'
import { problemsOf } from './issues.ts'
import type { Path, Problem } from './problems.ts'
import { pathKey, type Raw, valueAt } from './raw.ts'
import { type Config, configSchema, kindsIn } from './schema.ts'

export type Validated =
  | { readonly config: Config; readonly warnings: readonly string[] }
  | { readonly problems: readonly Problem[] }

const empty: Problem = {
  path: [],
  line: 1,
  column: 1,
  expected: 'a configuration with providers and secrets (docs/configuration.md begins with an example)',
  got: 'an empty file',
}

/**
 * Holds what was written against the schema and the rules between options, and the tokens of callers against theirs.
 * All that is wrong is told at once.
 */
export async function validate(raw: Raw, env: NodeJS.ProcessEnv): Promise<Validated> {
  if (raw.value === undefined) return { problems: raw.problems }
  if (raw.value === null) return { problems: [...raw.problems, empty] }

  const problems = [...raw.problems]
  const unread = new BrokenOptions(raw.unread)
  const broken = new BrokenOptions(raw.unread)
  let value: unknown = raw.value
  const schema = configSchema(kindsIn(value))
  let parsed = z.safeParse(schema, value)
  if (parsed.error) {
    const found = parsed.error.issues.flatMap((issue) => problemsOf(issue, raw))
    // What could not even be read has been told of already.
    problems.push(...found.filter((problem) => !unread.touch(problem.path)))
  }

  // What is wrong by itself is left out, and the rest is still checked. Each round leaves something out, so it ends.
  while (parsed.error) {
    const paths = parsed.error.issues.flatMap(pathsOf)
    broken.add(paths)
    value = without(value, paths)
    parsed = z.safeParse(schema, value)
  }
  const config = bindSources(parsed.data, env)
  const { problems: crossing, warnings } = await check(config, raw)
  for (const { problem, about } of crossing) {
    if (!about.some((path) => broken.touch(path))) problems.push(problem)
  }
  return problems.length > 0 ? { problems } : { config, warnings }
}

/** The options that are wrong by themselves. */
class BrokenOptions {
  readonly #options = new Set<string>()
  readonly #around = new Set<string>()

  constructor(paths: readonly Path[]) {
    this.add(paths)
  }

  add(paths: readonly Path[]): void {
    for (const path of paths) {
      if (path.length > 0) this.#options.add(pathKey(path))
      for (let length = 1; length < path.length; length++) this.#around.add(pathKey(path.slice(0, length)))
    }
  }

  /** True where the option itself is wrong, what it stands in, or a part of it. */
  touch(path: Path): boolean {
    if (this.#around.has(pathKey(path))) return true
    return path.some((_, index) => this.#options.has(pathKey(path.slice(0, index + 1))))
  }
}

function pathsOf(issue: z.core.$ZodIssue): Path[] {
  const path = issue.path.map((step) => (typeof step === 'symbol' ? String(step) : step))
  return issue.code === 'unrecognized_keys' ? issue.keys.map((key) => [...path, key]) : [path]
}

/** The value without what the paths name; where that is missing already, without what it was missing from. */
function without(value: unknown, paths: readonly Path[]): unknown {
  const copy = structuredClone(value)
  for (const path of paths) {
    let at = path
    while (at.length > 0 && valueAt(copy, at) === undefined) at = at.slice(0, -1)
    const last = at.at(-1)
    // The whole of it is wrong: no mapping at all.
    if (last === undefined) return {}
    const parent = valueAt(copy, at.slice(0, -1))
    // A hole in a list would be a new error at another place; the list's own place is known to be broken.
    if (Array.isArray(parent)) parent.splice(0, parent.length)
    else if (typeof parent === 'object' && parent !== null) Reflect.deleteProperty(parent, last)
  }
  return copy
}
