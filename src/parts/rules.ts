import { rulesOf } from '../config/rules.ts'
import type { Config } from '../config/schema.ts'
import type { CacheSettings } from '../secrets/cache.ts'

/** What a configuration says of the cache: what it holds, and how much. */
export function cacheSettingsOf(config: Pick<Config, 'secrets' | 'providers' | 'cache'>): CacheSettings {
  const { maxEntries, maxBytes, missingTtl, maxMissing } = config.cache
  return { rules: rulesOf(config), maxEntries, maxBytes, missingTtlMs: missingTtl, maxMissing }
}
