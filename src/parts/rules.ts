import type { Config } from '../config/schema.ts'
import type { CacheSettings } from '../secrets/cache.ts'
import { Rules } from '../secrets/rules.ts'

/** What a configuration says of the cache: what it holds, and how much. */
export function cacheSettingsOf(config: Pick<Config, 'secrets' | 'cache'>): CacheSettings {
  const { maxEntries, maxBytes, missingTtl, maxMissing } = config.cache
  return { rules: rulesOf(config), maxEntries, maxBytes, missingTtlMs: missingTtl, maxMissing }
}

/** The rules of a configuration, as the heart knows them. */
function rulesOf(config: Pick<Config, 'secrets'>): Rules {
  return new Rules(
    Object.entries(config.secrets).map(([name, { provider, key, field, refresh, maxStale, required }]) => ({
      name,
      provider,
      key,
      field,
      refreshMs: refresh,
      maxStaleMs: maxStale,
      required,
    })),
  )
}
