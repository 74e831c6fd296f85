import type { CallerConfig, Config } from './schema.ts'
import { StringSource } from './source.ts'

/** Makes the configuration's string sources read their variables from `env`: a schema cannot know which it is. */
export function bindSources(config: Config, env: NodeJS.ProcessEnv): Config {
  const providers = Object.entries(config.providers).map(([name, provider]) => [name, bound(provider, env)])
  const { api } = config
  return {
    ...config,
    providers: Object.fromEntries(providers),
    api: {
      ...withCallers(api, env),
      listeners: api.listeners.map((listener) => withCallers(listener, env)),
    },
  }
}

type Callers = Record<string, CallerConfig>

function withCallers<T extends { callers?: Callers | undefined }>(listener: T, env: NodeJS.ProcessEnv): T {
  if (listener.callers === undefined) return listener
  const callers = Object.entries(listener.callers).map(([name, { tokens, ...rest }]) => [
    name,
    { ...rest, tokens: tokens.map((token) => token.withEnvironment(env)) },
  ])
  return { ...listener, callers: Object.fromEntries(callers) }
}

/** The options with every string source among them, however deep, reading from `env`. */
function bound<T>(options: T, env: NodeJS.ProcessEnv): T {
  return rebound(options, env) as T
}

function rebound(value: unknown, env: NodeJS.ProcessEnv): unknown {
  if (value instanceof StringSource) return value.withEnvironment(env)
  if (Array.isArray(value)) return value.map((part) => rebound(part, env))
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([name, part]) => [name, rebound(part, env)]))
}
