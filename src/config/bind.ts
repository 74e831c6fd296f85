import type { CallerConfig, Config, ProviderConfig } from './schema.ts'

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

function bound(provider: ProviderConfig, env: NodeJS.ProcessEnv): ProviderConfig {
  if (provider.type !== 'http') return provider
  const { token, ca, headers } = provider
  return {
    ...provider,
    ...(token === undefined ? {} : { token: token.withEnvironment(env) }),
    ...(ca === undefined ? {} : { ca: ca.withEnvironment(env) }),
    ...(headers === undefined
      ? {}
      : {
          headers: Object.fromEntries(
            Object.entries(headers).map(([name, value]) => [name, value.withEnvironment(env)]),
          ),
        }),
  }
}
