/** The JSON Schema of the configuration, for editors. Loaded only by who asks for it: the generator is large. */
import * as z from 'zod/mini'
import { optionDocs } from './schema/option.ts'
import { configSchema } from './schema.ts'

export type JsonSchema = z.core.JSONSchema.BaseSchema

/** Marks that only the documentation reads: the type as people call it, and the default in words. */
export const typeMark = 'x-type'
export const fallbackMark = 'x-fallback'

/** What may be written, as JSON Schema (draft 2020-12). `annotated` keeps what only the documentation uses. */
export function configJsonSchema(options: { annotated?: boolean } = {}): JsonSchema {
  const { $schema, ...schema } = z.toJSONSchema(configSchema(), {
    io: 'input',
    target: 'draft-2020-12',
    override({ zodSchema, jsonSchema }) {
      // Every section may be left out; an editor that fills in `{}` would help nobody.
      if (jsonSchema.type === 'object') delete jsonSchema.default
      const docs = optionDocs.get(zodSchema)
      if (docs === undefined) return
      if (docs.description !== undefined) jsonSchema.description = docs.description
      if (docs.example !== undefined) jsonSchema.examples = [docs.example]
      if (docs.oneOfKeys !== undefined) jsonSchema.anyOf = docs.oneOfKeys.map((key) => ({ required: [key] }))
      if (docs.pattern !== undefined) jsonSchema.pattern = docs.pattern.source
      if (options.annotated && docs.type !== undefined) jsonSchema[typeMark] = docs.type
      if (options.annotated && docs.fallback !== undefined) jsonSchema[fallbackMark] = docs.fallback
    },
  })
  return {
    ...($schema === undefined ? {} : { $schema }),
    title: 'Sidekeep configuration',
    description: 'The file that `sidekeep run --config FILE` reads.',
    ...schema,
  }
}

/** The schema as the text of a file. */
export function configJsonSchemaText(): string {
  return `${JSON.stringify(configJsonSchema(), null, 2)}\n`
}
