import * as z from 'zod/mini'
import { isKey, isRuleName, keyExpected, secretNameExpected, secretNamePattern } from '../names.ts'
import { duration, flag } from './fields.ts'
import { option, section } from './option.ts'

const secretName = () =>
  option(z.string({ error: secretNameExpected }).check(z.refine(isRuleName, { error: secretNameExpected })), {
    pattern: secretNamePattern,
  })

const key = () =>
  z
    .string({ error: keyExpected })
    .check(z.minLength(1, { error: keyExpected, abort: true }), z.refine(isKey, { error: keyExpected }))

const fieldExpected = 'the name of a member, such as password, or a JSON Pointer, such as /db/password'

const field = () => z.string({ error: fieldExpected }).check(z.minLength(1, { error: fieldExpected }))
const providerName = () => z.string({ error: 'the name of a provider' })
const placeExpected = 'the name of a provider, or { provider, key, field } where its key or field is another'

const place = () =>
  z.union(
    [
      z.string({ error: placeExpected }),
      section({
        provider: option(providerName(), { description: 'The provider, by its name under `providers`.' }),
        key: option(z.optional(key()), { description: 'What this provider calls it.' }),
        field: option(z.optional(field()), { description: 'The part of its JSON value that is the secret.' }),
      }),
    ],
    { error: placeExpected },
  )

const longestTemplate = 65_536
const templateExpected = `a text of 1 to ${longestTemplate} characters with the names of other secrets in {{ }}`

const placesExpected = 'a list of two providers or more, in the order in which they are asked'

const rule = () =>
  section({
    provider: option(z.optional(providerName()), {
      description: 'The provider that it comes from, by its name under `providers`.',
      type: 'provider name',
      fallback: 'one of `provider`, `fallback` and `template` is required',
      example: 'platform',
    }),
    fallback: option(
      z.optional(
        z.array(place(), { error: placesExpected }).check(z.minLength(2, { error: placesExpected })),
      ),
      {
        description:
          'In place of `provider`: the providers that it may come from. The next one is asked when the one before is unavailable, never when that denies, throttles or does not have the secret. One whose key or field is another is `{ provider, key, field }`.',
        type: 'list of provider names',
        example: ['vault', 'aws'],
      },
    ),
    template: option(
      z.optional(
        z
          .string({ error: templateExpected })
          .check(
            z.minLength(1, { error: templateExpected }),
            z.maxLength(longestTemplate, { error: templateExpected }),
          ),
      ),
      {
        description:
          'In place of `provider`: what it is composed of. `{{ NAME }}` stands for the value of another secret, `{{ NAME | urlencode }}` for what a filter makes of it.',
        type: 'template',
        example: 'postgres://{{ db/user | urlencode }}:{{ db/password | urlencode }}@db/app',
      },
    ),
    key: option(z.optional(key()), {
      description:
        'What the provider calls it. The key of a pattern has one `*` too, which stands for the same characters.',
      type: 'string',
      fallback: 'the name itself',
      example: 'stripe-live',
    }),
    field: option(z.optional(field()), {
      description: 'The part of a JSON value that is the secret: a member, or a JSON Pointer (RFC 6901).',
      type: 'string',
      fallback: 'the whole value',
      example: 'password',
    }),
    refresh: option(z.prefault(duration({ min: '100ms', max: '365d' }), '5m'), {
      description:
        'How often to fetch it again: how late, at most, a rotation is noticed where the provider reports none. Of a pattern also how often its provider lists what there is.',
      example: '10m',
    }),
    maxStale: option(z.prefault(duration({ min: '100ms' }), '24h'), {
      description:
        'How long after its last successful fetch it is still served while the provider fails. Longer survives longer outages; shorter limits how long a revoked value lives on.',
      example: '1h',
    }),
    required: option(z.prefault(flag(), false), {
      description:
        'Whether the sidecar is ready only once it holds this secret. Of a pattern: once its provider has listed it and, where that names keys only, each of those that there is room for was fetched, or is known to be missing, denied or unfit.',
      example: true,
    }),
  })

/** One of several places that a secret may come from. */
export interface PlaceConfig {
  provider: string
  key: string
  field?: string
}

type Written = z.output<ReturnType<typeof rule>>

/** What a rule says once its name has filled in what it left out. */
export type SecretConfig = Omit<Written, 'key' | 'fallback'> & { key: string; fallback?: PlaceConfig[] }

const rules = () =>
  z.record(secretName(), option(rule(), { oneOfKeys: ['provider', 'fallback', 'template'] }), {
    error: (issue) => (issue.code === 'invalid_type' ? 'a mapping of secret names to rules' : undefined),
  })

export const secrets = () =>
  z.codec(rules(), z.custom<Record<string, SecretConfig>>(), {
    decode: (written) =>
      Object.fromEntries(Object.entries(written).map(([name, rule]) => [name, filledIn(name, rule)])),
    encode: (config) => config,
  })

function filledIn(name: string, { fallback, ...rule }: Written): SecretConfig {
  const key = rule.key ?? name
  const places = fallback?.map((place) => placeOf(place, key, rule.field))
  return { ...rule, key, ...(places === undefined ? {} : { fallback: places }) }
}

function placeOf(
  written: z.output<ReturnType<typeof place>>,
  keyOfRule: string,
  fieldOfRule: string | undefined,
): PlaceConfig {
  const named = typeof written === 'string' ? { provider: written } : written
  const { provider, key = keyOfRule, field = fieldOfRule } = named
  return { provider, key, ...(field === undefined ? {} : { field }) }
}
