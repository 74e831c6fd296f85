import { ConfigError, type Loaded, parseConfig } from '../../src/config/load.ts'
import { formatProblem } from '../../src/config/problems.ts'

export const file = 'sidekeep.yaml'

/** The shortest configuration that says something. */
export const smallest = `
providers:
  p: { type: env, prefix: APP_ }
secrets:
  a: { provider: p }
`

export function parse(text: string, env: NodeJS.ProcessEnv = {}): Promise<Loaded> {
  return parseConfig(text, { file, env })
}

/** The error of a configuration that must not load. */
export async function refusal(text: string, env: NodeJS.ProcessEnv = {}): Promise<ConfigError> {
  try {
    await parse(text, env)
  } catch (error) {
    if (error instanceof ConfigError) return error
    throw error
  }
  throw new Error('The configuration was accepted.')
}

/** The problems of a configuration, one line each, without the file's name. */
export async function refused(text: string, env: NodeJS.ProcessEnv = {}): Promise<string[]> {
  const { problems } = await refusal(text, env)
  return problems.map((problem) => formatProblem(problem, ''))
}
