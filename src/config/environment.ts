/** The simplest case, without any file: one backend that lists all secrets, named by a few variables. */
import type { Problem } from './problems.ts'
import { pathKey, type Raw } from './raw.ts'

/** Which variable is which option, so that a problem is told in the words of whoever set the variable. */
const variableOf: ReadonlyMap<string, string> = new Map([
  [pathKey(['providers', 'default', 'url']), 'SIDEKEEP_URL'],
  [pathKey(['providers', 'default', 'token', 'file']), 'SIDEKEEP_TOKEN_FILE'],
  [pathKey(['providers', 'default', 'token']), 'SIDEKEEP_TOKEN_FILE'],
  [pathKey(['secrets', '*', 'refresh']), 'SIDEKEEP_REFRESH'],
  [pathKey(['api', 'listen']), 'SIDEKEEP_LISTEN'],
])

export const environmentSource = 'the environment'

/** The configuration that the variables describe, or undefined where SIDEKEEP_URL is not set. Empty is not set. */
export function readEnvironment(env: NodeJS.ProcessEnv): { raw: Raw; warnings: string[] } | undefined {
  const url = env.SIDEKEEP_URL || undefined
  if (url === undefined) return undefined

  const token = tokenOf(env)
  const refresh = env.SIDEKEEP_REFRESH || undefined
  const listen = env.SIDEKEEP_LISTEN || undefined
  const value = {
    ...(listen === undefined ? {} : { api: { listen } }),
    providers: { default: { type: 'http', url, ...(token === undefined ? {} : { token }) } },
    secrets: {
      '*': { provider: 'default', required: listsAll(url), ...(refresh === undefined ? {} : { refresh }) },
    },
  }
  const problems: Problem[] = []
  if (env.AUTH_TOKEN && env.SIDEKEEP_TOKEN_FILE) {
    const expected = 'one place for the token: either AUTH_TOKEN or SIDEKEEP_TOKEN_FILE'
    problems.push({ path: ['SIDEKEEP_TOKEN_FILE'], expected, got: 'both' })
  }
  const warnings =
    token === undefined ? ['Neither AUTH_TOKEN nor SIDEKEEP_TOKEN_FILE is set: no token is sent.'] : []
  return { raw: { value, problems, unread: [], templates: new Map(), locate: () => undefined }, warnings }
}

/** The same problem, named by its variable; what the variable holds is not told. */
export function inVariables(problem: Problem): Problem {
  const variable = variableOf.get(pathKey(problem.path))
  if (variable === undefined) return problem
  return { path: [variable], expected: problem.expected }
}

/** Variables that name a configuration, and have no effect beside a file. */
export function ignoredVariables(env: NodeJS.ProcessEnv, file: string): string[] {
  const names = ['SIDEKEEP_URL', 'SIDEKEEP_TOKEN_FILE', 'SIDEKEEP_REFRESH', 'SIDEKEEP_LISTEN']
  const set = names.filter((name) => env[name])
  return set.map((name) => `${name} has no effect: the configuration comes from ${file}.`)
}

function tokenOf(env: NodeJS.ProcessEnv): { env: string } | { file: string } | undefined {
  if (env.SIDEKEEP_TOKEN_FILE) return { file: env.SIDEKEEP_TOKEN_FILE }
  return env.AUTH_TOKEN ? { env: 'AUTH_TOKEN' } : undefined
}

/** A URL with `{key}` cannot list, so there is nothing that readiness could wait for. */
function listsAll(url: string): boolean {
  return !url.includes('{key}')
}
