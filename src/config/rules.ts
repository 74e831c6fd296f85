import { Rules } from '../secrets/rules.ts'
import type { Config } from './schema.ts'

/** The rules of a configuration, as the heart knows them. */
export function rulesOf(config: Pick<Config, 'secrets'>): Rules {
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
