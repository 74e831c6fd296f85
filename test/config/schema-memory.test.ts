/** The schema is two megabytes, and is wanted at the start and for a reload alone. */
import { setImmediate } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import t from 'tap'
import { configSchema } from '../../src/config/schema.ts'
import { parse } from './helpers.ts'

setFlagsFromString('--expose-gc')
const collect: () => void = runInNewContext('gc')

/** All schemas that a schema is made of, itself included. */
function partsOf(schema: object, parts = new Set<object>()): Set<object> {
  if (parts.has(schema)) return parts
  parts.add(schema)
  for (const value of Object.values(schema)) {
    if (typeof value === 'object' && value !== null) partsOf(value, parts)
  }
  return parts
}

t.test('while it is in use there is one of it', async (t) => {
  t.equal(configSchema(), configSchema())
})

t.test('what a configuration was parsed with is collected afterwards', async (t) => {
  const refs = [...partsOf(configSchema().def)].map((part) => new WeakRef(part))
  t.ok(refs.length > 3_000, `${refs.length} objects`)
  const { config } = await parse(
    'providers: { p: { type: http, url: "https://a.test" }, v: { type: vault, url: "https://v.test", auth: { token: { env: T } } } }\nsecrets: { a: { provider: p } }',
  )
  t.ok(config)
  // A reference that was followed in a turn of the event loop holds until that is over.
  await setImmediate()
  collect()
  await setImmediate()
  collect()
  const left = refs.filter((ref) => ref.deref() !== undefined).length
  t.ok(left < refs.length / 20, `${left} of ${refs.length} are left`)
})
