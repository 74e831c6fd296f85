import t from 'tap'
import { sealed, unsealed } from '../../src/api/event-ids.ts'
import fc from '../support/property.ts'

const ids = fc
  .tuple(fc.integer({ min: 0, max: 2 ** 48 - 1 }), fc.integer({ min: 0, max: 1e15 - 1 }))
  .map(([epoch, count]) => `${epoch.toString(16).padStart(12, '0')}-${count}`)

t.test('a sealed id is the id again here, and looks like no other', async () => {
  fc.assert(
    fc.property(ids, ids, (one, other) => {
      const seals = [sealed(one), sealed(one), sealed(other)]
      return (
        seals.every((seal) => /^[\w-]{80}$/.test(seal)) &&
        new Set(seals).size === 3 &&
        seals.map(unsealed).join() === [one, one, other].join()
      )
    }),
  )
})

t.test('what was not sealed here, or was changed, is none', async () => {
  fc.assert(
    fc.property(fc.oneof(fc.string(), ids, fc.base64String()), (text) => unsealed(text) === undefined),
  )
  fc.assert(
    fc.property(ids, fc.nat({ max: 59 }), fc.integer({ min: 1, max: 255 }), (id, at, difference) => {
      const bytes = Buffer.from(sealed(id), 'base64url')
      bytes[at] = (bytes[at] ?? 0) ^ difference
      return unsealed(bytes.toString('base64url')) === undefined
    }),
  )
})
