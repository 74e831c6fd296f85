import * as z from 'zod/mini'

// One configuration is parsed per process: compiling validators for it costs more than it saves, and the process may
// run where code generation is forbidden. Must happen before the first schema is made.
z.config({ jitless: true })

// zod keeps what the first schema of each kind was made of for as long as the program runs (closures on prototypes that
// all of the kind share). So that this is not half of the configuration's schema, the first ones are these.
{
  const least = z.never()
  z.discriminatedUnion('a', [z.strictObject({ a: z.literal('') })])
  z.union([least])
  z.record(z.string().check(z.regex(/a/), z.minLength(1), z.maxLength(1)), least)
  z.array(least).check(z.minLength(1), z.maxLength(1))
  z.codec(least, least, { decode: () => z.NEVER, encode: () => z.NEVER })
  z.prefault(z.optional(least), undefined)
  z.custom().check(
    z.refine(() => true),
    z.superRefine(() => undefined),
  )
  z.int().check(z.minimum(0), z.maximum(0))
  z.enum([''])
  z.number()
  z.boolean()
  z.unknown()
}

/** What the documentation says of an option, beside what its schema says. */
export interface OptionDocs {
  /** What it is for and why one would change it, in a sentence or two. */
  readonly description?: string
  /** The type as people call it, with its unit: `duration`, `size`. */
  readonly type?: string
  /** The default in words, where it depends on other options. */
  readonly fallback?: string
  /** As it is written in YAML. */
  readonly example?: unknown
  /** Of a mapping, for editors: one of these keys is there. The loader's own check says more. */
  readonly oneOfKeys?: readonly string[]
  /** What it looks like, for editors, where the loader's own parser explains more than a pattern could. */
  readonly pattern?: RegExp
}

/** Keeps the documentation beside each schema; `json-schema.ts` and the docs script read it. */
export const optionDocs = z.registry<OptionDocs>()

/** Attaches documentation to a schema, beside what it has already, and gives the schema back. */
export function option<T extends z.ZodMiniType>(schema: T, docs: OptionDocs): T {
  optionDocs.add(schema, { ...optionDocs.get(schema), ...docs })
  return schema
}

const oneOf = 'one of '

/** A mapping that refuses unknown keys, so that a misspelling is an error. */
export function section<const T extends Record<string, z.ZodMiniType>>(shape: T) {
  const keys = Object.keys(shape).join(', ')
  return z.strictObject(shape, {
    error: (issue) =>
      issue.code === 'unrecognized_keys' ? `${oneOf}${keys}` : `a mapping with the keys ${keys}`,
  })
}

/** The keys that `section` names in its message for an unknown key. */
export function knownKeys(message: string): string[] {
  return message.startsWith(oneOf) ? message.slice(oneOf.length).split(', ') : []
}
