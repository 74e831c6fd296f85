/** What the Prometheus operator's own definitions say of a document, by validators that were generated from them. */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import * as z from 'zod'

interface Validator {
  (document: unknown): boolean
  readonly errors?: unknown
}

const schemas = 'node_modules/@kubernetes-models/prometheus-operator/_schemas'
const prefix = 'ComGithubPrometheusOperatorPrometheusOperatorPkgApisMonitoringV1'
const validators = z.object({ validate: z.custom<Validator>((value) => typeof value === 'function') })

/**
 * @param folder where `@kubernetes-models/prometheus-operator` is installed
 * @returns what is wrong, in words; the definitions allow unknown fields, and those are wrong here: nothing reads them
 */
export async function operatorErrors(
  folder: string,
  kind: string,
  document: unknown,
): Promise<readonly string[]> {
  const file = join(folder, schemas, `${prefix}${kind}.js`)
  if (!existsSync(file)) return [`the operator has no ${kind}`]
  const { validate } = validators.parse(await import(pathToFileURL(file).href))
  const unread = new Set<string>()
  if (!validate(watched(document, '', unread))) return [JSON.stringify(validate.errors)]
  return [...unread].map((path) => `${path} is a field that the operator does not know`)
}

/** Takes each field out of `unread` that is looked at. A mapping whose fields are counted has any. */
function watched(value: unknown, path: string, unread: Set<string>): unknown {
  if (typeof value !== 'object' || value === null) return value
  const parts = new Map(
    Object.entries(value).map(([key, part]) => [key, watched(part, `${path}/${key}`, unread)]),
  )
  if (!Array.isArray(value)) for (const key of parts.keys()) unread.add(`${path}/${key}`)
  return new Proxy(value, {
    get(target, key) {
      if (typeof key === 'symbol') return Reflect.get(target, key)
      unread.delete(`${path}/${key}`)
      return parts.get(key) ?? Reflect.get(target, key)
    },
    ownKeys(target) {
      for (const key of parts.keys()) unread.delete(`${path}/${key}`)
      return Reflect.ownKeys(target)
    },
  })
}
