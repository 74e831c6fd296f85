import * as z from 'zod/mini'
import { StringSource } from '../source.ts'
import { path, text } from './fields.ts'
import { option, section } from './option.ts'

/** A value of the cache that an option refers to: always the current one, so that a rotation is taken over. */
export interface SecretPlace {
  readonly secret: string
  /** A field of a JSON value. */
  readonly field?: string | undefined
}

const name = () => text(/^[^*]+$/, 'the name of one secret')

/** `{ secret: NAME }`, or `{ secret: NAME, field: FIELD }` where the value is JSON. */
export function secretPlace() {
  return section({
    secret: option(name(), { description: 'The name of the secret, which must be `required`.' }),
    field: option(z.optional(z.string({ error: 'a field' }).check(z.minLength(1, { error: 'a field' }))), {
      description: 'A member of its JSON value, or a JSON Pointer.',
      fallback: 'the whole value',
    }),
  })
}

/** Something that lies in a file or in a secret, and is taken anew when it changes there. */
export function fileOrSecret() {
  const error = 'a path, or { secret: NAME, field: FIELD }'
  return option(z.union([path(), secretPlace()], { error }), { type: 'path or secret' })
}

/** A credential: `{ secret: NAME, field: FIELD }`, `{ env: NAME }` or `{ file: PATH }`. */
export function credential() {
  const error =
    '{ secret: NAME }, { env: NAME } or { file: PATH }: a password does not belong into the configuration itself'
  const env = section({
    env: option(text(/^[A-Za-z_][A-Za-z0-9_]*$/, 'the name of an environment variable'), {
      description: 'The environment variable that holds it.',
    }),
  })
  const file = section({
    file: option(path(), { description: 'The file that holds it, read again at each use.' }),
  })
  const schema = z.codec(
    z.union([secretPlace(), env, file], { error }),
    z.custom<SecretPlace | StringSource>(),
    {
      decode: (written): SecretPlace | StringSource =>
        'secret' in written ? written : new StringSource(written, 'credential'),
      encode: (value) => {
        if (!(value instanceof StringSource)) return { ...value }
        const spec = value.toJSON()
        if (typeof spec === 'string') throw new Error('a credential is never a literal')
        return spec
      },
    },
  )
  return option(schema, { type: 'secret or string source' })
}

export function isSecretPlace(place: unknown): place is SecretPlace {
  return typeof place === 'object' && place !== null && 'secret' in place
}
