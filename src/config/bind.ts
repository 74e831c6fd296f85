import type { Config, ProviderConfig } from './schema.ts'

/** Makes the configuration's string sources read their variables from `env`: a schema cannot know which it is. */
export function bindSources(config: Config, env: NodeJS.ProcessEnv): Config {
  const providers = Object.entries(config.providers).map(([name, provider]) => [name, bound(provider, env)])
  return { ...config, providers: Object.fromEntries(providers) }
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
