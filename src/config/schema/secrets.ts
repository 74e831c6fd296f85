import * as z from 'zod/mini'
import { isKey, isRuleName, keyExpected, secretNameExpected, secretNamePattern } from '../names.ts'
import { duration, flag } from './fields.ts'
import { option, section } from './option.ts'

const secretName = option(
  z.string({ error: secretNameExpected }).check(z.refine(isRuleName, { error: secretNameExpected })),
  { pattern: secretNamePattern },
)

const key = z
  .string({ error: keyExpected })
  .check(z.minLength(1, { error: keyExpected, abort: true }), z.refine(isKey, { error: keyExpected }))

const fieldExpected = 'the name of a member, such as password, or a JSON Pointer, such as /db/password'

const rule = section({
  provider: option(z.string({ error: 'the name of a provider' }), {
    description: 'The provider that it comes from, by its name under `providers`.',
    type: 'provider name',
    example: 'platform',
  }),
  key: option(z.optional(key), {
    description:
      'What the provider calls it. The key of a pattern has one `*` too, which stands for the same characters.',
    type: 'string',
    fallback: 'the name itself',
    example: 'stripe-live',
  }),
  field: option(
    z.optional(z.string({ error: fieldExpected }).check(z.minLength(1, { error: fieldExpected }))),
    {
      description: 'The part of a JSON value that is the secret: a member, or a JSON Pointer (RFC 6901).',
      type: 'string',
      fallback: 'the whole value',
      example: 'password',
    },
  ),
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

/** What a rule says once its name has filled in what it left out. */
export type SecretConfig = Omit<z.output<typeof rule>, 'key'> & { key: string }

const rules = z.record(secretName, rule, {
  error: (issue) => (issue.code === 'invalid_type' ? 'a mapping of secret names to rules' : undefined),
})

export const secrets = z.codec(rules, z.custom<Record<string, SecretConfig>>(), {
  decode: (written) =>
    Object.fromEntries(
      Object.entries(written).map(([name, rule]) => [name, { ...rule, key: rule.key ?? name }]),
    ),
  encode: (config) => config,
})
