import type { Rule } from '../secrets/rules.ts'
import { Rules } from '../secrets/rules.ts'
import { parseTemplate } from '../secrets/template/parse.ts'
import type { Config, ProviderConfig, SecretConfig } from './schema.ts'

/** What means more in a key than a part of a name, by kind of provider: `Rule.reserved`. */
const reserved: Partial<Record<ProviderConfig['type'], RegExp>> = {
  vault: /\?/,
  'aws-secrets-manager': /\?|^arn:/,
  'aws-parameter-store': /:/,
  'google-secret-manager': /\//,
  'azure-key-vault': /\//,
}

/** The rules of a configuration, as the heart knows them. */
export function rulesOf({ secrets, providers }: Pick<Config, 'secrets' | 'providers'>): Rules {
  return new Rules(
    Object.entries(secrets).map(([name, secret]) => {
      const type = providers[secret.provider ?? '']?.type
      return { ...ruleOf(name, secret), reserved: type === undefined ? undefined : reserved[type] }
    }),
  )
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
