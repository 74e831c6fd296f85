import t from 'tap'
import { holds, patience } from '../../support/properties/history.ts'

t.setTimeout(patience)

t.test('whatever leases a backend gives, nothing is served past the end of its own', async (t) => {
  t.pass(
    `for ${await holds({ kinds: ['keys', 'batches', 'list', 'named'], providers: ['p'], leases: 2 }, 120)} random histories`,
  )
})
