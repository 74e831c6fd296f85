import { nearMiss } from './near-miss.ts'

export interface Interpolated {
  readonly value: string
  /** True where something was replaced: the value may then hold a credential and is never shown. */
  readonly replaced: boolean
  readonly errors: readonly InterpolationError[]
}

export interface InterpolationError {
  /** Index in the text. */
  readonly index: number
  readonly expected: string
  readonly got: string
  readonly suggestion?: string
}

/** `$${` first, then a whole reference, then what only begins as one. */
const reference = /\$\$\{|\$\{([^}]*)\}|\$\{/g
const variable = /^([A-Za-z_][A-Za-z0-9_]*)(?::-([\s\S]*))?$/

/**
 * Replaces `${NAME}` by an environment variable and `${NAME:-default}` by the default where the variable is unset or
 * empty; `$${` stands for `${`. What was replaced is not looked at again.
 */
export function interpolate(text: string, env: NodeJS.ProcessEnv): Interpolated {
  if (!text.includes('${')) return { value: text, replaced: false, errors: [] }

  const errors: InterpolationError[] = []
  let replaced = false
  const value = text.replace(reference, (whole: string, inner: string | undefined, index: number) => {
    if (whole === '$${') return '${'
    replaced = true
    const [, name, fallback] = variable.exec(inner ?? '') ?? []
    if (name === undefined) {
      const expected = `a variable as \${NAME} or \${NAME:-default}, or $\${ for the characters themselves`
      errors.push({ index, expected, got: 'something else' })
      return ''
    }
    // Node's process.env inherits from Object: `constructor` is there and no variable.
    const held = Object.hasOwn(env, name) ? env[name] : undefined
    if (fallback !== undefined && (held === undefined || held === '')) return fallback
    if (held === undefined) errors.push({ index, ...unset(name, env) })
    return held ?? ''
  })
  return { value, replaced, errors }
}

function unset(name: string, env: NodeJS.ProcessEnv): Omit<InterpolationError, 'index'> {
  const suggestion = nearMiss(name, Object.keys(env))
  return {
    expected: `the environment variable ${name} to be set (or a default: \${${name}:-…})`,
    got: 'no such variable',
    ...(suggestion === undefined ? {} : { suggestion }),
  }
}
