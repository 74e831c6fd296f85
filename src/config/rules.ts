import type { Rule } from '../secrets/rules.ts'
import { Rules } from '../secrets/rules.ts'
import { parseTemplate } from '../secrets/template/parse.ts'
import type { Config, SecretConfig } from './schema.ts'

/** The rules of a configuration, as the heart knows them. */
export function rulesOf(config: Pick<Config, 'secrets'>): Rules {
  return new Rules(Object.entries(config.secrets).map(([name, secret]) => ruleOf(name, secret)))
}

function ruleOf(name: string, { template, refresh, maxStale, required, ...secret }: SecretConfig): Rule {
  const times = { refreshMs: refresh, maxStaleMs: maxStale }
  // The configuration's checks let no template pass that cannot be parsed.
  const origin =
    template === undefined ? placesOf(secret) : { provider: '', key: name, template: parseTemplate(template) }
  return { name, ...origin, ...times, required }
}

/** Where it comes from: the configuration's checks let no rule pass that names neither one provider nor several. */
function placesOf({
  provider = '',
  key,
  field,
  fallback,
}: Pick<SecretConfig, 'provider' | 'key' | 'field' | 'fallback'>): Pick<
  Rule,
  'provider' | 'key' | 'field' | 'fallback'
> {
  const [first, ...others] = fallback ?? []
  return first === undefined ? { provider, key, field } : { field: undefined, ...first, fallback: others }
}
